"""Imports of what gateways paid out: each once, kept as it came, matched, and never booked."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus
from itertools import islice
from typing import Final, TypeVar

import structlog
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from gateways.models import Gateway, GatewayAccount
from gateways.settlements import SettlementRow
from payments.settlement import comparing, reading
from payments.settlement.matching import MatchState
from payments.settlement.models import SettlementImport, SettlementLine, SettlementTerms
from paytrust.errors import PayTrustError
from paytrust.operations.database import violated_constraint

log = structlog.get_logger(__name__)

LINES_AT_ONCE: Final = 2_000
Item = TypeVar("Item")


class SettlementAlreadyImported(PayTrustError):
    """This file was imported before. Nothing was changed."""

    status = HTTPStatus.CONFLICT
    code = "settlement_already_imported"


class SettlementImportWithdrawn(PayTrustError):
    """The import was withdrawn before, or is itself a withdrawal."""

    status = HTTPStatus.CONFLICT
    code = "settlement_import_withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an import would do."""

    line_count: int
    states: Mapping[str, int]  # lines by match state


def import_file(
    *,
    gateway: Gateway,
    account: GatewayAccount | None,
    content: bytes,
    file_name: str,
    currency: str,
    user: User | None,
    now: datetime,
) -> SettlementImport:
    """Import a gateway's CSV or XLSX file.

    Rows that name no currency are in `currency`.

    Raises:
        SettlementAlreadyImported: the same bytes were imported for this account, and not withdrawn.
        SettlementFileUnreadable, SettlementColumnsMissing: nothing was imported.
    """
    rows = reading.read_file(content, currency=currency, columns=_columns(gateway, account))
    times = [row.occurred_at for row in rows if row.occurred_at is not None]
    made = SettlementImport(
        tenant_id=account.tenant_id if account else None,
        gateway=gateway,
        account=account,
        source=SettlementImport.Source.UPLOAD,
        file_name=file_name[-255:],
        sha256=hashlib.sha256(content).hexdigest(),
        covers_from=min(times, default=None),
        covers_to=max(times, default=None),
        imported_by=user,
        imported_at=now,
    )
    return import_rows(made=made, rows=rows, now=now)


def preview_file(
    *,
    gateway: Gateway,
    account: GatewayAccount | None,
    content: bytes,
    currency: str,
    now: datetime,
) -> Preview:
    """Return what `import_file` would do; nothing is kept. Raises the same."""
    with transaction.atomic():
        made = import_file(
            gateway=gateway,
            account=account,
            content=content,
            file_name="preview",
            currency=currency,
            user=None,
            now=now,
        )
        states = Counter(made.lines.values_list("state", flat=True).iterator())
        transaction.set_rollback(True)
    return Preview(line_count=made.line_count, states=dict(states))


def import_rows(
    *, made: SettlementImport, rows: Sequence[SettlementRow], now: datetime
) -> SettlementImport:
    """Keep rows as an import, match them, and tell of what does not match.

    A row of a gateway's list that an earlier round had, unchanged, is not kept again. The ledger
    stays as it is. `made` is an import that is not saved yet, without its counts.

    Raises:
        SettlementAlreadyImported: see `import_file`.
    """
    with transaction.atomic():
        _one_at_a_time(made.gateway_id, made.account_id)
        named = _named_rows(rows)
        if made.source == SettlementImport.Source.API:
            named = _without_known(made, named)
        _save(made, line_count=len(rows), new_count=len(named))
        for some in _pieces(named):
            lines = SettlementLine.objects.bulk_create(
                [_line(made, row, identity, digest, now) for row, identity, digest in some]
            )
            comparing.compare(lines=lines, now=now)
    log.info(
        "settlement imported",
        import_id=made.pk,
        gateway_id=made.gateway_id,
        source=made.source,
        lines=made.line_count,
        new=made.new_count,
    )
    return made


def withdraw(*, import_id: int, user: User, reason: str, now: datetime) -> SettlementImport:
    """Take an import back by a new row; its lines stay, and count no more.

    Raises:
        SettlementImport.DoesNotExist: unknown.
        SettlementImportWithdrawn: it was withdrawn before, or is a withdrawal.
    """
    with transaction.atomic():
        taken = SettlementImport.objects.get(pk=import_id)
        _one_at_a_time(taken.gateway_id, taken.account_id)
        again = SettlementImport.objects.filter(withdraws=taken).exists()
        if again or taken.withdraws_id is not None:
            raise SettlementImportWithdrawn(details={"import_id": import_id})
        made = SettlementImport.objects.create(
            tenant_id=taken.tenant_id,
            gateway_id=taken.gateway_id,
            account_id=taken.account_id,
            source=SettlementImport.Source.WITHDRAWAL,
            sha256=taken.sha256,
            line_count=0,
            new_count=0,
            withdraws=taken,
            reason=reason,
            imported_by=user,
            imported_at=now,
        )
        for some in _pieces(taken.lines.order_by("pk").iterator()):
            comparing.compare(lines=some, now=now)
    log.info("settlement import withdrawn", import_id=import_id, by=user.pk)
    return made


def compare_again(*, now: datetime) -> int:
    """Match again the lines for which no payment was known; return how many there are."""
    waiting = SettlementLine.objects.filter(state=MatchState.MISSING_HERE).order_by("pk")
    count = 0
    for account in waiting.order_by().values_list("gateway_id", "account_id").distinct():
        own = waiting.filter(gateway_id=account[0], account_id=account[1])
        for some in _pieces(list(own)):
            with transaction.atomic():
                _one_at_a_time(*account)
                comparing.compare(lines=some, now=now)
            count += len(some)
    return count


def _save(made: SettlementImport, *, line_count: int, new_count: int) -> None:
    before = SettlementImport.objects.filter(
        gateway_id=made.gateway_id,
        account_id=made.account_id,
        sha256=made.sha256,
        withdraws=None,
    )
    if before.filter(withdrawn_by=None).exists():
        raise SettlementAlreadyImported(details={"sha256": made.sha256})
    made.repeat, made.line_count, made.new_count = before.count(), line_count, new_count
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError as error:
        if violated_constraint(error) == "settlement_import_once":
            raise SettlementAlreadyImported(details={"sha256": made.sha256}) from error
        raise


def _named_rows(rows: Iterable[SettlementRow]) -> list[tuple[SettlementRow, str, str]]:
    """Return rows with what they are called and a digest of what they say.

    A file names no rows: equal ones are numbered, in an order that is not the file's, so that a
    row which stands twice stays two lines, and the same row in another file is the same line.
    """
    named: dict[tuple[str, str], tuple[SettlementRow, str, str]] = {}
    unnamed: dict[str, list[tuple[str, SettlementRow]]] = defaultdict(list)
    for row in rows:
        facts = asdict(row)
        del facts["raw"]
        digest = _sha256(facts)
        if row.line_id is not None:
            identity = _sha256({"line_id": row.line_id})
            named[identity, digest] = (row, identity, digest)
        else:
            unnamed[_sha256(_lasting(row))].append((digest, row))
    result = list(named.values())
    for base, group in unnamed.items():
        ordered = sorted(group, key=lambda one: one[0])
        result += [
            (row, _sha256({"row": base, "number": number}), digest)
            for number, (digest, row) in enumerate(ordered)
        ]
    return sorted(result, key=lambda one: (one[0].reference or "", one[1], one[2]))


def _lasting(row: SettlementRow) -> dict[str, object]:
    """Return what stays the same of a row in each file that has it."""
    return {
        "kind": row.kind,
        "reference": row.reference,
        "occurred_at": row.occurred_at,
        "currency": row.currency,
    }


def _without_known(
    made: SettlementImport, named: Sequence[tuple[SettlementRow, str, str]]
) -> list[tuple[SettlementRow, str, str]]:
    new = []
    for some in _pieces(named):
        known = set(
            SettlementLine.objects.filter(
                gateway_id=made.gateway_id,
                account_id=made.account_id,
                identity__in=[identity for _row, identity, _digest in some],
            )
            .exclude(state=MatchState.WITHDRAWN)
            .values_list("identity", "digest")
        )
        new += [one for one in some if one[1:] not in known]
    return new


def _line(
    made: SettlementImport, row: SettlementRow, identity: str, digest: str, now: datetime
) -> SettlementLine:
    return SettlementLine(
        tenant_id=made.tenant_id,
        imported_in=made,
        gateway_id=made.gateway_id,
        account_id=made.account_id,
        identity=identity,
        digest=digest,
        kind=row.kind,
        is_final=row.is_final,
        currency_code=row.currency,
        gross_amount=row.gross_amount,
        gateway_fee_amount=row.fee_amount,
        vat_amount=row.vat_amount,
        withholding_amount=row.withholding_amount,
        net_amount=row.net_amount,
        fee_state=row.fee_state,
        reference=row.reference,
        gateway_ids=list(row.gateway_ids),
        channel=row.channel,
        occurred_at=row.occurred_at,
        settlement_at=row.settlement_at,
        payout_id=row.payout_id,
        as_of=row.as_of,
        raw=dict(row.raw),
        state=MatchState.NOT_COMPARED,
        created_at=now,
    )


def _columns(gateway: Gateway, account: GatewayAccount | None) -> Mapping[str, Sequence[str]]:
    terms = SettlementTerms.objects.filter(gateway=gateway, account=account).first()
    return terms.columns if terms else {}


def _one_at_a_time(gateway_id: int, account_id: int | None) -> None:
    """Wait until no other import of the account runs, and keep others out until the commit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext(%s))",
            [f"paytrust settlement {gateway_id} {account_id}"],
        )


def _pieces(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while piece := list(islice(rest, LINES_AT_ONCE)):
        yield piece


def _sha256(facts: Mapping[str, object]) -> str:
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
