"""What a gateway told of money that moved."""

from dataclasses import dataclass
from datetime import datetime

from invoices.models import PaymentRequest, Transaction
from payments.models import WebhookEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A payment, refund or reversal as its gateway tells it, beside the amount."""

    payment_request: PaymentRequest
    gateway_transaction_id: str  # what the transaction is called
    gateway_status: str  # the gateway's own word
    paid_at: datetime
    method: str | None = None
    channel: str | None = None
    reverses: Transaction | None = None
    event: WebhookEvent | None = None
