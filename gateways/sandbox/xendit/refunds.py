"""Xendit refunds: pending at first, then a webhook."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from gateways.sandbox.accounts import XenditAccount
from gateways.sandbox.amounts import presented
from gateways.sandbox.tools import ActionRefused, Tools
from gateways.sandbox.xendit import refund_rules
from gateways.sandbox.xendit.invoices import Invoice, Payment, written
from gateways.sandbox.xendit.mail import XenditMail
from gateways.sandbox.xendit.refund_rules import RefundRefused

FAILURE = "INSUFFICIENT_BALANCE"
COUNTING = {"PENDING", "SUCCEEDED"}
PREFIXES = {"refund": "rfd-", "ewallet": "ewr_", "void": "ewr_", "qr": "qrrf-"}


@dataclass
class Refund:
    id: str
    invoice: Invoice
    payment: Payment
    amount: Decimal
    request: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    finishes_at: datetime
    kind: str = "refund"  # or the product's own call: ewallet, void, qr
    status: str = "PENDING"
    succeeds: bool = True

    def shown(self, account: XenditAccount) -> dict[str, Any]:
        """Return the refund as `GET /refunds/{id}` and `refund.*` show it."""
        return {
            "id": self.id,
            "payment_id": self.payment.id,
            "invoice_id": self.invoice.id if account.refunds_name_invoice else None,
            "amount": presented(self.amount),
            "payment_method_type": self.payment.channel.method,
            "channel_code": self.payment.channel.name,
            "currency": self.invoice.currency,
            "status": self.status,
            "reason": self.request.get("reason", "REQUESTED_BY_CUSTOMER"),
            "reference_id": self.request.get("reference_id") or self.id,
            "failure_code": self._failure_code(),
            "refund_fee_amount": None,
            "created": written(self.created_at),
            "updated": written(self.updated_at),
            "metadata": self.request.get("metadata"),
        }

    def shown_by_product(self) -> dict[str, Any]:
        """Return the refund as the wallet's own call shows it, without the invoice."""
        country = {"IDR": "ID", "MYR": "MY", "PHP": "PH", "VND": "VN"}
        return {
            "id": self.id,
            "charge_id": self.payment.id,
            "status": self.status,
            "currency": self.invoice.currency,
            "channel_code": f"{country[self.invoice.currency]}_{self.payment.channel.name}",
            "refund_amount": presented(self.amount),
            "reason": self.request.get("reason", "REQUESTED_BY_CUSTOMER"),
            "failure_code": self._failure_code(),
            "created": written(self.created_at),
            "updated": written(self.updated_at),
        }

    def _failure_code(self) -> str | None:
        return FAILURE if self.status == "FAILED" else None


class Refunds:
    """The refunds of one account."""

    def __init__(self, tools: Tools, mail: XenditMail) -> None:
        self._tools, self._mail = tools, mail
        self._refunds: dict[str, Refund] = {}

    def create(
        self,
        invoice: Invoice,
        amount: Decimal | None,
        request: dict[str, Any],
        *,
        payment: Payment | None = None,
        kind: str = "refund",
        succeeds: bool = True,
        later: timedelta = timedelta(0),
    ) -> Refund:
        """Begin to give back `amount`, or all that is left of the payment.

        Without a payment it takes the last one that still has money left. `kind` is the call that
        asked for it; `succeeds` is its result, and `later` is the extra time until then.

        Raises:
            RefundRefused: nothing was paid, or the method's rules do not allow it.
        """
        tools = self._tools
        with tools.lock:
            if invoice.status not in {"PAID", "SETTLED"} or not invoice.payments:
                raise RefundRefused(
                    400, "INELIGIBLE_TRANSACTION_STATUS", f"The invoice is {invoice.status}."
                )
            payment = payment or self._refundable(invoice)
            counting = [one for one in self.of(payment) if one.status in COUNTING]
            if any(one.status == "PENDING" for one in counting):
                raise RefundRefused(
                    400, "REFUND_IN_PROGRESS", "Another refund of the payment is in progress."
                )
            left = payment.amount - _sum(counting)
            amount = left if amount is None else amount
            now = tools.clock.now()
            refund_rules.check(payment, amount, left=left, made=len(counting), now=now)
            if kind == "void":
                refund_rules.check_void(payment, now=now)
            wait = timedelta(seconds=tools.accounts.xendit.refund_after_seconds)
            refund = Refund(
                id=f"{PREFIXES[kind]}{tools.identifiers.uuid()}",
                invoice=invoice,
                payment=payment,
                amount=amount,
                request=request,
                created_at=now,
                updated_at=now,
                finishes_at=now + wait / tools.accounts.speed + later,
                kind=kind,
                succeeds=succeeds,
            )
            self._refunds[refund.id] = refund
            self._keep(refund)
        tools.agenda.at(refund.finishes_at, lambda: self._finish(refund))
        return refund

    def cancel(self, refund: Refund) -> None:
        """Withdraw a refund that has not been carried out; no webhook is sent.

        Raises:
            ActionRefused: it is not pending.
        """
        with self._tools.lock:
            if refund.status != "PENDING":
                raise ActionRefused(f"the refund is {refund.status}")
            self._change(refund, "CANCELLED")

    def find(self, refund_id: str) -> Refund | None:
        with self._tools.lock:
            return self._refunds.get(refund_id)

    def of(self, payment: Payment) -> list[Refund]:
        """Return the refunds of a payment in every state, the oldest first."""
        with self._tools.lock:
            return [one for one in self._refunds.values() if one.payment.number == payment.number]

    def of_invoice(self, invoice: Invoice) -> list[Refund]:
        with self._tools.lock:
            return [one for one in self._refunds.values() if one.invoice.id == invoice.id]

    def all(self) -> list[Refund]:
        with self._tools.lock:
            return list(self._refunds.values())

    def restore(self, invoices: Mapping[str, Invoice]) -> None:
        """Take over the refunds of an earlier process."""
        for refund in self._tools.store.load("refund", invoices):
            self._refunds[refund.id] = refund
            if refund.status == "PENDING":
                self._tools.agenda.at(refund.finishes_at, partial(self._finish, refund))

    def reset(self) -> None:
        self._refunds.clear()

    def _refundable(self, invoice: Invoice) -> Payment:
        """Return the last payment that still has money left."""
        for payment in reversed(invoice.payments):
            if payment.amount > _sum(one for one in self.of(payment) if one.status in COUNTING):
                return payment
        return invoice.payments[-1]

    def _finish(self, refund: Refund) -> None:
        with self._tools.lock:
            if refund.status == "PENDING" and refund.id in self._refunds:
                self._change(refund, "SUCCEEDED" if refund.succeeds else "FAILED")
                self._mail.refunded(refund.invoice, refund)

    def _change(self, refund: Refund, status: str) -> None:
        refund.status, refund.updated_at = status, self._tools.clock.now()
        self._keep(refund)

    def _keep(self, refund: Refund) -> None:
        self._tools.store.save("refund", refund.id, refund, refers_to=Invoice)


def _sum(refunds: Iterable[Refund]) -> Decimal:
    return sum((one.amount for one in refunds), Decimal(0))
