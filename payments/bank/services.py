"""Imports of bank statements: each file and each statement once, matched, and never booked."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Final

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from payments.bank import matching, reading, selectors
from payments.bank.matching import BankState, Verdict
from payments.bank.models import BankEntry, BankFile, BankStatement
from payments.bank.reading import EntryRead, StatementRead
from paytrust.errors import PayTrustError
from paytrust.operations import locking

log = structlog.get_logger(__name__)

ROWS_AT_ONCE: Final = 2_000
IMPORTS: Final = "bank statements"  # one of these runs at a time


class BankStatementAlreadyImported(PayTrustError):
    """This file, or a statement in it, was imported before. Nothing was changed."""

    status = HTTPStatus.CONFLICT
    code = "bank_statement_already_imported"
    for_staff = _("This file, or a statement in it, was imported before. Nothing was changed.")


class BankFileWithdrawn(PayTrustError):
    """The file was withdrawn before."""

    status = HTTPStatus.CONFLICT
    code = "bank_file_withdrawn"
    for_staff = _("The file was withdrawn before.")


def import_file(*, content: bytes, file_name: str, user: User | None, now: datetime) -> BankFile:
    """Import a camt.053 as a whole or not at all, and match all entries again.

    Raises:
        BankStatementUnreadable: see `reading.read_statements`.
        BankStatementAlreadyImported: the same bytes, or a statement of the same account and id.
    """
    read = reading.read_statements(content)
    sha256 = hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        locking.one_at_a_time(IMPORTS)
        _refuse_known(read, sha256)
        made = BankFile.objects.create(
            file_name=file_name[-255:], sha256=sha256, imported_by=user, imported_at=now
        )
        for statement in read:
            _keep(made, statement)
        _match()
    log.info("bank statements imported", file_id=made.pk, statements=len(read))
    return made


def withdraw(*, file_id: int, user: User | None, reason: str, now: datetime) -> None:
    """Take an import back; its entries stay, and count no more.

    Raises:
        BankFileWithdrawn: it was taken back before.
    """
    with transaction.atomic():
        locking.one_at_a_time(IMPORTS)
        own = BankFile.objects.filter(pk=file_id, withdrawn_at=None)
        if not own.update(withdrawn_at=now, withdrawn_by=user, reason=reason):
            raise BankFileWithdrawn
        BankStatement.objects.filter(file=file_id).update(withdrawn_at=now)
        BankEntry.objects.filter(statement__file=file_id).update(
            status=BankState.WITHDRAWN, **NO_PAYOUT
        )
        _match()
    log.info("bank statements withdrawn", file_id=file_id, by=user and user.pk)


def match_again() -> None:
    """Match all entries again, because a gateway may have named more payouts."""
    with transaction.atomic():
        locking.one_at_a_time(IMPORTS)
        _match()


NO_PAYOUT: Final[Mapping[str, None]] = {
    "gateway": None,
    "payout_id": None,
    "payout_currency_code": None,
    "matched_by": None,
}


def _refuse_known(read: Sequence[StatementRead], sha256: str) -> None:
    if BankFile.objects.filter(sha256=sha256, withdrawn_at=None).exists():
        raise BankStatementAlreadyImported(details={"sha256": sha256})
    names = Counter((one.account, one.statement_id, one.page) for one in read)
    kept = BankStatement.objects.filter(
        withdrawn_at=None,
        account__in={one.account for one in read},
        statement_id__in={one.statement_id for one in read},
    )
    known = names.keys() & set(kept.values_list("account", "statement_id", "page"))
    twice = {name for name, count in names.items() if count > 1}
    if refused := sorted(known | twice):
        account, statement_id, _page = refused[0]
        raise BankStatementAlreadyImported(
            details={"account": account, "statement_id": statement_id}
        )


def _keep(made: BankFile, statement: StatementRead) -> None:
    kept = BankStatement.objects.create(
        file=made,
        account=statement.account,
        statement_id=statement.statement_id,
        page=statement.page,
    )
    BankEntry.objects.bulk_create(
        (_row(kept, one) for one in statement.entries), batch_size=ROWS_AT_ONCE
    )


def _row(statement: BankStatement, read: EntryRead) -> BankEntry:
    return BankEntry(
        statement=statement,
        entry_number=read.entry_number,
        booked_on=read.booked_on,
        is_booked=read.is_booked,
        is_credit=read.is_credit,
        is_reversal=read.is_reversal,
        currency_code=read.amount.currency,
        amount=read.amount.minor,
        reference=read.reference,
        end_to_end_id=read.end_to_end_id,
        remittance_text=read.remittance_text,
        raw=read.raw,
        status=BankState.NOT_COMPARED,
    )


def _match() -> None:
    """Judge all entries in force, and keep the verdicts that are new."""
    entries = {one.pk: one for one in selectors.entries_in_force()}
    verdicts = matching.judge(
        [selectors.arrived(one) for one in entries.values()], selectors.paid_out()
    )
    changed = [one for one in entries.values() if _takes(one, verdicts[one.pk])]
    # A payout may move from one entry to another: none has two, not even for a moment.
    BankEntry.objects.filter(pk__in=[one.pk for one in changed]).update(
        status=BankState.UNMATCHED, **NO_PAYOUT
    )
    BankEntry.objects.bulk_update(changed, ["status", *NO_PAYOUT], batch_size=ROWS_AT_ONCE)


def _takes(entry: BankEntry, verdict: Verdict) -> bool:
    """Set a verdict on an entry; return whether that changes it."""
    before = _match_of(entry)
    payout = verdict.payout
    entry.status = verdict.state
    entry.matched_by = verdict.by
    entry.gateway_id = payout.gateway_id if payout else None
    entry.payout_id = payout.payout_id if payout else None
    entry.payout_currency_code = payout.currency if payout else None
    return _match_of(entry) != before


def _match_of(entry: BankEntry) -> tuple[object, ...]:
    return (
        entry.status,
        entry.matched_by,
        entry.gateway_id,
        entry.payout_id,
        entry.payout_currency_code,
    )
