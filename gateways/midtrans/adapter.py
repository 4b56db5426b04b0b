"""Midtrans: Snap opens pages, Core charges by one method and says how payments stand.

Errors are in the body's `status_code`, also under HTTP 200; 407 means that an expire succeeded.
"""

import hashlib
import hmac
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import quote

import structlog

from gateways.adapter import (
    ChargeLost,
    GatewayRejected,
    GatewayUnavailable,
    MakesNoReports,
    MalformedNotification,
    Notification,
    NotificationNotAuthentic,
    NotificationNotUsed,
    PaymentMethod,
    PaymentOrder,
    PaymentPage,
    PaymentReport,
    PaymentState,
    Reversal,
)
from gateways.http import (
    UNREADABLE,
    Answer,
    GatewaySession,
    explained,
    read_damaged,
    read_json,
    read_text,
    rejected,
)
from gateways.midtrans import balance, methods, refunds
from gateways.midtrans import messages as midtrans_messages
from gateways.refunds import RefundOrder, RefundReport
from gateways.settlements import SettlementPage
from paytrust.money import Money

log = structlog.get_logger(__name__)

NOT_KNOWN, TAKEN, OVER_LIMIT, DUPLICATE = "404", "406", "429", "duplicate_order_id"
PARTIAL_CHARGEBACK = "partial_chargeback"
ENDED = {PaymentState.EXPIRED, PaymentState.FAILED, PaymentState.CANCELLED}
ONLY_CANCELLABLE = {"authorize", "capture"}  # cards under review; expire is for pending ones
SIGNED = ("order_id", "status_code", "gross_amount")
SIGNED_OF_ACCOUNT = (  # no source says which; each needs the key, and nothing follows from it
    ("account_id", "account_status", "status_code"),
    ("account_id", "status_code", "account_status"),
    ("account_id", "account_status"),
    ("account_id", "status_code"),
)


class PageEnd(StrEnum):
    """What Midtrans says when it is asked to close a Snap page."""

    CLOSED = "closed"
    UNDER_WAY = "under way"  # the customer has chosen a method: Core ends it
    UNKNOWN = "unknown"  # no such token, or the call is not served


class MidtransAdapter(MakesNoReports):
    """One Midtrans account. Notifications are signed, but not their transaction_status (B7)."""

    code = "midtrans"

    def __init__(
        self, *, core_base_url: str, snap_base_url: str, server_key: str, client_key: str
    ) -> None:
        self._core, self._snap = core_base_url.rstrip("/"), snap_base_url.rstrip("/")
        self._server_key = server_key
        self._session = GatewaySession(
            gateway=self.code,
            user=server_key,
            is_over_limit=lambda body: str(body.get("status_code")) == OVER_LIMIT,
        )

    def create_payment(self, order: PaymentOrder) -> PaymentPage:
        """Open a Snap page (B2), or charge by the one method that is wanted (B3).

        Until the customer has chosen a method, asking again with the same reference makes a
        new page and ends the old one; a charge is made once per reference. So a repeat never
        makes a second charge.

        Raises:
            GatewayTimeout, GatewayUnavailable: the outcome may be unknown; ask again.
            ChargeLost: an earlier try's charge cannot be shown again, and was expired.
            GatewayRejected: Midtrans refused; `duplicate_order_id` if the reference has a live
                or paid charge.
        """
        if order.amount.currency != midtrans_messages.CURRENCY:
            raise GatewayRejected(
                self.code, gateway_code="CURRENCY", gateway_message="only IDR is taken"
            )
        if order.method is not None:
            return self._open_charge(order, order.method)
        expires_at = midtrans_messages.end_of(order)
        answer = self._open_page(midtrans_messages.request_of(order, expires_at=expires_at))
        if answer.status >= HTTPStatus.BAD_REQUEST:
            self._refuse_duplicate(answer, order)
            raise self._snap_refusal(answer)
        try:
            url = read_text(answer.fields, "redirect_url")
            token = read_text(answer.fields, "token")
        except UNREADABLE as error:
            raise self._unreadable(error) from error
        return PaymentPage(gateway_id=None, url=url, expires_at=expires_at, token=token)

    def find_payment(
        self, *, reference: str, gateway_id: str | None = None, currency: str
    ) -> PaymentReport | None:
        """Ask how a charge stands, by transaction id if known, else by order id (B4).

        None if Midtrans does not know it: a Snap order is unknown until a method is chosen.
        """
        wanted = quote(gateway_id or reference, safe="")
        answer = self._session.send("GET", f"{self._core}/v2/{wanted}/status", endpoint="status")
        return self._charge(answer, reference)

    def find_reversal(
        self,
        *,
        reversal_id: str,
        reference: str,
        currency: str,
        gateway_id: str,
        payment_id: str | None = None,
    ) -> Reversal | None:
        """Return None: a charge's own status lists what was taken back (B7)."""
        return None

    def find_paid(
        self, *, references: Collection[str], after: datetime, before: datetime
    ) -> dict[str, PaymentReport]:
        """Return nothing: Midtrans has no list."""
        return {}

    def settlement_page(
        self, *, since: datetime, currency: str, after: str | None
    ) -> SettlementPage | None:
        """Return None: Midtrans tells of settlements in files only (C7)."""
        return None

    def balance_change(self, *, start: datetime, end: datetime, currency: str) -> int:
        """Ask what the balance of payments was before and after a time (C7)."""
        answer = self._session.send(
            "GET",
            f"{self._core}/v1/balance/mutation",
            endpoint="balance",
            params=balance.query_of(start=start, end=end, currency=currency),
        )
        code = _code(answer)
        if not code.startswith("2"):
            self._raise_core_error(answer, code)
        try:
            return balance.change_of(answer.fields, currency)
        except UNREADABLE as error:
            raise self._unreadable(error) from error

    def expire_payment(
        self,
        *,
        reference: str,
        gateway_id: str | None = None,
        page_token: str | None = None,
        amount: Money,
    ) -> PaymentReport | None:
        """Close a charge or a Snap page and say how it stands; PAID if the customer was faster.

        A page is closed by its token, also after attempts to pay on it; if the customer has chosen
        a method, Core ends that first (C4). If Midtrans does not know the token, a new page for
        the same order ends the old one (B2); the new address is given to no customer and ends in
        minutes. Returns None if Midtrans knows no charge.
        """
        said = PageEnd.UNKNOWN if page_token is None else self._close_page(page_token)
        if said == PageEnd.CLOSED:
            report = self.find_payment(reference=reference, currency=amount.currency)
            if report is None or report.state != PaymentState.PENDING:
                return report
        report = self._end_charge(reference, gateway_id, amount.currency)
        has_ended = report is None or report.state in ENDED
        if said == PageEnd.UNDER_WAY and page_token is not None and has_ended:
            said = self._close_page(page_token)  # the customer could try again on it
            if said == PageEnd.UNDER_WAY:
                raise GatewayUnavailable(self.code, "a method is under way on the page again")
        elif report is None or (report.state == PaymentState.FAILED and page_token is not None):
            self._replace_page(reference, amount)
        return report

    def create_refund(self, order: RefundOrder) -> RefundReport:
        """Refund a settled charge, or cancel one that is not settled yet (B4, C1)."""
        return refunds.create(self._change, self._ask_about, order)

    def find_refund(self, order: RefundOrder, *, refund_id: str | None) -> RefundReport | None:
        """Look for our refund_key in the charge's status (B7)."""
        return refunds.find(self._ask_about, order)

    def authenticate(self, *, headers: Mapping[str, str], body: bytes) -> None:
        """Compare the SHA-512 over the strings exactly as received, in constant time (B7).

        Notifications about a linked GoPay account have no order; their signature is over the
        account (C10).

        Raises:
            NotificationNotAuthentic: the signature is missing or wrong, or there is no JSON.
        """
        message = read_damaged(body)
        given = message.get("signature_key")
        forms = SIGNED_OF_ACCOUNT if _is_of_account(message) else (SIGNED,)
        named = {name for form in forms for name in form}
        if (
            not self._server_key
            or not isinstance(given, str)
            or not all(isinstance(message.get(name), str) for name in named)
        ):
            raise NotificationNotAuthentic("What must be signed is missing.")
        if not any(
            hmac.compare_digest(_bytes(given), self._signature(message, form)) for form in forms
        ):
            raise NotificationNotAuthentic("The signature_key is wrong.")

    def parse_notification(self, *, headers: Mapping[str, str], body: bytes) -> Notification:
        """Read a notification whose fields agree with each other.

        The event's id is a digest of the whole message, so a forged message can never block the
        real one.

        Raises:
            MalformedNotification: fields are missing, or status and code contradict.
            NotificationNotUsed: it is about a linked account.
        """
        message = _object(body)
        if _is_of_account(message):
            raise NotificationNotUsed("It is about a linked account, and no payment.")
        try:
            midtrans_messages.check_consistency(message)
            report = midtrans_messages.report_of(message, reference=read_text(message, "order_id"))
        except UNREADABLE as error:
            raise MalformedNotification(
                f"Midtrans's notification cannot be read: {explained(error)}."
            ) from error
        canonical = json.dumps(message, sort_keys=True, default=str).encode()
        return Notification(
            event_id=hashlib.sha256(canonical).hexdigest(),
            reference=report.reference,
            gateway_id=report.gateway_id,
            report=report,
            opens_dispute=report.raw_status == PARTIAL_CHARGEBACK and not report.reversals,
        )

    def _signature(self, message: Mapping[str, Any], form: Iterable[str]) -> bytes:
        text = "".join(message[name] for name in form) + self._server_key
        return hashlib.sha512(_bytes(text)).hexdigest().encode()

    def _open_charge(self, order: PaymentOrder, method: PaymentMethod) -> PaymentPage:
        expires_at = methods.end_of(order, method)
        answer = self._session.send(
            "POST",
            f"{self._core}/v2/charge",
            endpoint="create",
            json=methods.request_of(order, method, expires_at=expires_at),
            headers=methods.headers_of(order, method),
        )
        if _code(answer) == TAKEN:
            return self._adopt(order)
        charge = self._charge(answer, order.reference)
        if charge is None or charge.state != PaymentState.PENDING:
            self._raise_core_error(answer, _code(answer))
        try:
            page = methods.page_of(answer.fields, until=expires_at)
        except UNREADABLE as error:
            raise self._unreadable(error) from error
        if page is None:
            raise GatewayUnavailable(self.code, "its answer lacks what to pay with; ask again")
        return page

    def _adopt(self, order: PaymentOrder) -> PaymentPage:
        """Return what an earlier try made; end it if its payment details cannot be shown again."""
        report = self.find_payment(reference=order.reference, currency=order.amount.currency)
        if report is not None and report.state == PaymentState.PENDING:
            if report.page is not None:
                return report.page
            report = self.expire_payment(
                reference=order.reference, gateway_id=report.gateway_id, amount=order.amount
            )
        if report is not None and report.state in ENDED:
            raise ChargeLost(self.code, reference=order.reference)
        how = report.raw_status if report else "taken"
        raise GatewayUnavailable(self.code, f"{order.reference} is {how} already; ask again")

    def _open_page(self, request: Mapping[str, Any]) -> Answer:
        return self._session.send(
            "POST", f"{self._snap}/transactions", endpoint="create", json=request
        )

    def _end_charge(
        self, reference: str, gateway_id: str | None, currency: str
    ) -> PaymentReport | None:
        """Expire a pending charge by Core; a card under review can only be cancelled."""
        answer = self._act("expire", gateway_id or reference)
        if "transaction_status" in answer.fields:
            return self._charge(answer, reference)
        report = self.find_payment(reference=reference, gateway_id=gateway_id, currency=currency)
        if (
            report is not None
            and report.state == PaymentState.PENDING
            and report.raw_status in ONLY_CANCELLABLE
        ):
            return self._charge(self._act("cancel", report.gateway_id), reference)
        return report

    def _close_page(self, token: str) -> PageEnd:
        """Close a Snap page by its token (C4); safe to repeat."""
        answer = self._session.send(
            "POST", f"{self._snap}/transactions/{quote(token, safe='')}/cancel", endpoint="cancel"
        )
        text = _snap_messages(answer).lower()
        if "canceled_at" in answer.fields or "already canceled" in text:
            return PageEnd.CLOSED
        if "on progress" in text:
            return PageEnd.UNDER_WAY
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise self._snap_refusal(answer)
        log.warning("a page cannot be closed by its token", status=answer.status, reason=text)
        return PageEnd.UNKNOWN

    def _change(self, action: str, name: str, body: Mapping[str, Any]) -> Answer:
        wanted = quote(name, safe="")
        return self._session.send(
            "POST", f"{self._core}/v2/{wanted}/{action}", endpoint="refund", json=body
        )

    def _ask_about(self, charge_id: str) -> PaymentReport | None:
        return self.find_payment(
            reference=charge_id, gateway_id=charge_id, currency=midtrans_messages.CURRENCY
        )

    def _act(self, action: str, name: str) -> Answer:
        """Ask for a change of state. The result is in the answer, or needs another call."""
        wanted = quote(name, safe="")
        return self._session.send(
            "POST", f"{self._core}/v2/{wanted}/{action}", endpoint=action, json={}
        )

    def _refuse_duplicate(self, answer: Answer, order: PaymentOrder) -> None:
        """Check by its status whether the order id is taken: that refusal has many texts (B2)."""
        if answer.status != HTTPStatus.BAD_REQUEST:
            return
        report = self.find_payment(reference=order.reference, currency=order.amount.currency)
        if report is not None and report.state not in ENDED:
            raise GatewayRejected(
                self.code,
                gateway_code=DUPLICATE,
                gateway_message=f"{order.reference} is {report.raw_status} already",
            )

    def _replace_page(self, reference: str, amount: Money) -> None:
        answer = self._open_page(
            midtrans_messages.replacing_request(reference=reference, amount=amount)
        )
        if answer.status == HTTPStatus.BAD_REQUEST:  # a method was chosen just now: ask again
            raise GatewayUnavailable(self.code, "the page could not be replaced")
        if answer.status > HTTPStatus.BAD_REQUEST:
            raise self._snap_refusal(answer)

    def _snap_refusal(self, answer: Answer) -> GatewayRejected:
        return rejected(
            self.code,
            status=answer.status,
            code=f"HTTP_{answer.status}",
            message=_snap_messages(answer) or "no message",
        )

    def _charge(self, answer: Answer, reference: str) -> PaymentReport | None:
        """Read a Core answer: its body's code first, then its HTTP status (B5)."""
        code = _code(answer)
        if code == NOT_KNOWN:
            return None
        if code.startswith("4") and "transaction_status" not in answer.fields:
            self._raise_core_error(answer, code)
        if code.startswith("5"):
            raise GatewayUnavailable(self.code, f"it answered {code}; the outcome is unknown")
        try:
            report = midtrans_messages.report_of(answer.fields, reference=reference)
        except UNREADABLE as error:
            raise self._unreadable(error) from error
        payable = report.state in {PaymentState.PENDING, PaymentState.PAID}
        return replace(report, page=_page_again(answer)) if payable else report

    def _raise_core_error(self, answer: Answer, code: str) -> NoReturn:
        reasons = answer.fields.get("validation_messages")
        text = str(answer.fields.get("status_message") or "no message")
        if isinstance(reasons, list) and reasons:
            text = f"{text} ({'; '.join(map(str, reasons))})"
        status = int(code) if code.isdigit() else answer.status
        raise rejected(self.code, status=status, code=code, message=text)

    def _unreadable(self, error: Exception) -> GatewayUnavailable:
        return GatewayUnavailable(self.code, f"its answer cannot be read: {explained(error)}")


def _code(answer: Answer) -> str:
    """Return the code in the body, which is the one that counts (B5)."""
    return str(answer.fields.get("status_code") or answer.status)


def _page_again(answer: Answer) -> PaymentPage | None:
    """Return what a known charge is paid with, if Midtrans still shows it."""
    try:
        return methods.page_of(answer.fields)
    except UNREADABLE:  # how the payment stands matters more
        return None


def _snap_messages(answer: Answer) -> str:
    messages = answer.fields.get("error_messages")
    return "; ".join(map(str, messages)) if isinstance(messages, list) else ""


def _is_of_account(message: Mapping[str, Any]) -> bool:
    """Return whether a customer linked a GoPay account, or unlinked it (C10)."""
    return "account_id" in message and "order_id" not in message


def _object(body: bytes) -> dict[str, Any]:
    """Read a JSON object, also one that an old client encoded twice."""
    try:
        message = read_json(body)
        if isinstance(message, str):
            message = read_json(message.encode())
    except ValueError as error:
        raise MalformedNotification("Midtrans's notification is not JSON.") from error
    if not isinstance(message, dict):
        raise MalformedNotification("Midtrans's notification is no JSON object.")
    return message


def _bytes(text: str) -> bytes:
    """Return a text's bytes, also of half a surrogate, which a damaged body may hold."""
    return text.encode("utf-8", "surrogatepass")
