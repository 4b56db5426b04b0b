"""Xendit's list of transactions: what each payment cost, and when it was settled (C7)."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from gateways.adapter import LONGEST_ID, LONGEST_WORD, fitted
from gateways.http import read_text
from gateways.settlements import FeeState, LineKind, SettlementPage, SettlementRow
from paytrust.money import Money

PAGE_SIZE: Final = 50  # the largest that the list takes is not known; 10 unless asked
CHARGEBACK: Final = "CHARGEBACK"
KINDS: Final = {
    "PAYMENT": LineKind.PAYMENT,
    "REFUND": LineKind.REFUND,
    CHARGEBACK: LineKind.CHARGEBACK,
    "WITHDRAWAL": LineKind.PAYOUT,
}
FEE_PENDING: Final = "PENDING"
SETTLED: Final = frozenset({"SETTLED", "EARLY_SETTLED"})
IDS: Final = ("payment_link_id", "capture_id", "payment_request_id")


def query_of(*, since: datetime, currency: str, after: str | None) -> dict[str, str]:
    """Return the query for a page of what changed since a moment."""
    query = {
        "currency": currency,  # without it a next link of Xendit's names IDR (C7)
        "updated[gte]": f"{since:%Y-%m-%dT%H:%M:%S}.{since.microsecond // 1000:03d}Z",
        "limit": str(PAGE_SIZE),
    }
    return query if after is None else query | {"after_id": after}


def chargebacks_of(*, reference: str, currency: str) -> dict[str, str]:
    """Return the query for what banks took back of the payments of an invoice."""
    return {"types": CHARGEBACK, "reference_id": reference, "currency": currency}


def page_of(body: Mapping[str, Any]) -> SettlementPage:
    """Read a page of the list.

    Raises:
        KeyError, TypeError, ValueError: it is no such page.
    """
    rows = [row_of(one) for one in body["data"]]
    more = bool(body["has_more"]) and bool(rows)
    return SettlementPage(rows=rows, after=rows[-1].line_id if more else None)


def row_of(row: Mapping[str, Any]) -> SettlementRow:
    """Read one transaction; Xendit's amounts are positive, `cashflow` tells the direction.

    Raises:
        KeyError, TypeError, ValueError: it is no such row.
    """
    currency = read_text(row, "currency")
    sign = -1 if row.get("cashflow") == "MONEY_OUT" else 1
    fee = row.get("fee") or {}
    gross = sign * _minor(row["amount"], currency)
    net = sign * _minor(row["net_amount"], currency)
    costs = [
        _minor(fee.get(name) or 0, currency)
        for name in ("xendit_fee", "value_added_tax", "xendit_withholding_tax")
    ]
    costs[2] += _minor(fee.get("third_party_withholding_tax") or 0, currency)
    updated = _moment(row.get("updated"))
    settled = row.get("settlement_status") in SETTLED
    named = row.get("product_data") or {}
    ids = [row.get("product_id"), *(named.get(name) for name in IDS)]
    return SettlementRow(
        line_id=read_text(row, "id"),
        kind=KINDS.get(str(row.get("type")), LineKind.OTHER),
        is_final=row.get("status") == "SUCCESS",
        currency=currency,
        gross_amount=gross,
        fee_amount=costs[0],
        vat_amount=costs[1],
        withholding_amount=costs[2],
        net_amount=net,
        fee_state=_fee_state(fee.get("status"), gross=gross, net=net, costs=sum(costs)),
        reference=fitted(row.get("reference_id"), LONGEST_ID, is_id=True),
        gateway_ids=tuple(fitted(str(one), LONGEST_ID, is_id=True) or "" for one in ids if one),
        channel=fitted(row.get("channel_code"), LONGEST_WORD),
        occurred_at=_moment(row.get("created")),
        settlement_at=updated if settled else None,  # Xendit tells no other time, C7
        payout_id=None,  # nor a payout
        as_of=updated,
        raw={name: _plain(value) for name, value in row.items()},
    )


def _fee_state(status: object, *, gross: int, net: int, costs: int) -> FeeState:
    if status == FEE_PENDING:
        return FeeState.PENDING
    return FeeState.MONTHLY if costs and net == gross else FeeState.FINAL


def _minor(amount: object, currency: str) -> int:
    return Money.from_whole(Decimal(str(amount)), currency).minor


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None


def _plain(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """Return a JSON value with text in place of exact fractions, which JSON columns cannot keep."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
