"""Midtrans: Snap opens pages, Core tells how payments stand. Rupiah only (B1).

Errors stand in the body's `status_code`, also under HTTP 200; 407 is how an expire succeeds.
Times carry no offset and are Asia/Jakarta; amounts leave as integers and come as "150000.00".
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

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

JAKARTA = ZoneInfo("Asia/Jakarta")
LONGEST_LIFE, SHORTEST_LIFE = timedelta(days=7), timedelta(minutes=5)
CURRENCY = "IDR"
NAME_LENGTH = 50
NOT_KNOWN, EXPIRED = "404", "407"
UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, ArithmeticError)

# What a notification's status_code must be for its transaction_status (B7, part D).
STATUS_CODES = {
    "settlement": {"200"},
    "capture": {"200", "201"},  # 201 is a capture that waits for a fraud review
    "refund": {"200"},
    "partial_refund": {"200"},
    "chargeback": {"200"},
    "partial_chargeback": {"200"},
    "pending": {"201"},
    "authorize": {"200", "201"},
    "deny": {"202"},
    "cancel": {"202"},
    "expire": {"202"},
    "failure": {"202"},
}
STATES = {
    "pending": PaymentState.PENDING,
    "authorize": PaymentState.PENDING,
    "settlement": PaymentState.PAID,
    "refund": PaymentState.PAID,
    "partial_refund": PaymentState.PAID,
    "chargeback": PaymentState.PAID,
    "partial_chargeback": PaymentState.PAID,
    "deny": PaymentState.FAILED,
    "failure": PaymentState.FAILED,
    "cancel": PaymentState.CANCELLED,
    "expire": PaymentState.EXPIRED,
}
SNAP_METHODS = {"bank_transfer": "{bank}_va", "cstore": "{store}", "qris": "other_qris"}


class MidtransAdapter:
    """One Midtrans account. Notifications are signed, but not their transaction_status (B7)."""

    code = "midtrans"

    def __init__(
        self, *, core_base_url: str, snap_base_url: str, server_key: str, client_key: str
    ) -> None:
        self._core, self._snap, self._server_key = core_base_url, snap_base_url, server_key
        self._session = GatewaySession(gateway=self.code, user=server_key)

    def create_payment(self, order: PaymentOrder) -> PaymentPage:
        """Open a Snap page (B2).

        Until the customer has chosen a method, asking again with the same reference makes a
        new page and ends the old one, so a repeat never makes a second charge.

        Raises:
            GatewayTimeout, GatewayUnavailable: the outcome may be unknown; ask again.
            GatewayRejected: Midtrans refused, or knows the reference from a live charge.
        """
        expires_at = order.created_at + _life(order)
        answer = self._session.send(
            "POST", f"{self._snap}/transactions", json=_request(order, expires_at)
        )
        if answer.status != HTTPStatus.CREATED:
            messages = answer.body.get("error_messages") if isinstance(answer.body, dict) else None
            raise rejected(
                self.code,
                status=answer.status,
                code=f"HTTP_{answer.status}",
                message="; ".join(map(str, messages or ["no message"])),
            )
        return PaymentPage(gateway_id=None, url=answer.body["redirect_url"], expires_at=expires_at)

    def find_payment(
        self, *, reference: str, gateway_id: str | None = None, currency: str
    ) -> PaymentReport | None:
        """Ask how a charge stands, by transaction id if known, else by order id (B4).

        None if Midtrans does not know it: a Snap order is unknown until a method is chosen.
        """
        wanted = quote(gateway_id or reference, safe="")
        answer = self._session.send("GET", f"{self._core}/v2/{wanted}/status")
        return self._charge(answer, reference)

    def expire_payment(
        self, *, reference: str, gateway_id: str | None = None, amount: Money
    ) -> PaymentReport | None:
        """Expire a pending charge and say how it stands; PAID if the customer was faster.

        A Snap page on which no method was chosen cannot be expired. A new one for the same
        order ends it instead (B2); nobody is told the new one's address, and it lapses in
        minutes. Then None: Midtrans knows of no charge.
        """
        wanted = quote(gateway_id or reference, safe="")
        answer = self._session.send("POST", f"{self._core}/v2/{wanted}/expire")
        log.info("midtrans expire", reference=reference, answer=_code(answer))
        report = self.find_payment(
            reference=reference, gateway_id=gateway_id, currency=amount.currency
        )
        if report is None:
            self._replace_page(reference, amount)
        return report

    def _replace_page(self, reference: str, amount: Money) -> None:
        life = {"duration": int(SHORTEST_LIFE / timedelta(minutes=1)), "unit": "minutes"}
        answer = self._session.send(
            "POST",
            f"{self._snap}/transactions",
            json={
                "transaction_details": {"order_id": reference, "gross_amount": amount.minor},
                "page_expiry": life,
            },
        )
        if answer.status != HTTPStatus.CREATED:  # a method was chosen just now: ask again
            raise GatewayUnavailable(self.code, "the page could not be replaced")

    def authenticate(self, *, headers: Mapping[str, str], body: bytes) -> None:
        """Compare the SHA-512 over the strings exactly as received, in constant time (B7).

        Raises:
            NotificationNotAuthentic: the signature is missing or wrong, or there is no JSON.
        """
        try:
            message = _object(body)
        except MalformedNotification as error:
            raise NotificationNotAuthentic("There is no signature.") from error
        signed = "".join(
            str(message.get(name, "")) for name in ("order_id", "status_code", "gross_amount")
        )
        expected = hashlib.sha512((signed + self._server_key).encode()).hexdigest()
        given = str(message.get("signature_key", ""))
        if not self._server_key or not hmac.compare_digest(given.encode(), expected.encode()):
            raise NotificationNotAuthentic("The signature_key is missing or wrong.")

    def parse_notification(self, *, headers: Mapping[str, str], body: bytes) -> Notification:
        """Read a notification whose fields agree with each other.

        The event is named by a digest of the whole message, so a forged one can never stand
        in the way of the real one.

        Raises:
            MalformedNotification: fields are missing, or status and code contradict.
        """
        message = _object(body)
        try:
            _check_consistency(message)
            report = _report(message, reference=str(message["order_id"]))
        except UNREADABLE as error:
            raise MalformedNotification(f"Midtrans's notification lacks {error}.") from error
        canonical = json.dumps(message, sort_keys=True, default=str).encode()
        return Notification(
            event_id=hashlib.sha256(canonical).hexdigest(),
            reference=report.reference,
            gateway_id=report.gateway_id,
            report=report,
        )

    def _charge(self, answer: Answer, reference: str) -> PaymentReport | None:
        """Read a Core answer: its body's code first, then its HTTP status (B5)."""
        code = _code(answer)
        if code == NOT_KNOWN:
            return None
        body = answer.body
        if not isinstance(body, dict) or "transaction_status" not in body:
            message = body.get("status_message") if isinstance(body, dict) else None
            if code.startswith("5") or code == "429":
                raise GatewayUnavailable(self.code, f"it answered {code}: {message}")
            raise rejected(
                self.code,
                status=int(code) if code.isdigit() else answer.status,
                code=code,
                message=message,
            )
        try:
            return _report(body, reference=reference)
        except UNREADABLE as error:
            raise GatewayUnavailable(self.code, f"its answer cannot be read: {error}") from error


def _request(order: PaymentOrder, expires_at: datetime) -> dict[str, Any]:
    if order.amount.currency != CURRENCY:
        raise GatewayRejected(
            MidtransAdapter.code, gateway_code="CURRENCY", gateway_message="only IDR is taken"
        )
    minutes = int((expires_at - order.created_at).total_seconds() // 60)
    start = order.created_at.astimezone(JAKARTA)
    body: dict[str, Any] = {
        "transaction_details": {
            "order_id": order.reference,
            "gross_amount": order.amount.minor,
        },
        "item_details": _items(order),
        "credit_card": {"secure": True},
        "expiry": {
            "start_time": f"{start:%Y-%m-%d %H:%M:%S %z}",
            "unit": "minutes",
            "duration": minutes,
        },
        "page_expiry": {"duration": minutes, "unit": "minutes"},
    }
    if order.customer:
        named = {
            "first_name": order.customer.name,
            "email": order.customer.email,
            "phone": order.customer.phone,
        }
        body["customer_details"] = {key: value for key, value in named.items() if value}
    if order.success_redirect_url:
        body["callbacks"] = {"finish": order.success_redirect_url}
    if order.method:
        name = SNAP_METHODS.get(order.method.type, order.method.type)
        body["enabled_payments"] = [name.format(bank=order.method.bank, store=order.method.store)]
    return body


def _life(order: PaymentOrder) -> timedelta:
    """Return how long the page lives, in whole minutes: at most 7 days, at least 5 minutes."""
    life = min(max(order.expires_at - order.created_at, SHORTEST_LIFE), LONGEST_LIFE)
    return timedelta(minutes=life // timedelta(minutes=1))


def _items(order: PaymentOrder) -> list[dict[str, Any]]:
    """Return lines that sum to the amount, as Snap demands; the rest is one line of its own."""
    items = [
        {"name": item.name[:NAME_LENGTH], "price": item.unit_amount, "quantity": item.quantity}
        for item in order.items
    ]
    rest = order.amount.minor - sum(item.unit_amount * item.quantity for item in order.items)
    if rest < 0:  # an instalment: less than the lines
        return [
            {"name": order.description[:NAME_LENGTH], "price": order.amount.minor, "quantity": 1}
        ]
    if rest:
        items.append({"name": "Tax and service fee", "price": rest, "quantity": 1})
    return items


def _report(message: Mapping[str, Any], *, reference: str) -> PaymentReport:
    """Shape a status answer or a notification; both have the same fields."""
    status = str(message["transaction_status"]).lower()
    gateway_id = str(message["transaction_id"])
    order_id = str(message["order_id"])
    state = _state(status, message)
    amount, imposed = _amounts(message)
    return PaymentReport(
        # For BI-SNAP and DANA order_id may hold the transaction id; then our reference stands.
        reference=reference if order_id == gateway_id else order_id,
        gateway_id=gateway_id,
        state=state,
        raw_status=status,
        amount=amount,
        paid_amount=_paid(message, amount, imposed) if state == PaymentState.PAID else None,
        paid_at=_time(message.get("settlement_time") or message.get("transaction_time")),
        method=message.get("payment_type"),
        channel=_channel(message),
        reversals=_reversals(status, message),
    )


def _state(status: str, message: Mapping[str, Any]) -> PaymentState:
    if status == "capture":
        accepted = message.get("fraud_status", "accept") == "accept"
        return PaymentState.PAID if accepted else PaymentState.PENDING
    if status == "deny" and message.get("settlement_time"):
        return PaymentState.REVERSED  # Permata, Mandiri bill, Indomaret: within minutes (B6)
    return STATES.get(status, PaymentState.UNKNOWN)


def _amounts(message: Mapping[str, Any]) -> tuple[Money, int]:
    """Return what was ordered, and the fee that Midtrans imposed on the customer on top."""
    gross = _money(message["gross_amount"])
    info = (message.get("metadata") or {}).get("extra_info", {}).get("gross_amount_info", {})
    if "original_amount" not in info:
        return gross, 0
    ordered = _money(info["original_amount"])
    return ordered, gross.minor - ordered.minor


def _paid(message: Mapping[str, Any], amount: Money, imposed: int) -> Money:
    """Return what arrived, without an imposed fee; open-amount accounts list each transfer."""
    transfers = message.get("payment_amounts") or []
    if not transfers:
        return amount
    arrived = sum(_money(transfer["amount"]).minor for transfer in transfers)
    return Money(arrived - imposed, CURRENCY)


def _reversals(status: str, message: Mapping[str, Any]) -> tuple[Reversal, ...]:
    """Return refunds by their key, so that the two notifications of one are one."""
    refunds = tuple(
        Reversal(
            id=str(refund.get("refund_key") or refund["refund_chargeback_id"]),
            amount=_money(refund["refund_amount"]),
            kind="refund",
            at=_time(refund.get("created_at")),
            confirmed=bool(refund.get("bank_confirmed_at")),
        )
        for refund in message.get("refunds") or []
    )
    if status == "chargeback":
        whole = Reversal(
            id="chargeback", amount=_amounts(message)[0], kind="chargeback", at=None, confirmed=True
        )
        return (*refunds, whole)
    return refunds


def _channel(message: Mapping[str, Any]) -> str | None:
    accounts = message.get("va_numbers") or [{}]
    for value in (
        accounts[0].get("bank"),
        message.get("store"),
        message.get("issuer"),
        message.get("bank"),
        "permata" if message.get("permata_va_number") else None,
        "mandiri" if message.get("bill_key") else None,
    ):
        if value:
            return str(value)
    return None


def _check_consistency(message: Mapping[str, Any]) -> None:
    status, code = str(message["transaction_status"]).lower(), str(message["status_code"])
    if status == "capture":
        expected = {"200"} if message.get("fraud_status", "accept") == "accept" else {"201"}
    else:
        expected = STATUS_CODES.get(status, {code})
    if code not in expected:
        raise MalformedNotification(
            f"transaction_status {status} does not go with status_code {code}."
        )


def _code(answer: Answer) -> str:
    body = answer.body if isinstance(answer.body, dict) else {}
    return str(body.get("status_code") or answer.status)


def _money(amount: object) -> Money:
    """Read rupiah: "150000.00", or without decimals inside metadata."""
    return Money.from_whole(Decimal(str(amount)), CURRENCY)


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    return datetime.fromisoformat(text).replace(tzinfo=JAKARTA).astimezone(UTC)


_decoder = msgspec.json.Decoder(float_hook=Decimal)


def _object(body: bytes) -> dict[str, Any]:
    """Read a JSON object, also one that an old client encoded twice."""
    try:
        message = _decoder.decode(body)
        if isinstance(message, str):
            message = _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedNotification("Midtrans's notification is not JSON.") from error
    if not isinstance(message, dict):
        raise MalformedNotification("Midtrans's notification is no JSON object.")
    return message
