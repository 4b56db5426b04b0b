"""The hot queries use their indexes: each is captured as the code sends it, then explained."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apikeys.keys import selectors as apikeys
from apikeys.models import ApiKey, Tenant
from invoices.invoices import selectors as invoices
from invoices.invoices import services as invoice_services
from invoices.models import Installment, Invoice, LineItem, PaymentRequest
from invoices.payment_requests import opening
from payments.booking import selectors as payments
from payments.changes import closing
from payments.models import Allocation, Transaction, WebhookEvent
from payments.webhooks import retrying
from reporting.back_office import search
from tests.apikeys.factories import NOON, ApiKeyFactory, TenantFactory
from tests.invoices.factories import (
    InstallmentFactory,
    InvoiceFactory,
    LineItemFactory,
    PaymentRequestFactory,
)

TENANTS, INVOICES = 300, 1_500
TABLES = "apikeys_apikey|invoices_[a-z]+|payments_[a-z]+"  # gateways are two rows


@dataclass(frozen=True)
class Shop:
    tenant: Tenant
    invoice: Invoice


@pytest.fixture(scope="module")
def shop(django_db_setup: None, django_db_blocker: Any) -> Iterator[Shop]:
    """Fill the tables for as long as this module runs, without checking each row."""
    with django_db_blocker.unblock(), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("SET LOCAL random_page_cost = 1.1")  # a solid-state disk's
            made = fill()
            cursor.execute("ANALYZE")
        yield made
        transaction.set_rollback(True)


def fill() -> Shop:
    tenants = Tenant.objects.bulk_create(TenantFactory.build_batch(TENANTS))
    ApiKey.objects.bulk_create(
        ApiKeyFactory.build(tenant=tenant, key_hash="", key_digest=f"{tenant.pk:064x}")
        for tenant in tenants
    )
    made = Invoice.objects.bulk_create(
        InvoiceFactory.build(
            tenant=tenants[0 if number % 25 == 0 else number % TENANTS],
            external_id=f"order-{number}",
            status="pending" if number % 20 == 0 else "fully_paid",
            paid_amount=0 if number % 20 == 0 else 10_000,
            created_at=NOON + timedelta(minutes=number),
            expires_at=NOON + timedelta(minutes=number),
            open_payment_at=NOON + timedelta(minutes=number) if number % 20 == 0 else None,
        )
        for number in range(INVOICES)
    )
    LineItem.objects.bulk_create(LineItemFactory.build(invoice=one) for one in made)
    parts = Installment.objects.bulk_create(
        InstallmentFactory.build(invoice=one, tenant=one.tenant) for one in made
    )
    requests = PaymentRequest.objects.bulk_create(
        PaymentRequestFactory.build(
            invoice=part.invoice,
            installment=part,
            status=("open" if number % 40 else "closing") if number % 20 == 0 else "paid",
            next_check_at=NOON + timedelta(minutes=number),
        )
        for number, part in enumerate(parts)
    )
    booked = Transaction.objects.bulk_create(
        Transaction(
            tenant_id=request.tenant_id,
            invoice_id=request.invoice_id,
            payment_request=request,
            gateway_id=1,
            gateway_transaction_id=request.reference,
            currency_code="MYR",
            amount=10_000,
            paid_at=NOON,
            created_at=NOON,
        )
        for request in requests
    )
    Allocation.objects.bulk_create(
        Allocation(tenant_id=one.tenant_id, transaction=one, installment=part, amount=10_000)
        for one, part in zip(booked, parts, strict=True)
    )
    WebhookEvent.objects.bulk_create(
        WebhookEvent(
            gateway_id=1,
            event_id=request.reference,
            reference=request.reference,
            body=b"{}",
            status="received" if number % 100 == 0 else "processed",
            next_attempt_at=NOON + timedelta(minutes=number),
            received_at=NOON,
        )
        for number, request in enumerate(requests)
    )
    return Shop(tenants[0], Invoice.objects.filter(tenant=tenants[0]).latest("pk"))


def plans_of(query: Callable[[], object]) -> str:
    """Run `query` and return how PostgreSQL does each of its statements on our tables."""
    with CaptureQueriesContext(connection) as captured:
        query()
    statements = [
        one["sql"]
        for one in captured.captured_queries
        if one["sql"].startswith(("SELECT", "UPDATE", "INSERT"))
    ]
    assert statements
    plans = []
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute("EXPLAIN " + statement.replace("%", "%%"), [])
            plans += [row[0] for row in cursor.fetchall()]
    return "\n".join(plans)


def newest(shop: Shop, **wanted: Any) -> object:
    return list(invoices.invoices(tenant=shop.tenant).filter(**wanted).order_by("-pk")[:21])


LATE = NOON + timedelta(minutes=25)
HOT: dict[str, tuple[Callable[[Shop], object], set[str]]] = {  # and patterns of index names
    "the key of a request": (
        lambda shop: apikeys.key_by_digest(digest=f"{shop.tenant.pk:064x}"),
        {"api_key_digest"},
    ),
    "an invoice with all it shows": (
        lambda shop: invoices.document(tenant=shop.tenant, invoice_id=shop.invoice.pk),
        {
            "invoice_newest|invoices_invoice_pkey",
            "line_item_position",
            "installment_number",
            "paymentrequest",
        },
    ),
    "a list, newest first": (newest, {"invoice_newest"}),
    "its next page": (
        lambda shop: newest(shop, pk__lt=shop.invoice.pk),
        {"invoice_newest"},
    ),
    "a list of one state": (
        lambda shop: newest(shop, status="expired"),
        {"invoice_newest_by_status"},
    ),
    "an invoice by external_id": (
        lambda shop: newest(shop, external_id=shop.invoice.external_id),
        {"invoice_external_id_per_tenant"},
    ),
    "a demand by its reference": (
        lambda shop: PaymentRequest.objects.filter(
            gateway_id=1, reference=shop.invoice.payment_requests.get().reference
        ).first(),
        {"invoices_paymentrequest_reference"},
    ),
    "a demand by the gateway's id": (
        lambda shop: PaymentRequest.objects.filter(
            gateway_id=1, gateway_payment_id="charge-7"
        ).first(),
        {"payment_request_gateway_id"},
    ),
    "the notifications that are due": (
        lambda shop: retrying.claim_due(now=LATE, limit=500),
        {"webhook_event_due"},
    ),
    "the invoices that expire": (
        lambda shop: invoice_services.expire_invoices(now=LATE, limit=1000),
        {"invoice_to_expire"},
    ),
    "the payments to open": (
        lambda shop: opening.claim_due_openings(now=LATE, limit=500),
        {"invoice_to_open"},
    ),
    "the payments to close": (
        lambda shop: closing.claim_closings(now=NOON, limit=500),
        {"payment_request_to_check"},
    ),
    "the transactions of an invoice": (
        lambda shop: list(payments.transactions_of(tenant=shop.tenant, invoice_id=shop.invoice.pk)),
        {
            "transaction_of_invoice|payments_transaction_invoice",
            "allocation_per_installment|payments_allocation",
        },
    ),
    "what staff find by any name": (
        lambda shop: search.invoice_ids("nobody@example.com"),
        {
            "invoice_external_id_per_tenant",
            "payment_request_gateway_id",
            "invoices_paymentrequest_reference",
            "transaction_once",
            "webhook_event_once",
            "invoice_request",
        },
    ),
    "the newest invoices of all tenants": (
        lambda shop: list(Invoice.objects.order_by("-created_at", "-id")[:51]),
        {"invoice_newest_of_all"},
    ),
    "those of one state": (
        lambda shop: list(
            Invoice.objects.filter(status="failed").order_by("-created_at", "-id")[:51]
        ),
        {"invoice_of_all_by_status"},
    ),
    "those of one currency": (
        lambda shop: list(
            Invoice.objects.filter(currency_code="USD").order_by("-created_at", "-id")[:51]
        ),
        {"invoice_of_all_by_currency"},
    ),
    "those of some days": (
        lambda shop: list(
            Invoice.objects.filter(
                created_at__gte=LATE, created_at__lt=LATE + timedelta(hours=1)
            ).order_by("-created_at", "-id")[:51]
        ),
        {"invoice_newest_of_all"},
    ),
}


@pytest.mark.parametrize("name", HOT)
def test_uses_its_index(shop: Shop, name: str) -> None:
    query, indexes = HOT[name]

    plan = plans_of(lambda: query(shop))

    assert [index for index in indexes if not re.search(f"using (.*_)?({index})", plan)] == [], plan
    assert re.findall(rf"Seq Scan on (?:{TABLES})", plan) == [], plan


def test_a_query_without_an_index_is_noticed(shop: Shop) -> None:
    plan = plans_of(lambda: list(Invoice.objects.filter(description="Two phones")))

    assert "Seq Scan on invoices_invoice" in plan
