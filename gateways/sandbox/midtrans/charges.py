"""The answer to a Core charge, which has more fields than any later answer."""

from typing import Any

from gateways.sandbox.accounts import MidtransAccount
from gateways.sandbox.midtrans.transactions import Transaction, written

NOT_IN_CSTORE = ("merchant_id", "currency")


def answer(
    transaction: Transaction, account: MidtransAccount, *, public_url: str, three_ds: bool
) -> dict[str, Any]:
    """Return the body of a successful charge."""
    api = f"{public_url}/midtrans"
    page = f"{public_url}/pay/midtrans/{transaction.id}"
    code = transaction.status_code(asked=True)
    body = transaction.basics(account, code, transaction.method.message())
    body |= transaction.details | transaction.proof
    match transaction.method.payment_type:
        case "gopay":
            body |= _channel("200", "Success")
            body["actions"] = [
                *_codes(api, "v2/gopay", "v4/qris/gopay", transaction.id),
                _action("deeplink-redirect", page),
                _action("get-status", f"{api}/v2/{transaction.id}/status"),
                _action("cancel", f"{api}/v2/{transaction.id}/cancel", "POST") | {"fields": []},
            ]
        case "qris":
            body["actions"] = _codes(api, "v2/qris", "v4/qris", transaction.id)
            body["qr_string"] = f"00020101021226SANDBOX-NOT-A-REAL-EMV-STRING{transaction.id}6304"
        case "shopeepay":
            body |= _channel("0", "success")
            body["actions"] = [_action("deeplink-redirect", page)]
        case "cstore":
            for name in NOT_IN_CSTORE:
                del body[name]
        case "credit_card":
            return _card(body, page if three_ds else None)
    body["expiry_time"] = written(transaction.expires_at)
    return body


def _card(body: dict[str, Any], three_ds_page: str | None) -> dict[str, Any]:
    if three_ds_page is None:
        return body
    del body["fraud_status"], body["merchant_id"]
    return body | {"redirect_url": three_ds_page, "three_ds_version": "2", "on_us": False}


def _channel(code: str, message: str) -> dict[str, str]:
    return {"channel_response_code": code, "channel_response_message": message}


def _codes(api: str, first: str, second: str, transaction_id: str) -> list[dict[str, Any]]:
    return [
        _action("generate-qr-code", f"{api}/{first}/{transaction_id}/qr-code"),
        _action("generate-qr-code-v2", f"{api}/{second}/{transaction_id}/qr-code"),
    ]


def _action(name: str, url: str, method: str = "GET") -> dict[str, Any]:
    return {"name": name, "method": method, "url": url}
