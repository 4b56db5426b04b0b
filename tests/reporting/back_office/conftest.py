"""A member of staff of each role, and an invoice to which everything has happened."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from apikeys.audit.recording import Caller
from invoices.models import Invoice
from payments.booking import settling
from payments.models import WebhookEvent, WebhookRetry
from paytrust.operations import shared_state
from paytrust.staff import roles
from reporting.back_office import plots
from tests.apikeys.factories import NOON, api_key, used
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.reports import report

BODY = b'{"id": "charge", "status": "PAID", "callback_token": "very-secret"}'

SignIn = Callable[[str], Client]


@pytest.fixture(autouse=True)
def _no_kept_plots() -> None:
    shared_state.with_redis(lambda redis: redis.delete(plots.KEY), otherwise=0)


@pytest.fixture
def sign_in() -> SignIn:
    def signed_in(role: str) -> Client:
        user = User.objects.create_user(role.replace(" ", "-"), is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture
def viewer(sign_in: SignIn) -> Client:
    return sign_in(roles.VIEWER)


@pytest.fixture
def paid_invoice() -> Invoice:
    """Of MYR 100.00 in two parts; the first is paid with MYR 0.50 too much, by a webhook."""
    made = invoice(
        totals=(6_000, 4_000),
        external_id="order-77",
        customer={"name": "Siti", "email": "Siti@Example.com", "phone": None},
        request_id="request-that-made-it",
    )
    key, _ = api_key(tenant=made.tenant)
    for method, path, request_id in (
        ("POST", "/invoices", "request-that-made-it"),
        ("POST", f"/invoices/{made.pk}/payments", "request-for-payment"),
        ("GET", f"/invoices/{made.pk}/payments", "request-that-only-looked"),
    ):
        caller = Caller(actor="ab12...", method=method, path=path, request_id=request_id)
        used(key, caller, status=201, at=NOON + timedelta(seconds=5))
    payment = PaymentRequestFactory.create(
        invoice=made, reference="PT-77-1-1-ABCDEF", gateway_payment_id="xendit-charge"
    )
    event = WebhookEvent.objects.create(
        gateway_id=1,
        event_id="event-1",
        reference=payment.reference,
        body=BODY,
        status="processed",
        outcome="booked",
        received_at=NOON + timedelta(minutes=1),
        processed_at=NOON + timedelta(minutes=2),
    )
    WebhookRetry.objects.create(
        event=event,
        attempt=1,
        attempted_at=NOON + timedelta(minutes=1, seconds=30),
        outcome="gateway_timeout",
        failure_reason="Xendit did not answer",
    )
    settling.settle(
        payment_request_id=payment.pk,
        report=report(payment, paid=6_050, charge="xendit-charge"),
        event=event,
        now=NOON + timedelta(minutes=2),
    )
    made.refresh_from_db()
    return made
