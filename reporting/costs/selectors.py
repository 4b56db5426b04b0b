"""What gateways take of payments, against what was planned: by month, gateway and method."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from apikeys.models import Tenant
from reporting.costs import sums
from reporting.costs.statements import Span


@dataclass(frozen=True, slots=True)
class Cost:
    """Payments of a month, a gateway and a method whose fee is known. Amounts are minor units."""

    month: date
    currency_code: str
    gateway_name: str
    method: str  # "": not known
    payment_count: int
    amount: int  # that customers paid
    charged_amount: int  # service fees in it
    taken_amount: int  # by the gateway, with its taxes
    planned_count: int  # of the payments for which the account has a term
    planned_amount: int  # fee and VAT of these by the terms
    compared_amount: int  # fee and VAT that were taken of these

    @property
    def difference_amount(self) -> int:
        """Return what was taken above the terms; negative below them."""
        return self.compared_amount - self.planned_amount

    @property
    def rate(self) -> Decimal:
        """Return the gateway's share of what customers paid."""
        return Decimal(self.taken_amount) / self.amount if self.amount else Decimal()


SUMS: Final = tuple(field.name for field in fields(Cost) if field.type in {int, "int"})


def costs(
    *,
    tenant: Tenant | None,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    currency_code: str | None = None,
    gateway_id: int | None = None,
) -> list[Cost]:
    """Return what payments cost that were booked in an interval, by months of a zone.

    A payment counts once a settlement says its final fee. Without a tenant it returns those of all
    that the reader may see.
    """
    found = sums.by_label(
        tenant=tenant,
        spans=list(_months(start, end, zone)),
        by=("label", "currency_code", "gateway.name", "method"),
        summed=SUMS,
        currency_code=currency_code,
        gateway_id=gateway_id,
    )
    ordered = sorted(found, key=lambda row: (row[1], row[3], row[0], row[2]))
    return [Cost(*row) for row in ordered if row[4]]


def _months(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[Span]:
    """Yield the parts of an interval that lie in each month of a zone, under its first day."""
    begin = start
    while begin < end:
        first = begin.astimezone(zone).date().replace(day=1)
        after = (first + timedelta(days=32)).replace(day=1)
        stop = min(datetime.combine(after, time(), zone), end)
        yield Span(first, begin, stop)
        begin = stop


def totals(rows: Iterable[Cost], *, by: str) -> Mapping[str, Cost]:
    """Return sums of costs of one currency and method, by one of their attributes.

    The other attributes of a sum are those of its first row.
    """
    found: dict[str, Cost] = {}
    for row in rows:
        name = str(getattr(row, by))
        found[name] = _sum(found[name], row) if name in found else row
    return found


def cheapest(rows: Iterable[Cost]) -> Cost | None:
    """Return the one of several gateways that took the smallest share, if there is just one."""
    ordered = sorted(rows, key=lambda row: row.rate)
    if len(ordered) < 2 or ordered[0].rate == ordered[1].rate:
        return None
    return ordered[0]


def _sum(one: Cost, other: Cost) -> Cost:
    texts = (one.month, one.currency_code, one.gateway_name, one.method)
    return Cost(*texts, *(getattr(one, name) + getattr(other, name) for name in SUMS))
