"""Chargebacks that somebody must answer, the most urgent first."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from gateways.adapter import DisputeReport
from invoices.models import PaymentRequest
from payments.disputes import services
from payments.models import Dispute
from paytrust.money import Money
from tests.payments.changes.test_back_office import client_of
from tests.payments.refunds.paid import paid_invoice

pytestmark = pytest.mark.django_db


def dispute(name: str, *, days: int, is_closed: bool = False) -> Dispute:
    now = timezone.now()
    return services.record(
        about=PaymentRequest.objects.get(invoice=paid_invoice()),
        report=DisputeReport(
            id=name,
            raw_status="WON" if is_closed else "ACTION_REQUIRED",
            is_closed=is_closed,
            amount=Money(10_000, "MYR"),
            due_at=now + timedelta(days=days),
            reason="FRAUD",
        ),
        now=now,
    )


def test_the_queue_shows_what_is_open_by_its_deadline() -> None:
    later, sooner = dispute("later", days=9), dispute("sooner", days=2)
    dispute("ended", days=1, is_closed=True)

    answer = client_of().get(reverse("admin:payments_dispute_changelist"))

    assert list(answer.context["cl"].result_list) == [sooner, later]
    shown = answer.content.decode()
    assert f"{sooner.due_at:%Y-%m-%d}" in shown
    assert "Answer until" in shown
