import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import TZPATH, ZoneInfo

import pytest
import requests
from django.db import connection
from django.utils import timezone
from openpyxl import load_workbook

from invoices.models import Transaction
from paytrust.web import spreadsheets
from reporting.exports import movements
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body
from tests.reporting.ledger import FIRST, Move, Piece, book

FILES = ("financial.csv", "financial.xlsx", "transactions.csv", "transactions.xlsx")
SITI = {"name": "Siti", "email": "siti@example.com"}
FORMULA = '=HYPERLINK("https://example.com")'

RATE = Decimal("0.1")
MOVES = [
    Move(
        booked_at=FIRST,
        currency_code="USD",
        pieces=[Piece(10_000, 380, {RATE: 1_000})],
        overpayment=50,
    ),
    Move(
        booked_at=FIRST + timedelta(hours=1),
        currency_code="USD",
        kind="refund",
        pieces=[Piece(89, 3, {RATE: 8})],
        overpayment=50,
    ),
]
MARCH = {"start_date": "2026-03-01", "end_date": "2026-04-01"}


def around_now(**extra: str) -> dict[str, str]:
    now = timezone.now()
    return {
        "start_date": (now - timedelta(hours=1)).isoformat(),
        "end_date": (now + timedelta(hours=1)).isoformat(),
        **extra,
    }


def taken(merchant: Merchant, file: str, **extra: str) -> requests.Response:
    answer = merchant.get(f"/reports/{file}", params=around_now(**extra))
    assert answer.status_code == 200, answer.text
    return answer


def table(answer: requests.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def paid(merchant: Merchant, sandbox: Sandbox, body: dict[str, Any], **how: str) -> dict[str, Any]:
    invoice = merchant.post("/invoices", json=body).json()
    sandbox.pay(invoice["payment_url"], **how)
    return merchant.wait_until(invoice["id"], lambda now: now["paid_amount"])


class TestMovementRows:
    def test_tell_each_movement_in_whole_currency_and_two_zones(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        ringgit = paid(merchant, sandbox, invoice_body(external_id="order-77", customer=SITI))
        rupiah = paid(merchant, sandbox, rupiah_body(), amount="2000000")

        first, second = table(taken(merchant, "transactions.csv", tz="Asia/Kuala_Lumpur"))

        booked = Transaction.objects.get(invoice=ringgit["id"])
        zone = ZoneInfo("Asia/Kuala_Lumpur")
        assert first == {
            "booked (UTC)": f"{booked.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "paid (UTC)": f"{booked.paid_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "booked (Asia/Kuala_Lumpur)": f"{booked.created_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
            "paid (Asia/Kuala_Lumpur)": f"{booked.paid_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
            "transaction": str(booked.pk),
            "kind": "payment",
            "currency": "MYR",
            "amount": f"{ringgit['total_amount'] / 100:.2f}",
            "net": f"{ringgit['subtotal_amount'] / 100:.2f}",
            "tax": f"{ringgit['total_tax_amount'] / 100:.2f}",
            "service fee": f"{ringgit['total_service_fee_amount'] / 100:.2f}",
            "overpayment": "0.00",
            "merchant": merchant.tenant.name,
            "invoice": str(ringgit["id"]),
            "external id": "order-77",
            "instalments": "1",
            "customer name": "Siti",
            "customer email": "siti@example.com",
            "gateway": "Xendit",
            "gateway transaction": booked.gateway_transaction_id,
            "reference": booked.payment_request.reference,
            "method": booked.payment_method or "",
            "channel": booked.payment_channel or "",
            "reverses": "",
            "ISO 20022 status": booked.iso20022_transaction_status,
            "ISO 20022 message": booked.iso20022_message_id,
        }
        assert (second["currency"], second["amount"]) == ("IDR", "2000000")
        assert second["overpayment"] == str(2_000_000 - rupiah["total_amount"])

    def test_tell_a_moment_once_where_the_zone_is_utc(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        paid(merchant, sandbox, invoice_body())

        text = taken(merchant, "transactions.csv").content.decode("utf-8-sig")
        names, row = csv.reader(io.StringIO(text))

        assert len(set(names)) == len(names) == len(row) == 24
        assert names[:3] == ["booked (UTC)", "paid (UTC)", "transaction"]

    def test_are_the_same_however_small_the_pages(
        self, merchant: Merchant, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(5):
            paid(merchant, sandbox, invoice_body())
        whole = table(taken(merchant, "transactions.csv"))
        assert len(whole) == 5

        monkeypatch.setattr(movements, "PAGE", 2)

        assert table(taken(merchant, "transactions.csv")) == whole

    def test_never_meet_another_tenants(
        self, merchant: Merchant, stranger: Merchant, sandbox: Sandbox
    ) -> None:
        paid(merchant, sandbox, invoice_body())

        assert table(taken(stranger, "transactions.csv")) == []
        assert table(taken(stranger, "financial.csv")) == []

    def test_narrow_by_currency_and_gateway(self, merchant: Merchant, sandbox: Sandbox) -> None:
        paid(merchant, sandbox, invoice_body())
        paid(merchant, sandbox, rupiah_body())

        by_currency = table(taken(merchant, "transactions.csv", currency="MYR"))
        by_gateway = table(taken(merchant, "transactions.csv", gateway_id="2"))

        assert [row["currency"] for row in by_currency] == ["MYR"]
        assert [row["gateway"] for row in by_gateway] == ["Midtrans"]

    def test_hold_neither_connection_nor_transaction_between_pages(
        self, merchant: Merchant, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(2):
            paid(merchant, sandbox, invoice_body())
        monkeypatch.setattr(movements, "PAGE", 1)
        now = timezone.now()
        rows = movements.rows(
            movements.Asked(merchant.tenant, now - timedelta(hours=1), now, ZoneInfo("UTC"))
        )

        next(rows)
        next(rows)

        assert connection.connection is None
        assert len(list(rows)) == 1


class TestWorkbook:
    def test_has_numbers_moments_and_no_formula(self, merchant: Merchant, sandbox: Sandbox) -> None:
        invoice = paid(merchant, sandbox, invoice_body(external_id=FORMULA))

        answer = taken(merchant, "transactions.xlsx")

        head, row = load_workbook(io.BytesIO(answer.content)).worksheets[0].iter_rows()
        cells = dict(zip([cell.value for cell in head], row, strict=True))
        assert cells["external id"].value == f"'{FORMULA}"
        assert cells["external id"].data_type == "s"
        assert cells["amount"].value == invoice["total_amount"] / 100
        assert (cells["amount"].data_type, cells["amount"].number_format) == ("n", "#,##0.00")
        assert isinstance(cells["booked (UTC)"].value, datetime)
        assert "attachment" in answer.headers["Content-Disposition"]

    def test_refuses_more_rows_than_it_can_hold(
        self, merchant: Merchant, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(2):
            paid(merchant, sandbox, invoice_body())
        monkeypatch.setattr(spreadsheets, "MOST_IN_WORKBOOK", 1)

        refused = merchant.get("/reports/transactions.xlsx", params=around_now())

        assert (refused.status_code, refused.json()["error"]) == (422, "too_many_rows")
        assert refused.json()["details"] == {"limit": 1}


class TestCSV:
    @pytest.mark.parametrize("text", [FORMULA, "\uff1d1+1", "\uff20SUM"])
    def test_disarms_what_a_spreadsheet_would_run(
        self, merchant: Merchant, sandbox: Sandbox, text: str
    ) -> None:
        paid(merchant, sandbox, invoice_body(external_id=text))

        (row,) = table(taken(merchant, "transactions.csv"))

        assert row["external id"] == f"'{text}"

    def test_says_how_it_is_written_and_what_it_is(self, merchant: Merchant) -> None:
        answer = merchant.get(
            "/reports/transactions.csv?start_date=2026-11-01&end_date=2026-12-01&tz=Asia/Jakarta"
        )

        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Content-Disposition"] == (
            'attachment; filename="transactions-20261101T0000-20261201T0000.csv"'
        )
        assert answer.content.startswith(b"\xef\xbb\xbfbooked (UTC),")


class TestFinancialRows:
    def test_have_the_reports_own_figures(self, merchant: Merchant, sandbox: Sandbox) -> None:
        paid(merchant, sandbox, invoice_body())
        paid(merchant, sandbox, rupiah_body())
        period = around_now()

        rows = table(merchant.get("/reports/financial.csv", params=period))
        reports = merchant.get("/reports/financial", params=period).json()["by_currency"]

        figures = {(row["currency"], row["part"], row["of"]): row for row in rows}
        for report in reports:
            code, decimals = report["currency_code"], 0 if report["currency_code"] == "IDR" else 2
            received = figures[code, "received", ""]
            assert received["transactions"] == str(report["transaction_count"])
            for column, name in (
                ("subtotal", "subtotal_amount"),
                ("tax", "total_tax_amount"),
                ("service fee", "total_service_fee_amount"),
                ("total", "total_amount"),
            ):
                assert received[column] == f"{report[name] / 10**decimals:.{decimals}f}"
            for share in report["tax_breakdown"]:
                row = figures[code, "tax rate", str(share["tax_rate"])]
                assert row["tax"] == f"{share['amount'] / 10**decimals:.{decimals}f}"
            assert figures[code, "reversals", ""]["transactions"] == "0"
            assert (
                figures[code, "net", ""]["total"]
                == f"{report['net_amount'] / 10**decimals:.{decimals}f}"
            )

    def test_are_the_same_in_a_workbook(self, merchant: Merchant) -> None:
        book(merchant.tenant, MOVES)

        rows = table(merchant.get("/reports/financial.csv", params=MARCH))
        answer = merchant.get("/reports/financial.xlsx", params=MARCH)

        sheet = load_workbook(io.BytesIO(answer.content)).worksheets[0]
        head, *lines = [[cell.value for cell in line] for line in sheet.iter_rows()]
        assert head == list(rows[0])
        assert [line[-1] for line in lines] == [
            float(row["total"]) if row["total"] else None for row in rows
        ]

    def test_add_up_by_eye(self, merchant: Merchant) -> None:
        book(merchant.tenant, MOVES)

        rows = table(merchant.get("/reports/financial.csv", params=MARCH))

        written = [
            tuple(
                row[name] for name in ("part", "of", "transactions", "tax", "overpayment", "total")
            )
            for row in rows
        ]
        assert written == [
            ("received", "", "1", "10.00", "0.00", "113.80"),
            ("tax rate", "0.1", "1", "10.00", "", ""),
            ("tax rate refunded", "0.1", "", "0.08", "", ""),
            ("tax rate reversed", "0.1", "", "0.00", "", ""),
            ("gateway", "Xendit", "1", "", "", "113.80"),
            ("overpayments", "", "1", "0.00", "0.50", "0.50"),
            ("refunds", "", "1", "0.08", "0.50", "1.50"),
            ("reversals", "", "0", "0.00", "0.00", "0.00"),
            ("net", "", "", "", "", "112.80"),
        ]


class TestMoneyBack:
    def test_is_signed_and_named_in_the_list_of_transactions(self, merchant: Merchant) -> None:
        book(merchant.tenant, MOVES)

        payment, refund = table(merchant.get("/reports/transactions.csv", params=MARCH))

        columns = ("kind", "amount", "net", "tax", "service fee", "overpayment", "instalments")
        assert [payment[name] for name in columns] == [
            *("payment", "114.30", "100.00", "10.00", "3.80", "0.50", "1")
        ]
        assert [refund[name] for name in columns] == [
            *("refund", "-1.50", "-0.89", "-0.08", "-0.03", "-0.50", "1")
        ]
        assert payment["reverses"] == ""
        assert refund["reverses"] != ""


class TestZone:
    @pytest.mark.parametrize("file", FILES[2:])
    def test_that_the_database_takes_for_another_is_refused(
        self, merchant: Merchant, file: str
    ) -> None:
        answer = merchant.get(f"/reports/{file}", params=around_now(tz="CET"))

        assert answer.status_code == 400
        assert "Asia/Jakarta" in answer.json()["details"]["tz"][0]

    @pytest.mark.parametrize("name", ["UTC", "Asia/Jakarta", "Europe/Brussels", "Etc/GMT+12"])
    def test_is_any_that_both_know(self, db: None, name: str) -> None:
        assert movements.is_served(ZoneInfo(name), near=timezone.now())

    def test_is_none_that_the_database_does_not_know(self, db: None) -> None:
        with (Path(TZPATH[0]) / "Asia/Jakarta").open("rb") as file:
            zone = ZoneInfo.from_file(file, key="Mars/Olympus")

        assert not movements.is_served(zone, near=timezone.now())


class TestBadQuery:
    @pytest.mark.parametrize("file", FILES)
    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("", "start_date"),
            ("start_date=2020-01-01&end_date=2021-01-03", "end_date"),
            ("start_date=2020-01-02&end_date=2020-01-01", "end_date"),
            ("start_date=2020-01-01&end_date=2020-01-02&gateway_id=3", "gateway_id"),
            ("start_date=2020-01-01&end_date=2020-01-02&tz=Mars/Olympus", "tz"),
        ],
    )
    def test_is_refused_naming_the_field(
        self, merchant: Merchant, file: str, query: str, field: str
    ) -> None:
        answer = merchant.get(f"/reports/{file}?{query}")

        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert field in answer.json()["details"]
