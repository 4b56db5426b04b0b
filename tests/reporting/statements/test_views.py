import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from tests.conftest import Merchant
from tests.reporting.ledger import Move, Piece, book

AT = datetime(2026, 3, 5, 18, tzinfo=UTC)  # the 6th in Jakarta
PAID = Move(booked_at=AT, pieces=[Piece(10_000, 380, {Decimal("0.06"): 1_000})], overpayment=50)
REFUND = Move(
    booked_at=AT.replace(day=7),
    kind="refund",
    pieces=[Piece(88, 3, {Decimal("0.06"): 9})],
    overpayment=50,
)
CHARGEBACK = Move(booked_at=AT.replace(month=4), kind="reversal", pieces=[Piece(1_000, 0, {})])


def statement(merchant: Merchant, **asked: str) -> list[dict[str, str]]:
    answer = merchant.get("/reports/statement.csv", params=asked)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


class TestStatementCSV:
    def test_tells_a_month_from_balance_to_balance(self, merchant: Merchant) -> None:
        book(merchant.tenant, [PAID, REFUND, CHARGEBACK])

        march = statement(merchant, month="2026-03")
        april = statement(merchant, month="2026-04")

        assert march[0] == {
            "merchant": merchant.tenant.name,
            "currency": "MYR",
            "line": "opening balance",
            "date": "2026-03-01",
            **dict.fromkeys(("transactions", "receipts", "of which overpayments"), ""),
            **dict.fromkeys(("refunds", "reversals", "of which service fees"), ""),
            "balance": "0.00",
        }
        days = {row["date"]: row for row in march if row["line"] == "day"}
        assert len(days) == 31
        assert [days["2026-03-05"][name] for name in ("receipts", "balance")] == [
            "114.30",
            "114.30",
        ]
        assert march[-1] == {
            "merchant": merchant.tenant.name,
            "currency": "MYR",
            "line": "closing balance",
            "date": "2026-03-31",
            "transactions": "2",
            "receipts": "114.30",
            "of which overpayments": "0.50",
            "refunds": "1.50",
            "reversals": "0.00",
            "of which service fees": "3.77",
            "balance": "112.80",
        }
        assert april[0]["balance"] == "112.80"
        assert (april[-1]["reversals"], april[-1]["balance"]) == ("10.00", "102.80")

    def test_cuts_days_in_the_zone_asked_for(self, merchant: Merchant) -> None:
        book(merchant.tenant, [PAID])

        rows = statement(merchant, month="2026-03", tz="Asia/Jakarta")

        assert [row["date"] for row in rows if row["transactions"] == "1"] == [
            "2026-03-06",
            "2026-03-31",
        ]

    def test_narrows_by_currency(self, merchant: Merchant) -> None:
        book(merchant.tenant, [PAID])

        rows = statement(merchant, month="2026-03", currency="IDR")

        assert {row["currency"] for row in rows} == {"IDR"}
        assert rows[-1]["balance"] == "0"

    def test_never_meets_another_tenants(self, merchant: Merchant, stranger: Merchant) -> None:
        book(stranger.tenant, [PAID])

        assert statement(merchant, month="2026-03") == []

    def test_is_a_file_named_by_its_month(self, merchant: Merchant) -> None:
        answer = merchant.get("/reports/statement.csv?month=2026-03")

        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Content-Disposition"] == (
            'attachment; filename="statement-2026-03.csv"'
        )

    def test_wants_a_key(self, live_url: str, merchant: Merchant) -> None:
        answer = merchant.get(
            "/reports/statement.csv?month=2026-03", headers={"X-API-Key": "0" * 64}
        )

        assert answer.status_code == 401

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("", "month"),
            ("month=2026-13", "month"),
            ("month=2026-3", "month"),
            ("month=1999-12", "month"),
            ("month=November", "month"),
            ("month=2026-03&tz=Mars/Olympus", "tz"),
            ("month=2026-03&gateway_id=1", "gateway_id"),
            ("month=2099-01", "month"),
        ],
    )
    def test_refuses_a_bad_query_naming_the_field(
        self, merchant: Merchant, query: str, field: str
    ) -> None:
        answer = merchant.get(f"/reports/statement.csv?{query}")

        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert field in answer.json()["details"]

    def test_refuses_a_currency_that_is_not_served(self, merchant: Merchant) -> None:
        answer = merchant.get("/reports/statement.csv?month=2026-03&currency=EUR")

        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_currency")

    def test_takes_the_month_that_goes_on(self, merchant: Merchant) -> None:
        today = timezone.now().astimezone(UTC)

        rows = statement(merchant, month=f"{today:%Y-%m}", currency="MYR")

        assert rows[-1]["date"] == f"{today:%Y-%m-%d}"
