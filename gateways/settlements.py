"""What a gateway says about the money that it pays out: one row of its list or of its file.

Amounts are minor units. Gross and net have a sign: money that leaves the account is negative. Fees
and taxes are what the gateway takes, so they are positive. Source: gateways-2.md C7.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class LineKind(StrEnum):
    """What moved the money; everything that no payment of ours can explain is OTHER."""

    PAYMENT = "payment"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    PAYOUT = "payout"  # to the merchant's bank
    OTHER = "other"


class FeeState(StrEnum):
    FINAL = "final"
    PENDING = "pending"  # the gateway has not taken it yet
    MONTHLY = "monthly"  # billed apart; the net amount is the gross amount


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementRow:
    """One row of a gateway, and the same row as it came in `raw`."""

    line_id: str | None  # the gateway's own name of the row, if it has one
    kind: LineKind
    is_final: bool  # the money has moved; a failed or a waiting row moves none
    currency: str
    gross_amount: int
    fee_amount: int
    vat_amount: int
    withholding_amount: int
    net_amount: int
    fee_state: FeeState
    reference: str | None  # ours
    gateway_ids: tuple[str, ...]  # of the payment or the refund, the most exact first
    channel: str | None
    occurred_at: datetime | None
    settlement_at: datetime | None  # when the gateway made it available
    payout_id: str | None
    as_of: datetime | None  # when the gateway last changed the row
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportState:
    """How far a report is that a gateway makes; neither a URL nor a failure: it is not ready."""

    has_failed: bool
    url: str | None  # where it can be downloaded, for some hours


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementPage:
    """A page of a gateway's list; `after` names the next one, None ends the list."""

    rows: Sequence[SettlementRow]
    after: str | None
