"""Notes on an invoice, and who looks after it. Both are in the trail of staff."""

from datetime import datetime
from http import HTTPStatus

from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from apikeys.staff_acts import kinds, recording
from apikeys.staff_acts.recording import Actor
from invoices.follow_up import selectors
from invoices.models import Assignment, Invoice
from paytrust.errors import PayTrustError

INVOICE_NOTED = kinds.register("invoice_noted", _("wrote a note"))
INVOICE_ASSIGNED = kinds.register("invoice_assigned", _("assigned the invoice"))
INVOICE_RELEASED = kinds.register("invoice_released", _("ended the assignment of the invoice"))


class NotAssignable(PayTrustError):
    """This person cannot look after the invoice: they may not operate, or not for its merchant."""

    status = HTTPStatus.CONFLICT
    code = "not_assignable"
    for_staff = _("This person may not work on this invoice. Choose another person.")


def note(*, actor: Actor, invoice_id: int, text: str, now: datetime) -> None:
    """Keep a note on an invoice, in the trail.

    Raises:
        Invoice.DoesNotExist: unknown.
        MissingReason: the text is empty, or has more than 500 characters.
    """
    text = recording.required_reason(text)
    invoice = Invoice.objects.get(pk=invoice_id)
    with recording.recorded(
        actor=actor,
        act=INVOICE_NOTED,
        about=invoice,
        now=now,
        reason=text,
        tenant_id=invoice.tenant_id,
        invoice_id=invoice_id,
    ):
        pass  # the entry of the trail is the note


def assign(
    *, actor: Actor, invoice_id: int, to: User | None, now: datetime, reason: str = ""
) -> None:
    """Let one member of staff look after an invoice, or no person any more.

    Raises:
        Invoice.DoesNotExist: unknown.
        NotAssignable: this person may not work on it.
    """
    invoice = Invoice.objects.get(pk=invoice_id)
    with recording.recorded(
        actor=actor,
        act=INVOICE_ASSIGNED if to else INVOICE_RELEASED,
        about=invoice,
        now=now,
        reason=reason,
        tenant_id=invoice.tenant_id,
        invoice_id=invoice_id,
    ) as entry:
        if to is None:
            Assignment.objects.filter(invoice=invoice).delete()
            return
        entry.message = to.get_full_name() or to.get_username()
        if not selectors.assignable(invoice).filter(pk=to.pk).exists():
            raise NotAssignable
        Assignment.objects.update_or_create(
            invoice=invoice, defaults={"assignee": to, "assigned_at": now}
        )
