"""The audit finds one unit that was moved by hand, in whichever table."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from apikeys.models import Tenant
from reporting.financial import rollups
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body

# table: the statement that moves one unit
CORRUPTIONS = {
    "invoices_lineitem": "UPDATE invoices_lineitem SET tax_amount = tax_amount + 1",
    "invoices_invoice": "UPDATE invoices_invoice SET paid_amount = paid_amount + 1",
    "invoices_installment": "UPDATE invoices_installment SET net_amount = net_amount - 1,"
    " tax_amount = tax_amount + 1",
    "invoices_installmenttax": "UPDATE invoices_installmenttax SET tax_amount = tax_amount + 1",
    "invoices_transaction": "UPDATE invoices_transaction SET overpayment_amount = 1",
    "payments_allocation": "UPDATE payments_allocation SET amount = amount + 1",
    "invoices_settlemententry": "UPDATE invoices_settlemententry SET net_amount = net_amount - 1,"
    " service_fee_amount = service_fee_amount + 1",
    "invoices_settlementtax": "UPDATE invoices_settlementtax SET tax_amount = tax_amount + 1",
    "reporting_dailytotal": "UPDATE reporting_dailytotal SET total_tax_amount = 1"
    " WHERE tax_rate IS NOT NULL",
}


@pytest.fixture
def books(merchant: Merchant, sandbox: Sandbox) -> None:
    """One invoice in two instalments, the first paid, and its day closed."""
    invoice = merchant.post("/invoices", json=invoice_body(installments={"count": 2})).json()
    sandbox.pay(invoice["payment_url"])
    merchant.wait_for(invoice["id"], status="partially_paid")
    rollups.close_days(now=timezone.now() + timedelta(days=2))


def test_books_that_nobody_touched_add_up(books: None) -> None:
    out = StringIO()

    call_command("audit_books", stdout=out)

    assert out.getvalue().startswith("Every unit adds up. Invoices: 1; closed days: ")


def move_one_unit(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # no trigger sees it
        cursor.execute(CORRUPTIONS[table])
        cursor.execute("SET session_replication_role = DEFAULT")


def test_a_total_that_is_missing_and_one_too_many_are_named_with_their_tenant(
    books: None, merchant: Merchant
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE reporting_dailytotal SET currency_code = 'USD' WHERE tax_rate IS NULL"
        )
    out = StringIO()

    with pytest.raises(CommandError, match="2 things"):
        call_command("audit_books", tenant=merchant.tenant.pk, stdout=out)

    assert f"tenant {merchant.tenant.pk}, USD settled at gateway 1" in out.getvalue()
    assert f"tenant {merchant.tenant.pk}, MYR settled at gateway 1" in out.getvalue()
    stranger = Tenant.objects.create(name="Stranger", created_at=timezone.now())
    call_command("audit_books", tenant=stranger.pk, stdout=out)
    assert "Every unit adds up. Invoices: 0;" in out.getvalue()


def test_refuses_a_tenant_that_does_not_exist(books: None) -> None:
    with pytest.raises(CommandError, match="There is no tenant 99"):
        call_command("audit_books", tenant=99)


@pytest.mark.parametrize("table", CORRUPTIONS)
def test_names_the_table_in_which_one_unit_was_moved(books: None, table: str) -> None:
    move_one_unit(table)
    out = StringIO()

    with pytest.raises(CommandError, match="do not add up"):
        call_command("audit_books", stdout=out)

    assert table in out.getvalue()


def test_refuses_a_date_that_is_none(books: None) -> None:
    with pytest.raises(CommandError, match="is not a date"):
        call_command("audit_books", since="yesterday")
