"""Disputes are stored once, with their deadline, and stay closed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from events.models import Event
from gateways.adapter import DisputeReport
from invoices.models import PaymentRequest
from payments.disputes import services
from payments.models import Dispute
from paytrust.money import Money
from tests.payments.refunds.paid import paid_invoice


@pytest.mark.django_db
def test_is_opened_once_moves_its_deadline_and_stays_closed() -> None:
    now = timezone.now()
    about = PaymentRequest.objects.get(invoice=paid_invoice())
    opened = DisputeReport(
        id="mi-dspt-1",
        raw_status="ACTION_REQUIRED",
        is_closed=False,
        amount=Money(10_000, "MYR"),
        due_at=now + timedelta(days=5),
    )

    for report in (
        opened,
        replace(opened, due_at=now + timedelta(days=4)),
        replace(opened, raw_status="LOST", is_closed=True),
        opened,
    ):
        services.record(about=about, report=report, now=now)

    kept = Dispute.objects.get()
    assert (kept.raw_status, kept.due_at) == ("LOST", now + timedelta(days=5))
    assert kept.closed_at == now
    sent_to_merchant = Event.objects.filter(type__startswith="dispute").order_by("pk")
    assert [event.type for event in sent_to_merchant] == ["dispute.opened", "dispute.closed"]
