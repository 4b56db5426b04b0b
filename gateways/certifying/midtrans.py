"""The play at Midtrans: Snap pages, Core charges, pay and refund (B2 to B7, C1, C4, C9)."""

import hashlib
from collections.abc import Mapping
from typing import Any

from gateways.certifying.playing import AMOUNT, Trial
from gateways.certifying.recording import Exchange

PAID = {"settlement", "capture"}
CARD = {  # a test card that is accepted, C9
    "card_number": "4811111111111114",
    "card_exp_month": "12",
    "card_exp_year": "2030",
    "card_cvv": "123",
}


def play(trial: Trial) -> None:
    """Play all parts; what cannot be played is noted as not tried."""
    _pages(trial)
    _charges(trial)
    _refusals(trial)
    _pay(trial)


def _snap(
    trial: Trial, note: str, method: str, path: str, json: Mapping[str, Any] | None = None
) -> Exchange:
    url = f"{trial.connection['snap_base_url'].rstrip('/')}{path}"
    return trial.recorder.send(note, method, url, key=trial.connection["server_key"], json=json)


def _core(  # noqa: PLR0917  # as the recorder's, without the address
    trial: Trial,
    note: str,
    method: str,
    path: str,
    json: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Exchange:
    url = f"{trial.connection['core_base_url'].rstrip('/')}{path}"
    return trial.recorder.send(
        note, method, url, key=key or trial.connection["server_key"], json=json
    )


def _order(reference: str, *, gross_amount: int = AMOUNT) -> dict[str, Any]:
    return {
        "transaction_details": {"order_id": reference, "gross_amount": gross_amount},
        "item_details": [{"id": "1", "name": "Phone case", "price": AMOUNT, "quantity": 1}],
    }


def _pages(trial: Trial) -> None:
    check, reference = trial.findings.check, f"{trial.run}-1"
    made = _snap(trial, "open a page", "POST", "/transactions", _order(reference))
    has_page = made.fields.get("token") and made.fields.get("redirect_url")
    check(
        "B2",
        "Snap answers HTTP 201 with a page",
        made.status == 201 and has_page,
        seen=made.shown(),
    )
    status = _core(trial, "status of an unused page", "GET", f"/v2/{reference}/status")
    check(
        "B4", "no charge is known before a method is chosen", status.code == "404", seen=status.code
    )
    odd = _order(f"{trial.run}-2", gross_amount=AMOUNT + 1)
    refused = _snap(trial, "lines that do not add up", "POST", "/transactions", odd)
    named = refused.status == 400 and refused.fields.get("error_messages")
    check("B2", "lines must add up, else HTTP 400", named, seen=refused.shown())
    _close(trial, made.fields.get("token"))


def _close(trial: Trial, token: object) -> None:
    fact = "a page is closed by its token"
    if not token:
        trial.findings.not_tried("C4", fact, "there is no page")
        return
    path = f"/transactions/{token}/cancel"
    closed = _snap(trial, "close a page", "POST", path)
    trial.findings.check("C4", fact, closed.fields.get("canceled_at"), seen=closed.shown())
    again = _snap(trial, "close it again", "POST", path)
    said = " ".join(map(str, again.fields.get("error_messages") or []))
    trial.findings.check("C4", "closed again: already canceled", "already" in said, seen=said)


def _charges(trial: Trial) -> None:
    check, reference = trial.findings.check, f"{trial.run}-3"
    body = {
        **_order(reference),
        "payment_type": "bank_transfer",
        "bank_transfer": {"bank": "bca"},
    }
    made = _core(trial, "charge by a virtual account", "POST", "/v2/charge", body)
    check("B3", "a charge is code 201", made.code == "201", seen=made.shown())
    has_page = made.fields.get("va_numbers") and made.fields.get("expiry_time")
    check(
        "B3", "it tells va_numbers and expiry_time", has_page, seen=made.fields.get("expiry_time")
    )
    gross = made.fields.get("gross_amount")
    check("B1", "amounts are texts with two decimals", gross == f"{AMOUNT}.00", seen=gross)
    got = _core(trial, "status by order", "GET", f"/v2/{reference}/status")
    check("B4", "status of a pending charge is code 201", got.code == "201", seen=got.shown())
    check("B7", "signature_key fits the documented formula", _is_signed(trial, got), seen="SHA-512")
    by_id = f"/v2/{made.fields.get('transaction_id')}/status"
    same = _core(trial, "status by transaction", "GET", by_id).fields.get("order_id")
    check("B4", "status takes the transaction id too", same == reference, seen=same)
    again = _core(trial, "charge the same order", "POST", "/v2/charge", body)
    check("B5", "an order id is charged once: code 406", again.code == "406", seen=again.shown())
    ended = _core(trial, "expire", "POST", f"/v2/{reference}/expire")
    check("B4", "expire answers code 407", ended.code == "407", seen=ended.shown())
    twice = _core(trial, "expire again", "POST", f"/v2/{reference}/expire")
    check("B5", "what has ended cannot change: code 412", twice.code == "412", seen=twice.shown())
    _cancel(trial)


def _cancel(trial: Trial) -> None:
    check, reference = trial.findings.check, f"{trial.run}-4"
    body = {**_order(reference), "payment_type": "gopay"}
    made = _core(trial, "charge by GoPay", "POST", "/v2/charge", body)
    names = [one.get("name") for one in made.fields.get("actions") or []]
    check("B3", "GoPay tells a deep link", "deeplink-redirect" in names, seen=names)
    ended = _core(trial, "cancel", "POST", f"/v2/{reference}/cancel")
    gone = ended.code == "200" and ended.fields.get("transaction_status") == "cancel"
    check("B4", "cancel answers code 200", gone, seen=ended.shown())


def _refusals(trial: Trial) -> None:
    check = trial.findings.check
    unknown = _core(trial, "unknown order", "GET", f"/v2/{trial.run}-0/status")
    check("B5", "an unknown order is code 404", unknown.code == "404", seen=unknown.shown())
    path, key = f"/v2/{trial.run}-0/status", "SB-Mid-server-wrong"
    stranger = _core(trial, "wrong key", "GET", path, key=key)
    check("B5", "a wrong key is code 401", stranger.code == "401", seen=stranger.shown())


def _pay(trial: Trial) -> None:
    reference = _by_card(trial)
    if reference is None:
        reference = f"{trial.run}-6"
        made = _snap(trial, "open a page to be paid", "POST", "/transactions", _order(reference))

        def paid() -> bool:
            got = _core(trial, "look whether it is paid", "GET", f"/v2/{reference}/status")
            return got.fields.get("transaction_status") in PAID

        if not trial.until_paid(made.fields.get("redirect_url"), paid):
            for source, fact in (
                ("B6", "paid is settlement, or capture that is accepted, code 200"),
                ("B4", "a refund answers code 200"),
                ("C1", "a refund_key is used once: code 406"),
            ):
                trial.findings.not_tried(source, fact, "nobody paid")
            _snap(trial, "close it", "POST", f"/transactions/{made.fields.get('token')}/cancel")
            return
    got = _core(trial, "status when paid", "GET", f"/v2/{reference}/status")
    status = got.fields.get("transaction_status")
    fact = "paid is settlement, or capture that is accepted, code 200"
    trial.findings.check("B6", fact, got.code == "200" and status in PAID, seen=status)
    _refund(trial, reference, str(status))


def _by_card(trial: Trial) -> str | None:
    """Pay by a test card without a browser; None where that is not served."""
    fact = "a test card is paid without a browser"
    client_key = trial.connection.get("client_key")
    if not client_key:
        trial.findings.not_tried("C9", fact, "no client key was given")
        return None
    query = [("client_key", client_key), *CARD.items()]
    url = f"{trial.connection['core_base_url'].rstrip('/')}/v2/token"
    token = trial.recorder.send("token of a test card", "GET", url, key=None, params=query)
    if not token.fields.get("token_id"):
        trial.findings.not_tried("C9", fact, f"no token: {token.shown()}")
        return None
    reference = f"{trial.run}-5"
    body = {
        **_order(reference),
        "payment_type": "credit_card",
        "credit_card": {"token_id": token.fields["token_id"]},
    }
    made = _core(trial, "charge a test card", "POST", "/v2/charge", body)
    done = made.code == "200" and made.fields.get("fraud_status") == "accept"
    return reference if trial.findings.check("C9", fact, done, seen=made.shown()) else None


def _refund(trial: Trial, reference: str, status: str) -> None:
    if status == "capture":
        why = "a captured card is cancelled, not refunded, until it settles"
        trial.findings.not_tried("B4", "a refund answers code 200", why)
        _core(trial, "cancel the card", "POST", f"/v2/{reference}/cancel")
        return
    body = {"refund_key": f"{trial.run}-refund", "amount": 1_000, "reason": "trial"}
    made = _core(trial, "refund", "POST", f"/v2/{reference}/refund", body)
    check = trial.findings.check
    if not check("B4", "a refund answers code 200", made.code == "200", seen=made.shown()):
        return
    again = _core(trial, "refund again", "POST", f"/v2/{reference}/refund", body)
    check("C1", "a refund_key is used once: code 406", again.code == "406", seen=again.shown())


def _is_signed(trial: Trial, got: Exchange) -> bool:
    signed = [str(got.fields.get(name)) for name in ("order_id", "status_code", "gross_amount")]
    text = "".join(signed) + trial.connection["server_key"]
    return hashlib.sha512(text.encode()).hexdigest() == got.fields.get("signature_key")
