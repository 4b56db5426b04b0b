"""What a new invoice and its page write, against a plain recount and against what is read back."""

import json
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import Model

from apikeys.idempotency.once import Once
from apikeys.models import Tenant
from events.models import Delivery, Event
from gateways.adapter import PaymentPage
from gateways.fees import services as fees
from gateways.models import GatewayAccount, GatewayFee
from invoices.invoices import recording, selectors, services
from invoices.invoices.request import InstallmentsRequest, InvoiceRequest, LineRequest
from invoices.invoices.selectors import InvoiceDocument
from invoices.invoices.serializers import InvoiceResponse
from invoices.models import Installment, Invoice, LineItem, PaymentRequest
from invoices.payment_requests import leases, pages
from paytrust.operations.database import violated_constraint
from paytrust.operations.trips import trip
from paytrust.web import strict_json
from tests.apikeys.factories import NOON, TenantFactory
from tests.events import factories as events

pytestmark = pytest.mark.django_db
TABLES = (Invoice, LineItem, Installment, PaymentRequest, Event, Delivery)
RATES = ("0", "0.06", "0.11", "0.0825", "1")
TEXTS = (None, "Kopi & teh", 'Batik "parang"\n\\u0000', "\U0001f426 cé")


@pytest.fixture
def tenant() -> Tenant:
    return TenantFactory.create()


def half_up(number: Decimal) -> int:
    return int(number.quantize(Decimal(1), ROUND_HALF_UP))  # a plain recount


def line(random: Random, exponent: int) -> LineRequest:
    price = Decimal(random.randint(100, 500_000)).scaleb(-exponent)
    return LineRequest(
        product_name=random.choice(["Phone", "Batik", "é\U0001f426 \\ \"'%s %(x)s"]),
        quantity=Decimal(random.randint(1, 9000)).scaleb(-random.choice([0, 3])),
        unit_price=price,
        tax_rate=Decimal(random.choice(RATES)),
        tax_category=random.choice([None, "VAT"]),
        country_code=random.choice([None, "MY"]),
        discount=Decimal(0),
    )


def request(seed: int) -> InvoiceRequest:
    """Return a demand in which any optional field may be there."""
    random = Random(seed)  # noqa: S311  # repeatable
    gateway_id, currency = random.choice([(1, "MYR"), (1, "IDR"), (2, "IDR")])
    first = LineRequest("First", Decimal(1), Decimal(9_000_000), Decimal(0))
    count = random.choice([1, 1, 2, 12])
    return InvoiceRequest(
        line_items=(first, *(line(random, 0 if currency == "IDR" else 2) for _ in range(seed % 5))),
        gateway_id=gateway_id,
        currency_code=currency,
        external_id=random.choice([None, f"order-{seed}"]),
        expires_at=None if count > 1 else random.choice([None, NOON + timedelta(days=3)]),
        installments=InstallmentsRequest(count=count) if count > 1 else None,
        description=random.choice(TEXTS),
        customer=random.choice([None, {"name": "Ayu", "email": None, "phone": "0812 3456"}]),
        metadata=random.choice([None, {"table": "7", "note": TEXTS[2] or ""}]),
        success_redirect_url=random.choice([None, "https://shop.example/ok?a=%20"]),
        failure_redirect_url=random.choice([None, "myshop://order/1"]),
        payment_method=random.choice([None, {"type": "qris", "bank": None, "store": None}]),
    )


def recorded(tenant: Tenant, asked: InvoiceRequest) -> tuple[InvoiceDocument, PaymentRequest]:
    return recording.record_invoice(
        tenant=tenant,
        request=asked,
        fee=fees.fee_on(gateway_id=asked.gateway_id, currency_code=asked.currency_code),
        once=Once(now=NOON),
        request_id="request-1",
        now=NOON,
    )


def page(url: str | None = "https://pay.example/1") -> PaymentPage:
    return PaymentPage(
        gateway_id="charge-1",
        url=url,
        expires_at=NOON + timedelta(hours=20),
        token=None if url is None else "token-1",
        instructions=None if url else {"type": "qris", "qr_string": 'é"%s'},
    )


def attributes(row: Model) -> dict[str, Any]:
    """Return all that a row holds except what the database alone makes."""
    left_out = {"needs_review", "tenant_id"} if isinstance(row, Invoice) else set()
    if isinstance(row, LineItem | Installment):
        left_out = {"tenant_id"}
    names = [field.attname for field in row._meta.concrete_fields]
    return {name: getattr(row, name) for name in names if name not in left_out}


def assert_is_what_is_read(document: InvoiceDocument, payment_request: PaymentRequest) -> None:
    """Compare each row at hand with the one that the ORM reads."""
    at_hand = [document.invoice, *document.line_items, *document.installments, payment_request]
    for row in at_hand:
        assert attributes(row) == attributes(type(row)._default_manager.get(pk=row.pk))
    invoice = Invoice.objects.get(pk=document.invoice.pk)
    assert {line.invoice_id for line in document.line_items} == {invoice.pk}
    assert {one.invoice_id for one in document.installments} == {invoice.pk}
    assert set(invoice.installments.values_list("tenant_id", flat=True)) == {invoice.tenant_id}


def shown(tenant: Tenant, invoice_id: int) -> dict[str, Any]:
    """Return what an event shows of an invoice now: as GET, without its lines."""
    document = selectors.document(tenant=tenant, invoice_id=invoice_id)
    answer = InvoiceResponse(document, context={"now": NOON}).data
    return {
        name: value
        for name, value in json.loads(strict_json.encode(answer)).items()
        if name != "line_items"
    }


def written() -> list[tuple[str, Any]]:
    rows = Event.objects.order_by("pk").values_list("type", "data")
    return [(name, json.loads(json.dumps(data["object"], default=float))) for name, data in rows]


class TestRecordInvoice:
    @pytest.mark.parametrize("seed", range(40))
    def test_writes_what_a_plain_recount_gives(self, tenant: Tenant, seed: int) -> None:
        endpoint = events.endpoint(tenant)
        asked = request(seed)
        fee = GatewayFee.objects.get(gateway=asked.gateway_id, currency_code=asked.currency_code)

        document, payment_request = recorded(tenant, asked)

        places = 0 if asked.currency_code == "IDR" else 2
        subtotals = [
            half_up(one.quantity * one.unit_price.scaleb(places)) for one in asked.line_items
        ]
        taxes = [
            half_up(subtotal * one.tax_rate)
            for subtotal, one in zip(subtotals, asked.line_items, strict=True)
        ]
        invoice = Invoice.objects.get()
        charge = half_up(sum(subtotals) * fee.percentage / 100) + fee.fixed_amount
        assert invoice.subtotal_amount == sum(subtotals)
        assert invoice.total_tax_amount == sum(taxes)
        assert invoice.total_service_fee_amount == charge
        assert invoice.total_amount == sum(subtotals) + sum(taxes) + charge
        assert (invoice.status, invoice.version) == ("draft", 1)
        assert (invoice.payment_initiated_at, invoice.created_at) == (NOON, NOON)
        assert (invoice.request_id, invoice.external_id) == ("request-1", asked.external_id)
        assert (invoice.customer, invoice.metadata) == (asked.customer, asked.metadata or {})
        assert (invoice.description, invoice.payment_method) == (
            asked.description,
            asked.payment_method,
        )
        lines = invoice.line_items.order_by("position")
        assert [
            (one.position, one.product_name, one.quantity, one.subtotal_amount, one.tax_amount)
            for one in lines
        ] == [
            (place, one.product_name, one.quantity, subtotal, tax)
            for place, (one, subtotal, tax) in enumerate(
                zip(asked.line_items, subtotals, taxes, strict=True), start=1
            )
        ]
        installments = list(invoice.installments.order_by("number"))
        assert [one.number for one in installments] == list(range(1, invoice.installment_count + 1))
        assert sum(one.total_amount for one in installments) == invoice.total_amount
        request_row = PaymentRequest.objects.get()
        assert request_row.reference.startswith(f"PT-{invoice.pk}-1-1-")
        assert (request_row.status, request_row.tries) == ("opening", 1)
        assert request_row.amount == installments[0].total_amount
        assert (request_row.installment_id, request_row.invoice_id) == (
            installments[0].pk,
            invoice.pk,
        )
        assert written() == [("invoice.created", shown(tenant, invoice.pk))]
        assert list(Event.objects.values_list("invoice_id", flat=True)) == [invoice.pk]
        assert list(Delivery.objects.values_list("endpoint", "invoice_id")) == [
            (endpoint.pk, invoice.pk)
        ]
        assert_is_what_is_read(document, payment_request)

    def test_takes_the_tenants_own_account(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        account = GatewayAccount.objects.create(
            gateway_id=1,
            tenant=tenant,
            sealed_credentials="gAAAAA",
            key_name="k",
            created_at=NOON,
            updated_at=NOON,
        )
        monkeypatch.setattr("gateways.registry.account_for", lambda code, *, tenant_id: account.pk)

        _, payment_request = recorded(tenant, request(1))

        assert PaymentRequest.objects.get().account_id == account.pk
        assert payment_request.account_id == account.pk

    def test_writes_nothing_with_a_fee_of_yesterday(self, tenant: Tenant) -> None:
        asked = request(0)
        fee = fees.fee_on(gateway_id=asked.gateway_id, currency_code=asked.currency_code)
        GatewayFee.objects.filter(pk=fee.pk).update(fixed_amount=fee.fixed_amount + 1)

        with pytest.raises(IntegrityError) as error:
            recording.record_invoice(
                tenant=tenant,
                request=asked,
                fee=fee,
                once=Once(now=NOON),
                request_id=None,
                now=NOON,
            )

        assert violated_constraint(error.value) == fees.FEE_IN_FORCE
        assert [table._default_manager.count() for table in TABLES] == [0] * len(TABLES)


class TestTheFee:
    def test_is_the_one_in_force_also_if_this_process_knows_another(self, tenant: Tenant) -> None:
        asked = request(0)
        known = fees.likely_fee_on(gateway_id=asked.gateway_id, currency_code=asked.currency_code)
        GatewayFee.objects.filter(pk=known.pk).update(fixed_amount=known.fixed_amount + 1)

        for _ in range(2):
            document, _ = services._at_the_fee_in_force(
                asked,
                lambda fee: recording.record_invoice(
                    tenant=tenant,
                    request=asked,
                    fee=fee,
                    once=Once(now=NOON),
                    request_id=None,
                    now=NOON,
                ),
            )

            assert document.invoice.fee_fixed_amount == known.fixed_amount + 1
        assert Invoice.objects.count() == 2


class TestRecordPageOf:
    @pytest.mark.parametrize("seed", range(8))
    @pytest.mark.parametrize("url", ["https://pay.example/1", None])
    def test_writes_what_is_at_hand(self, tenant: Tenant, seed: int, url: str | None) -> None:
        document, payment_request = recorded(tenant, request(seed))

        opened = pages.record_page_of(
            document=document, payment_request=payment_request, page=page(url), now=NOON
        )

        assert opened.open_request is not None
        assert_is_what_is_read(opened, opened.open_request)
        row = PaymentRequest.objects.get()
        assert (row.status, row.gateway_payment_id, row.opened_at) == ("open", "charge-1", NOON)
        assert row.payment_url == (url or f"http://127.0.0.1:8000/pay/{row.page_token}")
        assert row.leased_until is None
        assert Invoice.objects.get().status == "pending"
        assert Invoice.objects.get().version == 1  # all at one moment
        assert written()[1:] == [("invoice.payment_ready", shown(tenant, row.invoice_id))]

    @pytest.mark.parametrize("changed", [{"version": 2}, {"status": "pending"}])
    def test_reads_again_what_somebody_has_changed(
        self, tenant: Tenant, changed: dict[str, Any]
    ) -> None:
        document, payment_request = recorded(tenant, request(3))
        Invoice.objects.update(**changed)
        later = NOON + timedelta(minutes=1)

        opened = pages.record_page_of(
            document=document, payment_request=payment_request, page=page(), now=later
        )

        invoice = Invoice.objects.get()
        assert opened.open_request is not None
        assert (invoice.status, invoice.updated_at) == ("pending", later)
        assert invoice.version == changed.get("version", 1) + 1
        assert_is_what_is_read(opened, opened.open_request)
        assert [name for name, _ in written()] == ["invoice.created", "invoice.payment_ready"]

    def test_leaves_alone_what_was_paid_meanwhile(self, tenant: Tenant) -> None:
        document, payment_request = recorded(tenant, request(3))
        PaymentRequest.objects.update(status="paid", ended_at=NOON)

        opened = pages.record_page_of(
            document=document, payment_request=payment_request, page=page(), now=NOON
        )

        assert opened.open_request is None
        row = PaymentRequest.objects.get()
        assert (row.status, row.payment_url) == ("paid", None)
        assert Invoice.objects.get().status == "draft"
        assert [name for name, _ in written()] == ["invoice.created"]


class TestTheLock:
    def test_of_a_trip_is_the_querysets(self, tenant: Tenant) -> None:
        document, _ = recorded(tenant, request(0))

        anybodys = leases.lock_of(document.invoice.pk, tenant_id=None)
        bound = leases.lock_of(document.invoice.pk, tenant_id=tenant.pk)

        for lock in (anybodys, bound):
            assert lock.sql.endswith('FOR UPDATE OF "invoices_invoice" NOWAIT')
            assert trip(lock) == [[(document.invoice.pk,)]]

    def test_is_not_taken_on_another_tenants_invoice(self, tenant: Tenant) -> None:
        document, _ = recorded(tenant, request(0))

        assert trip(leases.lock_of(document.invoice.pk, tenant_id=tenant.pk + 1)) == [[]]
