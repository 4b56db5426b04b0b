"""Jobs on invoices. Each may run twice."""

from celery import shared_task
from django.utils import timezone

from invoices.invoices import services
from invoices.payment_requests import opening
from invoices.telling import services as telling
from paytrust.operations import queue


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


@shared_task(name="invoices.hand_out_due_openings")
def hand_out_due_openings(**_later: object) -> None:
    """Beat, every 10 seconds: enqueue invoices whose next payment is due to be opened."""
    for invoice_id in opening.claim_due_openings(now=timezone.now(), limit=100):
        queue.publish(open_payment, invoice_id=invoice_id)
