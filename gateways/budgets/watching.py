"""An adapter that counts its calls in a budget and refuses them while the gateway is down."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from io import BufferedIOBase
from typing import IO, TypeVar

from gateways.adapter import (
    GatewayAdapter,
    Notification,
    PaymentOrder,
    PaymentPage,
    PaymentReport,
    Reversal,
)
from gateways.budgets import breaker, pacing
from gateways.budgets.pacing import Caller
from gateways.refunds import RefundOrder, RefundReport
from gateways.settlements import ReportState, SettlementPage, SettlementRow
from paytrust.money import Money

Result = TypeVar("Result")


class WatchedAdapter:
    """Wraps an adapter for one caller; methods that make no call are passed on unchanged."""

    def __init__(self, adapter: GatewayAdapter, caller: Caller) -> None:
        self._adapter, self._caller, self.code = adapter, caller, adapter.code

    def create_payment(self, order: PaymentOrder) -> PaymentPage:
        return self._watched(lambda: self._adapter.create_payment(order))

    def find_payment(
        self, *, reference: str, gateway_id: str | None = None, currency: str
    ) -> PaymentReport | None:
        return self._watched(
            lambda: self._adapter.find_payment(
                reference=reference, gateway_id=gateway_id, currency=currency
            )
        )

    def find_reversal(
        self,
        *,
        reversal_id: str,
        reference: str,
        currency: str,
        gateway_id: str,
        payment_id: str | None = None,
    ) -> Reversal | None:
        return self._watched(
            lambda: self._adapter.find_reversal(
                reversal_id=reversal_id,
                reference=reference,
                currency=currency,
                gateway_id=gateway_id,
                payment_id=payment_id,
            )
        )

    def find_paid(
        self, *, references: Collection[str], after: datetime, before: datetime
    ) -> dict[str, PaymentReport]:
        return self._watched(
            lambda: self._adapter.find_paid(references=references, after=after, before=before)
        )

    def settlement_page(
        self, *, since: datetime, currency: str, after: str | None
    ) -> SettlementPage | None:
        return self._watched(
            lambda: self._adapter.settlement_page(since=since, currency=currency, after=after)
        )

    def ask_for_report(self, *, start: datetime, end: datetime, currency: str) -> str:
        return self._watched(
            lambda: self._adapter.ask_for_report(start=start, end=end, currency=currency)
        )

    def find_report(self, *, report_id: str) -> ReportState:
        return self._watched(lambda: self._adapter.find_report(report_id=report_id))

    def download_report(self, *, url: str, into: IO[bytes]) -> None:
        with pacing.calling(self._caller):  # a host of files may be away while the gateway is not
            self._adapter.download_report(url=url, into=into)

    def rows_of_report(self, file: BufferedIOBase) -> Iterator[SettlementRow]:
        return self._adapter.rows_of_report(file)

    def balance_change(self, *, start: datetime, end: datetime, currency: str) -> int:
        return self._watched(
            lambda: self._adapter.balance_change(start=start, end=end, currency=currency)
        )

    def expire_payment(
        self,
        *,
        reference: str,
        gateway_id: str | None = None,
        page_token: str | None = None,
        amount: Money,
    ) -> PaymentReport | None:
        return self._watched(
            lambda: self._adapter.expire_payment(
                reference=reference, gateway_id=gateway_id, page_token=page_token, amount=amount
            )
        )

    def create_refund(self, order: RefundOrder) -> RefundReport:
        return self._watched(lambda: self._adapter.create_refund(order))

    def find_refund(self, order: RefundOrder, *, refund_id: str | None) -> RefundReport | None:
        return self._watched(lambda: self._adapter.find_refund(order, refund_id=refund_id))

    def authenticate(self, *, headers: Mapping[str, str], body: bytes) -> None:
        self._adapter.authenticate(headers=headers, body=body)

    def parse_notification(self, *, headers: Mapping[str, str], body: bytes) -> Notification:
        return self._adapter.parse_notification(headers=headers, body=body)

    def _watched(self, call: Callable[[], Result]) -> Result:
        with pacing.calling(self._caller):
            return breaker.watched(self.code, call, account=self._caller.account)
