"""What the database itself refuses of transactions, allocations and notifications."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from invoices.models import Installment, Invoice, Transaction
from payments.booking import settling
from payments.models import Allocation, WebhookEvent, WebhookRetry
from tests.apikeys.factories import NOON, TenantFactory
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.reports import report
from tests.rules import accepted, execute, refused_by

pytestmark = pytest.mark.django_db


@pytest.fixture
def booked() -> Transaction:
    """A payment of 10 050 for 10 000."""
    request = PaymentRequestFactory.create(invoice=invoice())
    settling.settle(
        payment_request_id=request.pk, report=report(request, paid=10_050), event=None, now=NOON
    )
    connection.check_constraints()
    return Transaction.objects.get()


@pytest.fixture
def event() -> WebhookEvent:
    made = WebhookEvent.objects.create(
        gateway_id=1, event_id="event-1", body=b"{}", received_at=NOON, next_attempt_at=NOON
    )
    WebhookRetry.objects.create(event=made, attempt=1, attempted_at=NOON, outcome="not_confirmed")
    return made


def rows() -> tuple[list[Any], ...]:
    models = (Invoice, Installment, Transaction, Allocation, WebhookEvent, WebhookRetry)
    return tuple(list(model._default_manager.order_by("pk").values()) for model in models)


def another(booked: Transaction, **fields: Any) -> Transaction:
    """Make one more transaction row, by itself."""
    return Transaction.objects.create(
        **{
            "tenant_id": booked.tenant_id,
            "invoice_id": booked.invoice_id,
            "payment_request_id": booked.payment_request_id,
            "gateway_id": booked.gateway_id,
            "gateway_transaction_id": "another",
            "currency_code": "MYR",
            "amount": 1,
            "overpayment_amount": 1,
            "paid_at": NOON,
            "created_at": NOON,
            **fields,
        }
    )


class TestATransaction:
    CHANGES: dict[str, Any] = {
        "tenant_id": 0,
        "invoice_id": 0,
        "payment_request_id": 0,
        "gateway_id": 2,
        "gateway_transaction_id": "other",
        "kind": "reversal",
        "reverses_id": 0,
        "currency_code": "USD",
        "amount": 10_051,
        "overpayment_amount": 51,
        "paid_at": NOON + timedelta(days=1),
        "created_at": NOON + timedelta(days=1),
    }

    @pytest.mark.parametrize("column", CHANGES)
    @pytest.mark.usefixtures("booked")
    def test_is_never_edited(self, column: str) -> None:
        before = rows()

        with refused_by("transaction_append_only"):
            Transaction.objects.update(**{column: self.CHANGES[column]})

        assert rows() == before

    @pytest.mark.usefixtures("booked")
    def test_is_never_deleted(self) -> None:
        before = rows()

        with refused_by("transaction_append_only"):
            execute("DELETE FROM invoices_transaction")

        assert rows() == before

    @pytest.mark.usefixtures("booked")
    def test_may_learn_its_iso_20022_status_later(self) -> None:
        with accepted():
            Transaction.objects.update(iso20022_transaction_status="ACSC")

    def test_bears_its_gateways_id_alone(self, booked: Transaction) -> None:
        with refused_by("transaction_once"):
            another(booked, gateway_transaction_id=booked.gateway_transaction_id)

        assert Transaction.objects.get() == booked

    @pytest.mark.parametrize(
        "fields",
        [
            {"amount": 0},
            {"amount": -1},
            {"kind": "reversal", "amount": -1},
            {"kind": "reversal", "amount": 1, "reverses": "booked"},
            {"kind": "gift"},
            {"reverses": "booked"},
        ],
    )
    def test_has_the_sign_of_its_kind(self, booked: Transaction, fields: dict[str, Any]) -> None:
        fields = {name: booked if value == "booked" else value for name, value in fields.items()}

        with refused_by("transaction_sign_matches_kind"):
            another(booked, **fields)

        assert Transaction.objects.get() == booked

    def test_is_allocated_to_the_unit(self, booked: Transaction) -> None:
        with refused_by("transaction_is_allocated"):
            another(booked, amount=2, overpayment_amount=1)
            Invoice.objects.update(paid_amount=10_052, overpayment_amount=51)

        assert Transaction.objects.get() == booked


class TestAnAllocation:
    @pytest.mark.usefixtures("booked")
    def test_is_never_edited(self) -> None:
        with refused_by("allocation_append_only"):
            execute("UPDATE payments_allocation SET amount = 1")

        assert Allocation.objects.get().amount == 10_000

    @pytest.mark.usefixtures("booked")
    def test_is_never_deleted(self) -> None:
        with refused_by("allocation_append_only"):
            execute("DELETE FROM payments_allocation")

        assert Allocation.objects.get().amount == 10_000

    def test_moves_something(self, booked: Transaction) -> None:
        made = another(booked)

        with refused_by("allocation_moves_something"):
            Allocation.objects.create(
                transaction=made, installment=Installment.objects.get(), amount=0
            )
        Invoice.objects.update(paid_amount=10_051, overpayment_amount=51)

    def test_is_the_only_one_between_its_two(self, booked: Transaction) -> None:
        with refused_by("allocation_per_installment"):
            Allocation.objects.create(
                transaction=booked, installment=Installment.objects.get(), amount=1
            )

    def test_cannot_give_more_than_its_transaction_brought(self, booked: Transaction) -> None:
        before = rows()
        other = PaymentRequestFactory.create(invoice=invoice(tenant=booked.tenant))
        connection.check_constraints()

        with refused_by("transaction_is_allocated"):
            Allocation.objects.create(transaction=booked, installment=other.installment, amount=1)

        assert rows()[2:4] == before[2:4]


class TestBalances:
    @pytest.mark.parametrize(
        "change",
        [{"paid_amount": 10_051}, {"paid_amount": 10_000, "overpayment_amount": 0}],
    )
    @pytest.mark.usefixtures("booked")
    def test_of_the_invoice_are_its_transactions(self, change: dict[str, int]) -> None:
        before = rows()

        with refused_by("invoice_balance"):
            Invoice.objects.update(**change)

        assert rows() == before

    def test_of_the_invoice_follow_a_new_transaction(self, booked: Transaction) -> None:
        with refused_by("invoice_balance"):
            another(booked)

        assert Transaction.objects.get() == booked

    @pytest.mark.usefixtures("booked")
    def test_of_an_instalment_are_its_allocations(self) -> None:
        before = rows()

        with refused_by("installment_balance"):
            execute(
                "UPDATE invoices_installment SET paid_amount = 9999, status = 'unpaid',"
                " settled_at = NULL"
            )

        assert rows() == before

    def test_are_not_moved_without_money(self) -> None:
        invoice()
        connection.check_constraints()

        with refused_by("invoice_balance"):
            Invoice.objects.update(status="fully_paid", paid_amount=10_000)


class TestANotification:
    CHANGES: dict[str, Any] = {
        "gateway_id": 2,
        "event_id": "other",
        "body": b"[]",
        "received_at": NOON + timedelta(days=1),
    }

    @pytest.mark.parametrize("column", CHANGES)
    @pytest.mark.usefixtures("event")
    def test_stays_as_it_came(self, column: str) -> None:
        before = rows()

        with refused_by("webhook_event_kept"):
            WebhookEvent.objects.update(**{column: self.CHANGES[column]})

        assert rows() == before

    @pytest.mark.usefixtures("event")
    def test_is_never_deleted(self) -> None:
        with refused_by("webhook_event_kept"):
            execute("DELETE FROM payments_webhookevent")

        assert WebhookEvent.objects.count() == 1

    @pytest.mark.usefixtures("event")
    def test_may_be_processed(self) -> None:
        with accepted():
            WebhookEvent.objects.update(
                status="processed", outcome="booked", next_attempt_at=None, processed_at=NOON
            )

    @pytest.mark.usefixtures("event")
    def test_that_waits_is_due_some_time(self) -> None:
        with refused_by("webhook_event_waiting_has_a_due_time"):
            WebhookEvent.objects.update(next_attempt_at=None)

    @pytest.mark.parametrize("with_tenant", [True, False])
    def test_is_stored_once(self, with_tenant: bool) -> None:
        fields: dict[str, Any] = {
            "gateway_id": 1,
            "event_id": "event-1",
            "tenant": TenantFactory.create() if with_tenant else None,
            "received_at": NOON,
            "next_attempt_at": NOON,
        }
        WebhookEvent.objects.create(body=b"1", **fields)
        WebhookEvent.objects.create(body=b"2", **{**fields, "gateway_id": 2})

        with refused_by("webhook_event_once"):
            WebhookEvent.objects.create(body=b"3", **fields)

        assert WebhookEvent.objects.count() == 2


class TestTheRetryLog:
    @pytest.mark.usefixtures("event")
    def test_is_never_edited(self) -> None:
        with refused_by("webhook_retry_append_only"):
            WebhookRetry.objects.update(outcome="booked")

        assert WebhookRetry.objects.get().outcome == "not_confirmed"

    @pytest.mark.usefixtures("event")
    def test_is_never_deleted(self) -> None:
        with refused_by("webhook_retry_append_only"):
            execute("DELETE FROM payments_webhookretry")

        assert WebhookRetry.objects.count() == 1

    def test_has_each_attempt_once(self, event: WebhookEvent) -> None:
        with refused_by("webhook_retry_attempt"):
            WebhookRetry.objects.create(event=event, attempt=1, attempted_at=NOON, outcome="x")
