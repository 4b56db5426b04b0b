"""The audit finds one unit that was changed by hand, in every table."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from apikeys.models import Tenant
from invoices.models import Transaction
from payments.booking import settling
from payments.models import SettlementImport
from payments.settlement import services
from reporting.financial import rollups
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body
from tests.payments.reports import report
from tests.payments.settlement.test_services import row
from tests.reporting.ledger import unguarded

CORRUPTIONS = [  # a table, and what moves one unit in it
    ("invoices_lineitem", "tax_amount = tax_amount + 1"),
    ("invoices_invoice", "paid_amount = paid_amount + 1"),
    ("invoices_invoice", "overpayment_amount = 1"),
    ("invoices_invoice", "refunded_amount = refunded_amount - 1"),
    ("invoices_installment", "net_amount = net_amount - 1, tax_amount = tax_amount + 1"),
    ("invoices_installment", "refunded_amount = 776 WHERE number = 1"),
    ("invoices_installment", "paid_amount = 1 WHERE number = 2"),
    ("invoices_transaction", "amount = amount + 1"),
    ("invoices_ledgerentry", "amount = amount + 1, net_amount = net_amount + 1"),
    (
        "invoices_ledgerentry",
        "net_amount = net_amount - 1, service_fee_amount = service_fee_amount + 1 WHERE amount > 0",
    ),
    (
        "invoices_ledgerentry",
        "net_amount = net_amount - 1, tax_amount = tax_amount + 1 WHERE amount < 0",
    ),
    ("invoices_ledgerentry", "kind = 'reversal' WHERE amount < 0"),
    ("invoices_ledgerentry", "currency_code = 'USD'"),
    ("payments_settlementline", "gross_amount = gross_amount + 1"),
    ("payments_settlementline", "kind = 'refund'"),
    ("payments_settlementline", "state = 'fee_differs'"),
    ("invoices_ledgertax", "tax_amount = tax_amount + 1"),
    ("invoices_ledgertax", "tax_rate = 0.0700 WHERE tax_rate > 0"),
    (
        "reporting_dailytotal",
        "total_tax_amount = 1, total_amount = 1 WHERE tax_rate IS NOT NULL",
    ),
    ("reporting_dailytotal", "transaction_count = 2 WHERE tax_rate IS NULL"),
    (
        "reporting_dailytotal",
        "overpayment_amount = 1, subtotal_amount = subtotal_amount - 1 WHERE tax_rate IS NULL",
    ),
]


@pytest.fixture
def books(merchant: Merchant, sandbox: Sandbox) -> None:
    """One invoice in two instalments, the first paid and refunded in part, and its day closed."""
    invoice = merchant.post("/invoices", json=invoice_body(installments={"count": 2})).json()
    sandbox.pay(invoice["payment_url"])
    merchant.wait_for(invoice["id"], status="partially_paid")
    payment = Transaction.objects.select_related("payment_request").get()
    settling.settle(
        payment_request_id=payment.payment_request_id,
        report=report(
            payment.payment_request,
            charge=payment.gateway_transaction_id,
            refunds={"goodwill": 777},
        ),
        event=None,
        now=timezone.now(),
    )
    settled = row(
        "txn_1",
        payment.payment_request.reference,
        gross_amount=payment.amount,
        net_amount=payment.amount - 100,
    )
    made = SettlementImport(
        gateway=payment.gateway, source="api", sha256="a" * 64, imported_at=timezone.now()
    )
    services.import_rows(made=made, rows=[settled], now=timezone.now())
    rollups.close_days(now=timezone.now() + timedelta(days=2))


def test_books_that_nobody_touched_add_up(books: None) -> None:
    out = StringIO()

    call_command("audit_books", stdout=out)

    assert out.getvalue().startswith("Every unit adds up. Invoices: 1; closed days: ")


def move_one_unit(table: str, change: str) -> None:
    with unguarded(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {change}")  # noqa: S608  # of this module


def test_a_total_that_is_missing_and_one_too_many_are_named_with_their_tenant(
    books: None, merchant: Merchant
) -> None:
    move_one_unit(
        "reporting_dailytotal", "currency_code = 'USD' WHERE tax_rate IS NULL AND kind = 'payment'"
    )
    out = StringIO()

    with pytest.raises(CommandError, match="2 things"):
        call_command("audit_books", tenant=merchant.tenant.pk, stdout=out)

    assert f"tenant {merchant.tenant.pk}, USD payment at gateway 1" in out.getvalue()
    assert f"tenant {merchant.tenant.pk}, MYR payment at gateway 1" in out.getvalue()
    stranger = Tenant.objects.create(name="Stranger", created_at=timezone.now())
    call_command("audit_books", tenant=stranger.pk, stdout=out)
    assert "Every unit adds up. Invoices: 0;" in out.getvalue()


def test_refuses_a_tenant_that_does_not_exist(books: None) -> None:
    with pytest.raises(CommandError, match="There is no tenant 99"):
        call_command("audit_books", tenant=99)


@pytest.mark.parametrize(("table", "change"), CORRUPTIONS)
def test_names_the_table_in_which_one_unit_was_moved(books: None, table: str, change: str) -> None:
    move_one_unit(table, change)
    out = StringIO()

    with pytest.raises(CommandError, match="do not add up"):
        call_command("audit_books", stdout=out)

    assert any(line.startswith(f"{table} ") for line in out.getvalue().splitlines())


def test_refuses_a_date_that_is_none(books: None) -> None:
    with pytest.raises(CommandError, match="is not a date"):
        call_command("audit_books", since="yesterday")
