"""What a gateway said about money that moved."""

from dataclasses import dataclass
from datetime import datetime

from gateways.adapter import Finality
from invoices.models import PaymentRequest, Transaction
from payments.models import WebhookEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What a gateway says about a payment, refund or reversal, except its amount."""

    payment_request: PaymentRequest
    gateway_transaction_id: str  # the name of the transaction
    finality: Finality  # how far the money has come
    paid_at: datetime
    method: str | None = None
    channel: str | None = None
    reverses: Transaction | None = None
    moved_from: Transaction | None = None
    event: WebhookEvent | None = None
