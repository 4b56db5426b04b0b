"""Xendit's book of reports: what was asked for, and when each is ready (C7)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from gateways.sandbox.tools import Tools
from gateways.sandbox.xendit.invoices import written

URL_LIVES: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Report:
    """What was asked for, and when it is ready."""

    id: str
    currency: str
    start: datetime
    end: datetime
    created_at: datetime
    ready_at: datetime
    secret: str  # in its address, in place of a key
    fails: bool

    def can_be_downloaded(self, now: datetime) -> bool:
        return not self.fails and self.ready_at <= now < self.ready_at + URL_LIVES

    def shown(self, business_id: str, address: str, now: datetime) -> dict[str, Any]:
        ended = now >= self.ready_at
        status = "PENDING" if not ended else "FAILED" if self.fails else "COMPLETED"
        named = f"{address}/{self.id}.csv?signature={self.secret}"
        return {
            "id": self.id,
            "type": "TRANSACTIONS",
            "status": status,
            "filter": {"from": written(self.start), "to": written(self.end)},
            "format": "CSV",
            "url": named if self.can_be_downloaded(now) else None,
            "currency": self.currency,
            "business_id": business_id,
            "created": written(self.created_at),
            "updated": written(self.ready_at if ended else self.created_at),
        }


class Reports:
    """Every report that was asked for. Each method is one step with the lock held."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._reports: dict[str, Report] = {}

    def make(self, *, currency: str, start: datetime, end: datetime, fails: bool) -> Report:
        tools = self._tools
        with tools.lock:
            now, wait = tools.clock.now(), tools.accounts.xendit.report_after_seconds
            report = Report(
                id=f"report_{tools.identifiers.uuid()}",
                currency=currency,
                start=start,
                end=end,
                created_at=now,
                ready_at=now + timedelta(seconds=wait) / tools.accounts.speed,
                secret=tools.identifiers.hex24(),
                fails=fails,
            )
            self._reports[report.id] = report
            tools.store.save("report", report.id, report)
        return report

    def find(self, report_id: str) -> Report | None:
        with self._tools.lock:
            return self._reports.get(report_id)

    def restore(self) -> None:
        """Take over an earlier process's reports."""
        self._reports |= {report.id: report for report in self._tools.store.load("report")}

    def reset(self) -> None:
        self._reports.clear()
