"""Xendit invoices, and their form in the API and in the webhook."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from gateways.sandbox.accounts import XenditAccount
from gateways.sandbox.amounts import presented
from gateways.sandbox.tools import next_number
from gateways.sandbox.xendit import channels
from gateways.sandbox.xendit.disputes import Dispute

ECHOED = (
    "payer_email",
    "items",
    "fees",
    "customer",
    "metadata",
    "locale",
    "success_redirect_url",
    "failure_redirect_url",
)
IN_WEBHOOK = ("payer_email", "items", "fees", "success_redirect_url", "failure_redirect_url")
ONLY_IN_WEBHOOK = {"payment_id", "payment_method_id", "credit_card_charge_id"}


def written(at: datetime) -> str:
    """Return UTC with milliseconds and Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def merchants_number(request: Mapping[str, Any]) -> str | None:
    """Return the merchant's own order number: in the metadata, or first in the description."""
    metadata = request.get("metadata")
    if isinstance(metadata, dict) and metadata.get("external_id"):
        return str(metadata["external_id"])
    return str(request.get("description") or "").partition(": ")[0] or None


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that came for an invoice."""

    amount: Decimal
    paid_at: datetime
    channel: channels.Channel
    traces: dict[str, Any]
    request_id: str = ""  # in the newer API; only `GET /transactions` shows it
    number: int = field(default_factory=next_number)

    @property
    def issuer(self) -> str:
        return str(self.traces.get("payment_details", {}).get("source", ""))

    @property
    def id(self) -> str:
        return str(self.traces.get("payment_id") or self.traces.get("credit_card_charge_id") or "")


@dataclass
class Invoice:
    id: str
    external_id: str
    amount: Decimal
    currency: str
    request: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    status: str = "PENDING"
    payments: list[Payment] = field(default_factory=list)
    previous: "Invoice | None" = None
    number: int = field(default_factory=next_number)
    dispute: Dispute | None = None
    shown_status: str | None = None  # the status in GET, if it stays behind for ever

    @property
    def allowed(self) -> list[str]:
        named = self.request.get("payment_methods")
        return [str(name) for name in named] if isinstance(named, list) else []

    @property
    def paid_amount(self) -> Decimal:
        return sum((payment.amount for payment in self.payments), Decimal(0))

    def lines(self) -> list[dict[str, Any]]:
        """Return the parts of the total: items, then fees."""
        items, fees = self.request.get("items"), self.request.get("fees")
        return [
            {"name": item.get("name"), "quantity": item.get("quantity"), "price": item.get("price")}
            for item in (items if isinstance(items, list) else [])
        ] + [
            {"name": fee.get("type"), "quantity": 1, "price": fee.get("value")}
            for fee in (fees if isinstance(fees, list) else [])
        ]

    def remember(self) -> None:
        """Keep the present state as the previous one. Call this before a change."""
        before = copy.copy(self)
        before.payments, before.previous = list(self.payments), None
        self.previous = before

    def page(self, public_url: str) -> str:
        return f"{public_url}/pay/xendit/{self.id}"

    def shown(self, account: XenditAccount, public_url: str) -> dict[str, Any]:
        """Return the invoice as the API shows it."""
        body: dict[str, Any] = {
            "id": self.id,
            "external_id": self.external_id,
            "user_id": account.user_id,
            "status": self.shown_status or self.status,
            "merchant_name": account.merchant_name,
            "merchant_profile_picture_url": "https://example.test/logo.png",
            "amount": presented(self.amount),
            "expiry_date": written(self.expires_at),
            "invoice_url": self.page(public_url),
            **channels.available(self.currency, self.allowed, self.amount, account.merchant_name),
            "should_send_email": bool(self.request.get("should_send_email", False)),
            "created": written(self.created_at),
            "updated": written(self.updated_at),
            "currency": self.currency,
        }
        body |= self._given("description", *ECHOED)
        if self.payments and self.shown_status is None:
            body |= self._payment_shown(account)
        return body

    def webhook(self, account: XenditAccount, payment: Payment | None) -> dict[str, Any]:
        """Return the flat body of the invoice's webhook, PAID if there is a payment."""
        body: dict[str, Any] = {
            "id": self.id,
            "external_id": self.external_id,
            "user_id": account.user_id,
            "is_high": False,
            "status": "PAID" if payment else "EXPIRED",
            "merchant_name": account.merchant_name,
            "amount": presented(self.amount),
            "created": written(self.created_at),
            "updated": written(self.updated_at),
            "currency": self.currency,
        }
        body |= self._given("description")
        if payment is None:
            return body
        body |= {
            "paid_amount": presented(payment.amount),
            "paid_at": written(payment.paid_at),
            **payment.traces,
        }
        return body | self._given(*IN_WEBHOOK)

    def _payment_shown(self, account: XenditAccount) -> dict[str, Any]:
        last = self.payments[-1]
        traces = {name: value for name, value in last.traces.items() if name not in ONLY_IN_WEBHOOK}
        return {
            "paid_amount": presented(self.paid_amount),
            "initial_amount": presented(self.amount),
            "paid_at": written(last.paid_at),
            **traces,
        }

    def _given(self, *names: str) -> dict[str, Any]:
        return {name: self.request[name] for name in names if self.request.get(name) is not None}
