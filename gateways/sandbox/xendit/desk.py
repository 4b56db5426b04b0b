"""Xendit's book of invoices: the changes of their state, and the webhooks that follow."""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from gateways.sandbox.amounts import presented, stored
from gateways.sandbox.faults import FaultBook, Rule
from gateways.sandbox.tools import ActionRefused, Tools
from gateways.sandbox.xendit import channels, disputes
from gateways.sandbox.xendit.invoices import Invoice, Payment, merchants_number, written
from gateways.sandbox.xendit.mail import XenditMail
from gateways.sandbox.xendit.refunds import Refunds
from gateways.sandbox.xendit.report_book import Reports
from gateways.sandbox.xendit.searches import Search

DEFAULT_DURATION_SECONDS = 86_400
PAYMENT_FIELDS = {"paid_amount", "initial_amount", "paid_at", *channels.SHOWN_TRACES}


class XenditDesk:
    """Everything that can happen to an invoice. Each method is one step with the lock held."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._invoices: dict[str, Invoice] = {}
        self._by_external_id: dict[str, list[Invoice]] = {}
        self.mail = XenditMail(tools)
        self.refunds = Refunds(tools, self.mail)
        self.reports = Reports(tools)

    def create(self, request: dict[str, Any], amount: Decimal, currency: str) -> dict[str, Any]:
        """Open an invoice; the same external_id may be used any number of times."""
        tools = self._tools
        now = tools.clock.now()
        duration = int(request.get("invoice_duration", DEFAULT_DURATION_SECONDS))
        invoice = Invoice(
            id=tools.identifiers.hex24(),
            external_id=request["external_id"],
            amount=stored(amount, currency),
            currency=currency,
            request=request,
            created_at=now,
            updated_at=now,
            expires_at=now + timedelta(seconds=duration),
        )
        with tools.lock:
            self._invoices[invoice.id] = invoice
            self._by_external_id.setdefault(invoice.external_id, []).append(invoice)
            tools.store.save("invoice", invoice.id, invoice)
        tools.agenda.at(invoice.expires_at, lambda: self._lapse(invoice))
        return self._shown(invoice)

    def restore(self) -> None:
        """Take over an earlier process's invoices and refunds, and the jobs they wait for."""
        tools = self._tools
        for invoice in tools.store.load("invoice"):
            self._invoices[invoice.id] = invoice
            self._by_external_id.setdefault(invoice.external_id, []).append(invoice)
            tools.faults.know(
                gateway="xendit",
                reference=invoice.external_id,
                external_id=merchants_number(invoice.request) or "",
            )
            if invoice.status == "PENDING":
                tools.agenda.at(invoice.expires_at, partial(self._lapse, invoice))
            elif invoice.status == "PAID":
                self._settle_later(invoice)
        self.refunds.restore(self._invoices)
        self.reports.restore()

    def find(self, invoice_id: str) -> Invoice | None:
        """Return an invoice by its id, or the newest one with that external_id."""
        with self._tools.lock:
            invoice = self._invoices.get(invoice_id)
            if invoice is None and (named := self._by_external_id.get(invoice_id)):
                invoice = named[-1]
            return invoice

    def get(self, invoice_id: str, *, stale: bool = False) -> dict[str, Any] | None:
        with self._tools.lock:
            invoice = self._invoices.get(invoice_id)
            return None if invoice is None else self._shown(invoice, stale=stale)

    @property
    def faults(self) -> FaultBook:
        return self._tools.faults

    def all(self) -> list[Invoice]:
        """Return every invoice, the oldest first."""
        with self._tools.lock:
            return list(self._invoices.values())

    def select(self, search: Search, *, stale: bool = False) -> list[dict[str, Any]]:
        """List the invoices that match a search, the newest first."""
        with self._tools.lock:
            known = (
                self._invoices.values()
                if search.external_id is None
                else self._by_external_id.get(search.external_id, [])
            )
            newest_first = sorted(known, key=lambda one: (one.created_at, one.number), reverse=True)
            fitting = filter(search.fits, _after(newest_first, search.after))
            page = list(itertools.islice(fitting, search.limit))
            return [self._listed(invoice, stale=stale) for invoice in page]

    def expire(self, invoice: Invoice) -> dict[str, Any]:
        """End a pending invoice now.

        Raises:
            ActionRefused: it is not pending.
        """
        with self._tools.lock:
            if invoice.status != "PENDING":
                raise ActionRefused(f"Could not find and update PENDING invoice {invoice.id}")
            self._close(invoice, at=self._tools.clock.now())
            return self._shown(invoice)

    def pay(
        self,
        invoice: Invoice,
        *,
        amount: Decimal | None = None,
        method: str | None = None,
        late: bool = False,
    ) -> Payment:
        """Take the customer's money for a pending invoice; with `late` also for an expired one.

        Raises:
            ActionRefused: the page is closed, or it has been paid.
            UnknownMethod: the invoice has no such channel.
        """
        with self._tools.lock:
            if invoice.status == "EXPIRED" and self._paid_after_expired(invoice):
                late = True
            if invoice.status not in ({"PENDING", "EXPIRED"} if late else {"PENDING"}):
                raise ActionRefused(f"the invoice is {invoice.status}")
            name, _, issuer = (method or "").partition("/")
            channel = channels.choose(name, invoice.currency, invoice.allowed)
            return self._receive(invoice, amount or invoice.amount, channel, issuer.upper())

    def pay_again(self, invoice: Invoice) -> Payment:
        """Take the full amount a second time for a paid invoice (the spec does not have this).

        Raises:
            ActionRefused: nothing has been paid yet.
        """
        with self._tools.lock:
            if not invoice.payments:
                raise ActionRefused("nothing has been paid yet")
            return self._receive(invoice, invoice.amount, invoice.payments[0].channel)

    def payment(self, name: str, *, by_request: bool = False) -> tuple[Invoice, Payment] | None:
        """Find a payment by its id, or by the id of its payment request."""
        with self._tools.lock:
            for invoice in self._invoices.values():
                for payment in invoice.payments:
                    if name == (payment.request_id if by_request else payment.id):
                        return invoice, payment
        return None

    def dispute(self, invoice: Invoice, status: str, amount: Decimal | None = None) -> None:
        """Let the cardholder's bank dispute a payment (`ACTION_REQUIRED`), or move the dispute on.

        Raises:
            ActionRefused: nothing was paid, the method has no disputes, or none is open.
        """
        tools = self._tools
        with tools.lock:
            if not invoice.payments:
                raise ActionRefused("nothing has been paid yet")
            payment, now = invoice.payments[-1], tools.clock.now()
            if status == "ACTION_REQUIRED":
                invoice.dispute = disputes.opened(
                    identifier=tools.identifiers.uuid(),
                    reference=invoice.external_id,
                    amount=min(amount or payment.amount, payment.amount),
                    currency=invoice.currency,
                    method=payment.channel.method,
                    now=now,
                )
            else:
                invoice.dispute = disputes.moved(invoice.dispute, status, now)
            tools.store.save("invoice", invoice.id, invoice)
            self.mail.disputed(invoice, invoice.dispute)

    def charge_shown(self, invoice: Invoice, payment: Payment) -> dict[str, Any]:
        """Return a payment as a wallet's charge, with the amount that was refunded."""
        back = [one for one in self.refunds.of(payment) if one.status == "SUCCEEDED"]
        return {
            "id": payment.id,
            "business_id": self._tools.accounts.xendit.user_id,
            "reference_id": invoice.external_id,
            "status": "VOIDED" if any(one.kind == "void" for one in back) else "SUCCEEDED",
            "currency": invoice.currency,
            "charge_amount": presented(payment.amount),
            "capture_amount": presented(payment.amount),
            "refunded_amount": presented(sum((one.amount for one in back), Decimal(0))),
            "channel_code": payment.channel.name,
            "created": written(payment.paid_at),
        }

    def settle(self, invoice: Invoice) -> None:
        """Let the money reach the Xendit balance; no webhook is sent.

        Raises:
            ActionRefused: the invoice is not PAID.
        """
        with self._tools.lock:
            if invoice.status != "PAID":
                raise ActionRefused(f"the invoice is {invoice.status}")
            self._change(invoice, "SETTLED")

    def charges(self) -> Iterator[tuple[int, dict[str, Any]]]:
        with self._tools.lock:
            invoices = list(self._invoices.values())
        for invoice in invoices:
            yield (
                invoice.number,
                {
                    "gateway": "xendit",
                    "id": invoice.id,
                    "reference": invoice.external_id,
                    "amount": presented(invoice.amount),
                    "currency": invoice.currency,
                    "status": invoice.status,
                    "payment_url": invoice.page(self._tools.public_url),
                    "external_id": merchants_number(invoice.request),
                    "lines": invoice.lines(),
                    "refunds": self._taken_back(invoice),
                },
            )

    def _taken_back(self, invoice: Invoice) -> list[dict[str, Any]]:
        shown = [
            {"id": one.id, "amount": presented(one.amount), "status": one.status}
            for one in self.refunds.of_invoice(invoice)
        ]
        if invoice.dispute is not None:
            amount = presented(invoice.dispute.amount)
            shown.append(
                {"id": invoice.dispute.id, "amount": amount, "status": invoice.dispute.status}
            )
        return shown

    def reset(self) -> None:
        with self._tools.lock:
            self._invoices.clear()
            self._by_external_id.clear()
            self.refunds.reset()
            self.reports.reset()

    def _shown(self, invoice: Invoice, *, stale: bool = False) -> dict[str, Any]:
        version = invoice.previous if stale and invoice.previous is not None else invoice
        return version.shown(self._tools.accounts.xendit, self._tools.public_url)

    def _listed(self, invoice: Invoice, *, stale: bool) -> dict[str, Any]:
        shown = self._shown(invoice, stale=stale)
        if not self._tools.accounts.xendit.list_shows_payments:
            for name in PAYMENT_FIELDS & shown.keys():
                del shown[name]
        return shown

    def _lapse(self, invoice: Invoice) -> None:
        with self._tools.lock:
            if invoice.status == "PENDING" and invoice.id in self._invoices:
                self._close(invoice, at=invoice.expires_at)

    def _close(self, invoice: Invoice, *, at: datetime) -> None:
        self._change(invoice, "EXPIRED")
        invoice.expires_at = at
        if self._tools.accounts.xendit.expired_webhook:
            self.mail.expired(invoice)
        rules = self._paid_after_expired(invoice)
        if rules:
            channel = channels.choose(None, invoice.currency, invoice.allowed)
            self._receive(invoice, invoice.amount, channel)
            if rules[0].options.get("get_stays_expired"):
                invoice.shown_status = "EXPIRED"

    def _paid_after_expired(self, invoice: Invoice) -> list[Rule]:
        return self._tools.faults.for_webhook(
            gateway="xendit",
            moment="expiring",
            event="EXPIRED",
            reference=invoice.external_id,
            only="paid_after_expired",
        )

    def _receive(
        self, invoice: Invoice, amount: Decimal, channel: channels.Channel, issuer: str = ""
    ) -> Payment:
        tools = self._tools
        traces = channel.traces(tools.identifiers, issuer)
        if invoice.payments:
            traces.setdefault("payment_id", tools.identifiers.uuid())
        payment = Payment(
            amount=amount,
            paid_at=tools.clock.now(),
            channel=channel,
            traces=traces,
            request_id=f"pr-{tools.identifiers.uuid()}",
        )
        self._change(invoice, "PAID")
        invoice.payments.append(payment)
        self.mail.paid(invoice, payment)
        self._settle_later(invoice)
        return payment

    def _settle_later(self, invoice: Invoice) -> None:
        wait = timedelta(seconds=self._tools.accounts.xendit.settle_after_seconds)
        due = invoice.payments[-1].paid_at + wait
        self._tools.agenda.at(due, lambda: self._settle_if_paid(invoice))

    def _settle_if_paid(self, invoice: Invoice) -> None:
        with self._tools.lock:
            if invoice.status == "PAID" and invoice.id in self._invoices:
                self._change(invoice, "SETTLED")

    def _change(self, invoice: Invoice, status: str) -> None:
        invoice.remember()
        invoice.status = status
        invoice.updated_at = self._tools.clock.now()
        self._tools.store.save("invoice", invoice.id, invoice)


def _after(invoices: list[Invoice], last: str | None) -> list[Invoice]:
    """Return the invoices after `last`; all of them if there is no `last`."""
    for index, invoice in enumerate(invoices):
        if invoice.id == last:
            return invoices[index + 1 :]
    return invoices
