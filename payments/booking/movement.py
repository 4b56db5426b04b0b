"""What a gateway told of money that moved."""

from dataclasses import dataclass
from datetime import datetime

from gateways.adapter import Finality
from invoices.models import PaymentRequest, Transaction
from payments.models import WebhookEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A payment, refund or reversal as its gateway tells it, beside the amount."""

    payment_request: PaymentRequest
    gateway_transaction_id: str  # what the transaction is called
    finality: Finality  # how far the money has come
    paid_at: datetime
    method: str | None = None
    channel: str | None = None
    reverses: Transaction | None = None
    event: WebhookEvent | None = None
