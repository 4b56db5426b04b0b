"""Compares stored lines with the ledger, and opens or ends mismatches. Moves no money."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from apikeys.tenants.tenancy import TenantQuerySet
from gateways.settlements import FeeState, LineKind
from invoices.models import PaymentRequest, Transaction
from payments.refunds.models import Refund
from payments.settlement import accounts, matching, telling
from payments.settlement.matching import MISMATCHES, PAIRED, Booked, FeeTerm, Line, MatchState
from payments.settlement.models import (
    SettlementImport,
    SettlementLine,
    SettlementMismatch,
    SettlementTerms,
)
from paytrust.operations import rows
from paytrust.operations.trips import Statement, join

KINDS: Final = {
    Transaction.Kind.PAYMENT: LineKind.PAYMENT,
    Transaction.Kind.REFUND: LineKind.REFUND,
    Transaction.Kind.REVERSAL: LineKind.CHARGEBACK,
}
BOOKED: Final = (
    *("tenant_id", "kind", "currency_code", "amount", "gateway_transaction_id"),
    *("payment_request__reference", "payment_request__gateway_payment_id"),
    *("asked_for_by__gateway_refund_id", "asked_for_by__reference"),
)
"""What matching needs of a transaction and what hangs on it."""
MISSING_AT_ONCE: Final = 5_000
FIRST_OF_NEW: Final = 2**62  # keys of lines that are not stored yet; later than all others


def compare(
    *, now: datetime, lines: Sequence[SettlementLine] = (), new: Sequence[SettlementLine] = ()
) -> None:
    """Match lines of one account, and all others that their verdict depends on.

    The caller holds the account's lock, in a transaction. Lines of `new` are stored here.
    """
    touched = [*lines, *new]
    if not touched:
        return
    first = touched[0]
    for number, line in enumerate(new):
        line.pk = FIRST_OF_NEW + number
    ids = accounts.ids_of(first.gateway_id, first.account_id)
    own = SettlementLine.objects.filter(accounts.having(ids), gateway_id=first.gateway_id)
    booked = _booked(first, ids, touched)
    stored = _group(own, lines, touched, booked)
    group = [*stored, *new]
    if len(group) > len(touched):  # others came in, which may be about more money
        booked = _booked(first, ids, group)
    _release_strangers(ids, booked)
    verdicts = matching.judge(
        _pure_lines(group),
        [_pure(row) for row in booked],
        terms_of(first.gateway_id, first.account_id),
    )
    _write(stored, new, verdicts, {row.pk: row for row in booked}, now)


def find_missing(*, now: datetime) -> int:
    """Tell of payments and refunds that should have a line by now; return how many are new.

    A payment counts if an import covers its time, and the account's imports reach past its seventh
    working day. An account without imports misses nothing.
    """
    live = SettlementImport.objects.filter(
        withdraws=None, withdrawn_by=None, status=SettlementImport.Status.DONE
    )
    found = 0
    pairs = live.values_list("gateway_id", "account_id").distinct()
    for gateway_id, *ids in {(one, *accounts.ids_of(one, other)) for one, other in pairs}:
        own = live.filter(accounts.having(ids), gateway_id=gateway_id)
        reached = own.exclude(covers_to=None).order_by("-covers_to").first()
        if reached is None or reached.covers_to is None:
            continue
        last_day = matching.last_overdue(reached.covers_to.astimezone(UTC).date())
        before = datetime.combine(last_day + timedelta(days=1), time(), UTC)
        covering = own.filter(
            covers_from__lte=OuterRef("paid_at"), covers_to__gte=OuterRef("paid_at")
        )
        missing = _without_line().filter(
            Exists(covering),
            accounts.having(ids, at="payment_request__account"),
            gateway_id=gateway_id,
            paid_at__lt=before,
        )
        for row in missing.order_by("pk")[:MISSING_AT_ONCE]:
            found += _open_missing(row, now)
    return found


def _without_line() -> QuerySet[Transaction]:
    lines = SettlementLine.objects.paired().filter(transaction=OuterRef("pk"))
    reported = SettlementMismatch.objects.filter(
        Q(ended_at=None) | Q(ended_by__isnull=False),
        transaction=OuterRef("pk"),
        state=MatchState.MISSING_AT_GATEWAY,
    )
    kinds = (Transaction.Kind.PAYMENT, Transaction.Kind.REFUND)
    return Transaction.objects.filter(~Exists(lines), ~Exists(reported), kind__in=kinds)


@transaction.atomic
def _open_missing(row: Transaction, now: datetime) -> int:
    mismatch = SettlementMismatch.objects.create(
        tenant_id=row.tenant_id,
        transaction=row,
        state=MatchState.MISSING_AT_GATEWAY,
        found_at=now,
    )
    telling.tell(mismatch=mismatch, now=now)
    return 1


def _group(
    own: QuerySet[SettlementLine],
    lines: Iterable[SettlementLine],
    touched: Sequence[SettlementLine],
    booked: Iterable[Transaction],
) -> list[SettlementLine]:
    """Return, locked, the stored lines that may be about the same money as these."""
    references = {line.reference for line in touched if line.reference}
    ids = {one for line in touched for one in line.gateway_ids}
    for row in booked:
        references.add(row.payment_request.reference)
        ids |= _ids_of(row)
    keys: set[int] = {line.pk for line in lines}
    for wanted in (
        Q(reference__in=_texts(references)),
        Q(gateway_ids__overlap=sorted(ids)),
        Q(identity__in=_texts({line.identity for line in touched})),
    ):
        keys |= set(own.filter(wanted).values_list("pk", flat=True))
    return list(SettlementLine.objects.filter(pk__in=_keys(keys)).locked()) if keys else []


def _booked(
    first: SettlementLine, ids_of_account: list[int], lines: Iterable[SettlementLine]
) -> list[Transaction]:
    """Return the money of ours that lines may be about."""
    references = {line.reference for line in lines if line.reference}
    ids = {one for line in lines for one in line.gateway_ids}
    ours = Transaction.objects.filter(
        accounts.having(ids_of_account, at="payment_request__account"),
        gateway_id=first.gateway_id,
        kind__in=KINDS,
    )
    if first.imported_in.tenant_id is not None:
        ours = ours.filter(tenant_id=first.imported_in.tenant_id)
    named = PaymentRequest.objects.filter(reference__in=_texts(references)).values("pk")
    keys = set(ours.filter(payment_request__in=named).values_list("pk", flat=True))
    if ids:
        by_id = ours.filter(gateway_transaction_id__in=_texts(ids))
        keys |= set(by_id.values_list("pk", flat=True))
        paid_under = PaymentRequest.objects.filter(
            gateway_id=first.gateway_id, gateway_payment_id__in=_texts(ids)
        ).values("pk")
        keys |= set(ours.filter(payment_request__in=paid_under).values_list("pk", flat=True))
        refunds = Refund.objects.filter(
            Q(gateway_refund_id__in=_texts(ids)) | Q(reference__in=_texts(ids))
        )
        booked_as = refunds.filter(booked_as__isnull=False).values("booked_as")
        keys |= set(ours.filter(pk__in=booked_as).values_list("pk", flat=True))
    found = Transaction.objects.filter(pk__in=_keys(keys))
    requests = set(found.values_list("payment_request_id", flat=True))
    return list(
        ours.filter(payment_request__in=_keys(requests))
        .select_related("payment_request", "asked_for_by")
        .only(*BOOKED)
        .order_by("pk")
    )


def _release_strangers(ids_of_account: list[int], booked: Iterable[Transaction]) -> None:
    """Let lines of other accounts give up this account's money; the next round judges them again.

    Earlier versions let a merchant's two accounts claim each other's payments.
    """
    SettlementLine.objects.filter(
        ~accounts.having(ids_of_account), transaction__in=_keys(row.pk for row in booked)
    ).update(state=MatchState.MISSING_HERE, transaction=None)


def _ids_of(row: Transaction) -> set[str]:
    ids = {row.gateway_transaction_id}
    if row.kind == Transaction.Kind.PAYMENT and row.payment_request.gateway_payment_id:
        ids.add(row.payment_request.gateway_payment_id)
    refund: Refund | None = getattr(row, "asked_for_by", None)
    if refund is not None:
        ids |= {one for one in (refund.gateway_refund_id, refund.reference) if one}
    return ids


def _pure(row: Transaction) -> Booked:
    return Booked(
        key=row.pk,
        kind=KINDS[Transaction.Kind(row.kind)],
        currency=row.currency_code,
        amount=row.amount,
        reference=row.payment_request.reference,
        ids=frozenset(_ids_of(row)),
    )


def _pure_lines(lines: Sequence[SettlementLine]) -> list[Line]:
    imports = {line.imported_in_id for line in lines}
    withdrawn = set(
        SettlementImport.objects.filter(withdraws__in=imports).values_list("withdraws", flat=True)
    )
    return [
        Line(
            key=line.pk,
            identity=line.identity,
            digest=line.digest,
            kind=LineKind(line.kind),
            is_final=line.is_final,
            is_withdrawn=line.imported_in_id in withdrawn,
            currency=line.currency_code,
            gross_amount=line.gross_amount,
            fee_amount=line.gateway_fee_amount,
            vat_amount=line.vat_amount,
            withholding_amount=line.withholding_amount,
            net_amount=line.net_amount,
            fee_state=FeeState(line.fee_state),
            reference=line.reference,
            gateway_ids=tuple(line.gateway_ids),
            channel=line.channel,
            as_of=line.as_of,
            payout_id=line.payout_id,
        )
        for line in lines
    ]


def terms_of(gateway_id: int, account_id: int | None) -> list[FeeTerm]:
    """Return what the gateway may take of an account's payments."""
    terms = own_terms(gateway_id, account_id)
    return [FeeTerm(**fee) for fee in terms.fees] if terms else []


def own_terms(gateway_id: int, account_id: int | None) -> SettlementTerms | None:
    """Return an account's terms, under the newest of its ids that has some."""
    found = SettlementTerms.objects.filter(
        accounts.having(accounts.ids_of(gateway_id, account_id)), gateway=gateway_id
    )
    return found.order_by(F("account").desc(nulls_last=True)).first()


def _write(
    stored: Sequence[SettlementLine],
    new: Sequence[SettlementLine],
    verdicts: Mapping[int, matching.Verdict],
    booked: Mapping[int, Transaction],
    now: datetime,
) -> None:
    tenants = _tenants([one for one in (*stored, *new) if verdicts[one.pk].booked is None])
    known = {line.pk for line in stored}
    changed, released = [], []
    for line in (*stored, *new):
        verdict = verdicts[line.pk]
        row = booked.get(verdict.booked) if verdict.booked is not None else None
        tenant_id = row.tenant_id if row else line.tenant_id or tenants.get(line.reference)
        values = (verdict.state.value, verdict.booked, tenant_id)
        if (line.state, line.transaction_id, line.tenant_id) != values:
            stays = verdict.state in PAIRED and line.transaction_id == verdict.booked
            if line.state in PAIRED and not stays:
                released.append(line.pk)
            line.state, line.transaction_id, line.tenant_id = values
            changed.append(line)
    # A line gives its payment up before another one takes it: one constraint allows one only.
    if released:
        SettlementLine.objects.filter(pk__in=released).update(
            state=MatchState.NOT_COMPARED, transaction=None
        )
    _store(new)
    if old := [line for line in changed if line.pk in known]:
        join(rows.updating(old, ("state", "transaction", "tenant")))
    _end_mismatches(stored, new, now)
    _open_mismatches(stored, new, now)


def _store(new: Sequence[SettlementLine]) -> None:
    if not new:
        return
    [keys] = join(Statement(rows.insertion(SettlementLine), rows.values(new)))
    for line, (key,) in zip(new, keys, strict=True):
        line.pk = key


def _tenants(lines: Iterable[SettlementLine]) -> Mapping[str | None, int]:
    """Return whose references those of lines without a tenant are."""
    wanted = {line.reference for line in lines if line.tenant_id is None and line.reference}
    gateways = {line.gateway_id for line in lines}
    return dict(
        PaymentRequest.objects.filter(
            reference__in=_texts(wanted), gateway__in=gateways
        ).values_list("reference", "tenant_id")
    )


def _end_mismatches(
    stored: Sequence[SettlementLine], new: Sequence[SettlementLine], now: datetime
) -> None:
    """End the mismatches of lines that agree now, and of payments that have a line now."""
    _mismatches_of(stored).filter(ended_at=None).exclude(state=F("line__state")).update(
        ended_at=now
    )
    settled = {line.transaction_id for line in (*stored, *new) if line.state in PAIRED}
    SettlementMismatch.objects.filter(
        transaction__in=_keys(settled), state=MatchState.MISSING_AT_GATEWAY, ended_at=None
    ).update(ended_at=now)


def _open_mismatches(
    stored: Sequence[SettlementLine], new: Sequence[SettlementLine], now: datetime
) -> None:
    """Open a mismatch for each line that needs one."""
    of_lines = _mismatches_of(stored)
    reported = set(of_lines.filter(ended_at=None).values_list("line_id", "state"))
    # What a person has looked into stays resolved for later versions of the same line, too.
    by_persons = of_lines.filter(ended_by__isnull=False)
    resolved = set(by_persons.values_list("line__identity", "state"))
    opened = SettlementMismatch.objects.bulk_create(
        SettlementMismatch(
            tenant_id=line.tenant_id,
            line=line,
            transaction_id=line.transaction_id,
            state=line.state,
            found_at=now,
        )
        for line in (*stored, *new)
        if line.state in MISMATCHES
        and (line.pk, line.state) not in reported
        and (line.identity, line.state) not in resolved
    )
    for mismatch in opened:
        telling.tell(mismatch=mismatch, now=now)


def _mismatches_of(lines: Iterable[SettlementLine]) -> TenantQuerySet[SettlementMismatch]:
    return SettlementMismatch.objects.filter(line__in=_keys(line.pk for line in lines))


def _texts(values: Iterable[str]) -> RawSQL:
    """Return many texts as one value: a parameter each would take longer than the query."""
    return RawSQL("SELECT unnest(%s::text[])", [sorted(values)])  # nosec B611  # no text of others


def _keys(values: Iterable[int | None]) -> RawSQL:
    return RawSQL("SELECT unnest(%s::bigint[])", [list(values)])  # nosec B611  # the same
