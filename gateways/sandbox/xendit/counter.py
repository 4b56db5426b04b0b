"""The buttons of a Xendit invoice's page."""

from decimal import Decimal
from typing import TYPE_CHECKING

from gateways.sandbox import amounts
from gateways.sandbox.counter import Button, Deed, UnknownAction, View, less, lines_of, more
from gateways.sandbox.tools import ActionRefused
from gateways.sandbox.xendit import channels
from gateways.sandbox.xendit.invoices import Invoice
from gateways.sandbox.xendit.refund_rules import RefundRefused

if TYPE_CHECKING:
    from gateways.sandbox.simulator import Simulator

BUTTONS = (
    Button("pay", "Pay", "primary"),
    Button("partial", "Pay partially"),
    Button("over", "Overpay"),
    Button("twice", "Pay twice"),
    Button("fail", "Fail"),
    Button("expire", "Expire"),
    Button("cancel", "Back to the shop"),
)
DISPUTES = (
    Button("dispute", "Dispute (card, QRIS)"),
    Button("dispute_reviewed", "Dispute under review"),
    Button("dispute_due", "Dispute due soon"),
    Button("dispute_won", "Dispute won"),
    Button("dispute_lost", "Dispute lost"),
)
DISPUTE_STATUSES = {
    "dispute": "ACTION_REQUIRED",
    "dispute_reviewed": "UNDER_REVIEW",
    "dispute_due": "DUE_DATE_APPROACHING",
    "dispute_won": "WON",
    "dispute_lost": "LOST",
}
AFTER = {
    "PAID": (
        Button("twice", "Pay again"),
        Button("settle", "Settle"),
        Button("refund", "Refund"),
        Button("refund_fail", "Refund that fails"),
        *DISPUTES,
    ),
    "SETTLED": (
        Button("refund", "Refund"),
        Button("refund_fail", "Refund that fails"),
        *DISPUTES,
    ),
    "EXPIRED": (Button("pay_late", "Pay late"),),
}
FAILED = "The payment was refused. You can try again, or choose another method."


class XenditCounter:
    def __init__(self, sandbox: "Simulator", invoice: Invoice) -> None:
        self._sandbox, self._invoice = sandbox, invoice

    def view(self) -> View:
        invoice = self._invoice
        pending = invoice.status == "PENDING"
        return View(
            gateway="xendit",
            merchant=self._sandbox.accounts.xendit.merchant_name,
            reference=invoice.external_id,
            id=invoice.id,
            amount=invoice.amount,
            currency=invoice.currency,
            status=invoice.status,
            description=str(invoice.request.get("description") or ""),
            open=pending,
            expires_at=invoice.expires_at if pending else None,
            buttons=BUTTONS if pending else (),
            after_buttons=AFTER.get(invoice.status, ()),
            methods={
                name: f"{name} ({channel.method.replace('_', ' ').lower()})"
                for name, channel in channels.offered(invoice.currency, invoice.allowed).items()
            },
            paid_amount=invoice.paid_amount,
            lines=lines_of(invoice.lines()),
        )

    def act(self, action: str, *, amount: str | None, method: str | None) -> Deed:
        currency, due = self._invoice.currency, self._invoice.amount
        given = amounts.read(amount, currency) if amount else None
        url = ""
        match action:
            case "pay" | "pay_late":
                url = self._pay(given, method, late=action == "pay_late")
            case "partial":
                url = self._pay(given or less(due, currency), method)
            case "over":
                url = self._pay(given or more(due, currency), method)
            case "twice":
                url = self._pay_twice(method)
            case "fail":
                return self._fail()
            case "cancel":
                url = self._url("failure_redirect_url")
            case _:
                self._without_customer(action, given)
        return Deed(self.view(), redirect_url=url)

    def _without_customer(self, action: str, amount: Decimal | None) -> None:
        match action:
            case "expire":
                self._sandbox.xendit.expire(self._invoice)
            case "settle":
                self._sandbox.xendit.settle(self._invoice)
            case "dispute" | "dispute_reviewed" | "dispute_due" | "dispute_won" | "dispute_lost":
                self._sandbox.xendit.dispute(self._invoice, DISPUTE_STATUSES[action], amount)
            case "refund" | "refund_fail":
                self._refund(amount, succeeds=action == "refund")
            case _:
                raise UnknownAction(f"unknown action {action!r}")

    def _pay(self, amount: Decimal | None, method: str | None, *, late: bool = False) -> str:
        self._sandbox.xendit.pay(self._invoice, amount=amount, method=method, late=late)
        return self._url("success_redirect_url")

    def _pay_twice(self, method: str | None) -> str:
        if self._invoice.status == "PENDING":
            self._sandbox.xendit.pay(self._invoice, method=method)
        self._sandbox.xendit.pay_again(self._invoice)
        return self._url("success_redirect_url")

    def _fail(self) -> Deed:
        if self._invoice.status != "PENDING":
            raise ActionRefused(f"the invoice is {self._invoice.status}")
        return Deed(self.view(), error=FAILED)

    def _refund(self, amount: Decimal | None, *, succeeds: bool) -> None:
        request = {"reason": "REQUESTED_BY_CUSTOMER"}
        try:
            self._sandbox.xendit.refunds.create(self._invoice, amount, request, succeeds=succeeds)
        except RefundRefused as error:
            raise ActionRefused(str(error)) from error

    def _url(self, name: str) -> str:
        return str(self._invoice.request.get(name) or "")
