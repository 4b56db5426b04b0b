"""Jobs on invoices. Each may run twice."""

from celery import shared_task
from django.utils import timezone

from invoices.invoices import services
from invoices.payment_requests import opening
from invoices.telling import services as telling
from paytrust.operations import rounds


@shared_task(name="invoices.expire_invoices")
def expire_invoices(**_later: object) -> None:
    """Beat, every 5 minutes: mark unpaid invoices whose time is over as expired."""
    while services.expire_invoices(now=timezone.now(), limit=1000) == 1000:
        pass


@shared_task(name="invoices.tell_overdue")
def tell_overdue(**_later: object) -> None:
    """Beat, every 5 minutes: write the events of instalments that became overdue."""
    while telling.tell_overdue(now=timezone.now(), limit=1000) == 1000:
        pass


@shared_task(name="invoices.open_payment")
def open_payment(*, invoice_id: int, **_later: object) -> None:
    """Open the payment that is due on one invoice."""
    opening.open_due_payment(invoice_id=invoice_id, now=timezone.now())


@shared_task(name="invoices.open_due_payments")
def open_due_payments(**_later: object) -> None:
    """Beat, every 10 seconds: open the payments that are due, such as the next instalments'."""
    rounds.work_off(
        lambda: opening.claim_due_openings(now=timezone.now(), limit=1),
        lambda pk: opening.open_due_payment(invoice_id=pk, now=timezone.now()),
    )
