"""Writing the events of what happens to an invoice, in the transaction in which it happens.

A caller that changes an invoice under its lock calls `look` before and `tell` after the change.
The events follow from the two sights alone, so that no event is written twice, or without a
change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from events.models import Event
from events.outbox import services as outbox
from events.outbox.types import Change
from invoices.invoices.selectors import InvoiceDocument
from invoices.invoices.serializers import PaymentResponse, installment_answer, invoice_answer
from invoices.models import Installment, Invoice, PaymentRequest
from invoices.telling import changes
from invoices.telling.changes import Shown
from paytrust.operations import rows
from paytrust.operations.trips import Statement, join
from paytrust.web.request_id import current_request_id

Status = PaymentRequest.Status
ENDED: Final[Mapping[str, str]] = {
    Status.EXPIRED: "payment.expired",
    Status.FAILED: "payment.failed",
}
OVERDUE: Final = "installment.overdue"
OVERDUE_SENT_FOR: Final = timedelta(days=2)  # after the due date; a job that was away for longer


def _select(condition: str) -> str:
    """Return the statement that reads an invoice's instalments, each with some of its payments."""
    return f"""
SELECT {rows.columns(Installment, "installment")}, {rows.columns(PaymentRequest, "request")}
FROM invoices_installment installment
LEFT JOIN invoices_paymentrequest request
    ON request.installment_id = installment.id AND ({condition})
WHERE installment.invoice_id = %(invoice)s ORDER BY installment.number, request.id"""  # noqa: S608  # nosec B608  # our own names


_WITH_ACTIVE: Final = _select("request.status IN ('opening', 'open', 'closing')")
_WITH_KNOWN_OR_OPEN: Final = _select(
    "request.id = ANY(%(known)s::bigint[]) OR request.status = 'open'"
)


@dataclass(frozen=True, slots=True)
class Sight:
    """How GET shows an invoice, and the payments of it that are under way."""

    shown: Mapping[str, Any]
    active: Mapping[int, PaymentRequest]
    installments: Sequence[Installment]


def look(*, invoice: Invoice, now: datetime) -> Sight:
    """Return how an invoice that is locked looks now, in one query; its gateway is loaded."""
    return sight_of(invoice, *_rows(_WITH_ACTIVE, {"invoice": invoice.pk}), now)


def look_without_page(*, document: InvoiceDocument, now: datetime) -> Shown:
    """Return how an invoice looks whose payment is being opened."""
    return invoice_answer(replace(document, line_items=(), open_request=None), now)


def page_events(*, before: Shown, document: InvoiceDocument, now: datetime) -> Statement:
    """Return what writes the events of a page that was opened, in the trip that records it."""
    after = invoice_answer(replace(document, line_items=()), now)
    return _recording(document.invoice, changes.of_invoice(before=before, after=after), now)


def tell(
    *,
    invoice: Invoice,
    before: Sight,
    now: datetime,
    movements: Sequence[Change] = (),
) -> list[str]:
    """Write the events of what changed since `before`; return their public ids.

    Args:
        invoice: as it is now, still locked.
        before: how it looked when it had been locked.
        now: when it happens.
        movements: money that moved, in order; its events come first.

    Source: spec 9.1.
    """
    asked = {"invoice": invoice.pk, "known": list(before.active)}
    after = sight_of(invoice, *_rows(_WITH_KNOWN_OR_OPEN, asked), now)
    seen = changes.of_invoice(before=before.shown, after=after.shown)
    return _record(invoice, [*movements, *_ended(before, after), *seen], now)


def changed(
    *,
    invoice: Invoice,
    before: Sight,
    payment: Change | None = None,
    now: datetime,
) -> Sequence[Statement]:
    """Return what writes the events of a change, if it has any, in the trip that makes it.

    Args:
        invoice: as the trip leaves it, locked.
        before: how it looked when it had been locked; its rows are as the trip leaves them.
        payment: the one that the trip books, whose id is UNKNOWN_ID; its event comes first.
        now: when it happens.
    """
    after = sight_of(invoice, before.installments, list(before.active.values()), now)
    seen = changes.of_invoice(before=before.shown, after=after.shown)
    events = [*([payment] if payment else []), *_ended(before, after), *seen]
    return [_recording(invoice, events, now, of_new=payment is not None)] if events else []


def created(*, document: InvoiceDocument, now: datetime) -> Statement:
    """Return what writes the event of a new invoice, in the trip that makes it."""
    shown = invoice_answer(replace(document, line_items=()), now) | {"id": outbox.UNKNOWN_ID}
    made = changes.of_invoice(before=None, after=shown)
    return _recording(document.invoice, made, now, of_new=True)


@transaction.atomic
def tell_overdue(*, now: datetime, limit: int) -> int:
    """Write the missing events of instalments that became overdue; return how many.

    Rows that others hold are left for the next run.
    """
    fallen = (
        _unannounced(now)
        .filter(due_at__gte=now - OVERDUE_SENT_FOR)
        .order_by("due_at", "pk")
        .values_list("invoice_id", flat=True)[:limit]
    )
    invoices = Invoice.objects.filter(pk__in=set(fallen)).order_by("pk")
    return sum(
        _tell_overdue(invoice, now)
        for invoice in invoices.select_for_update(of=("self",), skip_locked=True)
    )


def _tell_overdue(invoice: Invoice, now: datetime) -> int:
    """Write the events of those that are still overdue, now that the invoice is locked."""
    open_request = PaymentRequest.objects.filter(invoice=invoice, status=Status.OPEN).first()
    document = InvoiceDocument(invoice, (), (), open_request)
    overdue = [
        changes.of_installment(
            type=OVERDUE,
            invoice={"id": invoice.pk, "currency_code": invoice.currency_code},
            installment=installment_answer(installment, document, now),
            before={"status": installment.status},
        )
        for installment in _unannounced(now).filter(invoice=invoice).order_by("number")
    ]
    outbox.record_all(tenant_id=invoice.tenant_id, changes=overdue, invoice_id=invoice.pk, now=now)
    return len(overdue)


def _unannounced(now: datetime) -> QuerySet[Installment]:
    """Return the overdue instalments that have no event about it yet."""
    overdue = (
        Event.objects.filter(type=OVERDUE, invoice_id=OuterRef("invoice_id"))
        .annotate(number=KT("data__object__number"))
        .filter(number=Cast(OuterRef("number"), TextField()))
    )
    return Installment.objects.overdue(now).filter(~Exists(overdue))


def _record(invoice: Invoice, changed: Sequence[Change], now: datetime) -> list[str]:
    return outbox.record_all(
        tenant_id=invoice.tenant_id,
        changes=changed,
        invoice_id=invoice.pk,
        request_id=current_request_id(),
        now=now,
    )


def _recording(
    invoice: Invoice, changed: Sequence[Change], now: datetime, *, of_new: bool = False
) -> Statement:
    return outbox.recording(
        tenant_id=invoice.tenant_id,
        changes=changed,
        invoice_id=invoice.pk,
        request_id=current_request_id(),
        now=now,
        of_new=of_new,
    )


def sight_of(
    invoice: Invoice,
    installments: Sequence[Installment],
    requests: Sequence[PaymentRequest],
    now: datetime,
    *,
    closed: PaymentRequest | None = None,
) -> Sight:
    """Return how an invoice looks, of its rows and of its payments that are under way.

    Args:
        invoice: the row.
        installments: all of the invoice.
        requests: those that are under way.
        now: the time.
        closed: the payment that was open until this change has closed it.
    """
    for installment in installments:
        installment.invoice = invoice
    opened = next((one for one in requests if one.status == Status.OPEN), closed)
    document = InvoiceDocument(invoice, (), installments, opened)
    active = {request.pk: request for request in requests}
    return Sight(invoice_answer(document, now), active, installments)


def _rows(sql: str, values: dict[str, Any]) -> tuple[list[Installment], list[PaymentRequest]]:
    installments: dict[int, Installment] = {}
    requests = []
    width = rows.width(Installment)
    (found,) = join(Statement(sql, values))
    for row in found:
        pk, request_pk = row[0], row[width]
        if pk not in installments:
            installments[pk] = rows.made(Installment, row[:width])
        if request_pk is not None:
            request = rows.made(PaymentRequest, row[width:])
            request.installment = installments[pk]
            requests.append(request)
    return list(installments.values()), requests


def _ended(before: Sight, after: Sight) -> list[Change]:
    """Return the events of payments that ended without money."""
    return [
        changes.of_payment(
            type=ENDED[request.status],
            payment={"invoice_id": request.invoice_id, **PaymentResponse(request).data},
        )
        for request in after.active.values()
        if request.pk in before.active and request.status in ENDED
    ]
