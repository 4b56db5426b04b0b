"""Xendit's invoice API."""

from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase, HttpResponseNotAllowed

from gateways.sandbox.amounts import DECIMALS, stored
from gateways.sandbox.calls import Call, gateway_call
from gateways.sandbox.messages import Answer
from gateways.sandbox.tools import ActionRefused
from gateways.sandbox.xendit import request_rules, searches
from gateways.sandbox.xendit.dialect import JSON, XenditDialect, invalid, refuse
from gateways.sandbox.xendit.invoices import Invoice

LONGEST_DURATION_SECONDS = 31_536_000
LARGEST_EXPONENT = 15

dialect = XenditDialect()


def invoices(request: HttpRequest) -> HttpResponseBase:
    """Open an invoice, or list invoices."""
    if request.method == "POST":
        return create_invoice(request)
    if request.method == "GET":
        return list_invoices(request)
    return HttpResponseNotAllowed(["GET", "POST"])


@gateway_call(dialect, "create")
def create_invoice(call: Call) -> Answer:
    fields = call.fields
    external_id = fields.get("external_id")
    if not isinstance(external_id, str):
        raise invalid("external_id", "must be a string", "string.base")
    if not 1 <= len(external_id) <= 255:
        raise invalid("external_id", "length must be between 1 and 255", "string.length")
    amount = number(fields, "amount")
    currency = fields.get("currency", "IDR")
    if not isinstance(currency, str) or currency not in DECIMALS:
        allowed = ", ".join(sorted(DECIMALS))
        raise invalid("currency", f"must be one of [{allowed}]", "any.only")
    if stored(amount, currency) <= 0:
        raise invalid("amount", "must be a positive number", "number.positive")
    _check_duration(fields)
    for problem in request_rules.problems(fields):
        raise invalid(*problem)
    return Answer(call.simulator.xendit.create(fields, amount, currency), content_type=JSON)


@gateway_call(dialect, "list")
def list_invoices(call: Call) -> Answer:
    try:
        search = searches.read(call.request.GET)
    except searches.InvalidSearch as error:
        raise refuse(400, "API_VALIDATION_ERROR", str(error)) from error
    found = call.simulator.xendit.select(search, stale=call.suffers("stale_status"))
    return Answer(found, content_type=JSON)


@gateway_call(dialect, "get")
def get_invoice(call: Call) -> Answer:
    invoice_id = call.path["invoice_id"]
    found = call.simulator.xendit.get(invoice_id, stale=call.suffers("stale_status"))
    if found is None:
        raise refuse(404, "INVOICE_NOT_FOUND_ERROR", f"Could not find invoice by id {invoice_id}")
    return Answer(found, content_type=JSON)


@gateway_call(dialect, "expire")
def expire_invoice(call: Call) -> Answer:
    invoice_id = call.path["invoice_id"]
    message = f"Could not find and update PENDING invoice {invoice_id}"
    try:
        invoice = _invoice(call, invoice_id)
        if invoice is None:
            raise refuse(404, "INVOICE_NOT_FOUND_ERROR", message)
        return Answer(call.simulator.xendit.expire(invoice), content_type=JSON)
    except ActionRefused as error:
        raise refuse(404, "INVOICE_NOT_FOUND_ERROR", message) from error


def _invoice(call: Call, invoice_id: str) -> Invoice | None:
    invoice = call.simulator.xendit.find(invoice_id)
    return invoice if invoice is not None and invoice.id == invoice_id else None


def number(fields: dict[str, Any], name: str) -> Decimal:
    """Read an amount.

    Raises:
        Refused: not a number, or too large to be exact.
    """
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise invalid(name, "must be a number", "number.base")
    amount = Decimal(value)
    if not amount.is_finite() or amount.adjusted() > LARGEST_EXPONENT:
        raise invalid(name, "must be a safe number", "number.unsafe")
    return amount


def _check_duration(fields: dict[str, Any]) -> None:
    duration = fields.get("invoice_duration")
    if duration is None:
        fields.pop("invoice_duration", None)
        return
    whole = isinstance(duration, int | Decimal) and not isinstance(duration, bool)
    if not whole or duration != int(duration):
        raise invalid("invoice_duration", "must be an integer", "number.integer")
    if not 1 <= duration <= LONGEST_DURATION_SECONDS:
        raise invalid("invoice_duration", "must be between 1 and 31536000", "number.range")
