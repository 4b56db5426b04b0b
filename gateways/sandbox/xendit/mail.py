"""Xendit's webhooks: headers, bodies, and their faults."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gateways.sandbox.letters import Effect, Effects, Letter, apply
from gateways.sandbox.tools import Tools
from gateways.sandbox.xendit.disputes import Dispute
from gateways.sandbox.xendit.invoices import Invoice, Payment, written

if TYPE_CHECKING:
    from gateways.sandbox.xendit.refunds import Refund

PRODUCT_EVENTS = {"ewallet": "ewallet.refund", "void": "ewallet.void", "qr": "qr.refund"}

SAMPLE = {
    "id": "579c8d61f23fa4ca35e52da4",
    "external_id": "invoice_123124123",
    "user_id": "5781d19b2e2385880609791c",
    "is_high": True,
    "payment_method": "BANK_TRANSFER",
    "status": "PAID",
    "merchant_name": "Xendit",
    "amount": 50000,
    "paid_amount": 50000,
    "bank_code": "PERMATA",
    "payer_email": "wildan@xendit.co",
    "description": "This is a description",
    "currency": "IDR",
    "payment_channel": "PERMATA",
    "payment_destination": "888888888888",
}


class XenditMail:
    """Writes the webhooks of one account and gives them to the courier."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def paid(self, invoice: Invoice, payment: Payment) -> None:
        account = self._tools.accounts.xendit
        letter = self._letter("PAID", invoice.external_id, invoice.webhook(account, payment))
        expired = letter.copy(
            event="EXPIRED", headers=self._headers(), fields=invoice.webhook(account, None)
        )
        self._post("paid", letter, lane=invoice.id, older=expired)

    def expired(self, invoice: Invoice) -> None:
        body = invoice.webhook(self._tools.accounts.xendit, None)
        self._post("expired", self._letter("EXPIRED", invoice.external_id, body), lane=invoice.id)

    def refunded(self, invoice: Invoice, refund: "Refund") -> None:
        """Send the webhook of a finished refund, in the form that the settings name."""
        account = self._tools.accounts.xendit
        if refund.kind == "refund":
            event = "refund.succeeded" if refund.status == "SUCCEEDED" else "refund.failed"
            data = refund.shown(account)
            if account.refund_webhook_nested:
                data |= {"invoice_id": None, "amount": f"{refund.amount:f}"}
                data = self._envelope(event, data)
        else:
            event, data = PRODUCT_EVENTS[refund.kind], refund.shown_by_product()
        letter = self._letter(event, invoice.external_id, self._envelope(event, data))
        if refund.kind == "qr":
            letter.fields["api-version"] = "2022-07-31"
        paid = letter.copy(
            event="PAID",
            headers=self._headers(),
            fields=invoice.webhook(account, refund.payment),
        )
        self._post("refunded", letter, lane=invoice.id, older=paid)

    def disputed(self, invoice: Invoice, dispute: Dispute) -> None:
        """Send the flat body of a dispute's event."""
        letter = self._letter(dispute.event, invoice.external_id, dispute.shown())
        self._post("disputed", letter, lane=invoice.id)

    def _envelope(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        return {
            "event": event,
            "business_id": self._tools.accounts.xendit.user_id,
            "created": written(self._tools.clock.now()),
            "data": data,
        }

    def test(self) -> None:
        """Send what the dashboard's test button sends: an invoice that does not exist."""
        self._post("test", self._sample(), lane="xendit-test")

    def _sample(self) -> Letter:
        now = written(self._tools.clock.now())
        body = SAMPLE | {"created": now, "updated": now, "paid_at": now}
        return self._letter("test", "invoice_123124123", body)

    def _letter(self, event: str, reference: str, fields: dict[str, Any]) -> Letter:
        return Letter(
            event=event,
            reference=reference,
            url=self._tools.accounts.xendit.webhook_url,
            headers=self._headers(),
            fields=fields,
        )

    def _headers(self) -> dict[str, str]:
        account = self._tools.accounts.xendit
        headers = {
            "Content-Type": "application/json",
            "x-callback-token": account.callback_token,
        }
        if account.webhook_id:
            headers["webhook-id"] = self._tools.identifiers.uuid()
        return headers

    def _post(self, moment: str, letter: Letter, *, lane: str, older: Letter | None = None) -> None:
        tools = self._tools
        rules = tools.faults.for_webhook(
            gateway="xendit", moment=moment, event=letter.event, reference=letter.reference
        )
        letters = apply(rules, letter, self._effects(older), tools.accounts.speed)
        tools.courier.send(
            [parcel for one in letters for parcel in one.parcels("xendit", f"xendit:{lane}")]
        )

    def _effects(self, older: Letter | None) -> Effects:
        def with_token(token: str | None) -> Effect:
            def change(letter: Letter) -> Iterable[Letter]:
                if token is None:
                    letter.headers.pop("x-callback-token", None)
                else:
                    letter.headers["x-callback-token"] = token
                return [letter]

            return change

        def followed(letter: Letter) -> Iterable[Letter]:
            return [letter] if older is None else [letter, older]

        wrong = "not-the-token-of-this-account"
        return Effects(
            by_fault={
                "webhook_bad_signature": with_token(wrong),
                "bad_token": with_token(wrong),
                "wrong_env_key": with_token("token-of-the-other-environment"),
                "no_token": with_token(None),
                "webhook_out_of_order": followed,
                "expire_after_paid": followed,
                "unknown_order": lambda letter: [letter, self._sample()],
            }
        )
