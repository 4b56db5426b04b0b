"""Reports of a closed month: the gateway makes each, and it fills what its list left out.

The list of transactions is read each day by the time of a change. The report is read once, by the
time at which each row was made, when the month's last money is settled. Its rows that agree with
our lines are not kept again.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BufferedIOBase
from typing import Final, cast
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.db.models import QuerySet

from gateways import descriptors, registry
from gateways.adapter import GatewayBusy, GatewayError
from gateways.budgets.pacing import Priority
from gateways.budgets.watching import WatchedAdapter
from gateways.settlements import SettlementRow
from invoices.models import Transaction
from payments.settlement import accounts, services
from payments.settlement.models import SettlementImport, SettlementLine, SettlementReport
from paytrust.operations import locking
from paytrust.operations.database import release_connection

log = structlog.get_logger(__name__)

Status = SettlementReport.Status
ZONE: Final = ZoneInfo("Asia/Jakarta")  # of a gateway's months
FIRST_DAY: Final = 9  # by then the slowest money of a month is settled: five working days
LAST_DAY: Final = 14  # on which a month's reports are still begun
LEASE: Final = timedelta(minutes=30)  # longer than a download and its import take
LOOK_AGAIN: Final = timedelta(minutes=2)
LONGEST_WAIT: Final = timedelta(hours=24)  # for a report that is not ready; then another is made
TRY_AGAIN: Final = timedelta(hours=1)
MOST_TRIES: Final = 8
AT_ONCE: Final = 100
ASKED_OF: Final = (SettlementImport.Source.API, SettlementImport.Source.REPORT)


def open_last_month(*, now: datetime) -> int:
    """Note the reports of last month that are wanted, each once; return how many are new.

    One for each account and currency in which money moved then, at the gateways that make reports.
    Before the 9th of a month, and after the 14th, there are none.
    """
    today = now.astimezone(ZONE)
    if not FIRST_DAY <= today.day <= LAST_DAY:
        return 0
    end = today.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    start = (end - timedelta(days=1)).replace(day=1)
    codes = [one.code for one in descriptors.all_served() if one.makes_reports]
    moved = Transaction.objects.filter(
        gateway__code__in=codes, created_at__gte=start, created_at__lt=end
    )
    found = moved.values_list(
        "gateway", "payment_request__account", "payment_request__account__tenant", "currency_code"
    ).distinct()
    pairs = {
        (gateway_id, accounts.newest_id(gateway_id, account_id), tenant_id, currency)
        for gateway_id, account_id, tenant_id, currency in found
    }
    wanted = [
        SettlementReport(
            gateway_id=gateway_id,
            account_id=account_id,
            tenant_id=tenant_id,
            currency_code=currency,
            starts_at=start,
            ends_at=end,
            status=Status.WANTED,
            due_at=now,
            created_at=now,
        )
        for gateway_id, account_id, tenant_id, currency in pairs
    ]
    before = SettlementReport.objects.count()
    SettlementReport.objects.bulk_create(wanted, ignore_conflicts=True)
    return SettlementReport.objects.count() - before


def claim_due(*, now: datetime) -> list[int]:
    """Return the reports about which a worker may call the gateway, each to one caller."""
    return locking.claim(
        SettlementReport.objects.filter(due_at__lte=now),
        by="due_at",
        taken=lambda ids: SettlementReport.objects.filter(pk__in=ids).update(due_at=now + LEASE),
        limit=AT_ONCE,
    )


def go_on(*, report_id: int, now: datetime) -> None:
    """Ask for a report, look whether it is ready, or read it: whatever is next. May run twice."""
    report = _open().select_related("gateway", "account").filter(pk=report_id).first()
    if report is None:
        return
    adapter = registry.adapter_for(
        report.gateway.code, account_id=report.account_id, priority=Priority.RECONCILIATION
    )
    release_connection()
    try:
        if report.gateway_report_id is None:
            _ask(report, adapter, now)
        else:
            _look(report, adapter, now)
    except GatewayBusy as busy:
        _later(report, now + max(LOOK_AGAIN, timedelta(seconds=busy.wait_seconds)))
    except GatewayError as error:
        _failed_try(report, str(error), now)


def _ask(report: SettlementReport, adapter: WatchedAdapter, now: datetime) -> None:
    named = adapter.ask_for_report(
        start=report.starts_at, end=report.ends_at, currency=report.currency_code
    )
    _open().filter(pk=report.pk, gateway_report_id=None).update(
        status=Status.ASKED, gateway_report_id=named, asked_at=now, due_at=now + LOOK_AGAIN
    )


def _look(report: SettlementReport, adapter: WatchedAdapter, now: datetime) -> None:
    assert report.gateway_report_id is not None, report.pk
    state = adapter.find_report(report_id=report.gateway_report_id)
    if state.url is not None:
        _read(report, adapter, state.url, now)
    elif state.has_failed:
        _failed_try(report, "The gateway could not make the report.", now)
    elif report.asked_at is not None and now - report.asked_at > LONGEST_WAIT:
        _failed_try(report, "The report was not ready within 24 hours.", now)
    else:
        _later(report, now + LOOK_AGAIN)


def _read(report: SettlementReport, adapter: WatchedAdapter, url: str, now: datetime) -> None:
    with tempfile.TemporaryFile() as file:
        adapter.download_report(url=url, into=file)
        file.seek(0)
        _keep(report, adapter.rows_of_report(cast("BufferedIOBase", file)), now)


def _keep(report: SettlementReport, rows: Iterator[SettlementRow], now: datetime) -> None:
    """Import a report's rows, and end it, in one transaction: it is imported once."""
    name = f"{report.pk} {report.gateway_report_id}"  # two empty reports are the same bytes
    with transaction.atomic():
        held = _open().select_for_update(skip_locked=True).filter(pk=report.pk).first()
        if held is None:
            return  # another worker imports it, or has
        made = services.import_rows(
            made=SettlementImport(
                tenant_id=report.tenant_id,
                gateway=report.gateway,
                account=report.account,
                source=SettlementImport.Source.REPORT,
                file_name=f"{report.gateway_report_id}.csv",
                sha256=hashlib.sha256(name.encode()).hexdigest(),
                currency_code=report.currency_code,
                covers_from=report.starts_at,
                covers_to=report.ends_at,
                imported_at=now,
            ),
            rows=rows,
            now=now,
        )
        SettlementReport.objects.filter(pk=report.pk).update(
            status=Status.DONE,
            due_at=None,
            problem="",
            imported_in=made,
            absent_count=_absent(report, made),
        )
    log.info("settlement report read", report_id=report.pk, added=made.new_count)


def _absent(report: SettlementReport, made: SettlementImport) -> int:
    """Return how many lines of the gateway's list its report does not have."""
    of_account = SettlementImport.objects.filter(
        accounts.having(accounts.ids_of(report.gateway_id, report.account_id)),
        gateway=report.gateway_id,
        source__in=ASKED_OF,
        covers_to__gte=report.starts_at,
    )
    in_force = SettlementLine.objects.counted().filter(
        imported_in__in=of_account,
        currency_code=report.currency_code,
        occurred_at__gte=report.starts_at,
        occurred_at__lt=report.ends_at,
    )
    return max(0, in_force.count() - made.line_count)


def _later(report: SettlementReport, at: datetime) -> None:
    _open().filter(pk=report.pk).update(due_at=at)


def _failed_try(report: SettlementReport, reason: str, now: datetime) -> None:
    """Begin again with a new report in an hour; after several tries it has failed."""
    tries = report.tries + 1
    has_ended = tries >= MOST_TRIES
    _open().filter(pk=report.pk).update(
        status=Status.FAILED if has_ended else Status.WANTED,
        due_at=None if has_ended else now + TRY_AGAIN,
        gateway_report_id=None,
        asked_at=None,
        tries=tries,
        problem=reason[:500],
    )
    log.warning("settlement report not read", report_id=report.pk, tries=tries, reason=reason)


def _open() -> QuerySet[SettlementReport]:
    return SettlementReport.objects.filter(status__in=(Status.WANTED, Status.ASKED))
