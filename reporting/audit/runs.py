"""The nightly audit: all of `reporting.audit.checks`, logged and stored for `/metrics`."""

import time
from collections.abc import Iterator
from datetime import datetime

import structlog

from paytrust.operations.metrics import Metric
from reporting.audit import banked, checks, days, trail
from reporting.audit.checks import Finding
from reporting.models import AuditRun

log = structlog.get_logger(__name__)

MOST_LOGGED = 100  # findings logged a run; all are counted


def run(*, now: datetime) -> AuditRun:
    """Audit all books; log each of the first findings at CRITICAL. May run twice."""
    began, finding_count = time.monotonic(), 0
    for finding_count, finding in enumerate(_findings(), start=1):
        if finding_count <= MOST_LOGGED:
            log.critical("the books do not add up", finding=str(finding))
    first, end = checks.invoice_range()
    return AuditRun.objects.create(
        started_at=now,
        seconds=time.monotonic() - began,
        invoice_id_count=end - first,
        finding_count=finding_count,
    )


def collect(now: datetime) -> Iterator[Metric]:
    """Yield the result of the last audit, and how long ago it was; nothing before the first one."""
    last = AuditRun.objects.order_by("-pk").first()
    if last is None:
        return
    yield Metric("audit_findings", last.finding_count, help="what did not add up in the last audit")
    yield Metric(
        "audit_age_seconds",
        (now - last.started_at).total_seconds(),
        help="time since the last audit of the books that was finished began",
    )
    yield Metric("audit_seconds", last.seconds, help="how long the last audit took")


def _findings() -> Iterator[Finding]:
    first, end = checks.invoice_range()
    for start in range(first, end, checks.CHUNK):
        yield from checks.audit_invoices(
            first=start, end=min(start + checks.CHUNK, end), tenant_id=None, since=None
        )
    for day in days.closed_days(since=None):
        yield from days.audit_day(day, tenant_id=None)
    yield from trail.audit_decisions()
    yield from banked.audit_payouts()
