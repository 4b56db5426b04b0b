"""Compares a balance statement with what the gateway says of its balance. Moves no money.

The rows of a statement must sum up to what the balance grew from the first of them to the last.
"""

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db.models import Exists, OuterRef, QuerySet, Sum

from gateways import descriptors, registry
from gateways.adapter import GatewayError
from gateways.budgets.pacing import Priority
from gateways.settlements import LineKind
from payments.settlement.models import SettlementControl, SettlementImport, SettlementLine
from paytrust.operations.database import release_connection

log = structlog.get_logger(__name__)

TRIED_FOR: Final = timedelta(days=7)
SECOND: Final = timedelta(seconds=1)  # files have no shorter times


def check_due(*, now: datetime) -> int:
    """Ask for the control total of each import that has none; return how many have one now.

    A failure is logged; the next round asks again, for a week.
    """
    found = 0
    for made in _without_control(now=now):
        try:
            found += _check(made, now)
        except GatewayError as error:
            log.warning("no control total", import_id=made.pk, reason=str(error))
    return found


def _without_control(*, now: datetime) -> QuerySet[SettlementImport]:
    """Return the uploaded statements that are done; withdrawals' files name payouts of payments."""
    codes = [one.code for one in descriptors.all_served() if one.shows_balance]
    paid_out = SettlementLine.objects.filter(
        imported_in=OuterRef("pk"), payout_id__isnull=False
    ).exclude(kind=LineKind.PAYOUT)
    return (
        SettlementImport.objects.filter(
            ~Exists(paid_out),
            source=SettlementImport.Source.UPLOAD,
            status=SettlementImport.Status.DONE,
            imported_at__gte=now - TRIED_FOR,
            gateway__code__in=codes,
            covers_to__isnull=False,
            withdrawn_by=None,
            control=None,
        )
        .select_related("gateway")
        .order_by("pk")
    )


def _check(made: SettlementImport, now: datetime) -> bool:
    lines = made.lines.filter(is_final=True).order_by()
    sums = list(lines.values_list("currency_code").annotate(amount=Sum("net_amount")))
    if len(sums) != 1 or made.covers_from is None or made.covers_to is None:
        return False  # one call is about one currency
    [(currency, lines_amount)] = sums
    adapter = registry.adapter_for(
        made.gateway.code, account_id=made.account_id, priority=Priority.RECONCILIATION
    )
    release_connection()
    gateway_amount = adapter.balance_change(
        start=made.covers_from - SECOND, end=made.covers_to + SECOND, currency=currency
    )
    _control, is_new = SettlementControl.objects.get_or_create(
        imported_in=made,
        defaults={
            "currency_code": currency,
            "lines_amount": lines_amount,
            "gateway_amount": gateway_amount,
            "checked_at": now,
        },
    )
    return is_new
