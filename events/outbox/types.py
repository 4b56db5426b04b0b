"""The types of events, by the names that merchants know, and the data of one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ENDPOINT_TEST: Final = "endpoint.test"
TYPES: Final = (
    "invoice.created",
    "invoice.payment_ready",
    "invoice.partially_paid",
    "invoice.paid",
    "invoice.overpaid",
    "invoice.expired",
    "invoice.cancelled",
    "invoice.failed",
    "installment.paid",
    "installment.overdue",
    "payment.succeeded",
    "payment.failed",
    "payment.expired",
    "payment.reversed",
    "refund.created",
    "refund.succeeded",
    "refund.failed",
    "dispute.opened",
    "dispute.closed",
    "settlement.mismatch",
    ENDPOINT_TEST,
)
EVERY_TYPE: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change that a merchant can see."""

    type: str
    object: Mapping[str, Any]  # as GET shows it now, without line_items
    previous: Mapping[str, Any] = field(default_factory=dict)  # what its fields were
