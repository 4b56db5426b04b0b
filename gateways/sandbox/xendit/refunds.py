"""Xendit refunds: pending at first, then a webhook."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from gateways.sandbox.amounts import presented
from gateways.sandbox.tools import Tools
from gateways.sandbox.xendit.channels import REFUNDABLE
from gateways.sandbox.xendit.invoices import Invoice, written
from gateways.sandbox.xendit.mail import XenditMail

FAILURE = "INSUFFICIENT_BALANCE"


class RefundNotSupported(ValueError):
    """The invoice is not paid, or was paid by a channel that takes nothing back."""


class RefundTooLarge(ValueError):
    """All refunds together would exceed what was paid."""


@dataclass
class Refund:
    id: str
    invoice: Invoice
    amount: Decimal
    request: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    status: str = "PENDING"

    def shown(self) -> dict[str, Any]:
        payment = self.invoice.payments[-1]
        return {
            "id": self.id,
            "payment_id": payment.id,
            "invoice_id": self.invoice.id,
            "amount": presented(self.amount),
            "payment_method_type": payment.channel.method,
            "channel_code": payment.channel.name,
            "currency": self.invoice.currency,
            "status": self.status,
            "reason": self.request.get("reason", "REQUESTED_BY_CUSTOMER"),
            "reference_id": self.request.get("reference_id") or self.id,
            "failure_code": FAILURE if self.status == "FAILED" else None,
            "refund_fee_amount": None,
            "created": written(self.created_at),
            "updated": written(self.updated_at),
            "metadata": self.request.get("metadata"),
        }


class Refunds:
    def __init__(self, tools: Tools, mail: XenditMail) -> None:
        self._tools, self._mail = tools, mail
        self._refunds: dict[str, Refund] = {}

    def create(
        self,
        invoice: Invoice,
        amount: Decimal | None,
        request: dict[str, Any],
        *,
        succeeds: bool = True,
    ) -> dict[str, Any]:
        """Start giving money back; all that is left unless `amount` is given.

        Raises:
            RefundNotSupported: nothing was paid, or not by card, wallet or QR code.
            RefundTooLarge: the sum of refunds would exceed what was paid.
        """
        tools = self._tools
        with tools.lock:
            paid = invoice.status in {"PAID", "SETTLED"}
            if not paid or invoice.payments[-1].channel.method not in REFUNDABLE:
                raise RefundNotSupported("The payment channel does not support refunds.")
            left = invoice.paid_amount - invoice.refunded
            amount = left if amount is None else amount
            if amount > left or amount <= 0:
                raise RefundTooLarge("The refund amount exceeds the amount that was paid.")
            now = tools.clock.now()
            refund = Refund(
                id=f"rfd-{tools.identifiers.uuid()}",
                invoice=invoice,
                amount=amount,
                request=request,
                created_at=now,
                updated_at=now,
            )
            self._refunds[refund.id] = refund
            invoice.refunded += amount
        wait = timedelta(seconds=tools.accounts.xendit.refund_after_seconds) / tools.accounts.speed
        tools.agenda.at(now + wait, lambda: self._finish(refund, succeeds=succeeds))
        return refund.shown()

    def get(self, refund_id: str) -> dict[str, Any] | None:
        with self._tools.lock:
            refund = self._refunds.get(refund_id)
            return None if refund is None else refund.shown()

    def select(self, *, invoice_id: str | None) -> list[dict[str, Any]]:
        """List refunds, newest first, of one invoice if its id is given."""
        with self._tools.lock:
            return [
                refund.shown()
                for refund in reversed(self._refunds.values())
                if invoice_id in {None, refund.invoice.id}
            ]

    def forget(self) -> None:
        self._refunds.clear()

    def _finish(self, refund: Refund, *, succeeds: bool) -> None:
        with self._tools.lock:
            if refund.id not in self._refunds:
                return
            refund.status = "SUCCEEDED" if succeeds else "FAILED"
            refund.updated_at = self._tools.clock.now()
            if not succeeds:
                refund.invoice.refunded -= refund.amount
            self._mail.refunded(refund.invoice, refund.shown())
