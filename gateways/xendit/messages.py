"""Xendit's messages: requests for invoices, answers and callbacks.

Whole currency in JSON (1250 sen is 12.5), minor units inside; times are UTC.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from gateways import redirects
from gateways.adapter import (
    DisputeReport,
    Finality,
    Notification,
    NotificationNotUsed,
    PaymentOrder,
    PaymentPage,
    PaymentReport,
    PaymentState,
    Reversal,
)
from gateways.http import UNREADABLE, read_text
from gateways.xendit import lines, methods
from paytrust.money import EXPONENTS, Money

LONGEST_SECONDS = 31_536_000  # invoice_duration, A2
SETTLED = "SETTLED"  # the money is on the merchant's balance, A5
STATES = {
    "PENDING": PaymentState.PENDING,
    "PAID": PaymentState.PAID,
    SETTLED: PaymentState.PAID,
    "COMPLETED": PaymentState.PAID,  # very old callbacks
    "EXPIRED": PaymentState.EXPIRED,
}
QR_METHODS = {"QR_CODE", "QRIS"}
PAYMENT_PREFIXES = ("ewc_", "qrpy_", "plc_", "py-")
OF_OTHER_PRODUCTS = (
    "callback_virtual_account_id",
    "fixed_payment_code_id",
    "fixed_payment_code_payment_id",
    "disbursement_description",
    "account_holder_name",
    "owner_id",  # a virtual account that was made or changed
)
OTHER_IDS = ("report_", "disb", "po-")
LOST_DISPUTE = "dispute.lost"
CLOSED_DISPUTES = {"dispute.won", LOST_DISPUTE}
DISPUTED = "dispute"  # a chargeback of the amount that it names, whole or not
DISPUTE_IDS = "mi-dspt-"  # how they begin
DISPUTE = "dispute."
PRODUCT_REFUNDS = {"ewallet.refund", "ewallet.void", "qr.refund"}  # of products' own calls
HINTS = ("payment.", "payment_request.expiry", "capture.", "ewallet.capture", "qr.payment")
WALLET_CURRENCIES = {"ID": "IDR", "MY": "MYR"}  # by how its channel's code begins
REFUND_SUCCEEDED, REFUND_FAILED = "refund.succeeded", "refund.failed"


def request_of(order: PaymentOrder) -> dict[str, Any]:
    """Shape an order as the body of `POST /v2/invoices` (A2)."""
    body: dict[str, Any] = {
        "external_id": order.reference,
        "amount": order.amount.whole(),
        "currency": order.amount.currency,
        "description": order.description,
        "invoice_duration": duration(order) // timedelta(seconds=1),
    }
    if items := lines.items_of(order):
        body["items"] = items
    if fees := lines.fees_of(order):
        body["fees"] = fees
    if customer := _customer(order):
        body["customer"] = customer
    if "email" in customer:
        body["payer_email"] = customer["email"]
    if success := redirects.for_web(order.success_redirect_url):
        body["success_redirect_url"] = success
    if failure := redirects.for_web(order.failure_redirect_url):
        body["failure_redirect_url"] = failure
    if order.method:
        body["payment_methods"] = [methods.channel_of(order.method)]
    return body


def duration(order: PaymentOrder) -> timedelta:
    """Return how long the invoice is to live, within what Xendit takes, in whole seconds."""
    seconds = (order.expires_at - order.created_at) // timedelta(seconds=1)
    return timedelta(seconds=min(max(seconds, 1), LONGEST_SECONDS))


def report_of(
    invoice: Mapping[str, Any], *, currency: str | None, page_until: datetime | None = None
) -> PaymentReport:
    """Shape an invoice, or a callback, which has the same fields where they matter (A2, A10).

    Args:
        invoice: the object as it came.
        currency: what it is in if it does not say, as old callbacks do not; None leaves the
            amounts out then.
        page_until: when the page closes if the invoice does not say.

    Raises:
        KeyError, TypeError, ValueError, ArithmeticError: the object cannot be read.
    """
    raw_status = read_text(invoice, "status")
    state = STATES.get(raw_status, PaymentState.UNKNOWN)
    paid = invoice.get("paid_amount")
    if paid is None and state == PaymentState.PAID:
        paid = invoice["amount"]
    currency = invoice.get("currency") or currency
    return PaymentReport(
        reference=read_text(invoice, "external_id"),
        gateway_id=read_text(invoice, "id"),
        state=state,
        raw_status=raw_status,
        amount=_money(invoice["amount"], currency),
        paid_amount=_money(paid, currency) if paid is not None else None,
        paid_at=_time(invoice.get("paid_at")),
        method=invoice.get("payment_method"),
        finality=Finality.SETTLED if raw_status == SETTLED else Finality.PAID,
        payment_id=_payment_id(invoice),
        channel=_channel(invoice),
        page=_page(invoice, page_until),
    )


def bare(payment_id: object) -> str:
    """Return a payment's id without the prefix that some of Xendit's reports leave out (C1)."""
    text = str(payment_id)
    for prefix in PAYMENT_PREFIXES:
        text = text.removeprefix(prefix)
    return text


def spellings(payment_id: str) -> tuple[str, ...]:
    """Return every way to write a payment's id."""
    return (bare(payment_id), *(f"{prefix}{bare(payment_id)}" for prefix in PAYMENT_PREFIXES))


def refuse_unused(message: Mapping[str, Any]) -> None:
    """Refuse what is no invoice: reports, disbursements, fixed accounts and shop codes (C10).

    Raises:
        NotificationNotUsed: it is one of these.
    """
    if any(name in message for name in OF_OTHER_PRODUCTS) or str(message.get("id", "")).startswith(
        OTHER_IDS
    ):
        raise NotificationNotUsed("It is about no invoice.")


def event_notification(event_id: str, message: Mapping[str, Any]) -> Notification:
    """Shape what comes with the name of an event: refunds and disputes are ours (C10).

    Raises:
        KeyError, TypeError, ValueError, ArithmeticError: the event cannot be read.
        NotificationNotUsed: it is about another product.
    """
    event = read_text(message, "event")
    if event.startswith(DISPUTE):
        return _dispute_notification(event_id, message)
    if event in {REFUND_SUCCEEDED, REFUND_FAILED}:
        return _refund_notification(event_id, event, message["data"])
    if event in PRODUCT_REFUNDS:
        return _product_refund(event_id, message["data"])
    hint = _hint(event_id, message.get("data")) if event.startswith(HINTS) else None
    raise NotificationNotUsed(f"Events of the kind {event} are not used.", hint=hint)


def _hint(event_id: str, data: object) -> Notification | None:
    """Return what a payment's own event may be about: Xendit may notify twice (C10)."""
    if not isinstance(data, Mapping):
        return None
    texts = {name: value for name, value in data.items() if isinstance(value, str) and value}
    named = [texts[name] for name in ("payment_id", "id") if name in texts]
    return Notification(
        event_id=event_id,
        reference=texts.get("reference_id") or texts.get("external_id"),
        gateway_id=texts.get("invoice_id") or texts.get("payment_link_id"),
        report=None,
        payment_ids=tuple(one for name in named for one in spellings(name)),
    )


def _dispute_notification(event_id: str, message: Mapping[str, Any]) -> Notification:
    """Shape a dispute, which is flat. Staff look at it; a lost one claims a chargeback (C1)."""
    payment_id, dispute = read_text(message, "payment_id"), _dispute(message)
    is_lost = dispute is not None and message["event"] == LOST_DISPUTE
    return Notification(
        event_id=event_id,
        reference=message.get("reference_id"),
        gateway_id=None,
        report=_chargeback_claim(payment_id, dispute) if dispute and is_lost else None,
        payment_ids=spellings(payment_id),
        dispute=dispute,
        opens_dispute=True,
    )


def _chargeback_claim(payment_id: str, dispute: DisputeReport) -> PaymentReport:
    """Return what a lost dispute says of its payment: that money went back."""
    taken_back = Reversal(
        id=dispute.id, amount=dispute.amount, kind=DISPUTED, at=None, confirmed=False
    )
    return PaymentReport(
        reference="",
        gateway_id=payment_id,
        state=PaymentState.UNKNOWN,
        raw_status=LOST_DISPUTE,
        amount=None,
        paid_amount=None,
        paid_at=None,
        reversals=(taken_back,),
    )


def _dispute(message: Mapping[str, Any]) -> DisputeReport | None:
    """Return what a dispute says; the invoice is flagged also if fields are missing."""
    try:
        amount = Decimal(str(message["amount"]["initial"]))
        return DisputeReport(
            id=read_text(message, "id"),
            raw_status=read_text(message, "status"),
            is_closed=message["event"] in CLOSED_DISPUTES,
            amount=Money.from_whole(amount, _served(message["currency"])),
            due_at=_time(message.get("due_date")),
            reason=str(message["status_reason"]) if message.get("status_reason") else None,
        )
    except UNREADABLE:
        return None


def _product_refund(event_id: str, data: Mapping[str, Any]) -> Notification:
    """Shape the form of a product's own refund, which names its charge only (C1).

    No sample of a void's and of a QR code's is known. What they claim is asked of Xendit anyway.
    """
    refund = {
        "id": read_text(data, "id"),
        "payment_id": read_text(data, "charge_id"),
        "amount": data["refund_amount"],
        "currency": data.get("currency") or WALLET_CURRENCIES[read_text(data, "channel_code")[:2]],
        "status": data.get("status"),
        "channel_code": data.get("channel_code"),
    }
    event = REFUND_SUCCEEDED if data.get("status") == "SUCCEEDED" else REFUND_FAILED
    return _refund_notification(event_id, event, refund)


def _refund_notification(event_id: str, event: str, data: Mapping[str, Any]) -> Notification:
    """Shape a refund; it says nothing of the payment but that money went back (A7)."""
    data = data.get("data") or data  # one page of the documentation nests it twice
    invoice_id, payment_id = data.get("invoice_id"), data.get("payment_id")
    refund = refund_of(data)
    report = PaymentReport(
        reference="",
        gateway_id=invoice_id or read_text(data, "payment_id"),
        state=PaymentState.UNKNOWN,
        raw_status=event,
        amount=None,
        paid_amount=None,
        paid_at=None,
        method=data.get("payment_method_type"),
        channel=data.get("channel_code"),
        reversals=(refund,) if event == REFUND_SUCCEEDED else (),
    )
    return Notification(
        event_id=event_id,
        reference=None,
        gateway_id=invoice_id,
        report=report,
        payment_ids=spellings(payment_id) if payment_id else (),
        failed_refund=refund if event == REFUND_FAILED else None,
    )


def refund_of(refund: Mapping[str, Any]) -> Reversal:
    """Shape a refund; it is confirmed once it has succeeded (A7).

    Raises:
        KeyError, TypeError, ValueError, ArithmeticError: the refund cannot be read.
    """
    return Reversal(
        id=read_text(refund, "id"),
        amount=Money.from_whole(Decimal(str(refund["amount"])), _served(refund["currency"])),
        kind="refund",
        at=_time(refund.get("updated") or refund.get("created")),
        confirmed=refund.get("status") == "SUCCEEDED",
        reference=refund.get("reference_id"),
    )


def _customer(order: PaymentOrder) -> dict[str, str]:
    if order.customer is None:
        return {}
    named = {
        "given_names": order.customer.name,
        "email": order.customer.email,
        "mobile_number": order.customer.phone,
    }
    return {key: value for key, value in named.items() if value}


def _channel(invoice: Mapping[str, Any]) -> str | None:
    """Return where the customer paid; of a QR code the issuer, which refunds go by (C1)."""
    channel = invoice.get("payment_channel") or invoice.get("bank_code")
    details = invoice.get("payment_details")
    if invoice.get("payment_method") in QR_METHODS and isinstance(details, Mapping):
        channel = details.get("source") or channel
    return None if channel is None else str(channel)


def _payment_id(invoice: Mapping[str, Any]) -> str | None:
    """Return the id of the payment, which only callbacks have (gateways-2.md C1)."""
    return read_text(invoice, "payment_id") if invoice.get("payment_id") else None


def _page(invoice: Mapping[str, Any], until: datetime | None) -> PaymentPage | None:
    url, expires_at = invoice.get("invoice_url"), _time(invoice.get("expiry_date")) or until
    if not url or expires_at is None:
        return None
    return PaymentPage(gateway_id=invoice["id"], url=url, expires_at=expires_at)


def _money(amount: object, currency: str | None) -> Money | None:
    """Read an amount in whole currency: a JSON number, or a string."""
    if currency is None:
        return None
    return Money.from_whole(Decimal(str(amount)), _served(currency))


def _served(currency: str) -> str:
    if currency not in EXPONENTS:
        raise ValueError(f"the currency {currency} is not served")
    return currency


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
