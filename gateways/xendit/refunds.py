"""Money that goes back at Xendit: which id to name, and what its answers mean (C1)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from gateways.adapter import GatewayRejected, GatewayUnavailable
from gateways.http import UNREADABLE, Answer, GatewaySession, explained, read_text, rejected
from gateways.refunds import (
    InsufficientGatewayBalance,
    PartialRefundNotSupported,
    RefundExceedsPayment,
    RefundInProgress,
    RefundNotSupported,
    RefundOrder,
    RefundReason,
    RefundRefused,
    RefundReport,
    RefundState,
)
from paytrust.money import Money

REASONS: Final = {reason: reason.value.upper() for reason in RefundReason} | {
    RefundReason.OTHER: "OTHERS"
}
STATES: Final = {
    "PENDING": RefundState.PENDING,
    "SUCCEEDED": RefundState.SUCCEEDED,
    "FAILED": RefundState.FAILED,
    "CANCELLED": RefundState.FAILED,
}
REFUSALS: Final[Mapping[str, type[RefundRefused]]] = {
    "REFUND_AMOUNT_EXCEEDED": RefundExceedsPayment,
    "REFUND_IN_PROGRESS": RefundInProgress,
    "INSUFFICIENT_BALANCE": InsufficientGatewayBalance,
    "PARTIAL_REFUND_COUNTS_EXCEEDED": PartialRefundNotSupported,
    "PARTIAL_REFUND_NOT_SUPPORTED": PartialRefundNotSupported,
    "REFUND_NOT_SUPPORTED": RefundNotSupported,
}
NOT_NOW: Final = frozenset({"TEMPORARILY_UNAVAILABLE", "CHANNEL_UNAVAILABLE", "DUPLICATE_ERROR"})
"""The same order may be sent again later: out of hours, away, or the first call still runs."""
NOT_THIS_ID: Final = frozenset({"API_VALIDATION_ERROR", "DATA_NOT_FOUND", "INVALID_VALUE_ERROR"})
BY_PRODUCT: Final = {
    "ewc_": "ewallets/charges",
    "qrpy_": "qr_codes/payments",
    "plc_": "paylater/charges",
}
REQUEST_PREFIX: Final = "pr-"
CODE: Final = "xendit"


def create(session: GatewaySession, base_url: str, order: RefundOrder) -> RefundReport:
    """Give money back; the ids are tried in the order payment request, invoice, product (C1)."""
    answer: Answer | None = None
    for number, (path, named) in enumerate(_addresses(order)):
        key = f"{order.reference}-{number}" if number else order.reference
        answer = session.send(
            "POST",
            f"{base_url}/{path}",
            endpoint="refund",
            json=named | _body(order),
            headers={"idempotency-key": key},
        )
        if answer.status < 400 or answer.fields.get("error_code") not in NOT_THIS_ID:
            break
    assert answer is not None, "an invoice has an id"
    if answer.status >= 400:
        raise refusal(answer)
    return _read(answer.fields, order)


def find(
    session: GatewaySession, base_url: str, order: RefundOrder, refund_id: str | None
) -> RefundReport | None:
    """Ask by the refund's id, else look for our reference among the invoice's refunds."""
    if refund_id is not None:
        wanted = quote(refund_id, safe="")
        answer = session.send("GET", f"{base_url}/refunds/{wanted}", endpoint="get_refund")
        if answer.status < 400:
            return _read(answer.fields, order)
        if answer.status != 404:
            raise refusal(answer)
    answer = session.send(
        "GET",
        f"{base_url}/refunds",
        endpoint="list_refunds",
        params={"invoice_id": order.charge_id},
    )
    if answer.status >= 400:
        raise refusal(answer)
    rows = answer.fields.get("data")
    if not isinstance(rows, list):
        raise GatewayUnavailable(CODE, "its answer is no list of refunds")
    ours = [row for row in rows if _is_ours(row, order)]
    return _read(ours[0], order) if ours else None


def refusal(answer: Answer) -> RefundRefused | GatewayRejected | GatewayUnavailable:
    """Return what a refusal means; nothing went back."""
    code = str(answer.fields.get("error_code", f"HTTP_{answer.status}"))
    text = str(answer.fields.get("message", "no message"))
    if code in REFUSALS:
        return REFUSALS[code](
            details={"gateway": CODE, "gateway_code": code, "gateway_message": text}
        )
    if code in NOT_NOW:
        return GatewayUnavailable(CODE, f"{code}: {text}; nothing went back")
    return rejected(CODE, status=answer.status, code=code, message=text)


def _addresses(order: RefundOrder) -> Iterable[tuple[str, dict[str, str]]]:
    if order.payment_id and order.payment_id.startswith(REQUEST_PREFIX):
        yield "refunds", {"payment_request_id": order.payment_id}
    yield "refunds", {"invoice_id": order.charge_id}
    for prefix, product in BY_PRODUCT.items():
        if order.payment_id and order.payment_id.startswith(prefix):
            yield f"{product}/{quote(order.payment_id, safe='')}/refunds", {}


def _body(order: RefundOrder) -> dict[str, Any]:
    return {
        "reference_id": order.reference,
        "amount": order.amount.whole(),
        "currency": order.amount.currency,
        "reason": REASONS[order.reason],
    }


def _is_ours(row: object, order: RefundOrder) -> bool:
    return isinstance(row, dict) and row.get("reference_id") == order.reference


def _read(refund: Mapping[str, Any], order: RefundOrder) -> RefundReport:
    try:
        raw_status = read_text(refund, "status")
        amount = refund["amount"] if "amount" in refund else refund["refund_amount"]
        return RefundReport(
            id=read_text(refund, "id"),
            amount=Money.from_whole(
                Decimal(str(amount)), str(refund.get("currency") or order.amount.currency)
            ),
            state=STATES.get(raw_status, RefundState.PENDING),
            raw_status=raw_status,
            failure_code=refund.get("failure_code")
            or ("CANCELLED" if raw_status == "CANCELLED" else None),
            at=_time(refund.get("updated") or refund.get("created")),
        )
    except UNREADABLE as error:
        raise GatewayUnavailable(CODE, f"its answer cannot be read: {explained(error)}") from error


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
