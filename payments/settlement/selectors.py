"""Reads of settlements, always within one tenant."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, F, Sum
from django.db.models.functions import Coalesce

from apikeys.models import Tenant
from invoices.models import Transaction
from payments.settlement.models import SettlementLine, SettlementLineQuerySet

SUMS: Final = (
    "gross_amount",
    "gateway_fee_amount",
    "vat_amount",
    "withholding_amount",
    "net_amount",
)
BY: Final = ("currency_code", "gateway_id", "gateway_name", "kind", "state")
REPORT_COLUMNS: Final = (*BY, "line_count", *SUMS)


def settlements(*, tenant: Tenant) -> SettlementLineQuerySet:
    """Return the lines of a tenant that are in force."""
    return SettlementLine.objects.for_tenant(tenant).counted()


def lines_of(transactions: Sequence[Transaction]) -> Mapping[int, SettlementLine]:
    """Return the one line that tells what each transaction cost and brought, by its id."""
    ids = [row.pk for row in transactions]
    rows = SettlementLine.objects.paired().filter(transaction__in=ids) if ids else ()
    return {row.transaction_id: row for row in rows if row.transaction_id is not None}


def report(
    *, tenant: Tenant, after: datetime, before: datetime, currency: str | None = None
) -> list[dict[str, Any]]:
    """Return sums of what was settled from `after` until just before `before`.

    Each row is one currency, gateway, kind and state, so that no sum spans currencies.
    """
    rows = settlements(tenant=tenant).filter(settlement_at__gte=after, settlement_at__lt=before)
    if currency is not None:
        rows = rows.filter(currency_code=currency)
    sums = {f"sum_of_{name}": Coalesce(Sum(name), 0) for name in SUMS}
    found = (
        rows.values("currency_code", "gateway_id", "kind", "state", gateway_name=F("gateway__name"))
        .annotate(line_count=Count("pk"), **sums)
        .order_by("currency_code", "gateway_id", "kind", "state")
    )
    return [{name.removeprefix("sum_of_"): value for name, value in row.items()} for row in found]


def report_table(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Any]]:
    """Yield a report as a table, its headers first."""
    yield list(REPORT_COLUMNS)
    for row in rows:
        yield [row[name] for name in REPORT_COLUMNS]
