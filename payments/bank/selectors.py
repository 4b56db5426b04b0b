"""Reads of bank entries, for staff."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from payments.bank.matching import Arrived, BankState, PaidOut
from payments.bank.models import BankEntry
from payments.settlement import selectors as settlements
from payments.settlement.selectors import Payout

ZONE = ZoneInfo("Asia/Jakarta")  # of gateways' and banks' days


def entries_in_force() -> QuerySet[BankEntry]:
    """Return all entries whose import was not withdrawn, without their XML."""
    rows = BankEntry.objects.exclude(status=BankState.WITHDRAWN)
    return rows.select_related("statement").defer("raw").order_by("pk")


def arrived(entry: BankEntry) -> Arrived:
    """Return an entry as `matching.judge` compares it."""
    return Arrived(
        entry_id=entry.pk,
        account=entry.statement.account,
        currency=entry.currency_code,
        amount=entry.amount,
        booked_on=entry.booked_on,
        is_booked=entry.is_booked,
        is_credit=entry.is_credit,
        is_reversal=entry.is_reversal,
        references=frozenset(filter(None, (entry.reference, entry.end_to_end_id))),
        text=entry.remittance_text,
    )


def paid_out() -> list[PaidOut]:
    """Return all payouts that gateways named, as `matching.judge` compares them."""
    return [
        PaidOut(
            gateway_id=one.gateway_id,
            payout_id=one.payout_id,
            currency=one.currency_code,
            amount=one.arriving_amount,
            settled_on=one.settled_at.astimezone(ZONE).date() if one.settled_at else None,
        )
        for one in settlements.newest_payouts(limit=None)
    ]


def entries_of(payouts: Sequence[Payout]) -> Mapping[tuple[int, str, str], BankEntry]:
    """Return the entry of each payout that has one, by gateway, payout id and currency."""
    rows = BankEntry.objects.filter(
        status=BankState.MATCHED, payout_id__in=[one.payout_id for one in payouts]
    ).defer("raw")
    return {
        (row.gateway_id or 0, row.payout_id or "", row.payout_currency_code or ""): row
        for row in rows
    }
