"""How long data about access is kept: monthly partitions, made ahead and dropped when old."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import structlog
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from apikeys.idempotency.claims import KEPT_FOR as IDEMPOTENCY_KEPT_FOR
from apikeys.models import AuditSeal, IdempotencyRecord

log = structlog.get_logger(__name__)

AUDIT_KEPT_FOR: Final = timedelta(days=366)  # NFR-007: at least a year
MONTHS_AHEAD: Final = 3


@dataclass(frozen=True, slots=True)
class Expired:
    """What may be deleted."""

    audit_months: tuple[str, ...]  # names of partitions
    idempotency_records: int


def make_months(*, now: datetime) -> list[date]:
    """Make the audit log's partitions for this month and the next ones; return the new ones.

    Months that have rows already, because they were not made in time, are made first.
    """
    made = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT date_trunc('month', created_at, 'UTC')::date FROM apikeys_audit_rest"
        )
        wanted = {month for (month,) in cursor.fetchall()}
        wanted |= {_month_after(now.date(), months) for months in range(MONTHS_AHEAD + 1)}
        for month in sorted(wanted):
            cursor.execute("SELECT apikeys_make_audit_month(%s)", [month])
            if cursor.fetchone() == (True,):
                made.append(month)
    log.info("audit months made", months=[str(month) for month in made])
    return made


def expired(*, now: datetime) -> Expired:
    """Return what retention allows to delete; this is never payment data."""
    return Expired(
        audit_months=_expired_partitions(now=now),
        idempotency_records=_expired_records(now=now).count(),
    )


def purge(*, now: datetime) -> Expired:
    """Delete what retention allows to delete; return what that was."""
    with transaction.atomic(), connection.cursor() as cursor:
        partitions = _expired_partitions(now=now)
        for partition in partitions:
            year, month = partition[-7:].split("_")
            cursor.execute("SELECT apikeys_drop_audit_month(%s::date)", [f"{year}-{month}-01"])
        _expired_seals(now=now).delete()
    records, _ = _expired_records(now=now).delete()
    log.info("expired rows purged", audit_months=partitions, idempotency_records=records)
    return Expired(partitions, records)


def _expired_records(*, now: datetime) -> QuerySet[IdempotencyRecord]:
    return IdempotencyRecord.objects.filter(
        created_at__lt=now - IDEMPOTENCY_KEPT_FOR, leased_until__lt=now
    )


def _expired_seals(*, now: datetime) -> QuerySet[AuditSeal]:
    """Return the old links, but not each tenant's last one: the kept links are bound to it."""
    old = AuditSeal.objects.filter(log="keys", newest_at__lt=_audit_horizon(now))
    after = old.filter(tenant=OuterRef("tenant"), sequence__gt=OuterRef("sequence"))
    return old.filter(Exists(after))


def _audit_horizon(now: datetime) -> datetime:
    """Return the first moment of the oldest month that must be kept."""
    return (now - AUDIT_KEPT_FOR).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _expired_partitions(*, now: datetime) -> tuple[str, ...]:
    oldest_kept = f"apikeys_audit_{_audit_horizon(now):%Y_%m}"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'apikeys_apikeyauditentry'::regclass ORDER BY 1"
        )
        names = [name for (name,) in cursor.fetchall()]
    return tuple(name for name in names if name[-7:-5].isdigit() and name < oldest_kept)


def _month_after(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)
