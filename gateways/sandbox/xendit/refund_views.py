"""Xendit's calls that give money back: `/refunds`, and the products' own (gateways-2.md C1)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase, HttpResponseNotAllowed

from gateways.sandbox.calls import Call, gateway_call
from gateways.sandbox.messages import Answer
from gateways.sandbox.tools import ActionRefused
from gateways.sandbox.xendit.dialect import JSON, invalid, refuse
from gateways.sandbox.xendit.invoices import Invoice, Payment
from gateways.sandbox.xendit.refund_rules import RefundRefused
from gateways.sandbox.xendit.refunds import Refund
from gateways.sandbox.xendit.views import dialect, number

REASONS = {"FRAUDULENT", "DUPLICATE", "REQUESTED_BY_CUSTOMER", "CANCELLATION", "OTHERS"}
LONG_PENDING = timedelta(days=1)
FAULTS = {
    "refund_no_funds": (400, "INSUFFICIENT_BALANCE", "The balance is insufficient."),
    "refund_outside_hours": (
        400,
        "TEMPORARILY_UNAVAILABLE",
        "The channel does not take refunds at this hour.",
    ),
    "refund_channel_down": (503, "CHANNEL_UNAVAILABLE", "The channel is not available."),
}


def refunds(request: HttpRequest) -> HttpResponseBase:
    """Refund an invoice, or list refunds."""
    if request.method == "POST":
        return create_refund(request)
    if request.method == "GET":
        return list_refunds(request)
    return HttpResponseNotAllowed(["GET", "POST"])


@gateway_call(dialect, "refund")
def create_refund(call: Call) -> Answer:
    fields = call.fields
    if str(fields.get("reason")) not in REASONS:
        raise invalid("reason", f"must be one of [{', '.join(sorted(REASONS))}]", "any.only")
    invoice, payment = _named(call)
    if fields.get("currency", invoice.currency) != invoice.currency:
        raise invalid("currency", f"must be one of [{invoice.currency}]", "any.only")
    refund = _made(call, invoice, payment, "refund")
    return Answer(refund.shown(call.simulator.accounts.xendit), content_type=JSON)


@gateway_call(dialect, "list_refunds")
def list_refunds(call: Call) -> Answer:
    query, account = call.request.GET, call.simulator.accounts.xendit
    found = [
        refund.shown(account)
        for refund in reversed(call.simulator.xendit.refunds.all())
        if query.get("invoice_id") in {None, refund.invoice.id}
        and query.get("payment_request_id") in {None, refund.payment.request_id}
    ]
    return Answer({"data": found, "has_more": False}, content_type=JSON)


@gateway_call(dialect, "get_refund")
def get_refund(call: Call) -> Answer:
    return Answer(_refund(call).shown(call.simulator.accounts.xendit), content_type=JSON)


@gateway_call(dialect, "cancel_refund")
def cancel_refund(call: Call) -> Answer:
    refund = _refund(call)
    try:
        call.simulator.xendit.refunds.cancel(refund)
    except ActionRefused as error:
        raise refuse(400, "INELIGIBLE_TRANSACTION_STATUS", str(error)) from error
    return Answer(refund.shown(call.simulator.accounts.xendit), content_type=JSON)


def refund_by_product(kind: str) -> Callable[..., HttpResponseBase]:
    """Make the view of a product's own refund: ewallet, void or qr."""

    @gateway_call(dialect, "refund")
    def view(call: Call) -> Answer:
        found = call.simulator.xendit.payment(call.path["payment_id"])
        if found is None:
            raise refuse(404, "DATA_NOT_FOUND", "The payment was not found")
        refund = _made(call, *found, kind)
        return Answer(refund.shown_by_product(), content_type=JSON)

    return view


@gateway_call(dialect, "get_charge")
def get_ewallet_charge(call: Call) -> Answer:
    """Show a wallet's charge, and how much of it was refunded."""
    found = call.simulator.xendit.payment(call.path["payment_id"])
    if found is None:
        raise refuse(404, "DATA_NOT_FOUND", "The charge was not found")
    return Answer(call.simulator.xendit.charge_shown(*found), content_type=JSON)


def _named(call: Call) -> tuple[Invoice, Payment | None]:
    """Return the payment of payment_request_id, else of invoice_id; payment_id is not read."""
    fields, account = call.fields, call.simulator.accounts.xendit
    if (request_id := fields.get("payment_request_id")) is not None:
        found = call.simulator.xendit.payment(str(request_id), by_request=True)
        if found is None:
            raise refuse(404, "DATA_NOT_FOUND", "The payment request was not found")
        return found
    if "invoice_id" not in fields or not account.refunds_take_invoice_id:
        raise invalid("payment_request_id", "is required", "any.required")
    invoice = call.simulator.xendit.find(str(fields["invoice_id"]))
    if invoice is None or invoice.id != fields["invoice_id"]:
        raise refuse(404, "DATA_NOT_FOUND", "The invoice was not found")
    return invoice, None


def _made(call: Call, invoice: Invoice, payment: Payment | None, kind: str) -> Refund:
    fields = call.fields
    for fault, refusal in FAULTS.items():
        if call.suffers(fault):
            raise refuse(*refusal)
    amount = number(fields, "amount") if fields.get("amount") is not None else None
    later = timedelta(0)
    if call.fault is not None and call.suffers("refund_stays_pending"):
        seconds = call.fault.delay_s
        later = LONG_PENDING if seconds is None else timedelta(seconds=seconds)
    request: dict[str, Any] = {
        name: fields[name]
        for name in ("reason", "reference_id", "metadata")
        if fields.get(name) is not None
    }
    try:
        return call.simulator.xendit.refunds.create(
            invoice,
            amount,
            request,
            payment=payment,
            kind=kind,
            succeeds=not call.suffers("refund_fails"),
            later=later,
        )
    except RefundRefused as error:
        raise refuse(error.status, error.code, str(error)) from error


def _refund(call: Call) -> Refund:
    refund = call.simulator.xendit.refunds.find(call.path["refund_id"])
    if refund is None:
        raise refuse(404, "DATA_NOT_FOUND", "The refund was not found")
    return refund
