"""What a merchant asks for when creating an invoice."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class LineRequest:
    """One line as asked for; `unit_price` and `discount` are in whole currency."""

    product_name: str
    quantity: Decimal
    unit_price: Decimal
    tax_rate: Decimal
    tax_category: str | None = None
    country_code: str | None = None
    discount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class InstallmentsRequest:
    """The schedule as asked for; `custom_amounts` are gross, in minor units."""

    count: int
    custom_amounts: tuple[int, ...] | None = None
    interval_days: int | None = None
    due_dates: tuple[datetime, ...] | None = None


@dataclass(frozen=True, slots=True)
class InvoiceRequest:
    """The whole demand; `gateway_id` and `currency_code` are the parent's where there is one."""

    line_items: tuple[LineRequest, ...]
    gateway_id: int = 0  # 0 and blank: the parent's
    currency_code: str = ""
    external_id: str | None = None
    expires_at: datetime | None = None
    installments: InstallmentsRequest | None = None
    description: str | None = None
    customer: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    success_redirect_url: str | None = None
    failure_redirect_url: str | None = None
    payment_method: dict[str, Any] | None = None
    parent_id: int | None = None

    def fingerprint(self) -> str:
        """Return a digest of the content: equal requests give equal digests."""
        return hashlib.sha256(
            json.dumps(asdict(self), sort_keys=True, default=_canonical).encode()
        ).hexdigest()


def _canonical(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value.normalize())
    assert isinstance(value, datetime)
    return value.isoformat()
