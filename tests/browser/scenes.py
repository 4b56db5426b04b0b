"""The data in the back office on a busy day."""

import time
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from apikeys.staff_acts.recording import Actor
from invoices.models import Installment, Invoice, PaymentRequest, Transaction
from payments.changes import discrepancies
from payments.models import WebhookEvent
from paytrust.operations import shared_state
from reporting.back_office import plots
from tests.conftest import Sandbox
from tests.payments.changes.test_proposals import open_invoice, propose
from tests.payments.events import failed_event
from tests.payments.settlement.test_views import settled
from tests.staff import StaffFactory


def pay(invoice: Invoice, sandbox: Sandbox) -> None:
    """Have a customer pay; return when it is booked."""
    sandbox.pay(str(PaymentRequest.objects.get(invoice=invoice).payment_url))
    deadline = time.monotonic() + 20
    while not Transaction.objects.filter(invoice=invoice).exists():
        assert time.monotonic() < deadline, "the payment was not booked"
        time.sleep(0.05)


def failed_payment(sandbox: Sandbox) -> WebhookEvent:
    """Have a customer pay, and the notification of it given up."""
    of = open_invoice()
    request = PaymentRequest.objects.get(invoice=of)
    sandbox.fault("xendit", "webhook_lost", times=9)
    sandbox.pay(str(request.payment_url))
    return failed_event(request)


def a_busy_day(sandbox: Sandbox) -> User:
    """Make something of everything; return somebody who sees it all."""
    shared_state.with_redis(
        lambda redis: redis.delete(plots.KEY), otherwise=0
    )  # plots of an emptier day
    boss = StaffFactory.create(
        username="siti", first_name="Siti", email="siti@example.test", is_superuser=True
    )
    colleague = Actor(user=StaffFactory.create(username="budi"), request_id="4f0c2e7a9d")
    pay(open_invoice(), sandbox)
    settled(Transaction.objects.get())
    failed_payment(sandbox)
    propose(open_invoice(), {1: 7_000}, colleague)
    late = open_invoice({"name": "Rahmat", "email": "rahmat@example.test", "phone": None})
    Invoice.objects.filter(pk=late.pk).update(review_flags=["late"])
    Installment.objects.filter(invoice=late, number=1).update(
        due_at=timezone.now() - timedelta(days=3)
    )
    discrepancies.note(
        actor=colleague, invoice_id=late.pk, text="Asked the bank.", now=timezone.now()
    )
    return boss
