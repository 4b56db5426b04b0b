"""`manage.py audit_books`: check that every unit of money adds up, and list what does not."""

import sys
from datetime import UTC, datetime

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apikeys.keys import selectors as apikeys
from reporting.audit import banked, checks, days, trail

BAR_WIDTH = 30


class Command(BaseCommand):
    help = (
        "Recompute every invoice, instalment, transaction, ledger entry and closed day from the "
        "ground up. Prints what does not add up and exits 1, or 0 if everything does."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", type=int, help="only this tenant's id")
        parser.add_argument("--since", help="only what changed since this date (YYYY-MM-DD, UTC)")

    def handle(self, *, tenant: int | None, since: str | None, **options: object) -> None:
        moment = _moment(since)
        if tenant is not None and apikeys.tenant_by_id(tenant_id=tenant) is None:
            raise CommandError(f"There is no tenant {tenant}.")
        first, end = checks.invoice_range()
        closed = days.closed_days(since=moment)
        findings = 0
        for start in range(first, end, checks.CHUNK):
            stop = min(start + checks.CHUNK, end)
            for finding in checks.audit_invoices(
                first=start, end=stop, tenant_id=tenant, since=moment
            ):
                findings += 1
                self.stdout.write(str(finding))
            self._show_progress("invoice ids", stop - first, end - first)
        for number, day in enumerate(closed, start=1):
            for finding in days.audit_day(day, tenant_id=tenant):
                findings += 1
                self.stdout.write(str(finding))
            self._show_progress("closed days", number, len(closed))
        if tenant is None:
            for finding in (*trail.audit_decisions(), *banked.audit_payouts()):
                findings += 1
                self.stdout.write(str(finding))
        if findings:
            raise CommandError(f"{findings} things do not add up.")
        invoices = checks.invoice_count(tenant_id=tenant, since=moment)
        self.stdout.write(f"Every unit adds up. Invoices: {invoices}; closed days: {len(closed)}.")

    def _show_progress(self, what: str, done: int, total: int) -> None:
        if not sys.stderr.isatty():
            return
        filled = BAR_WIDTH * done // total
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        self.stderr.write(f"\r[{bar}] {done}/{total} {what}", ending="\n" * (done == total))


def _moment(since: str | None) -> datetime | None:
    if since is None:
        return None
    try:
        return datetime.strptime(since, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise CommandError(f"--since {since!r} is not a date such as 2026-11-01.") from error
