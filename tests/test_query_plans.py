"""The hot queries use their indexes: each is captured as the code sends it, then explained."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apikeys.keys.known import known_keys
from apikeys.models import ApiKey, Tenant
from apikeys.tenants import logins, wall
from events.models import Event
from events.outbox import selectors as events
from gateways.adapter import Notification, PaymentPage
from invoices.customers import selectors as customers
from invoices.customers.serializers import CustomerFilter
from invoices.invoices import selectors as invoices
from invoices.invoices import services as invoice_services
from invoices.invoices.filters import InvoiceFilter
from invoices.ledger import posting
from invoices.models import (
    Installment,
    Invoice,
    InvoiceMetadata,
    InvoiceQuerySet,
    LedgerEntry,
    LedgerTax,
    LineItem,
    PaymentRequest,
    Transaction,
)
from invoices.payment_requests import leases, opening, pages, transitions
from payments.booking import answers, settling
from payments.booking import selectors as payments
from payments.booking.filters import TransactionFilter
from payments.models import SettlementImport, SettlementLine, WebhookEvent
from payments.refunds import books
from payments.settlement import selectors as settlements
from payments.webhooks import receiving, retrying
from paytrust.operations import listing, rows
from paytrust.operations.trips import Statement, trip
from reporting.back_office import figures, merchant_page, search
from reporting.costs import selectors as costs
from reporting.costs.statements import SUMS, midnight, slices_of
from reporting.exports import movements
from reporting.financial import rollups
from reporting.financial import selectors as financial
from reporting.models import ClosedDay, CostTotal, DailyTotal
from reporting.statements import selectors as statements
from tests.apikeys.factories import NOON, ApiKeyFactory, TenantFactory
from tests.invoices.factories import (
    InstallmentFactory,
    InvoiceFactory,
    LineItemFactory,
    PaymentRequestFactory,
)

TENANTS, INVOICES = 300, 1_500
OF_FRAGMENTS = {
    "invoice_customer_name",
    "invoice_external_id_trigrams",
    "payment_request_trigrams",
}
OF_TENANTS = ("Index Cond: (tenant_id = ANY", "Index Cond: ((tenant_id = ANY")  # the id may follow
TABLES = "apikeys_apikey|invoices_[a-z]+|payments_[a-z]+|reporting_(dailytotal|costtotal)"


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
            for index in OF_FRAGMENTS:  # as autovacuum does: a new row waits in a list before it
                cursor.execute("SELECT gin_clean_pending_list(%s)", [index])
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
            paid_at=None if number % 20 == 0 else NOON,
            created_at=NOON + timedelta(minutes=number),
            expires_at=NOON + timedelta(minutes=number),
            open_payment_at=NOON + timedelta(minutes=number) if number % 20 == 0 else None,
            updated_at=NOON + timedelta(minutes=number),
            # What the first tenant has none of is not rare.
            currency_code="IDR" if number % 25 and number % 2 else "MYR",
            gateway_id=2 if number % 25 and number % 2 else 1,
            customer={"name": None, "email": f"{number // 3}@example.com", "phone": None},
            metadata={"order": f"{number}"},
        )
        for number in range(INVOICES)
    )
    InvoiceMetadata.objects.bulk_create(  # triggers rest here
        InvoiceMetadata(tenant=one.tenant, key="order", value=one.metadata["order"], invoice=one)
        for one in made
    )
    LineItem.objects.bulk_create(LineItemFactory.build(invoice=one) for one in made)
    installments = Installment.objects.bulk_create(
        InstallmentFactory.build(invoice=one, tenant=one.tenant) for one in made
    )
    requests = PaymentRequest.objects.bulk_create(
        PaymentRequestFactory.build(
            invoice=installment.invoice,
            installment=installment,
            status=("open" if number % 40 else "closing") if number % 20 == 0 else "paid",
            next_check_at=NOON + timedelta(minutes=number),
        )
        for number, installment in enumerate(installments)
    )
    booked = Transaction.objects.bulk_create(
        Transaction(
            tenant_id=request.tenant_id,
            invoice_id=request.invoice_id,
            payment_request=request,
            gateway_id=request.invoice.gateway_id,
            gateway_transaction_id=request.reference,
            currency_code=request.invoice.currency_code,
            amount=10_000,
            paid_at=NOON,
            created_at=NOON,
        )
        for request in requests
    )
    fill_ledger(tenants, list(zip(booked, installments, strict=True)))
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
    Event.objects.bulk_create(
        Event(
            tenant_id=one.tenant_id,
            public_id=f"evt_{number}",
            type="invoice.created",
            invoice_id=one.pk,
            data={},
            api_version="1",
            created_at=NOON + timedelta(minutes=number),
            transaction_number=1000 + number,
        )
        for number, one in enumerate(made)
    )
    return Shop(tenants[0], Invoice.objects.filter(tenant=tenants[0]).latest("pk"))


def fill_ledger(tenants: Sequence[Tenant], paid: Sequence[tuple[Transaction, Installment]]) -> None:
    entries = LedgerEntry.objects.bulk_create(
        LedgerEntry(
            tenant_id=one.tenant_id,
            gateway_id=1,
            invoice_id=one.invoice_id,
            installment=installment,
            transaction=one,
            kind="payment",
            currency_code="MYR",
            amount=10_000,
            net_amount=10_000,
            tax_amount=0,
            service_fee_amount=0,
            booked_at=NOON + timedelta(minutes=number),
        )
        for number, (one, installment) in enumerate(paid)
    )
    LedgerTax.objects.bulk_create(
        LedgerTax(tenant_id=entry.tenant_id, entry=entry, tax_rate=0, tax_amount=0)
        for entry in entries
    )
    days = [(NOON - timedelta(days=back)).date() for back in range(1, 31)]
    ClosedDay.objects.bulk_create(ClosedDay(day_date=day, closed_at=NOON) for day in days)
    DailyTotal.objects.bulk_create(
        DailyTotal(
            tenant=tenant,
            day_date=day,
            kind="payment",
            currency_code="MYR",
            gateway_id=1,
            transaction_count=1,
            installment_transaction_count=1,
            overpayment_transaction_count=0,
            subtotal_amount=1,
            total_tax_amount=0,
            total_service_fee_amount=0,
            overpayment_amount=0,
            total_amount=1,
        )
        for tenant in tenants
        for day in days
    )
    fill_settlement(paid)
    CostTotal.objects.bulk_create(
        CostTotal(
            tenant=tenant,
            begins_at=begins_at,
            currency_code="MYR",
            gateway_id=1,
            **dict.fromkeys(SUMS, 1),
        )
        for tenant in (*tenants, None)
        for day in days
        for begins_at in slices_of(day)
    )


def fill_settlement(paid: Sequence[tuple[Transaction, Installment]]) -> None:
    """Give each payment a line; a day's payments are one payout."""
    imported_in = SettlementImport.objects.create(
        gateway_id=1, source="upload", status="done", sha256="a", imported_at=NOON
    )
    SettlementLine.objects.bulk_create(
        SettlementLine(
            tenant_id=one.tenant_id,
            imported_in=imported_in,
            gateway_id=1,
            identity=f"{number}",
            digest="",
            kind="payment",
            is_final=True,
            currency_code="MYR",
            gross_amount=10_000,
            gateway_fee_amount=100,
            vat_amount=0,
            withholding_amount=0,
            net_amount=9_900,
            fee_state="final",
            gateway_ids=[one.gateway_transaction_id],
            payout_id=f"W-{number // 5}",
            raw={},
            state="matched",
            transaction=one,
            created_at=NOON,
        )
        for number, (one, _installment) in enumerate(paid)
    )


def newest_payouts() -> object:
    """Ask for the payouts of the newest lines, as among a million of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settlements, "LINES_LOOKED_AT", (150, None))
        return settlements.newest_payouts(limit=20)


def costs_of(tenant: Tenant | None) -> object:
    """Ask for the costs of a week of closed days."""
    end = midnight(NOON.date())
    return costs.costs(
        tenant=tenant, start=end - timedelta(days=7), end=end, zone=ZoneInfo("Asia/Jakarta")
    )


def asked(shop: Shop, **query: Any) -> object:
    """Ask for a list of invoices as its view does."""
    wanted = InvoiceFilter(data=query)
    wanted.is_valid(raise_exception=True)
    mine = wanted.applied_to(invoices.invoices(tenant=shop.tenant))
    return list(mine.order_by("-pk")[:21])


def booked(shop: Shop, **query: Any) -> object:
    """Ask for a list of transactions as its view does."""
    wanted = TransactionFilter(data=query)
    wanted.is_valid(raise_exception=True)
    mine = wanted.applied_to(payments.transactions(tenant=shop.tenant))
    return list(mine.order_by("-pk")[:21])


def buyers(shop: Shop, **query: Any) -> object:
    """Ask for a list of customers as its view does."""
    wanted = CustomerFilter(data=query)
    wanted.is_valid(raise_exception=True)
    newest = wanted.applied_to(customers.newest_invoices(tenant=shop.tenant))
    return customers.customers(tenant=shop.tenant, newest=list(newest.order_by("-pk")[:21]))


def plans_of(query: Callable[[], object]) -> str:
    """Run `query` and return how PostgreSQL does each of its statements on our tables."""
    with CaptureQueriesContext(connection) as captured:
        query()
    statements = [
        one["sql"]
        for one in captured.captured_queries
        if one["sql"].lstrip().startswith(("SELECT", "UPDATE", "INSERT", "WITH"))
    ]
    assert statements
    plans = []
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute("EXPLAIN " + statement.replace("%", "%%"), [])
            plans += [row[0] for row in cursor.fetchall()]
    return "\n".join(plans)


def not_used(indexes: set[str], plan: str) -> list[str]:
    """Return the patterns of index names that are not in a plan."""
    return [one for one in indexes if not re.search(f"(using|Index Scan on) ({one})\\b", plan)]


def still_stands(*, digest: str) -> object:
    known_keys.read(digest=digest)
    found = known_keys.recall(digest=digest, refusal=AssertionError)
    assert found is not None
    return trip(Statement(f"SELECT {found[1].condition}", found[1].values))


def newest(shop: Shop, **wanted: Any) -> object:
    return list(invoices.invoices(tenant=shop.tenant).filter(**wanted).order_by("-pk")[:21])


LATE = NOON + timedelta(minutes=25)
HOT: dict[str, tuple[Callable[[Shop], object], set[str]]] = {  # and patterns of index names
    "the key of a request": (
        lambda shop: known_keys.read(digest=f"{shop.tenant.pk:064x}"),
        {"api_key_digest"},
    ),
    "whether a key is as it is remembered": (
        lambda shop: still_stands(digest=f"{shop.tenant.pk:064x}"),
        {"apikeys_apikey_pkey"},
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
        {"invoice_external_id"},
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
        {"webhook_event_due_of_tenant"},
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
        lambda shop: leases.claim_closings(now=NOON, limit=500),
        {"payment_request_to_check"},
    ),
    "the transactions of an invoice": (
        lambda shop: list(payments.transactions_of(tenant=shop.tenant, invoice_id=shop.invoice.pk)),
        {"transaction_of_invoice|invoices_transaction_invoice"},
    ),
    "the payment that a notification is about": (
        lambda shop: receiving.find_payment_request(
            1,
            Notification(
                event_id="1",
                reference="PT-1-1-1-AAAAAA",
                gateway_id="charge-1",
                report=None,
                payment_ids=("ewc-1", "ewc-2"),
            ),
        ),
        {
            "invoices_paymentrequest_reference",
            "payment_request_gateway_id",
            "payment_request_charge_id",
            "invoices_paymentrequest_pkey",
        },
    ),
    "what staff find by any name": (
        lambda shop: search.invoice_ids("nobody@example.com"),
        {
            "invoice_external_id",
            "payment_request_gateway_id",
            "invoices_paymentrequest_reference",
            "transaction_once",
            "webhook_event_once",
            "invoice_request",
        },
    ),
    "what staff find by a fragment": (
        lambda shop: search.everything("nobo"),
        OF_FRAGMENTS,
    ),
    "what staff find by an amount": (
        lambda shop: search.everything("RM 987.65"),
        {"invoice_newest_of_total", "transaction_newest_of_amount"},
    ),
    "a merchant's report": (
        lambda shop: financial.financial_report(
            tenant=shop.tenant, start=NOON - timedelta(days=3), end=LATE
        ),
        {"daily_total_once", "ledger_entry_(booked|day)", "ledger_tax_rate"},
    ),
    "a merchant's report of some minutes": (
        lambda shop: financial.financial_report(
            tenant=shop.tenant, start=NOON, end=NOON + timedelta(minutes=30)
        ),
        {"ledger_entry_(booked|day)", "ledger_tax_rate"},
    ),
    "a merchant's statement": (
        lambda shop: statements.monthly_statements(
            tenant=shop.tenant,
            first=NOON.date().replace(day=1),
            zone=ZoneInfo("Asia/Jakarta"),
            now=LATE,
        ),
        {"daily_total_once", "ledger_entry_(booked|day)"},
    ),
    "a page of a merchant's transactions": (
        lambda shop: list(
            movements.rows(movements.Asked(shop.tenant, NOON, LATE, ZoneInfo("Asia/Jakarta")))
        ),
        {
            "ledger_entry_(booked|day)",
            "invoices_transaction_pkey",
            "invoices_invoice_pkey",
            "invoices_paymentrequest_pkey",
            "invoices_installment_pkey",
        },
    ),
    "what the overview adds up": (
        lambda shop: figures.money(
            start=NOON - timedelta(days=3), end=LATE, closed_day=rollups.last_closed_day()
        ),
        {"ledger_entry_day", "daily_total_(day|once)"},
    ),
    "what gateways took of all": (lambda shop: costs_of(None), {"cost_total_(once|slice)"}),
    "what gateways took of a merchant": (
        lambda shop: costs_of(shop.tenant),
        {"cost_total_once"},
    ),
    "the newest of the ledger": (
        lambda shop: list(
            LedgerEntry.objects.filter(booked_at__gte=LATE).order_by("-booked_at", "-id")[:51]
        ),
        {"ledger_entry_day"},
    ),
    "what is overdue at a merchant": (
        lambda shop: merchant_page.overdue_of(shop.tenant, LATE).count(),
        {"invoice_newest(_by_status)?"},
    ),
    "chargebacks in the ledger": (
        lambda shop: list(
            LedgerEntry.objects.filter(kind="reversal").order_by("-booked_at", "-id")[:51]
        ),
        {"ledger_entry_other"},
    ),
    "payment requests that failed": (
        lambda shop: list(
            PaymentRequest.objects.filter(status="failed").order_by("-created_at", "-id")[:51]
        ),
        {"payment_request_failed"},
    ),
    "the newest payouts": (
        lambda shop: newest_payouts(),
        {"payments_settlementline_pkey", "settlement_line_of_payout"},
    ),
    "settlement lines of chargebacks": (
        lambda shop: list(SettlementLine.objects.filter(kind="chargeback").order_by("-pk")[:51]),
        {"settlement_line_newest_other"},
    ),
    "the newest invoices of all tenants": (
        lambda shop: list(Invoice.objects.order_by("-created_at", "-id")[:51]),
        {"invoice_newest_of_all"},
    ),
    "the newest transactions of all tenants": (
        lambda shop: list(Transaction.objects.order_by("-created_at", "-id")[:51]),
        {"transaction_newest_of_all"},
    ),
    "transactions of some days": (
        lambda shop: list(
            Transaction.objects.filter(
                created_at__gte=LATE, created_at__lt=LATE + timedelta(hours=1)
            ).order_by("-created_at", "-id")[:51]
        ),
        {"transaction_newest_of_all"},
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


LISTS: dict[str, tuple[Callable[[Shop], object], set[str]]] = {
    "invoices of a state": (
        lambda shop: asked(shop, status="expired"),
        {"invoice_newest_by_status"},
    ),
    "invoices in a currency": (
        lambda shop: asked(shop, currency_code="IDR"),
        {"invoice_newest_by_currency"},
    ),
    "invoices at a gateway": (
        lambda shop: asked(shop, gateway_id=2),
        {"invoice_newest_by_gateway"},
    ),
    "an order": (
        lambda shop: asked(shop, external_id=shop.invoice.external_id),
        {"invoice_external_id"},
    ),
    "invoices made since": (
        lambda shop: asked(shop, created_from="2026-11-23T12:30:00Z"),
        {"invoice_created|invoice_newest_of_all|invoice_newest"},
    ),
    "invoices changed since": (
        lambda shop: asked(shop, updated_from="2026-11-23T12:30:00Z"),
        {"invoice_updated"},
    ),
    "supplementary invoices": (
        lambda shop: asked(shop, parent_invoice_id=7),
        {"invoice_of_parent"},
    ),
    "refunded invoices": (
        lambda shop: asked(shop, refund_status="partial"),
        {"invoice_newest_refunded"},
    ),
    "invoices not refunded": (
        lambda shop: asked(shop, refund_status="none"),
        {"invoice_newest"},
    ),
    "invoices with a pair of metadata": (
        lambda shop: asked(shop, **{"metadata[order]": "25"}),
        {"invoices_invoicemetadata_pkey", "invoices_invoice_pkey|invoice_newest"},
    ),
    "invoices of a customer": (
        lambda shop: asked(shop, customer_email="25@example.com"),
        {"invoice_newest_of_customer"},
    ),
    "transactions, newest first": (booked, {"transaction_newest"}),
    "transactions of a type": (
        lambda shop: booked(shop, type="reversal"),
        {"transaction_newest_back"},
    ),
    "transactions in a currency": (
        lambda shop: booked(shop, currency_code="IDR"),
        {"transaction_newest_by_currency"},
    ),
    "transactions at a gateway": (
        lambda shop: booked(shop, gateway_id=2),
        {"transaction_newest_by_gateway"},
    ),
    "transactions as the gateway calls them": (
        lambda shop: booked(shop, gateway_transaction_id="charge-7"),
        {"transaction_once"},
    ),
    "transactions of one invoice": (
        lambda shop: booked(shop, invoice_id=shop.invoice.pk),
        {"transaction_of_invoice"},
    ),
    "transactions of an order": (
        lambda shop: booked(shop, external_id=shop.invoice.external_id),
        {"invoice_external_id", "transaction_of_invoice"},
    ),
    "transactions of a customer": (
        lambda shop: booked(shop, customer_email="25@example.com"),
        {"invoice_newest_of_customer", "transaction_of_invoice"},
    ),
    "transactions booked since": (
        lambda shop: booked(shop, created_from="2026-11-23T12:30:00Z"),
        {"transaction_booked|transaction_newest_of_all"},
    ),
    "customers, newest first": (
        buyers,
        {"invoice_newest_with_customer", "invoice_newest_of_customer"},
    ),
    "a customer": (
        lambda shop: buyers(shop, email="25@example.com"),
        {"invoice_newest_of_customer"},
    ),
}


@pytest.mark.parametrize("behind", ["nothing", "the wall"])
@pytest.mark.parametrize("name", LISTS)
def test_lists_use_their_indexes(shop: Shop, name: str, behind: str) -> None:
    """Behind the wall too: row-level security keeps many conditions from using an index."""
    query, indexes = LISTS[name]
    if behind == "the wall":
        wall.raise_for(shop.tenant.pk)
    try:
        plan = plans_of(lambda: query(shop))
    finally:
        wall.lower()

    assert not_used(indexes, plan) == [], plan
    assert re.findall(rf"Seq Scan on (?:{TABLES})", plan) == [], plan


FOUND: dict[str, tuple[str, set[str]]] = {  # a term, and the indexes that find it
    "a part of a customer's name": ("nobo", {"invoice_customer_name"}),
    "a part of an id": (
        "er-98765",
        {"invoice_external_id_trigrams", "payment_request_trigrams"},
    ),
    "an amount": ("RM 987.65", {"invoice_newest_of_total", "transaction_newest_of_amount"}),
}


@contextmanager
def as_the_web() -> Iterator[None]:
    """Work as the web's login does: it owns no table, and a policy shows it every row."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {logins.APPLICATION}")
        yield
        cursor.execute("RESET ROLE")


@pytest.mark.parametrize("name", FOUND)
def test_the_web_finds_by_indexes(shop: Shop, name: str) -> None:
    """Behind row-level security it may not use statistics of texts, and counts on many rows."""
    term, indexes = FOUND[name]

    with as_the_web():
        plan = plans_of(lambda: search.everything(term))

    assert not_used(indexes, plan) == [], plan
    assert re.findall(rf"Seq Scan on (?:{TABLES})", plan) == [], plan


@pytest.mark.parametrize("term", ["nobo", "er-98765"])
def test_bound_staff_find_texts_among_rows_of_their_tenants(shop: Shop, term: str) -> None:
    """No condition on a text goes before the wall, so an index of tenants must narrow the rows."""
    plan = found_behind_the_wall(shop, term)

    searched = [
        before.strip() for before, line in pairwise(plan.splitlines()) if "~~" in line
    ]  # for each scan that compares texts, the line before its filter
    assert len(searched) >= len(OF_FRAGMENTS)
    assert [one for one in searched if not one.startswith(OF_TENANTS)] == [], plan
    assert re.findall(rf"Seq Scan on (?:{TABLES})", plan) == [], plan


def test_bound_staff_find_amounts_by_their_index(shop: Shop) -> None:
    plan = found_behind_the_wall(shop, "RM 987.65")

    assert not_used({"invoice_newest_of_total"}, plan) == [], plan
    assert re.findall(rf"Seq Scan on (?:{TABLES})", plan) == [], plan


def found_behind_the_wall(shop: Shop, term: str) -> str:
    """Return the plans of a search by staff who work for one tenant only."""
    wall.raise_for_staff([shop.tenant.pk])
    try:
        return plans_of(lambda: search.everything(term))
    finally:
        wall.lower()


WRITES: dict[str, tuple[Callable[[Shop], Statement], str]] = {  # and the index of the one table
    "the demands on an invoice": (
        lambda shop: invoices.reading_with_requests(
            invoice_id=shop.invoice.pk, tenant_id=shop.tenant.pk
        )[-1],
        "invoices_paymentrequest_invoice",
    ),
    "the lock of an invoice": (
        lambda shop: leases.lock_of(shop.invoice.pk, tenant_id=shop.tenant.pk),
        "invoices_invoice_pkey",
    ),
    "an invoice that has a page": (
        lambda shop: pages._move_invoice_on(shop.invoice, NOON),
        "invoices_invoice_pkey",
    ),
    "the page of a demand": (
        lambda shop: transitions.page_opened(
            payment_request=shop.invoice.payment_requests.get(),
            page=PaymentPage(gateway_id="charge-1", url=None, expires_at=LATE),
            url="https://pay.example/1",
            token=None,
            now=NOON,
        ),
        "invoices_paymentrequest_pkey",
    ),
    "the payments of an invoice that a refund may give back": (
        lambda shop: Statement(books._PAYMENTS, {"id": shop.invoice.pk}),
        "transaction_of_invoice",
    ),
    "what was taken back of them": (
        lambda shop: Statement(books._TAKEN_BACK, {"id": shop.invoice.pk}),
        "transaction_of_invoice",
    ),
    "where the money of a page of transactions went": (
        lambda shop: of_page(shop, answers._ENTRIES),
        "ledger_entry_once",
    ),
    "what was taken back of a page of transactions": (
        lambda shop: of_page(shop, answers._TAKEN_BACK),
        "invoices_transaction_reverses",
    ),
    "where the events since a moment begin": (
        lambda shop: Statement(
            events._BOUNDS,
            {"tenant": shop.tenant.pk, "after": None, "older": NOON + timedelta(days=1)},
        ),
        "event_since",
    ),
    "the events after a place": (
        lambda shop: events_after(shop, "1500"),
        "event_in_turn",
    ),
    "the balance of an invoice": (
        lambda shop: rows.updating([shop.invoice], posting.INVOICE_COLUMNS),
        "invoices_invoice_pkey",
    ),
    "the balances of instalments": (
        lambda shop: rows.updating(
            list(Installment.objects.order_by("pk")[:12]), posting.INSTALLMENT_COLUMNS
        ),
        "invoices_installment_pkey",
    ),
}


def events_after(shop: Shop, number: str) -> Statement:
    asked = {"tenant": shop.tenant.pk, "after": number, "older": None}
    trip(Statement(events._BOUNDS, asked))  # the next statement reads between these
    narrowed = {"after_id": 0, "since": None, "types": None, "limit": 21}
    return Statement(events._TURN, {"tenant": shop.tenant.pk, **narrowed})


def of_page(shop: Shop, sql: str) -> Statement:
    listing.read(payments.transactions(tenant=shop.tenant).order_by("-pk")[:20])
    return Statement(sql)


@pytest.mark.parametrize("name", WRITES)
def test_writes_by_its_index(shop: Shop, name: str) -> None:
    statement, index = WRITES[name]

    with connection.cursor() as cursor:
        made = statement(shop)
        cursor.execute(f"EXPLAIN {made.sql}", made.values)
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert f"using {index}" in plan, plan
    assert re.findall(rf"Seq Scan on (?:{TABLES})", plan) == [], plan


ABOUT_ONE = {"id": 7, "invoice": 7, "tenant": 1, "payment_request": 7}
BY_ID: dict[str, Callable[[], str]] = {
    "an invoice's lock": lambda: leases.lock_of(7, tenant_id=1).sql,
    "an invoice": lambda: invoices.reading_with_requests(invoice_id=7, tenant_id=1)[0].sql,
    "whether an invoice is there": lambda: f"SELECT {invoices.IS_THERE}",
    "the lock of a payment's invoice": lambda: settling._lock(InvoiceQuerySet.locked),
}


@pytest.fixture
def _new_table(db: None) -> None:
    """What the planner knows of invoices in a new database: nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_class SET relpages = 0, reltuples = -1 WHERE relname = 'invoices_invoice'"
        )
        cursor.execute("DELETE FROM pg_statistic WHERE starelid = 'invoices_invoice'::regclass")
        cursor.execute("REINDEX TABLE invoices_invoice")  # other tests' rows are in its indexes
        cursor.execute("DISCARD PLANS")


@pytest.mark.usefixtures("_new_table")
@pytest.mark.parametrize("is_bound", [False, True], ids=["not bound", "bound to a merchant"])
@pytest.mark.parametrize("name", BY_ID)
def test_an_id_is_sought_by_its_index_while_the_table_is_new(name: str, is_bound: bool) -> None:
    """A connection keeps such a plan until the table is analyzed, however it has grown."""
    sql = BY_ID[name]()
    if is_bound:
        wall.raise_for(1)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", ABOUT_ONE)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    wall.lower()

    assert re.findall(r"Scan using (\w+) on invoices_invoice", plan) == ["invoices_invoice_pkey"]
    assert "Seq Scan on invoices_invoice" not in plan, plan


@pytest.mark.usefixtures("_new_table")
def test_a_line_looks_at_its_own_invoice_while_the_table_is_new() -> None:
    with transaction.atomic():
        own, *_ = InvoiceFactory.create_batch(40, tenant=TenantFactory.create())
        before = invoices_read()
        LineItem.objects.bulk_create(
            LineItemFactory.build(invoice=own, position=position) for position in (7, 8, 9)
        )
        read = invoices_read() - before
        transaction.set_rollback(True)  # the lines do not sum up

    assert read < 10  # their foreign keys look at it too


def invoices_read() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables"
            " WHERE relname = 'invoices_invoice'"
        )
        found = cursor.fetchone()
    return int(found[0])


def test_statements_about_one_row_have_no_array(shop: Shop) -> None:
    about: dict[str, Any] = {"invoice_id": shop.invoice.pk, "tenant_id": shop.tenant.pk}
    with CaptureQueriesContext(connection) as queries:
        invoices.document_of(**about)
    read = [query["sql"] for query in queries.captured_queries]
    written = rows.updating([shop.invoice], posting.INVOICE_COLUMNS)
    locked = invoices.reading_with_requests(**about)

    # By an array of unknown length PostgreSQL keeps no plan where tables are large.
    for sql in [*read, written.sql, *(statement.sql for statement in locked)]:
        assert " ANY(" not in sql, sql
    assert len(read) >= len(locked)


@pytest.mark.parametrize("name", HOT)
def test_uses_its_index(shop: Shop, name: str) -> None:
    query, indexes = HOT[name]

    plan = plans_of(lambda: query(shop))

    assert [
        index for index in indexes if not re.search(f"(using|Index Scan on) (.*_)?({index})", plan)
    ] == [], plan
    assert re.findall(rf"Seq Scan on (?:{TABLES})", plan) == [], plan


def test_a_query_without_an_index_is_noticed(shop: Shop) -> None:
    plan = plans_of(lambda: list(Invoice.objects.filter(description="Two phones")))

    assert "Seq Scan on invoices_invoice" in plan
