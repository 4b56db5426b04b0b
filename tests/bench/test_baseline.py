"""Ratios that a change may not make worse."""

from pathlib import Path

import pytest

from bench import baseline, webhooks
from bench.figures import Figures
from bench.table import DRF, SQL, Row

FIGURES = Figures(per_second=1.0, p50_ms=None, p95_ms=None, p99_ms=None, cpu_ms={})
KNOWN = {"POST": {DRF: 1.0, SQL: 2.0}}


def rows(ratios: dict[str, float], name: str = "POST") -> list[Row]:
    return [Row(name, FIGURES, ratios=ratios), Row("lean", FIGURES)]


class TestWorse:
    @pytest.mark.parametrize(("ratio", "is_worse"), [(0.5, False), (1.15, False), (1.16, True)])
    def test_is_what_is_15_percent_above(self, ratio: float, is_worse: bool) -> None:
        worse = list(baseline.worse(rows({DRF: ratio, SQL: 2.0}), KNOWN))

        assert worse == (["POST: 1.16 x lean DRF, the baseline is 1.00"] if is_worse else [])

    def test_is_nothing_that_the_baseline_does_not_know(self) -> None:
        assert list(baseline.worse(rows({DRF: 9.0}, "GET"), KNOWN)) == []


class TestWrite:
    def test_keeps_what_was_not_measured(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(baseline, "FILE", tmp_path / "baseline.json")
        baseline.FILE.write_text('{"GET": {"lean DRF": 0.4}}')

        baseline.write(rows({DRF: 0.656, SQL: 1.9}))

        assert baseline.read() == {"GET": {DRF: 0.4}, "POST": {DRF: 0.66, SQL: 1.9}}


class TestTheCommittedOne:
    def test_has_both_ratios_of_the_hot_paths(self) -> None:
        for name in ("POST /invoices", "POST /invoices, 12 instalments", "GET /invoices/{id}"):
            assert baseline.read()[name].keys() == {DRF, SQL}

    def test_has_what_a_webhook_and_a_booking_take_beside_plain_sql(self) -> None:
        for name in (webhooks.ACCEPTED, webhooks.PROCESSED):
            assert baseline.read()[name].keys() == {SQL}
