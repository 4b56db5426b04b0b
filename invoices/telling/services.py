"""Writing the events of what happens to an invoice, in the transaction in which it happens.

Whoever changes an invoice under its lock looks at it first and tells afterwards; what is told
follows from the two sights alone, so that no change is told twice, or without having happened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from events.models import Event
from events.outbox import services as outbox
from events.outbox.types import Change
from invoices.invoices.selectors import InvoiceDocument
from invoices.invoices.serializers import InvoiceResponse, PaymentResponse, installment_answer
from invoices.models import Installment, Invoice, PaymentRequest
from invoices.telling import changes
from paytrust.web.request_id import current_request_id

Status = PaymentRequest.Status
ENDED: Final[Mapping[str, str]] = {
    Status.EXPIRED: "payment.expired",
    Status.FAILED: "payment.failed",
}
OVERDUE: Final = "installment.overdue"
OVERDUE_TOLD_FOR: Final = timedelta(days=2)  # after the due date; a job that was away for longer


@dataclass(frozen=True, slots=True)
class Sight:
    """How GET shows an invoice, and the payments of it that are under way."""

    shown: Mapping[str, Any]
    active: Mapping[int, PaymentRequest]


def look(*, invoice: Invoice, now: datetime) -> Sight:
    """Return how an invoice that is locked looks now, in two queries; its gateway is loaded."""
    requests = PaymentRequest.objects.filter(invoice_id=invoice.pk).active()
    return _sight(invoice, list(requests), now)


def tell(
    *, invoice: Invoice, before: Sight, now: datetime, movements: Sequence[Change] = ()
) -> list[str]:
    """Write the events of what changed since `before`; return their public ids.

    Args:
        invoice: as it is now, still locked.
        before: how it looked when it had been locked.
        now: when it happens.
        movements: money that moved, in order; told first.

    Source: spec 9.1.
    """
    requests = PaymentRequest.objects.filter(
        Q(pk__in=before.active.keys()) | Q(status=Status.OPEN), invoice_id=invoice.pk
    )
    after = _sight(invoice, requests.select_related("installment"), now)
    return outbox.record_all(
        tenant_id=invoice.tenant_id,
        changes=[
            *movements,
            *_ended(before, after),
            *changes.of_invoice(before=before.shown, after=after.shown),
        ],
        invoice_id=invoice.pk,
        request_id=current_request_id(),
        now=now,
    )


def tell_created(*, document: InvoiceDocument, now: datetime) -> None:
    """Write the event of a new invoice; call it in the transaction that makes it."""
    outbox.record_all(
        tenant_id=document.invoice.tenant_id,
        changes=changes.of_invoice(before=None, after=_shown(document, now)),
        invoice_id=document.invoice.pk,
        request_id=current_request_id(),
        now=now,
    )


@transaction.atomic
def tell_overdue(*, now: datetime, limit: int) -> int:
    """Write the events of instalments that fell overdue and were not told; return how many.

    Rows that others hold are left for the next run.
    """
    fallen = (
        _untold(now)
        .filter(due_at__gte=now - OVERDUE_TOLD_FOR)
        .order_by("due_at", "pk")
        .values_list("invoice_id", flat=True)[:limit]
    )
    invoices = Invoice.objects.filter(pk__in=set(fallen)).order_by("pk")
    return sum(
        _tell_overdue(invoice, now)
        for invoice in invoices.select_for_update(of=("self",), skip_locked=True)
    )


def _tell_overdue(invoice: Invoice, now: datetime) -> int:
    """Tell of those that still are overdue, now that the invoice is locked."""
    open_request = PaymentRequest.objects.filter(invoice=invoice, status=Status.OPEN).first()
    document = InvoiceDocument(invoice, (), (), open_request)
    told = [
        changes.of_installment(
            type=OVERDUE,
            invoice={"id": invoice.pk, "currency_code": invoice.currency_code},
            part=installment_answer(part, document, now),
            before={"status": part.status},
        )
        for part in _untold(now).filter(invoice=invoice).order_by("number")
    ]
    outbox.record_all(tenant_id=invoice.tenant_id, changes=told, invoice_id=invoice.pk, now=now)
    return len(told)


def _untold(now: datetime) -> QuerySet[Installment]:
    """Return the instalments that are overdue and of which no event says so."""
    told = (
        Event.objects.filter(type=OVERDUE, invoice_id=OuterRef("invoice_id"))
        .annotate(number=KT("data__object__number"))
        .filter(number=Cast(OuterRef("number"), TextField()))
    )
    return Installment.objects.overdue(now).filter(~Exists(told))


def _sight(invoice: Invoice, requests: Sequence[PaymentRequest] | Any, now: datetime) -> Sight:  # noqa: ANN401
    found = {request.pk: request for request in requests}
    installments = list(Installment.objects.filter(invoice_id=invoice.pk).order_by("number"))
    for part in installments:
        part.invoice = invoice
    opened = next((one for one in found.values() if one.status == Status.OPEN), None)
    return Sight(_shown(InvoiceDocument(invoice, (), installments, opened), now), found)


def _shown(document: InvoiceDocument, now: datetime) -> dict[str, Any]:
    shown: dict[str, Any] = InvoiceResponse(context={"now": now}).to_representation(document)
    return shown


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
