"""The ledger rows that the database itself refuses."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from invoices.models import Installment, Invoice, LedgerEntry, LedgerTax, Transaction
from payments.booking import settling
from tests.apikeys.factories import NOON
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


def rows() -> tuple[list[Any], ...]:
    models = (Invoice, Installment, Transaction, LedgerEntry, LedgerTax)
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
            "paid_at": NOON,
            "created_at": NOON,
            **fields,
        }
    )


def entry_of(transaction: Transaction, **fields: Any) -> LedgerEntry:
    """Make one more ledger row: an overpayment, unless the test says otherwise."""
    return LedgerEntry.objects.create(
        **{
            "tenant_id": transaction.tenant_id,
            "gateway_id": transaction.gateway_id,
            "invoice_id": transaction.invoice_id,
            "transaction": transaction,
            "kind": transaction.kind,
            "currency_code": "MYR",
            "amount": transaction.amount,
            "net_amount": 0,
            "tax_amount": 0,
            "service_fee_amount": 0,
            "booked_at": NOON,
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
            {"kind": "refund", "amount": -1},
            {"kind": "reversal", "amount": 1, "reverses": "booked"},
            {"kind": "refund", "amount": 1, "reverses": "booked"},
            {"kind": "gift"},
            {"reverses": "booked"},
        ],
    )
    def test_has_the_sign_of_its_kind(self, booked: Transaction, fields: dict[str, Any]) -> None:
        fields = {name: booked if value == "booked" else value for name, value in fields.items()}

        with refused_by("transaction_sign_matches_kind"):
            another(booked, **fields)

        assert Transaction.objects.get() == booked

    def test_has_a_place_for_each_unit(self, booked: Transaction) -> None:
        with refused_by("ledger_entries_sum_to_transaction"):
            another(booked)

        assert Transaction.objects.get() == booked


class TestALedgerEntry:
    @pytest.mark.usefixtures("booked")
    def test_is_never_edited(self) -> None:
        before = rows()

        with refused_by("ledger_entry_append_only"):
            execute("UPDATE invoices_ledgerentry SET booked_at = now()")

        assert rows() == before

    @pytest.mark.usefixtures("booked")
    def test_is_never_deleted(self) -> None:
        before = rows()

        with refused_by("ledger_entry_append_only"):
            execute("DELETE FROM invoices_ledgerentry")

        assert rows() == before

    def test_is_the_only_one_of_its_transaction_and_installment(self, booked: Transaction) -> None:
        before = rows()

        with refused_by("ledger_entry_once"):
            entry_of(booked)

        assert rows() == before

    @pytest.mark.parametrize(
        ("fields", "constraint"),
        [
            ({"amount": -1}, "ledger_entry_sign_matches_kind"),
            ({"kind": "refund"}, "ledger_entry_sign_matches_kind"),
            ({"kind": "gift"}, "ledger_entry_sign_matches_kind"),
            ({"net_amount": 1}, "ledger_entry_amount_is_its_shares"),
        ],
    )
    def test_has_the_sign_of_its_kind_and_its_shares(
        self, booked: Transaction, fields: dict[str, Any], constraint: str
    ) -> None:
        before = rows()

        with refused_by(constraint):
            entry_of(another(booked), **fields)

        assert rows() == before

    def test_of_an_installment_is_the_sum_of_its_shares(self, booked: Transaction) -> None:
        before = rows()

        with refused_by("ledger_entry_amount_is_its_shares"):
            entry_of(another(booked), installment=Installment.objects.get())

        assert rows() == before

    def test_cannot_give_more_than_its_transaction_brought(self, booked: Transaction) -> None:
        before = rows()

        with refused_by("ledger_entries_sum_to_transaction"):
            entry_of(another(booked), amount=2)

        assert rows() == before


class TestALedgerTax:
    @pytest.mark.usefixtures("booked")
    def test_is_never_edited(self) -> None:
        before = rows()

        with refused_by("ledger_tax_append_only"):
            execute("UPDATE invoices_ledgertax SET tax_amount = 1")

        assert rows() == before

    @pytest.mark.usefixtures("booked")
    def test_sums_to_its_entry(self) -> None:
        before = rows()

        with refused_by("ledger_taxes_sum_to_entry"):
            LedgerTax.objects.create(
                entry=LedgerEntry.objects.exclude(installment=None).get(),
                tax_rate="0.1100",
                tax_amount=1,
            )

        assert rows() == before

    @pytest.mark.usefixtures("booked")
    def test_is_the_only_one_at_its_rate(self) -> None:
        before = rows()

        with refused_by("ledger_tax_rate"):
            LedgerTax.objects.create(
                entry=LedgerEntry.objects.exclude(installment=None).get(), tax_rate=0, tax_amount=0
            )

        assert rows() == before


class TestBalances:
    @pytest.mark.parametrize(
        "change",
        [
            {"paid_amount": 10_051},
            {"paid_amount": 10_000, "overpayment_amount": 0},
            {"refunded_amount": 1},
        ],
    )
    @pytest.mark.usefixtures("booked")
    def test_of_the_invoice_are_its_ledger(self, change: dict[str, int]) -> None:
        before = rows()

        with refused_by("invoice_balance"):
            Invoice.objects.update(**change)

        assert rows() == before

    def test_of_the_invoice_follow_a_new_entry(self, booked: Transaction) -> None:
        before = rows()

        with refused_by("invoice_balance"):
            entry_of(another(booked))

        assert rows() == before

    @pytest.mark.parametrize(
        "change",
        [{"refunded_amount": 1}, {"paid_amount": 1, "status": "unpaid", "settled_at": None}],
    )
    @pytest.mark.usefixtures("booked")
    def test_of_an_installment_are_its_ledger(self, change: dict[str, Any]) -> None:
        before = rows()

        with refused_by("installment_balance"):
            Installment.objects.update(**change)

        assert rows() == before
