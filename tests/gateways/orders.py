"""Orders to ask gateways for."""

from datetime import UTC, datetime, timedelta
from typing import Any

from gateways.adapter import Customer, Item, PaymentOrder
from paytrust.money import Money

NOW = datetime(2026, 1, 15, 3, 20, 10, 120_000, tzinfo=UTC)
SITI = Customer(name="Siti Rahma", email="siti@example.test", phone="+6281234567890")
COFFEE = (
    Item(name="Kopi Gayo 250g", quantity=2, unit_amount=70_000),
    Item(name="Cangkir", quantity=1, unit_amount=10_000),
)


def order(**changes: Any) -> PaymentOrder:
    """Return an order of 150 000 rupiah that lives a day."""
    fields: dict[str, Any] = {
        "reference": "PT-20260115-0001",
        "amount": Money(150_000, "IDR"),
        "description": "Order PT-20260115-0001",
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=1),
    }
    return PaymentOrder(**fields | changes)
