"""Files as gateways and spreadsheets write them; all contents are made up (C7 knows no sample)."""

import contextlib
import io
from datetime import UTC, date, datetime
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.settlements import FeeState, LineKind
from payments.settlement import reading
from payments.settlement.reading import SettlementColumnsMissing
from payments.settlement.tables import SettlementFileUnreadable

HEADERS = "Date & Time,Order ID,Transaction Type,Channel,Status,Amount,Fee"
ROW = "2026-01-15 12:30:00,PT-1,Payment,qris,settlement,100000,700"


def read_bytes(content: bytes, **options: Any) -> list[Any]:
    return list(reading.read_rows(io.BytesIO(content), currency="IDR", **options))


def read(text: str, **options: Any) -> list[Any]:
    return read_bytes(text.encode(), **options)


class TestReadRows:
    def test_reads_a_row_by_the_names_of_its_columns(self) -> None:
        [row] = read(f"{HEADERS},New Column\n{ROW},kept\n")

        assert (row.kind, row.reference, row.channel) == (LineKind.PAYMENT, "PT-1", "qris")
        assert (row.gross_amount, row.fee_amount, row.net_amount) == (100_000, 700, 99_300)
        assert row.occurred_at.astimezone(UTC) == datetime(2026, 1, 15, 5, 30, tzinfo=UTC)
        assert (row.fee_state, row.payout_id, row.raw["New Column"]) == (
            FeeState.FINAL,
            None,
            "kept",
        )

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    def test_takes_what_spreadsheets_write(self, encoding: str, separator: str) -> None:
        text = f"{HEADERS},Note\n{ROW},caf\u00e9\n".replace(",", separator)

        [row] = read_bytes(text.encode(encoding))

        assert (row.gross_amount, row.raw["Note"]) == (100_000, "caf\u00e9")

    def test_takes_titles_blank_lines_and_totals(self) -> None:
        text = f"Balance statement\n\n{HEADERS}\n{ROW}\n,,,,,,\n,,,,Total,100000,700\n"

        assert [row.reference for row in read(text)] == ["PT-1"]

    def test_takes_an_accounts_own_headers(self) -> None:
        text = f"{HEADERS}\n{ROW}\n".replace("Amount", "Jumlah")

        [row] = read(text, columns={"gross": ["jumlah"]})

        assert row.gross_amount == 100_000

    def test_names_the_columns_that_are_missing(self) -> None:
        text = f"{HEADERS}\n{ROW}\n".replace("Fee", "Charges").replace("Order ID", "Number")

        with pytest.raises(SettlementColumnsMissing) as refusal:
            read(text)

        assert refusal.value.details["missing"] == ["reference", "fee"]
        assert "Charges" in refusal.value.details["found"]

    def test_reads_money_that_goes_out_as_negative(self) -> None:
        rows = read(
            f"{HEADERS},Withdrawal ID\n"
            "2026-01-15,PT-1,Refund,qris,,50000,0,W1\n"
            "2026-01-15,,Withdrawal,bank,,40000,5000,W1\n"
        )

        assert [(row.kind, row.gross_amount, row.net_amount) for row in rows] == [
            (LineKind.REFUND, -50_000, -50_000),
            (LineKind.PAYOUT, -40_000, -45_000),
        ]
        assert {row.payout_id for row in rows} == {"W1"}

    def test_keeps_the_sign_of_a_payment(self) -> None:
        """Money that went out must not match money that came in."""
        [row] = read(f"{HEADERS}\n{ROW.replace('100000', '-100000')}\n")

        assert (row.kind, row.gross_amount) == (LineKind.PAYMENT, -100_000)

    def test_takes_a_pending_and_a_monthly_fee(self) -> None:
        rows = read(
            f"{HEADERS},Net Amount\n"
            "2026-01-15,PT-1,Payment,qris,,50000,-,\n"
            "2026-01-15,PT-2,Payment,qris,,50000,350,50000\n"
        )

        assert [row.fee_state for row in rows] == [FeeState.PENDING, FeeState.MONTHLY]

    def test_reads_a_workbook(self) -> None:
        book = openpyxl.Workbook()
        sheet = book.worksheets[0]
        sheet.append(HEADERS.split(","))
        sheet.append([date(2026, 1, 15), "PT-1", "Payment", "qris", "settlement", 100_000, 700.4])
        content = io.BytesIO()
        book.save(content)

        [row] = read_bytes(content.getvalue())

        assert (row.gross_amount, row.fee_amount, row.reference) == (100_000, 700, "PT-1")

    def test_finds_out_at_the_end_of_a_file_that_it_is_latin_1(self) -> None:
        many = f"{ROW},plain\n" * 20_000
        text = f"{HEADERS},Note\n{many}{ROW},caf\u00e9\n"

        rows = read_bytes(text.encode("latin-1"))

        assert (len(rows), rows[-1].raw["Note"]) == (20_001, "caf\u00e9")

    def test_may_end_after_the_file_was_closed(self) -> None:
        file = io.BytesIO(f"{HEADERS}\n{ROW}\n{ROW}\n".encode())
        rows = reading.read_rows(file, currency="IDR")
        next(rows)
        file.close()

        rows.close()  # type: ignore[attr-defined]  # a generator

    def test_leaves_the_file_open(self) -> None:
        file = io.BytesIO(f"{HEADERS}\n{ROW}\n".encode())

        first, again = (list(reading.read_rows(file, currency="IDR")) for _ in range(2))

        assert first == again

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"7z\xbc\xaf\x27\x1c\x00\x04", "Unpack it with its password"),
            (b"PK\x03\x04 no workbook", "no XLSX workbook"),
            (b"\xd0\xcf\x11\xe0\xa1", "old XLS"),
            (b"\x00\x01\x02", "neither CSV nor XLSX"),
            (f"{HEADERS}\n{ROW}\n".replace("100000", "much").encode(), "Row 2 cannot be read"),
            (f"{HEADERS}\n{ROW}\n".replace("2026-01-15", "soon").encode(), "no date"),
        ],
    )
    def test_says_why_a_file_cannot_be_read(self, content: bytes, says: str) -> None:
        with pytest.raises(SettlementFileUnreadable, match=says):
            read_bytes(content)


class TestAmountOf:
    @pytest.mark.parametrize(
        ("text", "currency", "minor"),
        [
            ("1.500", "IDR", 1_500),
            ("1,500", "IDR", 1_500),
            ("1.500.000", "IDR", 1_500_000),
            ("1.500.000,00", "IDR", 1_500_000),
            ("1,500,000.00", "IDR", 1_500_000),
            ("Rp 1.500.000", "IDR", 1_500_000),
            ("Rp. 100", "IDR", 100),
            ("(1.000)", "IDR", -1_000),
            ("-1000", "IDR", -1_000),
            ("700,5", "IDR", 701),
            ("1.50", "MYR", 150),
            ("RM 1,234.50", "MYR", 123_450),
            (12.5, "MYR", 1_250),
        ],
    )
    def test_reads_what_people_write(self, text: object, currency: str, minor: int) -> None:
        assert reading.amount_of(text, currency) == minor

    @pytest.mark.parametrize(
        "text", ["", "ten", "1.23.456", "1,2,3", True, "nan", "1e400", "9" * 20]
    )
    def test_refuses_what_is_no_amount(self, text: object) -> None:
        with pytest.raises(ValueError):  # noqa: PT011  # its text is shown with the row
            reading.amount_of(text, "IDR")

    @given(st.integers(-(10**12), 10**12), st.sampled_from([".", ","]))
    def test_reads_any_grouped_amount(self, minor: int, mark: str) -> None:
        assert reading.amount_of(f"{minor:,}".replace(",", mark), "IDR") == minor


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(SettlementFileUnreadable, SettlementColumnsMissing):
        read_bytes(content)
