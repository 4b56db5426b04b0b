"""A merchant's monthly statement: the opening balance, each day's money, the closing balance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import connection

from apikeys.models import Tenant
from gateways.settlements import LineKind
from invoices.models import MoneyKind
from payments.settlement import selectors as settlements
from reporting.financial import selectors

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)  # before any money
DAY = timedelta(days=1)

# By day, currency and kind. Moments separate the days, so the statement needs no zone names.
DAYS = """
SELECT width_bucket(booked_at, %(edges)s::timestamptz[]) - 1, currency_code, kind,
       count(DISTINCT transaction_id), sum(amount)::bigint,
       coalesce(sum(amount) FILTER (WHERE installment_id IS NULL), 0)::bigint,
       sum(service_fee_amount)::bigint
  FROM invoices_ledgerentry
 WHERE tenant_id = %(tenant)s AND booked_at >= %(start)s AND booked_at < %(end)s
   AND (%(currency)s::text IS NULL OR currency_code = %(currency)s)
 GROUP BY 1, 2, 3
"""


@dataclass(slots=True)
class Moved:
    """Money of one currency that moved, in minor units.

    Only a fee can be negative, and overpayments of a time in which more was moved to invoices.
    """

    transaction_count: int = 0
    receipt_amount: int = 0  # overpayments included
    overpayment_amount: int = 0
    refund_amount: int = 0
    reversal_amount: int = 0
    service_fee_amount: int = 0  # in the receipts, less the fees that went back

    @property
    def net_amount(self) -> int:
        return self.receipt_amount - self.refund_amount - self.reversal_amount

    def add(self, kind: str, count: int, amount: int, overpayment: int, fee: int) -> None:
        self.transaction_count += count
        self.service_fee_amount += fee
        if kind == MoneyKind.PAYMENT:
            self.receipt_amount += amount
            self.overpayment_amount += overpayment
        elif kind == MoneyKind.TRANSFER:  # sums to zero: only what is overpaid becomes less
            self.overpayment_amount += overpayment
        elif kind == MoneyKind.REFUND:
            self.refund_amount -= amount
        else:
            self.reversal_amount -= amount


@dataclass(slots=True)
class Statement:
    """One currency of a month. The balance is all that came in so far, less what went back."""

    currency_code: str
    days: Sequence[date]
    opening_amount: int = 0
    by_day: dict[date, Moved] = field(default_factory=dict)
    month: Moved = field(default_factory=Moved)

    @property
    def closing_amount(self) -> int:
        return self.opening_amount + self.month.net_amount

    def balances(self) -> Iterator[tuple[date, Moved, int]]:
        """Yield each day, what moved on it, and the balance at its end."""
        balance = self.opening_amount
        for day in self.days:
            moved = self.by_day.get(day, Moved())
            balance += moved.net_amount
            yield day, moved, balance


def monthly_statements(
    *,
    tenant: Tenant,
    first: date,
    zone: ZoneInfo,
    now: datetime,
    currency_code: str | None = None,
) -> list[Statement]:
    """Return a month's statements, one for each currency in which money ever moved before its end.

    A currency that is asked for always has one. Days that have not begun are left out. The opening
    balance of a month is the closing balance of the month before.

    Args:
        tenant: whose.
        first: the month's first day.
        zone: the zone whose midnights separate the days.
        now: days that begin later are left out.
        currency_code: only this one.

    Source: spec 6.4.
    """
    days = _days(first, zone, now)
    edges = [_midnight(day, zone) for day in (*days, days[-1] + DAY)]
    statements = {code: Statement(code, days) for code in [currency_code] if code}
    for before in selectors.financial_report(
        tenant=tenant, start=BEGINNING, end=edges[0], currency_code=currency_code
    ):
        code = before.currency_code
        statements[code] = Statement(code, days, opening_amount=before.net_amount)
    arguments = {
        "tenant": tenant.pk,
        "currency": currency_code,
        "edges": edges,
        "start": edges[0],
        "end": edges[-1],
    }
    with connection.cursor() as cursor:
        cursor.execute(DAYS, arguments)
        for at, code, *moved in cursor.fetchall():
            statement = statements.setdefault(code, Statement(code, days))
            statement.month.add(*moved)
            statement.by_day.setdefault(days[at], Moved()).add(*moved)
    return [statements[code] for code in sorted(statements)]


@dataclass(slots=True)
class Settled:
    """What one gateway settled of one currency in a month. Amounts are minor units."""

    currency_code: str
    gateway_name: str
    line_count: int = 0
    gross_amount: int = 0
    gateway_fee_amount: int = 0
    vat_amount: int = 0
    withholding_amount: int = 0
    net_amount: int = 0


def settled_in(*, tenant: Tenant, first: date, zone: ZoneInfo) -> list[Settled]:
    """Return what gateways settled in a month, as `GET /reports/settlement` sums it up.

    Transfers to the bank are left out: they are what the rest adds up to.
    """
    after = _midnight(first, zone)
    before = _midnight((first + 31 * DAY).replace(day=1), zone)
    found: dict[tuple[str, str], Settled] = {}
    for row in settlements.report(tenant=tenant, after=after, before=before):
        if row["kind"] == LineKind.PAYOUT:
            continue
        key = row["currency_code"], row["gateway_name"]
        one = found.setdefault(key, Settled(*key))
        for name in ("line_count", *settlements.SUMS):
            setattr(one, name, getattr(one, name) + row[name])
    return [found[key] for key in sorted(found)]


def _days(first: date, zone: ZoneInfo, now: datetime) -> list[date]:
    last = min((first + 31 * DAY).replace(day=1) - DAY, now.astimezone(zone).date())
    return [first + number * DAY for number in range((last - first).days + 1)]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
