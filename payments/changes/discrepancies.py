"""What staff write about invoices whose payments differ from what they ask for."""

from datetime import datetime
from http import HTTPStatus
from typing import Any, TypeVar

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apikeys.staff_acts import kinds, recording
from apikeys.staff_acts.recording import Actor
from invoices.models import Invoice
from payments.models import DiscrepancyEntry
from paytrust.errors import PayTrustError

DISCREPANCY_NOTED = kinds.register("discrepancy_noted", _("noted something on a discrepancy"))
DISCREPANCY_RESOLVED = kinds.register("discrepancy_resolved", _("resolved a discrepancy"))

Invoices = TypeVar("Invoices", bound=QuerySet[Any])
ACTS = {
    DiscrepancyEntry.Kind.NOTE: DISCREPANCY_NOTED,
    DiscrepancyEntry.Kind.RESOLVED: DISCREPANCY_RESOLVED,
}


class NoDiscrepancy(PayTrustError):
    """The invoice's payments do not differ from what it asks for, or that was resolved."""

    status = HTTPStatus.CONFLICT
    code = "no_discrepancy"
    for_staff = _("Nothing differs on this invoice, or that was resolved already.")


def note(*, actor: Actor, invoice_id: int, text: str, now: datetime) -> DiscrepancyEntry:
    """Write a note about a discrepancy, which stays open.

    Raises:
        Invoice.DoesNotExist: unknown.
        MissingReason: the text is empty, or has more than 500 characters.
        NoDiscrepancy: nothing differs.
    """
    return _write(DiscrepancyEntry.Kind.NOTE, actor, invoice_id, text, now)


def resolve(*, actor: Actor, invoice_id: int, reason: str, now: datetime) -> DiscrepancyEntry:
    """Take an invoice off the list until something else differs, or the difference grows.

    Raises:
        As `note`; NoDiscrepancy also if it was resolved before.
    """
    return _write(DiscrepancyEntry.Kind.RESOLVED, actor, invoice_id, reason, now)


def unresolved() -> QuerySet[Invoice]:
    """Return the invoices of all tenants that a person should look at."""
    return unresolved_among(Invoice.objects.all())


def unresolved_among(invoices: Invoices) -> Invoices:
    """Return those of `invoices`, or of a proxy's rows, that a person should look at."""
    return invoices.filter(~Exists(_resolving()), needs_review=True)


def resolved_among(invoices: Invoices) -> Invoices:
    """Return those of `invoices` that a person resolved, and on which nothing differs since."""
    return invoices.filter(_was_resolved()).exclude(~Exists(_resolving()), needs_review=True)


def known_among(invoices: Invoices) -> Invoices:
    """Return those of `invoices` on which something differs, or on which that was resolved."""
    return invoices.filter(Q(needs_review=True) | _was_resolved())


def is_open(invoice: Invoice) -> bool:
    """Return whether a person should look at an invoice."""
    return invoice.needs_review and not is_resolved(invoice)


def is_resolved(invoice: Invoice) -> bool:
    """Return whether the present difference of an invoice was resolved."""
    return Invoice.objects.filter(Exists(_resolving()), pk=invoice.pk).exists()


def entries(*, invoice_id: int) -> QuerySet[DiscrepancyEntry]:
    """Return what was written about an invoice, oldest first, with who wrote it."""
    return (
        DiscrepancyEntry.objects.filter(invoice_id=invoice_id)
        .select_related("written_by")
        .order_by("pk")
    )


def _write(
    kind: DiscrepancyEntry.Kind, actor: Actor, invoice_id: int, text: str, now: datetime
) -> DiscrepancyEntry:
    text = recording.required_reason(text)
    invoice = Invoice.objects.get(pk=invoice_id)
    with recording.recorded(
        actor=actor,
        act=ACTS[kind],
        about=invoice,
        now=now,
        reason=text,
        tenant_id=invoice.tenant_id,
        invoice_id=invoice_id,
    ):
        again = kind == DiscrepancyEntry.Kind.RESOLVED and is_resolved(invoice)
        if not invoice.needs_review or again:
            raise NoDiscrepancy(details={"invoice_id": invoice_id})
        return DiscrepancyEntry.objects.create(
            tenant_id=invoice.tenant_id,
            invoice=invoice,
            kind=kind,
            text=text,
            review_flags=invoice.review_flags,
            paid_amount=invoice.paid_amount,
            overpayment_amount=invoice.overpayment_amount,
            written_by=actor.user,
            created_at=now,
        )


def _was_resolved() -> Q:
    entries = DiscrepancyEntry.objects.filter(kind=DiscrepancyEntry.Kind.RESOLVED)
    return Q(pk__in=entries.values("invoice_id"))


def _resolving() -> QuerySet[DiscrepancyEntry]:
    """Return the entries that resolve the invoice of an outer query in its present state."""
    return DiscrepancyEntry.objects.filter(
        kind=DiscrepancyEntry.Kind.RESOLVED,
        invoice=OuterRef("pk"),
        review_flags=OuterRef("review_flags"),
        paid_amount=OuterRef("paid_amount"),
        overpayment_amount=OuterRef("overpayment_amount"),
    )
