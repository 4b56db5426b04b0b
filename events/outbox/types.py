"""The types of events, by the names that merchants know."""

from typing import Final

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
