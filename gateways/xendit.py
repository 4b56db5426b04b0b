"""Xendit's Invoice API v2: whole currency on the wire, smallest units inside."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import msgspec
import structlog

from gateways.adapter import (
    GatewayRejected,
    GatewayUnavailable,
    MalformedNotification,
    Notification,
    NotificationNotAuthentic,
    PaymentOrder,
    PaymentPage,
    PaymentReport,
    PaymentState,
    Reversal,
)
from gateways.wire import Answer, GatewaySession, rejected
from paytrust.money import Money

log = structlog.get_logger(__name__)

LONGEST_SECONDS = 31_536_000  # invoice_duration
STATES = {
    "PENDING": PaymentState.PENDING,
    "PAID": PaymentState.PAID,
    "SETTLED": PaymentState.PAID,
    "COMPLETED": PaymentState.PAID,  # very old callbacks
    "EXPIRED": PaymentState.EXPIRED,
}
REFUND_EVENTS = {"refund.succeeded": True, "refund.failed": False}
METHODS = {"qris": "QRIS", "gopay": "GOPAY", "shopeepay": "SHOPEEPAY", "echannel": "MANDIRI"}

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, ArithmeticError)

_decoder = msgspec.json.Decoder(float_hook=Decimal)


class XenditAdapter:
    """One Xendit account. Its notifications carry a static token, no signature (A10)."""

    code = "xendit"

    def __init__(self, *, base_url: str, secret_key: str, callback_token: str) -> None:
        self._base_url, self._callback_token = base_url, callback_token
        self._session = GatewaySession(gateway=self.code, user=secret_key)

    def create_payment(self, order: PaymentOrder) -> PaymentPage:
        """Open an invoice at Xendit (A2).

        Xendit knows no idempotency for this call: after an unknown outcome `find_payment` must
        be asked first.

        Raises:
            GatewayTimeout, GatewayUnavailable: the outcome may be unknown.
            GatewayRejected: Xendit refused, or took another amount than was asked.
        """
        invoice = self._invoice(
            self._session.send("POST", f"{self._base_url}/v2/invoices", json=_request(order))
        )
        report = self._read(invoice, order.amount.currency)
        if report.amount != order.amount or report.page is None:
            raise GatewayRejected(
                self.code,
                gateway_code="AMOUNT_DIFFERS",
                gateway_message=f"asked for {order.amount}, got {report.amount}",
            )
        return report.page

    def find_payment(
        self, *, reference: str, gateway_id: str | None = None, currency: str
    ) -> PaymentReport | None:
        """Ask about an invoice, by id if known, else by external_id; None if there is none.

        external_id is not unique at Xendit: a paid invoice is preferred, then the oldest
        pending one; more than one is logged.
        """
        if gateway_id is not None:
            answer = self._session.send("GET", f"{self._base_url}/v2/invoices/{gateway_id}")
            if answer.status == HTTPStatus.NOT_FOUND:
                return None
            return self._read(self._invoice(answer), currency)
        answer = self._session.send(
            "GET", f"{self._base_url}/v2/invoices", params={"external_id": reference}
        )
        found = [self._read(invoice, currency) for invoice in self._accepted(answer)]
        return _preferred(reference, [r for r in found if r.reference == reference])

    def expire_payment(
        self, *, reference: str, gateway_id: str | None = None, amount: Money
    ) -> PaymentReport | None:
        """Expire an invoice and say how it stands; PAID if the customer was faster (A4)."""
        current = self.find_payment(
            reference=reference, gateway_id=gateway_id, currency=amount.currency
        )
        if current is None or current.state != PaymentState.PENDING:
            return current
        answer = self._session.send(
            "POST", f"{self._base_url}/invoices/{current.gateway_id}/expire!"
        )
        if answer.status >= HTTPStatus.BAD_REQUEST:  # not pending any more: ask what it is
            return self.find_payment(
                reference=reference, gateway_id=current.gateway_id, currency=amount.currency
            )
        return self._read(self._invoice(answer), amount.currency)

    def authenticate(self, *, headers: Mapping[str, str], body: bytes) -> None:
        """Compare `x-callback-token` in constant time.

        Raises:
            NotificationNotAuthentic: the token is missing or wrong.
        """
        token = headers.get("x-callback-token", "")
        expected = self._callback_token
        if not expected or not hmac.compare_digest(token.encode(), expected.encode()):
            raise NotificationNotAuthentic("The x-callback-token is missing or wrong.")

    def parse_notification(self, *, headers: Mapping[str, str], body: bytes) -> Notification:
        """Read an invoice callback or a refund event.

        `webhook-id` names the event if it is there, else a digest of the body does.

        Raises:
            MalformedNotification: no JSON object, or without the fields that matter.
        """
        message = _object(body)
        event_id = (
            headers.get("webhook-id")
            or hashlib.sha256(msgspec.json.encode(message, order="deterministic")).hexdigest()
        )
        try:
            if "event" in message:
                return _refund_notification(event_id, message)
            currency = message.get("currency") or "IDR"
            report = _report(message, currency)
        except UNREADABLE as error:
            raise MalformedNotification(f"Xendit's notification lacks {error}.") from error
        return Notification(
            event_id=event_id,
            reference=report.reference,
            gateway_id=report.gateway_id,
            report=report,
        )

    def _read(self, invoice: Mapping[str, Any], currency: str) -> PaymentReport:
        try:
            return _report(invoice, currency)
        except UNREADABLE as error:
            raise GatewayUnavailable(self.code, f"its answer cannot be read: {error}") from error

    def _invoice(self, answer: Answer) -> dict[str, Any]:
        body = self._accepted(answer)
        assert isinstance(body, dict)
        return body

    def _accepted(self, answer: Answer) -> Any:  # noqa: ANN401  # any JSON value
        if answer.status < HTTPStatus.BAD_REQUEST:
            return answer.body
        error = answer.body if isinstance(answer.body, dict) else {}
        raise rejected(
            self.code,
            status=answer.status,
            code=error.get("error_code", f"HTTP_{answer.status}"),
            message=error.get("message", "no message"),
        )


def _request(order: PaymentOrder) -> dict[str, Any]:
    seconds = int((order.expires_at - order.created_at).total_seconds())
    body: dict[str, Any] = {
        "external_id": order.reference,
        "amount": order.amount.whole(),
        "currency": order.amount.currency,
        "description": order.description,
        "invoice_duration": min(max(seconds, 1), LONGEST_SECONDS),
    }
    if order.customer:
        body |= _customer(order)
    if sum(item.quantity * item.unit_amount for item in order.items) == order.amount.minor:
        body["items"] = [
            {
                "name": item.name,
                "quantity": item.quantity,
                "price": Money(item.unit_amount, order.amount.currency).whole(),
            }
            for item in order.items[:75]
        ]
    if order.success_redirect_url:
        body["success_redirect_url"] = order.success_redirect_url
    if order.failure_redirect_url:
        body["failure_redirect_url"] = order.failure_redirect_url
    if order.method:
        chosen = order.method.bank or order.method.store or METHODS.get(order.method.type)
        body["payment_methods"] = [str(chosen).upper()]
    return body


def _customer(order: PaymentOrder) -> dict[str, Any]:
    assert order.customer
    named = {
        "given_names": order.customer.name,
        "email": order.customer.email,
        "mobile_number": order.customer.phone,
    }
    body: dict[str, Any] = {"customer": {key: value for key, value in named.items() if value}}
    if order.customer.email:
        body["payer_email"] = order.customer.email
    return body if body["customer"] else {}


def _report(invoice: Mapping[str, Any], currency: str) -> PaymentReport:
    """Shape an invoice object, or a callback, which has the same fields where they matter."""
    state = STATES.get(str(invoice["status"]), PaymentState.UNKNOWN)
    currency = invoice.get("currency") or currency
    paid = invoice.get("paid_amount")
    if paid is None and state == PaymentState.PAID:
        paid = invoice["amount"]
    return PaymentReport(
        reference=invoice["external_id"],
        gateway_id=invoice["id"],
        state=state,
        raw_status=str(invoice["status"]),
        amount=_money(invoice["amount"], currency),
        paid_amount=_money(paid, currency) if paid is not None else None,
        paid_at=_time(invoice.get("paid_at")),
        method=invoice.get("payment_method"),
        channel=invoice.get("payment_channel") or invoice.get("bank_code"),
        page=_page(invoice),
    )


def _page(invoice: Mapping[str, Any]) -> PaymentPage | None:
    url, expires_at = invoice.get("invoice_url"), _time(invoice.get("expiry_date"))
    if not url or expires_at is None:
        return None
    return PaymentPage(gateway_id=invoice["id"], url=url, expires_at=expires_at)


def _preferred(reference: str, found: list[PaymentReport]) -> PaymentReport | None:
    """Choose among invoices that bear one external_id; Xendit lists the newest first."""
    if len(found) > 1:
        log.warning("several Xendit invoices", reference=reference, count=len(found))
    for state in (PaymentState.PAID, PaymentState.PENDING):
        for report in reversed(found):
            if report.state == state:
                return report
    return found[0] if found else None


def _refund_notification(event_id: str, message: Mapping[str, Any]) -> Notification:
    data = message["data"]
    data = data.get("data", data)  # some pages show it nested twice
    currency = data["currency"]
    refund = Reversal(
        id=data["id"],
        amount=_money(data["amount"], currency),
        kind="refund",
        at=_time(data.get("updated") or data.get("created")),
        confirmed=REFUND_EVENTS[message["event"]],
    )
    report = PaymentReport(
        reference="",
        gateway_id=data["invoice_id"],
        state=PaymentState.PAID,
        raw_status=message["event"],
        amount=None,
        paid_amount=None,
        paid_at=None,
        reversals=(refund,) if refund.confirmed else (),
    )
    return Notification(
        event_id=event_id, reference=None, gateway_id=data["invoice_id"], report=report
    )


def _money(amount: object, currency: str) -> Money:
    """Read an amount in whole currency: a JSON number, or a string in refunds."""
    return Money.from_whole(Decimal(str(amount)), currency)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        message = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedNotification("Xendit's notification is not JSON.") from error
    if not isinstance(message, dict):
        raise MalformedNotification("Xendit's notification is no JSON object.")
    return message
