import csv
import io

import pytest
from django.test import Client
from openpyxl import load_workbook

from apikeys.models import StaffAct
from paytrust.staff import roles
from paytrust.web import spreadsheets
from tests.invoices.factories import invoice
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
            *("Total", "Paid", "Difference", "Currency", "Created"),
        ]
        assert rows == [
            [
                *(str(of.pk), "Late", of.tenant.name, "Xendit"),
                *("100.00", "0.00", "-100.00", "MYR"),
                "2026-11-22T12:00:00Z",
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

        with django_assert_max_num_queries(15):  # type: ignore[operator]
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
