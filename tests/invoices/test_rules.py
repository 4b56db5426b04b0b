"""The invoices, lines, instalments and payment requests that the database itself refuses."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models import F

from invoices.invoices.statuses import LEGAL_CHANGES
from invoices.models import Installment, Invoice, InvoiceStatus, LineItem, PaymentRequest
from tests.apikeys.factories import NOON, TenantFactory
from tests.invoices.factories import (
    InstallmentFactory,
    InvoiceFactory,
    LineItemFactory,
    PaymentRequestFactory,
    invoice,
)
from tests.rules import accepted, execute, refused_by

pytestmark = pytest.mark.django_db

PAID_STATES = {"partially_paid": 1, "fully_paid": 10_000}
RECORD = UUID(int=7)


def rows() -> tuple[list[Any], ...]:
    return tuple(
        list(model._default_manager.order_by("pk").values())
        for model in (Invoice, LineItem, Installment, PaymentRequest)
    )


class TestFrozenAmounts:
    CHANGES: dict[str, Any] = {
        "tenant_id": 0,
        "gateway_id": 2,
        "parent_id": 0,
        "currency_code": "USD",
        "subtotal_amount": 9_999,
        "total_tax_amount": 1,
        "total_service_fee_amount": 1,
        "total_amount": 9_999,
        "fee_percentage": 1,
        "fee_fixed_amount": 1,
        "installment_count": 2,
        "payment_initiated_at": None,
        "created_at": NOON + timedelta(days=1),
    }

    @pytest.mark.parametrize("column", CHANGES)
    def test_cannot_change_once_payment_was_initiated(self, column: str) -> None:
        invoice()
        before = rows()

        with refused_by("invoice_immutable"):
            Invoice.objects.update(**{column: self.CHANGES[column]})

        assert rows() == before

    def test_can_change_before_that(self) -> None:
        invoice(payment_initiated_at=None)
        connection.check_constraints()

        with accepted():
            Invoice.objects.update(gateway_id=2, currency_code="IDR", payment_initiated_at=NOON)

    def test_leave_what_lives_on_free(self) -> None:
        invoice()

        with accepted():
            Invoice.objects.update(
                status="expired", ended_as="expired", updated_at=NOON, review_flags=["late"]
            )

    def test_cannot_go_with_their_invoice(self) -> None:
        invoice()
        before = rows()

        with refused_by("invoice_immutable"):
            execute("DELETE FROM invoices_invoice")

        assert rows() == before


class TestFrozenLines:
    WRITES = {
        "added": (
            "INSERT INTO invoices_lineitem (invoice_id, position, product_name, quantity,"
            " unit_price_amount, tax_rate, subtotal_amount, tax_amount)"
            " SELECT id, 2, 'Gift', 1, 0, 0, 0, 0 FROM invoices_invoice"
        ),
        "renamed": "UPDATE invoices_lineitem SET product_name = 'Gift'",
        "repriced": "UPDATE invoices_lineitem SET unit_price_amount = 1, subtotal_amount = 1",
        "deleted": "DELETE FROM invoices_lineitem",
    }

    @pytest.mark.parametrize("write", WRITES)
    def test_cannot_be_touched_once_payment_was_initiated(self, write: str) -> None:
        invoice()
        before = rows()

        with refused_by("invoice_immutable"):
            execute(self.WRITES[write])

        assert rows() == before

    @pytest.mark.parametrize("write", WRITES)
    def test_can_be_touched_before_that(self, write: str) -> None:
        invoice(payment_initiated_at=None)
        connection.check_constraints()

        with accepted():
            execute(self.WRITES[write])

    def test_cannot_come_from_another_invoice(self) -> None:
        frozen, free = invoice(), invoice(payment_initiated_at=None)
        connection.check_constraints()
        before = rows()

        with refused_by("invoice_immutable"):
            LineItem.objects.filter(invoice=free).update(invoice=frozen, position=2)

        assert rows() == before


class TestStateChange:
    @pytest.mark.parametrize("before", InvoiceStatus.values)
    def test_is_legal_exactly_where_the_table_of_states_says_so(self, before: str) -> None:
        made = invoice(status=before, paid_amount=PAID_STATES.get(before, 0))
        changes = Invoice.objects.filter(pk=made.pk)

        for after in InvoiceStatus.values:
            change = {
                "status": after,
                "paid_amount": PAID_STATES.get(after, 0),
                "paid_at": NOON if after == "fully_paid" else None,
            }
            if after == before or after in LEGAL_CHANGES[before]:
                with transaction.atomic():
                    assert changes.update(**change) == 1
                    transaction.set_rollback(True)
            else:
                with refused_by("invoice_state_change"):
                    changes.update(**change)

    def test_table_knows_every_state(self) -> None:
        assert set(LEGAL_CHANGES) == set(InvoiceStatus.values)
        assert "draft" not in set().union(*LEGAL_CHANGES.values())


class TestSums:
    @pytest.mark.parametrize("column", ["net_amount", "tax_amount", "service_fee_amount"])
    def test_of_installments_cannot_leave_the_invoices(self, column: str) -> None:
        invoice(totals=(4_000, 6_000))
        connection.check_constraints()
        before = rows()

        with refused_by("installments_sum_to_invoice"):
            Installment.objects.filter(number=1).update(
                **{column: F(column) + 1, "total_amount": F("total_amount") + 1}
            )

        assert rows() == before

    def test_of_installments_may_move_between_them(self) -> None:
        invoice(totals=(4_000, 6_000))
        connection.check_constraints()

        with accepted():
            execute("UPDATE invoices_installment SET net_amount = 5000, total_amount = 5000")

    def test_of_installments_cannot_swap_columns(self) -> None:
        invoice()
        connection.check_constraints()

        with refused_by("installments_sum_to_invoice"):
            execute("UPDATE invoices_installment SET net_amount = 9999, tax_amount = 1")

    def test_of_installments_cannot_lose_one(self) -> None:
        invoice(totals=(4_000, 6_000))
        connection.check_constraints()

        with refused_by("installments_sum_to_invoice"):
            execute("DELETE FROM invoices_installment WHERE number = 2")

    def test_of_installments_cannot_gain_one(self) -> None:
        made = invoice()
        connection.check_constraints()

        with refused_by("installments_sum_to_invoice"):
            InstallmentFactory.create(invoice=made, number=2, net_amount=1)

    def test_of_installments_are_there_from_the_start(self) -> None:
        with refused_by("installments_sum_to_invoice"):
            LineItemFactory.create(invoice=InvoiceFactory.create())

        assert not Invoice.objects.exists()

    @pytest.mark.parametrize("price", [9_999, 10_001])
    def test_of_lines_are_the_invoices(self, price: int) -> None:
        with refused_by("line_items_sum_to_invoice"):
            made = InvoiceFactory.create()
            InstallmentFactory.create(invoice=made)
            LineItemFactory.create(invoice=made, unit_price_amount=price)

        assert not Invoice.objects.exists()

    def test_of_lines_are_there_from_the_start(self) -> None:
        with refused_by("line_items_sum_to_invoice"):
            InstallmentFactory.create(invoice=InvoiceFactory.create())


class TestAPaidInstallment:
    @pytest.mark.parametrize(
        "change",
        [
            {"net_amount": 1, "total_amount": 1, "paid_amount": 1},
            {"net_amount": 9_999, "tax_amount": 1},
            {"net_amount": 9_999, "service_fee_amount": 1},
            {"number": 3},
            {"due_at": NOON + timedelta(days=2)},
        ],
    )
    def test_cannot_change(self, change: dict[str, Any]) -> None:
        made = invoice()
        Installment.objects.filter(invoice=made).delete()
        InstallmentFactory.create(
            invoice=made, paid_amount=10_000, status="paid", paid_at=NOON, settled_at=NOON
        )
        before = rows()

        with refused_by("installment_paid_immutable"):
            Installment.objects.update(**change)

        assert rows() == before


INVOICE_RULES: list[tuple[dict[str, Any], str]] = [
    ({"total_amount": 10_001}, "invoice_total_is_its_sum"),
    ({"subtotal_amount": 0}, "invoice_amounts_in_range"),
    ({"subtotal_amount": 0, "total_service_fee_amount": 1}, "invoice_amounts_in_range"),
    ({"subtotal_amount": -1, "total_tax_amount": 2}, "invoice_amounts_in_range"),
    ({"total_tax_amount": -1}, "invoice_amounts_in_range"),
    ({"total_service_fee_amount": -1}, "invoice_amounts_in_range"),
    ({"subtotal_amount": 2**53}, "invoice_amounts_in_range"),
    ({"overpayment_amount": -1}, "invoice_paid_amount_not_negative"),
    (
        {"status": "partially_paid", "paid_amount": 1, "overpayment_amount": 2},
        "invoice_paid_amount_not_negative",
    ),
    (
        {"status": "fully_paid", "paid_at": NOON, "paid_amount": 9_999},
        "invoice_fully_paid_covers_total",
    ),
    (
        {"status": "fully_paid", "paid_at": NOON, "paid_amount": 10_000, "overpayment_amount": 1},
        "invoice_fully_paid_covers_total",
    ),
    *(
        ({"status": status, "paid_amount": 1}, "invoice_state_follows_money")
        for status in ("draft", "pending", "failed", "expired", "cancelled")
    ),
    ({"status": "lost"}, "invoice_status_known"),
    ({"currency_code": "EUR"}, "invoice_currency_served"),
    ({"installment_count": 0}, "invoice_installments_1_to_12"),
    ({"installment_count": 13}, "invoice_installments_1_to_12"),
    ({"id": 7, "parent_id": 7}, "invoice_is_not_its_own_parent"),
]


class TestAnInvoice:
    @pytest.mark.parametrize(("fields", "constraint"), INVOICE_RULES)
    def test_that_contradicts_itself_is_refused(
        self, fields: dict[str, Any], constraint: str
    ) -> None:
        with refused_by(constraint):
            InvoiceFactory.create(**fields)

        assert not Invoice.objects.exists()

    def test_shares_its_external_id_with_no_other_of_its_tenant(self) -> None:
        tenant = TenantFactory.create()
        invoice(tenant=tenant, external_id="order-77")
        invoice(external_id="order-77")
        invoice(tenant=tenant), invoice(tenant=tenant)

        with refused_by("invoice_external_id_per_tenant"):
            InvoiceFactory.create(tenant=tenant, external_id="order-77")

        assert Invoice.objects.count() == 4

    def test_is_the_only_one_of_its_idempotency_record(self) -> None:
        invoice(idempotency_record_id=RECORD)

        with refused_by("invoice_per_idempotency_record"):
            InvoiceFactory.create(idempotency_record_id=RECORD)


class TestALine:
    @pytest.mark.parametrize(
        ("fields", "constraint"),
        [
            ({"quantity": 0}, "line_item_amounts_in_range"),
            ({"unit_price_amount": -1}, "line_item_amounts_in_range"),
            ({"tax_amount": -1}, "line_item_amounts_in_range"),
            ({"quantity": Decimal("-0.001")}, "line_item_amounts_in_range"),
            ({"discount_amount": -1}, "line_item_amounts_in_range"),
            ({"discount_amount": 10_001}, "line_item_amounts_in_range"),
            ({"subtotal_amount": 1}, "line_item_subtotal_is_its_price"),
            ({"subtotal_amount": 10_000, "discount_amount": 1}, "line_item_subtotal_is_its_price"),
            (
                {"quantity": Decimal("1.5"), "subtotal_amount": 15_001},
                "line_item_subtotal_is_its_price",
            ),
            ({"unit_price_amount": 2**53}, "line_item_price_at_most"),
            ({"unit_price_amount": 2**53, "discount_amount": 1}, "line_item_price_at_most"),
            ({"tax_rate": -1}, "line_item_tax_rate_is_a_rate"),
            ({"tax_rate": "1.0001"}, "line_item_tax_rate_is_a_rate"),
            ({"position": 1}, "line_item_position"),
        ],
    )
    def test_that_contradicts_itself_is_refused(
        self, fields: dict[str, Any], constraint: str
    ) -> None:
        made = invoice(payment_initiated_at=None)

        with refused_by(constraint):
            LineItemFactory.create(invoice=made, **{"position": 2, **fields})

        assert LineItem.objects.count() == 1


class TestAnInstallment:
    @pytest.mark.parametrize(
        ("fields", "constraint"),
        [
            ({"total_amount": 1}, "installment_total_is_its_sum"),
            ({"net_amount": 0}, "installment_amounts_in_range"),
            ({"net_amount": -1, "tax_amount": 2}, "installment_amounts_in_range"),
            ({"tax_amount": -1}, "installment_amounts_in_range"),
            ({"service_fee_amount": -1}, "installment_amounts_in_range"),
            ({"paid_amount": -1}, "installment_amounts_in_range"),
            ({"paid_amount": 10_001}, "installment_amounts_in_range"),
            ({"settled_at": NOON}, "installment_paid_is_paid_in_full"),
            ({"status": "paid", "paid_amount": 10_000}, "installment_paid_is_paid_in_full"),
            (
                {"status": "paid", "paid_amount": 9_999, "settled_at": NOON},
                "installment_paid_is_paid_in_full",
            ),
            ({"status": "overdue"}, "installment_paid_is_paid_in_full"),
            ({"number": 1}, "installment_number"),
        ],
    )
    def test_that_contradicts_itself_is_refused(
        self, fields: dict[str, Any], constraint: str
    ) -> None:
        made = invoice()
        connection.check_constraints()

        with refused_by(constraint):
            InstallmentFactory.create(invoice=made, **{"number": 2, **fields})

        assert Installment.objects.count() == 1


class TestAPaymentRequest:
    @pytest.mark.parametrize("first", ["opening", "open", "closing"])
    @pytest.mark.parametrize("second", ["opening", "open", "closing"])
    def test_is_the_only_active_one_of_its_installment(self, first: str, second: str) -> None:
        request = PaymentRequestFactory.create(status=first)

        with refused_by("payment_request_one_open_per_installment"):
            PaymentRequestFactory.create(invoice=request.invoice, sequence=2, status=second)

        assert PaymentRequest.objects.get() == request

    @pytest.mark.parametrize("ended", ["paid", "expired", "failed", "cancelled"])
    def test_may_follow_one_that_has_ended(self, ended: str) -> None:
        request = PaymentRequestFactory.create(status=ended)

        PaymentRequestFactory.create(invoice=request.invoice, sequence=2)

        assert PaymentRequest.objects.count() == 2

    @pytest.mark.parametrize(
        ("fields", "constraint"),
        [
            ({"amount": 0}, "payment_request_amount_positive"),
            ({"payment_url": None}, "payment_request_open_has_url"),
            ({"status": "failed", "sequence": 1}, "payment_request_sequence"),
            ({"reference": "PT-TAKEN"}, "invoices_paymentrequest_reference_key"),
        ],
    )
    def test_that_contradicts_itself_is_refused(
        self, fields: dict[str, Any], constraint: str
    ) -> None:
        ended = PaymentRequestFactory.create(status="failed", reference="PT-TAKEN")

        with refused_by(constraint):
            PaymentRequestFactory.create(invoice=ended.invoice, **{"sequence": 2, **fields})

        assert PaymentRequest.objects.get() == ended


def rules() -> set[tuple[str, str]]:
    """Return the triggers and functions that are ours."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 'trigger', tgname FROM pg_trigger WHERE NOT tgisinternal"
            " UNION SELECT 'function', proname FROM pg_proc WHERE proname LIKE 'paytrust_%'"
        )
        return set(cursor.fetchall())
