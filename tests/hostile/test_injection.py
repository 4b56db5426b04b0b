"""Texts from a merchant or a gateway stay texts: in pages, in files, in messages."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gateways.adapter import PaymentState
from invoices.models import Invoice
from payments.booking import settling
from tests.apikeys.factories import NOON, TenantFactory, api_key
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.events import failed_event
from tests.payments.reports import report
from tests.staff import member

pytestmark = pytest.mark.django_db

SCRIPT = "<script>alert('{}')</script>\"'><img src=x onerror=alert(1)>"
RAW, ESCAPED = b"<script>alert(", b"&lt;script&gt;alert("
FORMULAS = ("=HYPERLINK(1)", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\uff1d1")
PERIOD = {"start_date": "2026-11-01T00:00:00Z", "end_date": "2026-12-01T00:00:00Z"}


def script(name: str) -> str:
    return SCRIPT.format(name)


@pytest.fixture
def marked() -> Invoice:
    """An invoice and all around it, with a script in every text that others give."""
    tenant = TenantFactory.create(name=script("tenant"))
    api_key(tenant=tenant, description=script("key"), last_used_at=timezone.now())
    made = invoice(
        tenant=tenant,
        external_id=script("external_id"),
        description=script("description"),
        customer={"name": script("customer"), "email": None, "phone": None},
        metadata={"<script>alert('name')</script>": script("value")},  # a key is short
    )
    payment = PaymentRequestFactory.create(invoice=made, payment_url="javascript:alert(1)")
    failed_event(
        payment,
        reference=script("reference")[:50],
        event_id=script("event"),
        failure_reason=script("reason"),
        body=b'{"id": "' + RAW + b'1)</script>"}',
    )
    settling.settle(
        payment_request_id=payment.pk,
        report=report(payment, PaymentState.PAID),
        event=None,
        now=NOON,
    )
    return made


def pages() -> Iterator[str]:
    """Yield every list of the back office, and the page of each of its rows."""
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        for pk in model._default_manager.values_list("pk", flat=True)[:3]:
            yield reverse(f"{name}_change", args=[pk])


class TestScripts:
    def test_stand_in_the_back_office_as_texts(self, marked: Invoice) -> None:
        office = Client()
        office.force_login(member(is_superuser=True))

        shown = 0
        for url in pages():
            answer = office.get(url, follow=True)
            assert answer.status_code < 500, url
            assert RAW not in answer.content, url
            assert b"<img src=x" not in answer.content, url
            assert b'href="javascript:' not in answer.content, url
            shown += ESCAPED in answer.content
        assert shown >= 5, "the walk met no page that shows a merchant's texts"

    def test_stand_in_answers_as_json_that_no_browser_takes_for_a_page(
        self, marked: Invoice
    ) -> None:
        _, key = api_key(tenant=marked.tenant)

        answer = Client().get(f"/invoices/{marked.pk}", headers={"x-api-key": key})

        assert answer.json()["external_id"] == script("external_id")
        assert answer["Content-Type"] == "application/json"
        assert answer["X-Content-Type-Options"] == "nosniff"

    def test_stand_on_the_payment_page_as_texts(self) -> None:
        token = "t" * 32
        made = invoice(
            tenant=TenantFactory.create(name=script("tenant")),
            external_id=script("external_id"),
            description=script("description"),
            expires_at=timezone.now() + timedelta(days=1),
        )
        account = {"type": "bank_transfer", "va_number": script("number"), "bank": "bca"}
        PaymentRequestFactory.create(invoice=made, page_token=token, instructions=account)

        answer = Client().get(f"/pay/{token}")

        assert answer.status_code == 200
        assert RAW not in answer.content
        assert answer.content.count(ESCAPED) >= 3


class TestFormulas:
    @pytest.mark.parametrize("formula", FORMULAS)
    def test_stand_in_files_as_texts(self, formula: str) -> None:
        made = invoice(external_id=formula, description=formula)
        payment = PaymentRequestFactory.create(invoice=made)
        settling.settle(
            payment_request_id=payment.pk,
            report=report(payment, PaymentState.PAID),
            event=None,
            now=NOON,
        )
        _, key = api_key(tenant=made.tenant)

        answer = Client().get("/reports/transactions.csv", PERIOD, headers={"x-api-key": key})

        cells = [cell for row in csv.reader(io.StringIO(text_of(answer))) for cell in row]
        assert f"'{formula}" in cells
        assert formula not in cells


def text_of(answer: Any) -> str:
    body: bytes = b"".join(answer) if answer.streaming else answer.content
    return body.decode("utf-8-sig")


@pytest.mark.parametrize(
    "path",
    [
        *("/events/%00", "/events/evt_%00", "/events/%00/resend", "/payouts/%00/transactions"),
        *("/invoices/%00", "/nowhere/%00", "/events/evt_1%00"),
    ],
)
def test_a_path_with_nul_leads_nowhere(path: str) -> None:
    _, key = api_key()

    answer = Client().get(path, headers={"X-API-Key": key})

    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
