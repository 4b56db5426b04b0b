"""The request for a refund."""

import secrets
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings

BASE32: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """A valid request. Amounts are minor units."""

    reason: str
    amount: int | None = None  # None: all that the payment can give back
    transaction_id: int | None = None  # None: the invoice has only one payment
    external_id: str | None = None
    note: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    bank_reference: str | None = None  # of money that a person sends: a manual refund


def new_reference(*, invoice_id: int) -> str:
    """Return a reference that both gateways accept and no payment has: PT-12345-R-7KQ2ZD3F."""
    tail = "".join(secrets.choice(BASE32) for _ in range(8))
    return f"{settings.REFERENCE_PREFIX}-{invoice_id}-R-{tail}"
