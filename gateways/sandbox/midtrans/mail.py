"""Midtrans's notifications, and their faults."""

from collections.abc import Iterable
from typing import Any

from gateways.sandbox.letters import Effect, Effects, Letter, apply
from gateways.sandbox.midtrans.transactions import Transaction, sign, signature, written
from gateways.sandbox.tools import Tools

HEADERS = {
    "User-Agent": "Veritrans",
    "Accept": "application/json",
    "Content-Type": "application/json",
}
OTHER_KEY = "SB-Mid-server-OF-ANOTHER-ENVIRONMENT"


class MidtransMail:
    """Writes the notifications of one account and gives them to the courier."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def tell(self, transaction: Transaction, moment: str) -> None:
        """Send a notification of the transaction's present state, and keep it."""
        self._tools.store.save("transaction", transaction.id, transaction)
        out_of_order = self._tools.faults.expects(
            "webhook_out_of_order", gateway="midtrans", reference=transaction.order_id
        )
        if moment == "pending" and out_of_order:
            return  # the fault sends it after the settlement
        self._post(moment, self._letter(transaction), transaction)

    def test(self) -> None:
        """Send what the dashboard's test button sends: an order that does not exist."""
        self._post("test", self._sample(), None)

    def _sample(self) -> Letter:
        account, tools = self._tools.accounts.midtrans, self._tools
        order_id = f"payment_notif_test_{account.merchant_id}_{tools.identifiers.uuid()}"
        body = {
            "transaction_time": written(tools.clock.now()),
            "transaction_status": "settlement",
            "transaction_id": tools.identifiers.uuid(),
            "status_message": "midtrans payment notification",
            "status_code": "200",
            "payment_type": "credit_card",
            "order_id": order_id,
            "merchant_id": account.merchant_id,
            "gross_amount": "10000.00",
            "fraud_status": "accept",
            "currency": "IDR",
            "masked_card": "48111111-1114",
            "bank": "bni",
            "approval_code": tools.identifiers.digits(13),
            "card_type": "credit",
        }
        return self._sealed("test", order_id, sign(body, account.server_key))

    def _letter(self, transaction: Transaction) -> Letter:
        body = transaction.notification(self._tools.accounts.midtrans)
        return self._sealed(transaction.status, transaction.order_id, body)

    def _sealed(self, event: str, reference: str, fields: dict[str, Any]) -> Letter:
        return Letter(
            event=event,
            reference=reference,
            url=self._tools.accounts.midtrans.notification_url,
            headers=dict(HEADERS),
            fields=fields,
        )

    def _post(self, moment: str, letter: Letter, transaction: Transaction | None) -> None:
        tools = self._tools
        rules = tools.faults.for_webhook(
            gateway="midtrans", moment=moment, event=letter.event, reference=letter.reference
        )
        effects = self._effects(moment, transaction)
        letters = apply(rules, letter, effects, tools.accounts.speed)
        tools.courier.send(
            [
                parcel
                for one in letters
                for url in self._urls(transaction)
                for parcel in one.copy(url=url).parcels(
                    "midtrans", f"midtrans:{letter.reference}:{url}"
                )
            ]
        )

    def _urls(self, transaction: Transaction | None) -> tuple[str, ...]:
        account_url = (self._tools.accounts.midtrans.notification_url,)
        if transaction is None:
            return account_url
        return (transaction.notification_urls or account_url) + transaction.appended_urls

    def _effects(self, moment: str, transaction: Transaction | None) -> Effects:
        key = self._tools.accounts.midtrans.server_key
        before = "settlement" if moment == "refunded" else "pending"
        return Effects(
            by_fault={
                "webhook_bad_signature": _wrongly_signed,
                "bad_token": _wrongly_signed,
                "wrong_env_key": lambda letter: _signed(letter, OTHER_KEY),
                "no_token": _unsigned,
                "tampered_status": lambda letter: _tampered(letter, key),
                "amount_no_decimals": lambda letter: _without_decimals(letter, key),
                "replay_as_settlement": _replayed,
                "webhook_out_of_order": self._followed_by(transaction, before),
                "expire_after_paid": self._followed_by(transaction, "expire"),
                "unknown_order": lambda letter: [letter, self._sample()],
            }
        )

    def _followed_by(self, transaction: Transaction | None, status: str) -> Effect:
        def follow(letter: Letter) -> Iterable[Letter]:
            if transaction is None:
                return [letter]
            return [letter, self._letter(_earlier(transaction, status))]

        return follow


def _signed(letter: Letter, server_key: str) -> list[Letter]:
    sign(letter.fields, server_key)
    return [letter]


def _wrongly_signed(letter: Letter) -> list[Letter]:
    letter.fields["signature_key"] = signature("wrong", "200", "0.00", OTHER_KEY)
    return [letter]


def _unsigned(letter: Letter) -> list[Letter]:
    letter.fields.pop("signature_key", None)
    return [letter]


def _tampered(letter: Letter, server_key: str) -> list[Letter]:
    letter.fields["status_code"] = "201"
    sign(letter.fields, server_key)
    letter.fields["transaction_status"] = "settlement"
    return [letter]


def _without_decimals(letter: Letter, server_key: str) -> list[Letter]:
    letter.fields["gross_amount"] = letter.fields["gross_amount"].removesuffix(".00")
    return _signed(letter, server_key)


def _replayed(letter: Letter) -> list[Letter]:
    replay = letter.copy(event="settlement")
    replay.fields["transaction_status"] = "settlement"
    return [letter, replay]


def _earlier(transaction: Transaction, status: str) -> Transaction:
    """Return the transaction in an earlier state, real or possible."""
    if status == "settlement":
        return transaction.pictured(status=status, refunds=[])
    return transaction.pictured(
        status=status, refunds=[], proof={}, payment_amounts=[], settled_at=None
    )
