"""Xendit's messages about a cardholder who disputes a payment (gateways-2.md C1)."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from gateways.sandbox.tools import ActionRefused

ANSWER_WITHIN = timedelta(days=14)
CHANNELS = {"CREDIT_CARD": "CARDS", "QR_CODE": "QR_CODE"}  # payment methods with disputes
EVENTS = {
    "ACTION_REQUIRED": "dispute.action_required",
    "UNDER_REVIEW": "dispute.under_review",
    "DUE_DATE_APPROACHING": "dispute.due_date_approaching",
    "WON": "dispute.won",
    "LOST": "dispute.lost",
}
REASONS = {"LOST": "EXCEEDED_DEADLINE"}
ENDED = {"WON", "LOST"}


@dataclass(frozen=True, slots=True)
class Dispute:
    id: str
    payment_id: str  # in the newer API's form, which no invoice webhook has
    reference: str
    amount: Decimal
    currency: str
    channel: str
    status: str
    created_at: datetime
    updated_at: datetime

    @property
    def event(self) -> str:
        return EVENTS[self.status]

    def shown(self) -> dict[str, Any]:
        """Return the flat body of the webhook."""
        approaching = self.status == "DUE_DATE_APPROACHING"
        return {
            "event": self.event,
            "id": self.id,
            "channel_code": self.channel,
            "card_brands": "VISA",
            "status": "ACTION_REQUIRED" if approaching else self.status,
            "status_reason": REASONS.get(self.status),
            "currency": self.currency,
            "amount": {"initial": f"{self.amount:.2f}", "terminal": None},
            "created_at": _written(self.created_at),
            "updated_at": _written(self.updated_at),
            "due_date": _written(self.created_at + ANSWER_WITHIN),
            "category": {"name": "fraud", "allowed_evidence": []},
            "related_disputes": [],
            "payment_id": self.payment_id,
            "reference_id": self.reference,
        }


def opened(
    *,
    identifier: str,
    reference: str,
    amount: Decimal,
    currency: str,
    method: str,
    now: datetime,
) -> Dispute:
    """Return the dispute that a bank opens about a payment.

    Raises:
        ActionRefused: the method has no disputes.
    """
    if method not in CHANNELS:
        raise ActionRefused("only cards and QR payments are disputed")
    return Dispute(
        id=f"mi-dspt-{identifier}",
        payment_id=f"py-{identifier}",
        reference=reference,
        amount=amount,
        currency=currency,
        channel=CHANNELS[method],
        status="ACTION_REQUIRED",
        created_at=now,
        updated_at=now,
    )


def moved(dispute: Dispute | None, status: str, now: datetime) -> Dispute:
    """Return the dispute in its next status.

    Raises:
        ActionRefused: there is none, or it has ended.
    """
    if dispute is None or dispute.status in ENDED:
        raise ActionRefused("there is no open dispute")
    return replace(dispute, status=status, updated_at=now)


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
