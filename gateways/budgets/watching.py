"""An adapter whose calls are watched: how they go is remembered, and refused while down."""

from collections.abc import Mapping

from gateways.adapter import (
    GatewayAdapter,
    Notification,
    PaymentOrder,
    PaymentPage,
    PaymentReport,
    Reversal,
)
from gateways.budgets import breaker
from paytrust.money import Money


class WatchedAdapter:
    """Stands before an adapter; what needs no call to the gateway passes as it is."""

    def __init__(self, adapter: GatewayAdapter) -> None:
        self._adapter, self.code = adapter, adapter.code

    def create_payment(self, order: PaymentOrder) -> PaymentPage:
        return breaker.watched(self.code, lambda: self._adapter.create_payment(order))

    def find_payment(
        self, *, reference: str, gateway_id: str | None = None, currency: str
    ) -> PaymentReport | None:
        return breaker.watched(
            self.code,
            lambda: self._adapter.find_payment(
                reference=reference, gateway_id=gateway_id, currency=currency
            ),
        )

    def find_reversal(self, *, reversal_id: str, gateway_id: str) -> Reversal | None:
        return breaker.watched(
            self.code,
            lambda: self._adapter.find_reversal(reversal_id=reversal_id, gateway_id=gateway_id),
        )

    def expire_payment(
        self,
        *,
        reference: str,
        gateway_id: str | None = None,
        page_token: str | None = None,
        amount: Money,
    ) -> PaymentReport | None:
        return breaker.watched(
            self.code,
            lambda: self._adapter.expire_payment(
                reference=reference, gateway_id=gateway_id, page_token=page_token, amount=amount
            ),
        )

    def authenticate(self, *, headers: Mapping[str, str], body: bytes) -> None:
        self._adapter.authenticate(headers=headers, body=body)

    def parse_notification(self, *, headers: Mapping[str, str], body: bytes) -> Notification:
        return self._adapter.parse_notification(headers=headers, body=body)
