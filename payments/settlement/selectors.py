"""Reads of settlements."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, F, Max, Min, Q, Sum
from django.db.models.functions import Coalesce

from apikeys.models import Tenant
from apikeys.tenants.tenancy import TenantQuerySet
from gateways.models import Gateway
from gateways.settlements import LineKind
from invoices.models import Transaction
from payments.settlement.matching import MISMATCHES
from payments.settlement.models import SettlementImport, SettlementLine, SettlementLineQuerySet

SUMS: Final = (
    "gross_amount",
    "gateway_fee_amount",
    "vat_amount",
    "withholding_amount",
    "net_amount",
)
BY: Final = ("currency_code", "gateway_id", "gateway_name", "kind", "state")
REPORT_COLUMNS: Final = (*BY, "line_count", *SUMS)

LINES_LOOKED_AT: Final = (20_000, 200_000, None)
"""How many of the newest lines are looked at for the newest payouts, by turns; None: all."""


def settlements(*, tenant: Tenant) -> SettlementLineQuerySet:
    """Return the lines of a tenant that are in force."""
    return SettlementLine.objects.for_tenant(tenant).counted()


def imports(*, tenant: Tenant) -> TenantQuerySet[SettlementImport]:
    """Return the imports of a tenant's own accounts."""
    return SettlementImport.objects.for_tenant(tenant)


def lines_of(transactions: Sequence[Transaction]) -> Mapping[int, SettlementLine]:
    """Return the one line that tells what each transaction cost and brought, by its id."""
    ids = [row.pk for row in transactions]
    rows = SettlementLine.objects.paired().filter(transaction__in=ids) if ids else ()
    return {row.transaction_id: row for row in rows if row.transaction_id is not None}


def line_of(transaction: Transaction) -> SettlementLine | None:
    """Return the line that tells what a transaction cost and brought, if there is one."""
    return lines_of([transaction]).get(transaction.pk)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """What a gateway paid out under one id, in one currency. Amounts are minor units."""

    payout_id: str
    gateway_id: int
    gateway_name: str
    tenant_name: str | None  # None: of several, or of none
    currency_code: str
    line_count: int
    gross_amount: int
    costs_amount: int
    net_amount: int
    paid_out_amount: int | None  # what its own line says; None: it has none
    open_count: int  # lines that do not match
    settled_at: datetime | None

    @property
    def arriving_amount(self) -> int:
        """Return what should arrive in the bank."""
        return self.net_amount if self.paid_out_amount is None else self.paid_out_amount


def newest_payouts(*, limit: int | None = 100) -> list[Payout]:
    """Return the payouts of all tenants, the newest first, each summed up over its lines.

    Without a limit it returns all of them.
    """
    lines = SettlementLine.objects.counted().exclude(payout_id=None)
    if limit is not None:
        lines = lines.filter(payout_id__in=_newest_ids(lines, limit))
    is_payout = Q(kind=LineKind.PAYOUT)
    costs = F("gateway_fee_amount") + F("vat_amount") + F("withholding_amount")
    found = (
        lines.values("gateway_id", "payout_id", "currency_code")
        .annotate(
            newest=Max("pk"),
            lines=Count("pk", filter=~is_payout),
            gross=Coalesce(Sum("gross_amount", filter=~is_payout), 0),
            costs=Coalesce(Sum(costs, filter=~is_payout), 0),
            net=Coalesce(Sum("net_amount", filter=~is_payout), 0),
            paid=Sum("net_amount", filter=is_payout),
            open=Count("pk", filter=Q(state__in=MISMATCHES)),
            settled=Max("settlement_at"),
            # Not their number: to count distinct values PostgreSQL sorts all lines.
            first_tenant=Min("tenant_id"),
            last_tenant=Max("tenant_id"),
        )
        .order_by("-newest")[:limit]
    )
    gateways = dict(Gateway.objects.values_list("pk", "name"))
    tenants = dict(
        Tenant.objects.filter(pk__in={row["first_tenant"] for row in found} - {None}).values_list(
            "pk", "name"
        )
    )
    return [
        Payout(
            payout_id=row["payout_id"] or "",
            gateway_id=row["gateway_id"],
            gateway_name=gateways[row["gateway_id"]],
            tenant_name=tenants.get(row["first_tenant"])
            if row["first_tenant"] == row["last_tenant"]
            else None,
            currency_code=row["currency_code"],
            line_count=row["lines"],
            gross_amount=row["gross"],
            costs_amount=row["costs"],
            net_amount=row["net"],
            paid_out_amount=None if row["paid"] is None else -row["paid"],
            open_count=row["open"],
            settled_at=row["settled"],
        )
        for row in found
    ]


def _newest_ids(lines: SettlementLineQuerySet, limit: int) -> list[str]:
    """Return the ids of at least as many of the newest payouts, if there are so many.

    It looks among the newest lines, and among more of them only where these are of too few.
    """
    named = lines.order_by("-pk").values_list("pk", flat=True)
    for most in LINES_LOOKED_AT:
        oldest = named[most - 1 : most].first() if most else None
        rows = lines if oldest is None else lines.filter(pk__gte=oldest)
        found = rows.values_list("gateway_id", "payout_id", "currency_code").annotate(
            newest=Max("pk")
        )
        newest = list(found.order_by("-newest")[:limit])
        if oldest is None or len(newest) == limit:
            break
    return sorted({payout_id for _gateway, payout_id, _currency, _newest in newest if payout_id})
