"""Making a change of the audit log evident: a chain of seals per tenant over its entries.

A job seals, so that requests never wait for each other. Each entry's SHA-256 goes into a link;
each link is bound to the one before by an HMAC whose key the database does not know. What was
written in the last minute, and what the job has not met yet, is not sealed.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import connection, transaction

from apikeys.audit.retention import AUDIT_KEPT_FOR
from apikeys.models import AuditSeal, Tenant

log = structlog.get_logger(__name__)

SETTLED_AFTER: Final = timedelta(minutes=1)  # by then a statement has committed, or never will
LATE_AT_MOST: Final = timedelta(hours=1)  # a row of a stalled statement is still taken in
STEP: Final = timedelta(days=1)  # sealed in one transaction
LINK_SIZE: Final = 10_000  # entries
DIGEST_SIZE: Final = 32  # bytes

# Everything an entry says, in one text that has one reading.
_DIGEST: Final = """sha256(convert_to(jsonb_build_array(
    entry.id, entry.tenant_id, entry.api_key_id, entry.operation_type, entry.actor_identifier,
    host(entry.ip_address), entry.method, entry.path, entry.status_code, entry.request_id,
    entry.success, entry.error_message, entry.old_key_hash,
    (extract(epoch FROM entry.created_at) * 1000000)::bigint)::text, 'UTF8'))"""
_UNSEALED: Final = f"""
WITH sealed AS (
    SELECT unnest(entry_ids) AS id FROM apikeys_auditseal WHERE newest_at >= %(since)s::timestamptz
), oldest AS (
    SELECT created_at AS at FROM apikeys_apikeyauditentry entry
    WHERE created_at >= %(since)s::timestamptz AND created_at < %(until)s
      AND NOT EXISTS (SELECT FROM sealed WHERE sealed.id = entry.id)
    ORDER BY created_at LIMIT 1
)
SELECT entry.tenant_id, date_trunc('month', entry.created_at)::date AS month, entry.id,
       entry.created_at, {_DIGEST}
FROM apikeys_apikeyauditentry entry
WHERE entry.created_at >= (SELECT at FROM oldest) AND entry.created_at < %(until)s
  AND entry.created_at < (SELECT at FROM oldest) + %(step)s
  AND NOT EXISTS (SELECT FROM sealed WHERE sealed.id = entry.id)
ORDER BY entry.tenant_id, month, entry.id"""  # noqa: S608  # nosec B608  # constants
_FOUND: Final = f"""
SELECT entry.id, {_DIGEST} FROM apikeys_apikeyauditentry entry
WHERE entry.id = ANY(%(ids)s) AND entry.created_at >= %(month)s::date
  AND entry.created_at < (%(month)s::date + interval '1 month')
  AND entry.tenant_id = %(tenant)s"""  # noqa: S608  # nosec B608  # constants
_UNSEALED_IDS: Final = """
SELECT entry.id, entry.tenant_id, entry.created_at >= %(due)s::timestamptz
FROM apikeys_apikeyauditentry entry
LEFT JOIN (SELECT unnest(entry_ids) AS id FROM apikeys_auditseal) sealed USING (id)
WHERE sealed.id IS NULL ORDER BY entry.id"""


@dataclass(frozen=True, slots=True)
class Entry:
    """An audit entry as the chain sees it."""

    tenant_id: int
    month: date
    id: int
    created_at: datetime
    digest: bytes


@dataclass(frozen=True, slots=True)
class Break:
    """Where the log does not say any more what was sealed."""

    tenant_id: int
    what: str
    entry_id: int | None = None  # None: the link itself is broken
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look through the whole log found."""

    sealed: int
    unsealed: int
    breaks: tuple[Break, ...]


def seal(*, now: datetime) -> int:
    """Seal the entries that are not, oldest first; return how many. A repeat does no harm."""
    sealed = 0
    while step := _seal_step(now=now):
        sealed += step
    return sealed


@transaction.atomic
def _seal_step(*, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TimeZone = 'UTC'")
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('paytrust audit seals'))")
        entries = _unsealed(cursor, now=now)
    for (_, month), group in groupby(entries, key=lambda entry: (entry.tenant_id, entry.month)):
        members = list(group)
        for start in range(0, len(members), LINK_SIZE):
            _add_link(members[start : start + LINK_SIZE], month=month, now=now)
    return len(entries)


def verify(*, now: datetime) -> Verdict:
    """Compare the whole log with its seals.

    Finds entries that were changed, removed, or slipped in behind the seals, and links that were.
    Entries that are older than retention demands are not missed; their links still must fit.
    """
    breaks: list[Break] = []
    sealed = 0
    kept_since = now - AUDIT_KEPT_FOR
    for tenant_id in Tenant.objects.order_by("pk").values_list("pk", flat=True):
        previous: AuditSeal | None = None
        for link in AuditSeal.objects.filter(tenant=tenant_id).order_by("sequence").iterator(100):
            breaks += _broken_link(link, previous, kept_since=kept_since)
            breaks += _broken_entries(link, kept_since=kept_since)
            sealed += len(link.entry_ids)
            previous = link
    unsealed, slipped_in = _outside_the_chain()
    return Verdict(sealed, unsealed, (*breaks, *slipped_in))


def _unsealed(cursor: Any, *, now: datetime) -> list[Entry]:  # noqa: ANN401  # Django's cursor
    newest = AuditSeal.objects.order_by("-newest_at").values_list("newest_at", flat=True).first()
    cursor.execute(
        _UNSEALED,
        {
            "since": newest - LATE_AT_MOST if newest else "-infinity",
            "until": now - SETTLED_AFTER,
            "step": STEP,
        },
    )
    return [
        Entry(tenant_id, month, entry_id, created_at, bytes(digest))
        for tenant_id, month, entry_id, created_at, digest in cursor.fetchall()
    ]


def _add_link(entries: list[Entry], *, month: date, now: datetime) -> None:
    tenant_id = entries[0].tenant_id
    last = AuditSeal.objects.filter(tenant=tenant_id).order_by("-sequence").first()
    link = AuditSeal(
        tenant_id=tenant_id,
        sequence=last.sequence + 1 if last else 1,
        month=month,
        entry_ids=[entry.id for entry in entries],
        digests=b"".join(entry.digest for entry in entries),
        newest_at=max(entry.created_at for entry in entries),
        previous_hash=last.hash if last else "",
        sealed_at=now,
    )
    link.hash = _hash_of(link)
    link.save(force_insert=True)
    # A second witness, outside the database.
    log.info(
        "audit sealed",
        tenant_id=tenant_id,
        sequence=link.sequence,
        entries=len(entries),
        head=link.hash[:32],
    )


def _hash_of(link: AuditSeal) -> str:
    key = hmac.digest(settings.API_KEY_PEPPER.encode(), b"audit seals", "sha256")
    said = hashlib.sha256(
        f"{link.tenant_id} {link.sequence} {link.month} {link.previous_hash} "
        f"{link.newest_at.astimezone(UTC).isoformat()} {link.entry_ids}".encode()
    )
    said.update(bytes(link.digests))
    return hmac.digest(key, said.digest(), "sha256").hex()


def _broken_link(
    link: AuditSeal, previous: AuditSeal | None, *, kept_since: datetime
) -> Iterator[Break]:
    if _hash_of(link) != link.hash:
        yield Break(link.tenant_id, "the link was changed", sequence=link.sequence)
    expected = (previous.sequence + 1, previous.hash) if previous else None
    if expected and (link.sequence, link.previous_hash) != expected:
        yield Break(link.tenant_id, "a link before it is missing", sequence=link.sequence)
    if previous is None and link.sequence > 1 and link.newest_at >= kept_since:
        yield Break(link.tenant_id, "the links before it are missing", sequence=link.sequence)


def _broken_entries(link: AuditSeal, *, kept_since: datetime) -> Iterator[Break]:
    with connection.cursor() as cursor:
        cursor.execute(
            _FOUND, {"ids": link.entry_ids, "month": link.month, "tenant": link.tenant_id}
        )
        found = {pk: bytes(digest) for pk, digest in cursor.fetchall()}
    digests = bytes(link.digests)
    for place, entry_id in enumerate(link.entry_ids):
        digest = digests[place * DIGEST_SIZE : (place + 1) * DIGEST_SIZE]
        if entry_id not in found:
            if link.newest_at < kept_since:
                continue
            yield Break(link.tenant_id, "the entry is missing", entry_id, link.sequence)
        elif found[entry_id] != digest:
            yield Break(link.tenant_id, "the entry was changed", entry_id, link.sequence)


def _outside_the_chain() -> tuple[int, list[Break]]:
    newest = AuditSeal.objects.order_by("-newest_at").values_list("newest_at", flat=True).first()
    due = newest - LATE_AT_MOST if newest else None
    with connection.cursor() as cursor:
        cursor.execute(_UNSEALED_IDS, {"due": due})
        rows = cursor.fetchall()
    slipped_in = [
        Break(tenant_id, "the entry was slipped in behind the seals", entry_id)
        for entry_id, tenant_id, may_wait in rows
        if may_wait is False
    ]
    return len(rows) - len(slipped_in), slipped_in
