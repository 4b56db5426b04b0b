import csv
import io
from datetime import datetime
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from paytrust.web import spreadsheets
from paytrust.web.spreadsheets import Cell


class TestSafe:
    @pytest.mark.parametrize(
        "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1+1"]
    )
    def test_disarms_what_a_spreadsheet_would_compute(self, text: str) -> None:
        assert spreadsheets.safe(text) == f"'{text}"

    @pytest.mark.parametrize("cell", ["Toko", "", -5, None])
    def test_leaves_the_rest(self, cell: str | int | None) -> None:
        assert spreadsheets.safe(cell) == cell


class TestCsvPieces:
    def test_is_one_table_however_long(self) -> None:
        rows: list[list[Cell]] = [[number, f"line {number}"] for number in range(1001)]

        pieces = list(spreadsheets.csv_pieces(rows))

        read = csv.reader(io.StringIO("".join(pieces).removeprefix("\ufeff")))
        assert [[int(number), text] for number, text in read] == rows
        assert len(pieces) == 1 + 1001 // spreadsheets.LINES_AT_ONCE + 1


class TestXlsxFile:
    def test_keeps_numbers_exact_and_text_text(self) -> None:
        rows: list[list[Cell]] = [[Decimal("120.50"), Decimal(2000000), 7, "=1+1"]]

        with spreadsheets.xlsx_file(rows, title="a title that is longer than a sheet's") as file:
            (cells,) = load_workbook(file).worksheets[0].iter_rows()

        assert [cell.value for cell in cells] == [120.5, 2000000, 7, "'=1+1"]
        assert [cell.number_format for cell in cells[:2]] == ["#,##0.00", "#,##0"]
        assert cells[3].data_type == "s"

    def test_has_true_dates_a_head_that_stays_and_columns_as_wide_as_their_texts(self) -> None:
        at = datetime(2026, 11, 22, 12, 30)  # noqa: DTZ001  # spreadsheets have no zones
        rows: list[list[Cell]] = [["When", "What"], [at, "x" * 30], [None, "y" * 400]]

        with spreadsheets.xlsx_file(rows, title="t") as file:
            sheet = load_workbook(file).worksheets[0]

        assert sheet.freeze_panes == "A2"
        assert (sheet["A2"].value, sheet["A2"].is_date) == (at, True)
        assert sheet.column_dimensions["A"].width == 21
        assert sheet.column_dimensions["B"].width == spreadsheets.WIDEST

    def test_fails_as_its_rows_do(self) -> None:
        def broken():
            yield ["head"]
            raise ValueError("the database has gone")

        with pytest.raises(ValueError, match="gone"):
            spreadsheets.xlsx_file(broken(), title="t")


def test_a_text_that_xml_cannot_hold_ends_no_workbook() -> None:
    with spreadsheets.xlsx_file([["a\ufffe\uffff\x00\x0bb"]], title="x") as file:
        sheet = load_workbook(file).active

    assert sheet is not None
    assert sheet["A1"].value == "a\ufffd\ufffd\ufffd\ufffdb"
