"""The list of refunds, as a page and as a file, and what a statement says of them."""

from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from reporting.exports import statement
from reporting.statements.selectors import monthly_statements
from tests.payments.changes.test_back_office import client_of
from tests.payments.refunds.gateway import RefundingGateway
from tests.payments.refunds.paid import paid_invoice
from tests.payments.refunds.test_services import refund
from tests.paytrust.staff.test_export import table

pytestmark = pytest.mark.usefixtures("committed")


def test_the_refunds_leave_as_a_file(gateway: RefundingGateway) -> None:
    of = paid_invoice()
    made = refund(of, amount=2_500)
    changelist = reverse("admin:payments_refund_changelist")

    head, row = table(client_of().get(f"{changelist}export.csv"))

    month = dict(zip(head, row, strict=True))
    assert month["ID"] == str(made.pk)
    assert month["Amount"] == "25.00"
    assert made.reference in row


def test_a_statement_has_a_line_of_what_went_back(gateway: RefundingGateway) -> None:
    of, now = paid_invoice(), timezone.now()
    refund(of, amount=2_500)

    (month,) = monthly_statements(
        tenant=of.tenant,
        first=now.date().replace(day=1),
        zone=timezone.get_default_timezone(),
        now=now,
    )

    assert (month.month.receipt_amount, month.month.refund_amount) == (10_000, 2_500)
    assert month.closing_amount == 7_500
    _, *lines = statement.statement_rows(tenant=of.tenant, statements=[month])
    assert [line[7] for line in lines if line[2] == "closing balance"] == [Decimal("25.00")]
