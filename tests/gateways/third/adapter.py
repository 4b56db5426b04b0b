"""The adapter of the third gateway."""

import hmac
import json
from collections.abc import Collection, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from gateways.adapter import (
    GatewayUnavailable,
    HasNoBalance,
    MakesNoReports,
    MalformedNotification,
    Notification,
    NotificationNotAuthentic,
    PaymentOrder,
    PaymentPage,
    PaymentReport,
    Reversal,
)
from gateways.http import UNREADABLE, GatewaySession, explained
from gateways.refunds import RefundNotSupported, RefundOrder, RefundReport
from paytrust.money import Money
from tests.gateways.third import messages


class ThirdAdapter(MakesNoReports, HasNoBalance):
    """One account; notifications are signed as a whole."""

    code = "third"

    def __init__(self, *, base_url: str, key: str, signing_key: str) -> None:
        self._base_url, self._signing_key = base_url, signing_key
        self._session = GatewaySession(gateway=self.code, user=key)

    def create_payment(self, order: PaymentOrder) -> PaymentPage:
        answer = self._session.send(
            "POST",
            f"{self._base_url}/orders",
            endpoint="create",
            json={
                "for": order.reference,
                "minor": order.amount.minor,
                "currency": order.amount.currency,
                "until": int(order.expires_at.timestamp()),
            },
        )
        page = self._read(answer.body).page
        assert page is not None
        return page

    def find_payment(
        self, *, reference: str, gateway_id: str | None = None, currency: str
    ) -> PaymentReport | None:
        answer = self._session.send("GET", f"{self._base_url}/orders/{reference}", endpoint="get")
        return None if answer.status == 404 else self._read(answer.body)

    def find_reversal(
        self,
        *,
        reversal_id: str,
        reference: str,
        currency: str,
        gateway_id: str,
        payment_id: str | None = None,
    ) -> Reversal | None:
        return None

    def find_paid(
        self, *, references: Collection[str], after: datetime, before: datetime
    ) -> dict[str, PaymentReport]:
        return {}

    def settlement_page(self, *, since: datetime, currency: str, after: str | None) -> None:
        return None

    def expire_payment(
        self,
        *,
        reference: str,
        gateway_id: str | None = None,
        page_token: str | None = None,
        amount: Money,
    ) -> PaymentReport | None:
        answer = self._session.send(
            "POST", f"{self._base_url}/orders/{reference}/end", endpoint="expire", json={}
        )
        return None if answer.status == 404 else self._read(answer.body)

    def create_refund(self, order: RefundOrder) -> RefundReport:
        raise RefundNotSupported

    def find_refund(self, order: RefundOrder, *, refund_id: str | None) -> RefundReport | None:
        return None

    def authenticate(self, *, headers: Mapping[str, str], body: bytes) -> None:
        expected = hmac.new(self._signing_key.encode(), body, sha256).hexdigest()
        if not hmac.compare_digest(headers.get("x-third", ""), expected):
            raise NotificationNotAuthentic("x-third is wrong.")

    def parse_notification(self, *, headers: Mapping[str, str], body: bytes) -> Notification:
        try:
            order = json.loads(body)
            report = messages.report_of(order)
        except UNREADABLE as error:
            raise MalformedNotification(explained(error)) from error
        event_id = sha256(body).hexdigest()
        return Notification(
            event_id=event_id,
            reference=report.reference,
            gateway_id=report.gateway_id,
            report=report,
        )

    def _read(self, order: Any) -> PaymentReport:
        try:
            return messages.report_of(order)
        except UNREADABLE as error:
            raise GatewayUnavailable(self.code, explained(error)) from error
