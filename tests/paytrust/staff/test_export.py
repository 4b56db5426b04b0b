import csv
import io
from datetime import datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from apikeys.models import StaffAct
from paytrust.staff import roles
from paytrust.web import spreadsheets
from tests.apikeys.factories import TenantFactory
from tests.invoices.factories import invoice
from tests.payments.refunds.paid import paid_invoice
from tests.staff import member

pytestmark = pytest.mark.django_db
LIST = "/admin/reporting/discrepancy/"


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(member(roles.VIEWER))
    return client


def table(answer: object) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.reader(io.StringIO(text)))


class TestCsvFile:
    def test_holds_what_the_filters_leave_in_whole_currency(self, client: Client) -> None:
        of = invoice(review_flags=["late"], currency_code="MYR")
        invoice(review_flags=["overpaid"])

        answer = client.get(f"{LIST}export.csv?kind=late")
        head, *rows = table(answer)

        assert head == [
            *("ID", "Differs", "Tenant", "Gateway"),
            *("Total", "Paid", "Difference", "Currency", "Created", "Assigned to"),
        ]
        assert rows == [
            [
                *(str(of.pk), "Late", of.tenant.name, "Xendit"),
                *("100.00", "0.00", "-100.00", "MYR"),
                *("2026-11-22T12:00:00Z", ""),
            ]
        ]
        assert answer.headers["Content-Disposition"] == 'attachment; filename="discrepancies.csv"'
        assert answer.headers["Cache-Control"].startswith("max-age=0")

    def test_is_written_down(self, client: Client) -> None:
        client.get(f"{LIST}export.csv?kind=late")

        act = StaffAct.objects.get()
        assert (act.act, act.object_type) == ("list_exported", "reporting.discrepancy")
        assert act.message == "csv kind=late"

    def test_says_choices_in_words(self, client: Client) -> None:
        client.get(f"{LIST}export.csv")

        rows = table(client.get("/admin/apikeys/staffact/export.csv"))

        assert "exported a list" in rows[1]

    def test_reads_a_list_of_any_length_in_few_queries(
        self, client: Client, django_assert_max_num_queries: object
    ) -> None:
        for _ in range(3):
            invoice(review_flags=["late"])

        with django_assert_max_num_queries(16):  # type: ignore[operator]
            assert len(table(client.get(f"{LIST}export.csv"))) == 4

    def test_is_for_those_who_may_see_the_list(self) -> None:
        nobody = Client()
        nobody.force_login(member())

        assert nobody.get(f"{LIST}export.csv").status_code == 403
        assert not StaffAct.objects.exists()

    def test_knows_no_other_form(self, client: Client) -> None:
        assert client.get(f"{LIST}export.exe").status_code == 404


class TestXlsxFile:
    def test_holds_numbers(self, client: Client) -> None:
        of = invoice(review_flags=["late"])

        answer = client.get(f"{LIST}export.xlsx")

        sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).worksheets[0]  # type: ignore[attr-defined]
        rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
        assert rows[1][0] == of.pk
        assert rows[1][4:8] == [100, 0, -100, "MYR"]

    def test_leaves_nothing_out_without_a_word(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(spreadsheets, "MOST_IN_WORKBOOK", 1)
        for _ in range(2):
            invoice(review_flags=["late"])

        answer = client.get(f"{LIST}export.xlsx?kind=late", follow=True)

        assert answer.redirect_chain == [(f"{LIST}?kind=late", 302)]
        assert "A workbook cannot hold so many rows" in answer.text
        assert not StaffAct.objects.exists()

    def test_holds_true_dates(self, client: Client) -> None:
        invoice(review_flags=["late"])

        answer = client.get(f"{LIST}export.xlsx")

        sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).worksheets[0]  # type: ignore[attr-defined]
        assert sheet["I2"].value == datetime(2026, 11, 22, 12, 0)  # noqa: DTZ001  # as in a workbook
        assert sheet.freeze_panes == "A2"


class TestWhatOnlyFilesHave:
    @pytest.mark.parametrize(
        ("address", "known"),
        [
            ("invoices/invoice", {"External id": "order-88", "Customer": "Siti"}),
            (
                "invoices/transaction",
                {
                    "External id": "order-88",
                    "Customer": "Siti",
                    "Customer's e-mail": "siti@example.com",
                    "Paid with": "EWALLET, TOUCHNGO",
                    "Tenant": "Toko Kopi",
                },
            ),
            ("invoices/paymentrequest", {"External id": "order-88", "Tenant": "Toko Kopi"}),
            ("invoices/ledgerentry", {"External id": "order-88", "Tenant": "Toko Kopi"}),
        ],
    )
    def test_name_the_merchants_order_and_customer(
        self, client: Client, address: str, known: dict[str, str]
    ) -> None:
        paid_invoice(
            tenant=TenantFactory.create(name="Toko Kopi"),
            external_id="order-88",
            customer={"name": "Siti", "email": "siti@example.com", "phone": None},
        )

        head, row = table(client.get(f"/admin/{address}/export.csv"))

        assert known.items() <= dict(zip(head, row, strict=True)).items()

    def test_take_no_query_for_each_row(self, client: Client) -> None:
        paid_invoice()
        with CaptureQueriesContext(connection) as one:
            table(client.get("/admin/invoices/transaction/export.csv"))
        for _ in range(3):
            paid_invoice()
        with CaptureQueriesContext(connection) as many:
            rows = table(client.get("/admin/invoices/transaction/export.csv"))

        assert len(rows) == 5
        assert len(many) <= len(one)
