"""Jobs on invoices. Each may run twice."""

from celery import shared_task
from django.utils import timezone

from invoices import services


@shared_task(name="invoices.expire_invoices")
def expire_invoices(**_later: object) -> None:
    """Beat, every 5 minutes: mark unpaid invoices whose time is over as expired."""
    while services.expire_invoices(now=timezone.now(), limit=1000) == 1000:
        pass
