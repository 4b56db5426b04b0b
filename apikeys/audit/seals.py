"""Chains of seals over the entries of a log, which show that somebody changed the log.

The keys' audit log has a chain per tenant, the trail of staff acts one for the platform.

A job makes the seals, so that requests never wait for each other. Each entry's SHA-256 goes into a
link; each link is bound to the one before by an HMAC whose key is not in the database. Entries of
the last minute, and entries that the job has not read yet, are not sealed.
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
from django.db.models import Q

from apikeys.audit import witnesses
from apikeys.audit.retention import AUDIT_KEPT_FOR
from apikeys.models import AuditSeal
from paytrust.operations import locking

log = structlog.get_logger(__name__)

SETTLED_AFTER: Final = timedelta(minutes=1)  # by then a statement has committed, or never will
LATE_AT_MOST: Final = timedelta(hours=1)  # a row of a stalled statement is still taken in
AT_ONCE: Final = 50_000  # entries, sealed in one transaction
LINK_SIZE: Final = 10_000  # entries
DIGEST_SIZE: Final = 32  # bytes

INTERRUPTED_AFTER: Final = timedelta(minutes=30)  # an act without an outcome by then has none
AT_MOMENT: Final = "(extract(epoch FROM entry.created_at) * 1000000)::bigint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A log whose entries are sealed; its texts are SQL over the table, named `entry`."""

    name: str  # of its chains
    table: str
    says: str  # everything that an entry says
    owner: str  # whose chain an entry belongs to; a null: the platform's
    is_final: str  # whether it says everything already
    kept_for: timedelta | None  # none: for good

    @property
    def digest(self) -> str:
        """SQL for a digest of all that an entry says, without two meanings."""
        return f"sha256(convert_to(jsonb_build_array({self.says}, {AT_MOMENT})::text, 'UTF8'))"

    def kept_since(self, now: datetime) -> datetime:
        """Return from when on entries and links must be there."""
        return now - self.kept_for if self.kept_for else datetime.min.replace(tzinfo=UTC)


KEYS: Final = Log(
    name="keys",
    table="apikeys_apikeyauditentry",
    says="""entry.id, entry.tenant_id, entry.api_key_id, entry.operation_type,
    entry.actor_identifier, host(entry.ip_address), entry.method, entry.path, entry.status_code,
    entry.request_id, entry.success, entry.error_message, entry.old_key_hash, entry.changes""",
    owner="entry.tenant_id",
    is_final="true",
    kept_for=AUDIT_KEPT_FOR,
)
STAFF: Final = Log(
    name="staff",
    table="apikeys_staffact",
    says="""entry.id, entry.staff_id, entry.act, entry.object_type, entry.object_id,
    entry.tenant_id, entry.invoice_id, entry.reason, entry.request_id, entry.outcome,
    entry.message""",
    owner="NULL::bigint",
    is_final="(entry.outcome IS NOT NULL OR entry.created_at < %(interrupted)s)",
    kept_for=None,
)
LOGS: Final = (KEYS, STAFF)

# What is younger than all that is sealed, and what came late. EXCEPT looks at each entry once. By
# an anti-join PostgreSQL, which cannot know how many ids the links hold, compares each with all.
_UNSEALED: Final = """
WITH late AS (
    SELECT entry.id FROM {table} entry
    WHERE entry.created_at >= %(since)s::timestamptz AND entry.created_at <= %(newest)s::timestamptz
        AND {is_final}
    EXCEPT
    SELECT unnest(entry_ids) FROM apikeys_auditseal
    WHERE log = %(log)s AND newest_at >= %(since)s::timestamptz
)
SELECT {owner} AS owner, date_trunc('month', entry.created_at)::date AS month, entry.id,
       entry.created_at, {digest}
FROM (
    (
        SELECT * FROM {table} entry
        WHERE entry.created_at > %(newest)s::timestamptz AND entry.created_at < %(until)s
            AND {is_final}
        ORDER BY entry.created_at LIMIT %(most)s
    )
    UNION ALL
    SELECT * FROM {table} entry
    WHERE entry.created_at >= %(since)s::timestamptz AND entry.created_at < %(until)s
        AND entry.id IN (SELECT id FROM late)
) entry
ORDER BY owner, month, entry.id"""
_FOUND: Final = """
SELECT entry.id, {digest} FROM {table} entry
WHERE entry.id = ANY(%(ids)s) AND entry.created_at >= %(month)s::date
  AND entry.created_at < (%(month)s::date + interval '1 month')
  AND {owner} IS NOT DISTINCT FROM %(tenant)s"""
_UNSEALED_IDS: Final = """
SELECT entry.id, {owner}, entry.created_at >= %(due)s::timestamptz
FROM {table} entry
LEFT JOIN (SELECT unnest(entry_ids) AS id FROM apikeys_auditseal WHERE log = %(log)s) sealed
    USING (id)
WHERE sealed.id IS NULL ORDER BY entry.id"""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as the chain sees it."""

    tenant_id: int | None
    month: date
    id: int
    created_at: datetime
    digest: bytes


@dataclass(frozen=True, slots=True)
class Break:
    """A place where a log differs from what was sealed."""

    tenant_id: int | None
    what: str
    entry_id: int | None = None  # None: a broken link, or a row of another table
    sequence: int | None = None
    log: str = KEYS.name


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of both whole logs found."""

    sealed: int
    unsealed: int
    breaks: tuple[Break, ...]


def seal(*, now: datetime) -> int:
    """Seal the entries that have no seal, oldest first; return how many. Safe to repeat."""
    sealed = 0
    for kept in LOGS:
        while step := _seal_step(kept, now=now):
            sealed += step
    return sealed


@transaction.atomic
def _seal_step(kept: Log, *, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TimeZone = 'UTC'")
        locking.one_at_a_time("audit seals")
        entries = _unsealed(kept, cursor, now=now)
    for (_, month), group in groupby(entries, key=lambda entry: (entry.tenant_id, entry.month)):
        members = list(group)
        for start in range(0, len(members), LINK_SIZE):
            _add_link(kept, members[start : start + LINK_SIZE], month=month, now=now)
    return len(entries)


@transaction.atomic  # the links come by a cursor
def verify(*, now: datetime) -> Verdict:
    """Compare both logs with their seals, and the trail of staff acts with the proposals.

    Finds entries and links that were changed, removed or added after sealing, and decisions of
    staff without an act in the trail. An entry older than the retention time may be missing; its
    link must still fit.
    """
    breaks: list[Break] = []
    sealed = unsealed = 0
    for kept in LOGS:
        previous: AuditSeal | None = None
        for link in _links(kept):
            if previous and previous.tenant_id != link.tenant_id:
                previous = None
            breaks += _broken_link(kept, link, previous, now=now)
            breaks += _broken_entries(kept, link, now=now)
            sealed += len(link.entry_ids)
            previous = link
        outside, slipped_in = _outside_the_chain(kept)
        unsealed += outside
        breaks += slipped_in
    breaks += [Break(None, str(missing), log=STAFF.name) for missing in witnesses.missing_acts()]
    return Verdict(sealed, unsealed, tuple(breaks))


def _links(kept: Log) -> Iterator[AuditSeal]:
    links = AuditSeal.objects.filter(log=kept.name)
    return links.order_by("tenant_id", "sequence").iterator(100)


def _sql(template: str, kept: Log) -> str:
    return template.format(
        table=kept.table, digest=kept.digest, owner=kept.owner, is_final=kept.is_final
    )


def _newest(kept: Log) -> datetime | None:
    links = AuditSeal.objects.filter(log=kept.name).order_by("-newest_at")
    return links.values_list("newest_at", flat=True).first()


def _unsealed(kept: Log, cursor: Any, *, now: datetime) -> list[Entry]:  # noqa: ANN401  # Django's cursor
    newest = _newest(kept)
    cursor.execute(
        _sql(_UNSEALED, kept),
        {
            "log": kept.name,
            "newest": newest or "-infinity",
            "since": newest - LATE_AT_MOST if newest else "-infinity",
            "until": now - SETTLED_AFTER,
            "interrupted": now - INTERRUPTED_AFTER,
            "most": AT_ONCE,
        },
    )
    return [
        Entry(tenant_id, month, entry_id, created_at, bytes(digest))
        for tenant_id, month, entry_id, created_at, digest in cursor.fetchall()
    ]


def _add_link(kept: Log, entries: list[Entry], *, month: date, now: datetime) -> None:
    tenant_id = entries[0].tenant_id
    chain = AuditSeal.objects.filter(Q(tenant_id=tenant_id), log=kept.name)
    last = chain.order_by("-sequence").first()
    link = AuditSeal(
        log=kept.name,
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
        log=kept.name,
        tenant_id=tenant_id,
        sequence=link.sequence,
        entries=len(entries),
        head=link.hash[:32],
    )


def _hash_of(link: AuditSeal) -> str:
    key = hmac.digest(settings.API_KEY_PEPPER.encode(), b"audit seals", "sha256")
    chain = link.log if link.tenant_id is None else link.tenant_id
    said = hashlib.sha256(
        f"{chain} {link.sequence} {link.month} {link.previous_hash} "
        f"{link.newest_at.astimezone(UTC).isoformat()} {link.entry_ids}".encode()
    )
    said.update(bytes(link.digests))
    return hmac.digest(key, said.digest(), "sha256").hex()


def _broken_link(
    kept: Log, link: AuditSeal, previous: AuditSeal | None, *, now: datetime
) -> Iterator[Break]:
    def broken(what: str) -> Break:
        return Break(link.tenant_id, what, sequence=link.sequence, log=kept.name)

    if _hash_of(link) != link.hash:
        yield broken("the link was changed")
    expected = (previous.sequence + 1, previous.hash) if previous else None
    if expected and (link.sequence, link.previous_hash) != expected:
        yield broken("a link before it is missing")
    if previous is None and link.sequence > 1 and link.newest_at >= kept.kept_since(now):
        yield broken("the links before it are missing")


def _broken_entries(kept: Log, link: AuditSeal, *, now: datetime) -> Iterator[Break]:
    with connection.cursor() as cursor:
        cursor.execute(
            _sql(_FOUND, kept),
            {"ids": link.entry_ids, "month": link.month, "tenant": link.tenant_id},
        )
        found = {pk: bytes(digest) for pk, digest in cursor.fetchall()}
    digests = bytes(link.digests)
    for place, entry_id in enumerate(link.entry_ids):
        digest = digests[place * DIGEST_SIZE : (place + 1) * DIGEST_SIZE]
        if entry_id not in found:
            if link.newest_at < kept.kept_since(now):
                continue
            what = "the entry is missing"
        elif found[entry_id] != digest:
            what = "the entry was changed"
        else:
            continue
        yield Break(link.tenant_id, what, entry_id, link.sequence, kept.name)


def _outside_the_chain(kept: Log) -> tuple[int, list[Break]]:
    newest = _newest(kept)
    due = newest - LATE_AT_MOST if newest else None
    with connection.cursor() as cursor:
        cursor.execute(_sql(_UNSEALED_IDS, kept), {"due": due, "log": kept.name})
        rows = cursor.fetchall()
    slipped_in = [
        Break(tenant_id, "the entry was slipped in behind the seals", entry_id, log=kept.name)
        for entry_id, tenant_id, may_wait in rows
        if may_wait is False
    ]
    return len(rows) - len(slipped_in), slipped_in
