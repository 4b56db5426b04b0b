import pytest

from bench.figures import Figures
from bench.table import DRF, SQL, Row, Target, json_of, text_of

FIGURES = Figures(
    per_second=123.4, p50_ms=12.34, p95_ms=1.234, p99_ms=None, cpu_ms={"web": 8.0, "postgres": 2.0}
)


class TestTarget:
    @pytest.mark.parametrize(("measured", "met"), [(2.4, True), (2.5, True), (2.51, False)])
    def test_at_most_is_met_up_to_the_limit(self, measured: float, met: bool) -> None:
        assert Target("x", 2.5, measured).met is met

    @pytest.mark.parametrize(("measured", "met"), [(249.0, False), (250.0, True), (251.0, True)])
    def test_at_least_is_met_from_the_limit_on(self, measured: float, met: bool) -> None:
        assert Target("per s", 250, measured, at_least=True).met is met


class TestTextOf:
    def test_shows_figures_target_and_verdict_under_their_headings(self) -> None:
        rows = [
            Row("POST /invoices", FIGURES, Target("x lean", 2.5, 2.61)),
            Row("GET", FIGURES, Target("x lean", 2.5, 2.5), {DRF: 0.5, SQL: 1.25}),
            Row("lean", FIGURES),
        ]

        headings, missed, met, plain = (line.split() for line in text_of(rows).splitlines())

        assert headings[0] == "benchmark"
        assert missed == [
            *("POST", "/invoices", "123", "12.3", "1.23", "-", "8.00", "2.00", "-", "-", "10.0"),
            *("-", "-"),
            *("<=", "2.5", "x", "lean", "2.61", "MISSED"),
        ]
        assert met[9:12] == ["10.0", "0.50", "1.25"]
        assert met[-2:] == ["2.50", "met"]
        assert plain[-3:] == ["10.0", "-", "-"]

    def test_aligns_its_columns(self) -> None:
        lines = text_of([Row("a", FIGURES), Row("a longer name", FIGURES)]).splitlines()

        assert lines[1].index("123") == lines[2].index("123")


class TestJsonOf:
    def test_holds_what_the_table_shows(self) -> None:
        [row] = json_of([Row("GET", FIGURES, Target("x lean", 2.0, 1.5))])

        assert row["name"] == "GET"
        assert row["total_cpu_ms"] == 10.0
        assert row["p99_ms"] is None
        assert row["target"] == {
            "what": "x lean",
            "limit": 2.0,
            "measured": 1.5,
            "at_least": False,
            "met": True,
        }

    def test_has_no_target_where_there_is_none(self) -> None:
        [row] = json_of([Row("lean", FIGURES)])

        assert row["target"] is None
