"""Xendit's `GET /transactions`: what each payment cost, and when it was settled (gateways-2.md C7).

Fees and days are made up within what C7 says: Xendit's prices are each merchant's own.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from gateways.sandbox.amounts import presented, stored
from gateways.sandbox.calls import Call, gateway_call
from gateways.sandbox.faults import FaultBook
from gateways.sandbox.messages import Answer
from gateways.sandbox.xendit.desk import XenditDesk
from gateways.sandbox.xendit.dialect import JSON, refuse
from gateways.sandbox.xendit.disputes import Dispute
from gateways.sandbox.xendit.invoices import Invoice, Payment, written
from gateways.sandbox.xendit.refunds import Refund
from gateways.sandbox.xendit.views import dialect

LARGEST_LIMIT: Final = 100
LATE: Final = timedelta(days=14)
VAT: Final = Decimal("0.11")  # of the fee, in Indonesia
CATEGORIES: Final = {"BANK_TRANSFER": "VIRTUAL_ACCOUNT", "CREDIT_CARD": "CARDS"}
COLUMNS: Final = {"types": "type", "statuses": "status"}  # of rows, by their filters
REPEATED: Final = tuple(COLUMNS)
SINGLE: Final = ("currency", "reference_id", "product_id")
WINDOW: Final = ("created[gte]", "created[lte]", "updated[gte]", "updated[lte]")
OTHERS: Final = ("limit", "after_id", *(f"{name}[]" for name in REPEATED))


@dataclass(frozen=True, slots=True)
class Price:
    """What a method costs, and after how many calendar days its money is settled."""

    percentage: Decimal
    fixed: Decimal
    days: int


PRICES: Final = {
    "BANK_TRANSFER": Price(Decimal(0), Decimal(4_000), 1),
    "EWALLET": Price(Decimal("0.015"), Decimal(0), 2),
    "QR_CODE": Price(Decimal("0.007"), Decimal(0), 2),
    "CREDIT_CARD": Price(Decimal("0.029"), Decimal(2_000), 5),
    "RETAIL_OUTLET": Price(Decimal(0), Decimal(5_000), 5),
}
OTHER_PRICE: Final = Price(Decimal("0.02"), Decimal(0), 2)


@dataclass(frozen=True, slots=True)
class Search:
    """The filters of one call."""

    limit: int
    after: str | None
    single: Mapping[str, str]
    repeated: Mapping[str, list[str]]
    moments: Mapping[str, datetime] = field(default_factory=dict)

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row matches."""
        if any(row[name] != value for name, value in self.single.items()):
            return False
        if any(row[COLUMNS[name]] not in values for name, values in self.repeated.items()):
            return False
        for name, at in self.moments.items():
            column, _bracket, end = name.partition("[")
            own = datetime.fromisoformat(row[column])
            if own < at if end == "gte]" else own > at:
                return False
        return True


@gateway_call(dialect, "transactions")
def transactions(call: Call) -> Answer:
    """List transactions, the newest first."""
    search = _search(call.request.GET)
    sandbox = call.simulator
    rows = list(every_row(sandbox.xendit, sandbox.clock.now(), is_list=True))
    rows.sort(key=lambda row: (row["created"], row["id"]), reverse=True)
    fitting = list(_after((row for row in rows if search.fits(row)), search.after))
    page, more = fitting[: search.limit], len(fitting) > search.limit
    return Answer({"has_more": more, "data": page, "links": []}, content_type=JSON)


def every_row(desk: XenditDesk, now: datetime, *, is_list: bool) -> Iterator[dict[str, Any]]:
    """Yield all transactions so far, as the list has them, else as a report has them."""
    for invoice in desk.all():
        hidden = is_list and desk.faults.expects(
            "settlement_unlisted", gateway="xendit", reference=invoice.external_id
        )
        for payment in () if hidden else invoice.payments:
            yield from _payment_rows(invoice, payment, desk.faults, now)
        if invoice.dispute is not None and invoice.dispute.status == "LOST":
            yield _chargeback_row(invoice, invoice.dispute)
    for refund in desk.refunds.all():
        if refund.status == "SUCCEEDED":
            yield _refund_row(refund)


def _payment_rows(
    invoice: Invoice, payment: Payment, faults: FaultBook, now: datetime
) -> Iterator[dict[str, Any]]:
    def suffers(fault: str) -> bool:
        return faults.expects(fault, gateway="xendit", reference=invoice.external_id)

    late = LATE if suffers("settlement_late") else timedelta(0)
    if suffers("settlement_missing") or now < payment.paid_at + late:
        return
    row = _payment_row(
        invoice,
        payment,
        now,
        more_fee=Decimal(100 if suffers("settlement_other_fee") else 0),
        less=Decimal(1 if suffers("settlement_other_amount") else 0),
        late=late,
    )
    yield row
    if suffers("settlement_doubled"):
        yield row | {"id": _name(payment.number, 2)}


def _payment_row(
    invoice: Invoice,
    payment: Payment,
    now: datetime,
    *,
    more_fee: Decimal,
    less: Decimal,
    late: timedelta,
) -> dict[str, Any]:
    currency, method = invoice.currency, payment.channel.method
    price = PRICES.get(method, OTHER_PRICE)
    fixed = price.fixed if currency == "IDR" else Decimal(0)
    amount = payment.amount - less
    fee = stored(amount * price.percentage + fixed + more_fee, currency)
    vat = stored(fee * VAT, currency) if currency == "IDR" else Decimal(0)
    due = payment.paid_at + max(timedelta(days=price.days), late)
    settled = due <= now
    return {
        **_basics(payment.number, currency, amount, amount - fee - vat),
        "product_id": payment.id or invoice.id,
        "type": "PAYMENT",
        "channel_category": CATEGORIES.get(method, method),
        "channel_code": payment.channel.name,
        "reference_id": invoice.external_id,
        "cashflow": "MONEY_IN",
        "settlement_status": "SETTLED" if settled else "PENDING",
        "estimated_settlement_time": written(due),
        "created": written(payment.paid_at),
        "updated": written(due if settled else payment.paid_at),
        "fee": _fee(fee, vat, "COMPLETED" if settled else "PENDING"),
        "product_data": {
            "payment_request_id": payment.request_id,
            "payment_link_id": invoice.id,
        },
    }


def _refund_row(refund: Refund) -> dict[str, Any]:
    return {
        **_basics(refund.payment.number, refund.invoice.currency, refund.amount, refund.amount),
        "id": f"txn_{refund.id}",
        "product_id": refund.id,
        "type": "REFUND",
        "channel_category": CATEGORIES.get(
            refund.payment.channel.method, refund.payment.channel.method
        ),
        "channel_code": refund.payment.channel.name,
        "reference_id": refund.invoice.external_id,
        "cashflow": "MONEY_OUT",
        "settlement_status": "SETTLED",
        "estimated_settlement_time": None,
        "created": written(refund.created_at),
        "updated": written(refund.updated_at),
        "fee": _fee(Decimal(0), Decimal(0), "NOT_APPLICABLE"),
    }


def _chargeback_row(invoice: Invoice, dispute: Dispute) -> dict[str, Any]:
    payment = invoice.payments[-1]
    method = payment.channel.method
    return {
        **_basics(payment.number, dispute.currency, dispute.amount, dispute.amount),
        "id": f"txn_{dispute.id}",
        "product_id": dispute.id,
        "type": "CHARGEBACK",
        "channel_category": CATEGORIES.get(method, method),
        "channel_code": payment.channel.name,
        "reference_id": invoice.external_id,
        "cashflow": "MONEY_OUT",
        "settlement_status": "SETTLED",
        "estimated_settlement_time": None,
        "created": written(dispute.updated_at),
        "updated": written(dispute.updated_at),
        "fee": _fee(Decimal(0), Decimal(0), "NOT_APPLICABLE"),
    }


def _basics(number: int, currency: str, amount: Decimal, net: Decimal) -> dict[str, Any]:
    return {
        "id": _name(number, 1),
        "status": "SUCCESS",
        "account_identifier": None,
        "currency": currency,
        "amount": presented(amount),
        "net_amount": presented(net),
        "net_amount_currency": currency,
    }


def _fee(fee: Decimal, vat: Decimal, status: str) -> dict[str, Any]:
    return {
        "xendit_fee": presented(fee),
        "value_added_tax": presented(vat),
        "xendit_withholding_tax": 0,
        "third_party_withholding_tax": 0,
        "status": status,
    }


def _name(number: int, copy: int) -> str:
    return f"txn_{number:08d}-0000-4000-8000-{copy:012d}"


def _after(rows: Iterable[dict[str, Any]], last: str | None) -> Iterator[dict[str, Any]]:
    found = last is None
    for row in rows:
        if found:
            yield row
        found = found or row["id"] == last


def _search(query: QueryDict) -> Search:
    """Read the query; a parameter that Xendit does not know is refused, as it does."""
    unknown = set(query) - {*REPEATED, *SINGLE, *WINDOW, *OTHERS}
    limit = query.get("limit", "10")
    if unknown or not limit.isdecimal() or not 1 <= int(limit) <= LARGEST_LIMIT:
        raise refuse(400, "API_VALIDATION_ERROR", f"invalid query: {sorted(unknown) or 'limit'}")
    moments = {name: _time(str(query[name])) for name in WINDOW if name in query}
    return Search(
        limit=int(limit),
        after=query.get("after_id"),
        single={name: str(query[name]) for name in SINGLE if name in query},
        repeated={name: query.getlist(name) for name in REPEATED if name in query},
        moments=moments,
    )


def _time(text: str) -> datetime:
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise refuse(400, "API_VALIDATION_ERROR", f"{text!r} is no ISO 8601 time")
    return at
