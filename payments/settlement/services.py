"""Imports of what gateways paid out: each once, kept as it came, matched, and never booked."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from io import BufferedIOBase
from itertools import islice
from typing import Final, TypeVar

import structlog
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Count

from gateways.models import Gateway, GatewayAccount
from gateways.settlements import SettlementRow
from payments.settlement import accounts, comparing, plain, reading, staging
from payments.settlement.matching import MISMATCHES, MatchState
from payments.settlement.models import SettlementImport, SettlementLine
from payments.settlement.staging import LINES_AT_ONCE, Tell
from paytrust.errors import PayTrustError
from paytrust.operations import locking
from paytrust.operations.database import violated_constraint

log = structlog.get_logger(__name__)

PREVIEWED: Final = 5_000  # lines
SHOWN: Final = 50  # of the lines that do not match
Status = SettlementImport.Status
Item = TypeVar("Item")


class SettlementAlreadyImported(PayTrustError):
    """This file was imported before. Nothing was changed."""

    status = HTTPStatus.CONFLICT
    code = "settlement_already_imported"


class SettlementImportWithdrawn(PayTrustError):
    """The import was withdrawn before, is itself a withdrawal, or is not done."""

    status = HTTPStatus.CONFLICT
    code = "settlement_import_withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an import would do."""

    line_count: int
    states: Mapping[str, int]  # lines by match state
    is_whole: bool  # else only the first lines of the file were read
    unmatched: Sequence[SettlementLine]  # some of those that do not match, not stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A gateway's CSV or XLSX file, of any length."""

    gateway: Gateway
    account: GatewayAccount | None
    file: BufferedIOBase
    file_name: str
    currency: str  # of rows that name none
    user: User | None = None


def import_file(*, upload: Upload, now: datetime, tell: Tell = staging.quietly) -> SettlementImport:
    """Import a file as a whole or not at all.

    Raises:
        SettlementAlreadyImported: the same bytes were imported for this account, and not withdrawn.
        SettlementFileUnreadable, SettlementColumnsMissing: nothing was imported.
    """
    made = _import_of(upload, now)
    return import_rows(made=made, rows=_rows(made, upload.file), now=now, tell=tell)


def preview_file(*, upload: Upload, now: datetime) -> Preview:
    """Return what `import_file` would do with the file, or with the start of a long one.

    Nothing is kept. Raises the same.
    """
    made = _import_of(upload, now)
    made.status = Status.RUNNING
    with transaction.atomic():
        one_at_a_time(made.gateway_id, made.account_id)
        _open(made)
        seen = preview_upload(made=made, file=upload.file, now=now)
        transaction.set_rollback(True)
    return seen


def import_rows(
    *,
    made: SettlementImport,
    rows: Iterable[SettlementRow],
    now: datetime,
    tell: Tell = staging.quietly,
) -> SettlementImport:
    """Keep rows as an import, match them, and tell of what does not match.

    A row of a gateway's list that an earlier round had, unchanged, is not kept again. The ledger
    stays as it is. `made` is an import that is not saved yet.

    Raises:
        SettlementAlreadyImported: see `import_file`.
    """
    with transaction.atomic():
        one_at_a_time(made.gateway_id, made.account_id)
        made.status = Status.RUNNING
        _open(made)
        _take_in(made, rows, tell=tell, now=now)
    log.info(
        "settlement imported",
        import_id=made.pk,
        gateway_id=made.gateway_id,
        source=made.source,
        lines=made.line_count,
        new=made.new_count,
    )
    return made


def take_in_upload(
    *, made: SettlementImport, file: BufferedIOBase, now: datetime, tell: Tell
) -> None:
    """Import the file of an upload that is running. Raises as `import_file`."""
    with transaction.atomic():
        one_at_a_time(made.gateway_id, made.account_id)
        made.refresh_from_db(fields=["status"])
        if made.status != Status.RUNNING:
            return  # another worker was faster
        _take_in(made, _rows(made, file), tell=tell, now=now)


def preview_upload(*, made: SettlementImport, file: BufferedIOBase, now: datetime) -> Preview:
    """Return what the import of an upload would do; see `preview_file`."""
    rows = _rows(made, file)
    with transaction.atomic():
        one_at_a_time(made.gateway_id, made.account_id)
        _take_in(made, islice(rows, PREVIEWED), tell=staging.quietly, now=now)
        seen = _seen(made)
        transaction.set_rollback(True)
    is_whole = seen.line_count < PREVIEWED or next(rows, None) is None
    return replace(seen, is_whole=is_whole)


def number_it(made: SettlementImport) -> None:
    """Count how often the account had the same file before.

    Raises:
        SettlementAlreadyImported: it has it now.
    """
    before = SettlementImport.objects.filter(
        accounts.having(accounts.ids_of(made.gateway_id, made.account_id)),
        gateway_id=made.gateway_id,
        sha256=made.sha256,
        withdraws=None,
    ).exclude(status=Status.FAILED)
    if before.filter(withdrawn_by=None).exists():
        raise SettlementAlreadyImported(details={"sha256": made.sha256})
    made.repeat = before.count()


def compare_again(*, now: datetime) -> int:
    """Match again the lines for which no payment was known; return how many there are."""
    waiting = SettlementLine.objects.filter(state=MatchState.MISSING_HERE).order_by("pk")
    count = 0
    for account in waiting.order_by().values_list("gateway_id", "account_id").distinct():
        own = waiting.filter(gateway_id=account[0], account_id=account[1])
        for some in _pieces(list(own)):
            with transaction.atomic():
                one_at_a_time(*account)
                comparing.compare(lines=some, now=now)
            count += len(some)
    return count


def _open(made: SettlementImport) -> None:
    """Save an import that begins now, unless the account has the same file."""
    number_it(made)
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError as error:
        if violated_constraint(error) == "settlement_import_once":
            raise SettlementAlreadyImported(details={"sha256": made.sha256}) from error
        raise


def _take_in(
    made: SettlementImport, rows: Iterable[SettlementRow], *, tell: Tell, now: datetime
) -> None:
    made.new_count = 0
    terms = comparing.terms_of(made.gateway_id, made.account_id)
    read = staging.stage(made, rows, terms=terms, tell=tell)
    for first in range(1, read.line_count + 1, plain.LINES_AT_ONCE):
        last = first + plain.LINES_AT_ONCE - 1
        made.new_count += plain.store(made, first=first, last=last, now=now)
        tell(read.line_count, made.new_count)
    for some in staging.rest(made, now=now):
        comparing.compare(new=some, now=now)
        made.new_count += len(some)
        tell(read.line_count, made.new_count)
    made.line_count = read.line_count
    if not made.covers_to:
        made.covers_from, made.covers_to = read.first_at, read.last_at
    made.status, made.due_at = Status.DONE, None
    made.save(
        update_fields=["status", "due_at", "line_count", "new_count", "covers_from", "covers_to"]
    )


def _import_of(upload: Upload, now: datetime) -> SettlementImport:
    upload.file.seek(0)
    return SettlementImport(
        tenant_id=upload.account.tenant_id if upload.account else None,
        gateway=upload.gateway,
        account=upload.account,
        source=SettlementImport.Source.UPLOAD,
        file_name=upload.file_name[-255:],
        sha256=hashlib.file_digest(upload.file, "sha256").hexdigest(),
        currency_code=upload.currency,
        imported_by=upload.user,
        imported_at=now,
    )


def states_of(made: SettlementImport) -> dict[str, int]:
    """Return how many lines of an import are in each state."""
    found = made.lines.order_by().values_list("state").annotate(count=Count("pk"))
    return dict(found)


def _seen(made: SettlementImport) -> Preview:
    unmatched = made.lines.filter(state__in=MISMATCHES).select_related("transaction")
    return Preview(
        line_count=made.line_count,
        states=states_of(made),
        is_whole=False,
        unmatched=list(unmatched.order_by("pk")[:SHOWN]),
    )


def _rows(made: SettlementImport, file: BufferedIOBase) -> Iterator[SettlementRow]:
    columns = _columns(made.gateway, made.account)
    return reading.read_rows(file, currency=made.currency_code or "", columns=columns)


def _columns(gateway: Gateway, account: GatewayAccount | None) -> Mapping[str, Sequence[str]]:
    terms = comparing.own_terms(gateway.pk, account.pk if account else None)
    return terms.columns if terms else {}


def one_at_a_time(gateway_id: int, account_id: int | None) -> None:
    """Wait until no other import of the account runs, and keep others out until the commit."""
    first = accounts.ids_of(gateway_id, account_id)[0]
    locking.one_at_a_time(f"settlement {gateway_id} {first}")


def _pieces(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while piece := list(islice(rest, LINES_AT_ONCE)):
        yield piece
