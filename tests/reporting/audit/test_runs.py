"""The nightly audit, its log and its metrics."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from reporting import tasks
from reporting.audit import runs
from reporting.models import AuditRun
from tests.reporting.audit.test_checks import books, move_one_unit

__all__ = ["books"]


class TestRun:
    def test_finds_nothing_in_sound_books(
        self, books: None, caplog: pytest.LogCaptureFixture
    ) -> None:
        tasks.audit_books()

        run = AuditRun.objects.get()
        assert (run.finding_count, run.invoice_id_count) == (0, 1)
        assert "do not add up" not in caplog.text

    def test_logs_and_counts_what_does_not_add_up(
        self, books: None, caplog: pytest.LogCaptureFixture
    ) -> None:
        move_one_unit("invoices_lineitem", "tax_amount = tax_amount + 1")

        run = runs.run(now=timezone.now())

        said = [one.levelname for one in caplog.records if "do not add up" in one.getMessage()]
        assert said == ["CRITICAL"] * run.finding_count
        assert AuditRun.objects.get().finding_count == run.finding_count == 3  # its lines
        assert "invoices_lineitem" in caplog.text


@pytest.mark.django_db
class TestCollect:
    def test_tells_of_the_last_run_only(self) -> None:
        now = timezone.now()
        assert list(runs.collect(now)) == []
        for days, finding_count in ((2, 7), (1, 0)):
            AuditRun.objects.create(
                started_at=now - timedelta(days=days),
                seconds=1.5,
                invoice_id_count=10,
                finding_count=finding_count,
            )

        collected = {metric.name: metric.value for metric in runs.collect(now)}

        assert collected == {"audit_findings": 0, "audit_age_seconds": 86_400, "audit_seconds": 1.5}
        assert "paytrust_audit_findings 0" in Client().get("/metrics").text
