"""What customers paid against what gateways have settled of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from apikeys.models import Tenant
from invoices.models import MoneyKind
from reporting.costs import sums
from reporting.costs.statements import Span
from reporting.financial.figures import Sums

# What columns of a CostTotal are called here.
_SETTLED: Final = {
    "settled_count": "settled_count",
    "settled_amount": "settled_amount",
    "settled_costs_amount": "costs_amount",
    "settled_net_amount": "net_amount",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cash:
    """What customers paid through one gateway, and what it has settled. Amounts are minor units."""

    currency_code: str
    gateway_name: str
    payment_count: int
    received_amount: int
    settled_count: int
    settled_amount: int  # of what was received
    costs_amount: int  # what the gateway kept of that, taxes included
    net_amount: int  # what the gateway owed or paid of it

    @property
    def open_amount(self) -> int:
        """Return what was received, and is in no settlement yet."""
        return self.received_amount - self.settled_amount


def cash(
    received: Iterable[Sums],
    *,
    tenant: Tenant | None,
    start: datetime,
    end: datetime,
    currency_code: str | None = None,
    gateway_id: int | None = None,
) -> list[Cash]:
    """Return the payments that were booked in an interval against the settlements of them.

    `received` is what `financial.selectors.sums` says of the same interval. Without a tenant it
    returns those of all that the reader may see.
    """
    found = sums.by_label(
        tenant=tenant,
        spans=[Span(start.date(), start, end)],
        by=("currency_code", "gateway.name"),
        summed=list(_SETTLED),
        currency_code=currency_code,
        gateway_id=gateway_id,
    )
    settled = {
        (code, name): dict(zip(_SETTLED.values(), amounts, strict=True))
        for code, name, *amounts in found
    }
    none = dict.fromkeys(_SETTLED.values(), 0)
    return [
        Cash(
            currency_code=one.currency_code,
            gateway_name=one.gateway_name,
            payment_count=one.transaction_count,
            received_amount=one.total_amount,
            **settled.get((one.currency_code, one.gateway_name), none),
        )
        for one in received
        if one.kind == MoneyKind.PAYMENT and one.tax_rate is None
    ]
