"""Xendit's Invoice API v2: hosted pages, found again by id or external_id."""

import hashlib
import hmac
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from io import BufferedIOBase
from typing import IO, Any, TypeVar
from urllib.parse import quote

import msgspec
import structlog

from gateways.adapter import (
    GatewayRejected,
    GatewayUnavailable,
    HasNoBalance,
    MalformedNotification,
    Notification,
    NotificationNotAuthentic,
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
    read_json,
    read_text,
    rejected,
)
from gateways.refunds import RefundOrder, RefundReport
from gateways.settlements import ReportState, SettlementPage, SettlementRow
from gateways.xendit import messages, refunds, reports, transactions
from paytrust.money import Money

log = structlog.get_logger(__name__)

EVENT_ID_LENGTH = 255
PAGE_SIZE = 100  # the largest that the list takes, C2
WORTH_A_PAGE = 4  # for so many a page is quicker than single calls
PAID_STATUSES = ("PAID", "SETTLED")
Result = TypeVar("Result")
FORBIDDEN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class XenditAdapter(HasNoBalance):
    """One Xendit account. Its notifications carry a static token, no signature (A10)."""

    code = "xendit"

    def __init__(self, *, base_url: str, secret_key: str, callback_token: str) -> None:
        self._base_url, self._callback_token = base_url.rstrip("/"), callback_token
        self._session = GatewaySession(gateway=self.code, user=secret_key)

    def create_payment(self, order: PaymentOrder) -> PaymentPage:
        """Open an invoice at Xendit (A2).

        Xendit knows no idempotency for this call: after an unknown outcome `find_payment` must
        be asked first.

        Raises:
            GatewayTimeout, GatewayUnavailable: the outcome may be unknown.
            GatewayRejected: Xendit refused, or took another amount than was asked.
        """
        answer = self._session.send(
            "POST",
            f"{self._base_url}/v2/invoices",
            endpoint="create",
            json=messages.request_of(order),
        )
        report = self._read(
            self._accepted(answer),
            order.amount.currency,
            page_until=order.created_at + messages.duration(order),
        )
        if report.amount != order.amount:  # decimals of rupiah would be cut off, A2
            log.error("amount differs", reference=order.reference, invoice=report.gateway_id)
            raise GatewayRejected(
                self.code,
                gateway_code="AMOUNT_DIFFERS",
                gateway_message=f"asked for {order.amount}, got {report.amount}",
            )
        if report.page is None:
            raise GatewayUnavailable(self.code, "its answer lacks invoice_url; ask again")
        return report.page

    def find_payment(
        self, *, reference: str, gateway_id: str | None = None, currency: str
    ) -> PaymentReport | None:
        """Ask about an invoice, by id if known, else by external_id; None if there is none.

        external_id is not unique at Xendit: a paid invoice is preferred, then the oldest
        pending one; more than one is logged.
        """
        return _preferred(reference, self._known(reference, gateway_id, currency))

    def find_reversal(
        self,
        *,
        reversal_id: str,
        reference: str,
        currency: str,
        gateway_id: str,
        payment_id: str | None = None,
    ) -> Reversal | None:
        """Ask about money that went back, which the invoice does not show; None if it is another's.

        A refund has a call of its own (A7). A lost dispute has none: its money is a transaction of
        the type CHARGEBACK (C1, C7).
        """
        if reversal_id.startswith(messages.DISPUTE_IDS):
            return self._find_chargeback(reversal_id, reference, currency)
        wanted = quote(reversal_id, safe="")
        answer = self._session.send(
            "GET", f"{self._base_url}/refunds/{wanted}", endpoint="get_refund"
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        refund = self._accepted(answer)
        try:
            if not _is_of(refund, gateway_id, payment_id):
                return None
            return messages.refund_of(refund)
        except UNREADABLE as error:
            raise GatewayUnavailable(
                self.code, f"its answer cannot be read: {explained(error)}"
            ) from error

    def _find_chargeback(self, dispute_id: str, reference: str, currency: str) -> Reversal | None:
        """Return what was taken back for a dispute: the row that names it, or the only one."""
        answer = self._session.send(
            "GET",
            f"{self._base_url}/transactions",
            endpoint="transactions",
            params=transactions.chargebacks_of(reference=reference, currency=currency),
        )
        rows = [row for row in self._settled(answer).rows if row.is_final]
        named = [row for row in rows if dispute_id in row.gateway_ids] or rows
        if len(named) != 1:
            return None
        return Reversal(
            id=dispute_id,
            amount=Money(-named[0].gross_amount, named[0].currency),
            kind=messages.DISPUTED,
            at=named[0].occurred_at,
            confirmed=True,
        )

    def find_paid(
        self, *, references: Collection[str], after: datetime, before: datetime
    ) -> dict[str, PaymentReport]:
        """Go through the list of invoices paid between two moments, the newest first (C2).

        Both ends are sent, because one alone has no effect. The list is sorted by when invoices
        were made, so a page may hold none of the wanted ones. It reads on while pages are much
        cheaper than single calls for the rest.
        """
        wanted, found = set(references), dict[str, PaymentReport]()
        last: str | None = None
        for page in itertools.count(1):
            if len(wanted) < page * WORTH_A_PAGE:
                break
            rows = self._paid_page(after=after, before=before, last=last)
            complete = {one.reference: one for one in _complete(rows) if one.reference in wanted}
            found |= complete
            wanted -= complete.keys()
            if len(rows) < PAGE_SIZE:
                break
            last = str(rows[-1].get("id", ""))
        return found

    def settlement_page(
        self, *, since: datetime, currency: str, after: str | None
    ) -> SettlementPage | None:
        """Return a page of the transactions that changed since a moment (C7)."""
        answer = self._session.send(
            "GET",
            f"{self._base_url}/transactions",
            endpoint="transactions",
            params=transactions.query_of(
                since=since.astimezone(UTC), currency=currency, after=after
            ),
        )
        return self._settled(answer)

    def ask_for_report(self, *, start: datetime, end: datetime, currency: str) -> str:
        """Ask for a report of transactions (C7)."""
        answer = self._session.send(
            "POST",
            f"{self._base_url}/reports",
            endpoint="report",
            json=reports.request_of(start=start, end=end, currency=currency),
        )
        return self._of_report(lambda: read_text(self._accepted(answer), "id"))

    def find_report(self, *, report_id: str) -> ReportState:
        """Ask how far a report is; its address lives for 24 hours (C7)."""
        wanted = quote(report_id, safe="")
        answer = self._session.send(
            "GET", f"{self._base_url}/reports/{wanted}", endpoint="get_report"
        )
        return self._of_report(lambda: reports.state_of(self._accepted(answer)))

    def download_report(self, *, url: str, into: IO[bytes]) -> None:
        """Copy a report from the host of files that its address names."""
        if not url.startswith(("https://", f"{self._base_url}/")):
            raise GatewayUnavailable(self.code, "its report has an address without TLS")
        self._session.download(url, into, endpoint="download_report")

    def rows_of_report(self, file: BufferedIOBase) -> Iterator[SettlementRow]:
        """Yield the rows of a report as CSV."""
        try:
            yield from reports.rows_of(file)
        except UNREADABLE as error:
            raise GatewayUnavailable(
                self.code, f"its report cannot be read: {explained(error)}"
            ) from error

    def _of_report(self, read: Callable[[], Result]) -> Result:
        try:
            return read()
        except UNREADABLE as error:
            raise GatewayUnavailable(
                self.code, f"its answer cannot be read: {explained(error)}"
            ) from error

    def _settled(self, answer: Answer) -> SettlementPage:
        body = self._accepted(answer)
        try:
            return transactions.page_of(body)
        except UNREADABLE as error:
            raise GatewayUnavailable(
                self.code, f"its answer cannot be read: {explained(error)}"
            ) from error

    def expire_payment(
        self,
        *,
        reference: str,
        gateway_id: str | None = None,
        page_token: str | None = None,
        amount: Money,
    ) -> PaymentReport | None:
        """Expire an invoice and say how it stands; PAID if the customer was faster (A4).

        Without an id, every pending invoice of that external_id is expired. Its page ends with
        it; Xendit has no token.
        """
        known = self._known(reference, gateway_id, amount.currency)
        return _preferred(
            reference,
            [
                self._expired(report, amount.currency)
                if report.state == PaymentState.PENDING
                else report
                for report in known
            ],
        )

    def create_refund(self, order: RefundOrder) -> RefundReport:
        """Give money back (A7); the order's reference is the idempotency key, so once only."""
        return refunds.create(self._session, self._base_url, order)

    def find_refund(self, order: RefundOrder, *, refund_id: str | None) -> RefundReport | None:
        """Ask about a refund, by id if it is known, else by our reference (A7)."""
        return refunds.find(self._session, self._base_url, order, refund_id)

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

        `webhook-id` names the event if it is there, else id, status and a digest of the body.

        Raises:
            MalformedNotification: no JSON object, or without the fields that matter.
            NotificationNotUsed: it is about another product.
        """
        message = _object(body)
        event_id = _event_id(headers, message)
        try:
            if "event" in message:
                return messages.event_notification(event_id, message)
            messages.refuse_unused(message)
            report = messages.report_of(message, currency=None)
        except UNREADABLE as error:
            raise MalformedNotification(
                f"Xendit's notification cannot be read: {explained(error)}."
            ) from error
        return Notification(
            event_id=event_id,
            reference=report.reference,
            gateway_id=report.gateway_id,
            report=report,
        )

    def _known(
        self, reference: str, gateway_id: str | None, currency: str
    ) -> Sequence[PaymentReport]:
        """Return the invoices that are meant, oldest first."""
        if gateway_id is not None:
            answer = self._session.send("GET", self._invoice_url(gateway_id), endpoint="get")
            if answer.status == HTTPStatus.NOT_FOUND:
                return []
            return [self._read(self._accepted(answer), currency)]
        answer = self._session.send(
            "GET",
            f"{self._base_url}/v2/invoices",
            endpoint="list",
            params={"external_id": reference},
        )
        ours = [
            invoice for invoice in self._invoices(answer) if invoice.get("external_id") == reference
        ]
        ours.sort(key=lambda invoice: str(invoice.get("created", "")))
        return [self._read(invoice, currency) for invoice in ours]

    def _paid_page(
        self, *, after: datetime, before: datetime, last: str | None
    ) -> list[dict[str, Any]]:
        window = {"paid_after": _moment(after), "paid_before": _moment(before)}
        query: dict[str, str | Sequence[str]] = {**window, "limit": str(PAGE_SIZE)}
        if last is not None:
            query["last_invoice"] = last
        url = f"{self._base_url}/v2/invoices"
        answer = self._session.send(
            "GET", url, endpoint="list", params=query | {"statuses": PAID_STATUSES}
        )
        if answer.status == HTTPStatus.BAD_REQUEST:  # older form of an array, C2
            as_json = msgspec.json.encode(PAID_STATUSES).decode()
            answer = self._session.send(
                "GET", url, endpoint="list", params=query | {"statuses": as_json}
            )
        return self._invoices(answer)

    def _invoices(self, answer: Answer) -> list[dict[str, Any]]:
        invoices = self._accepted(answer)
        if not isinstance(invoices, list) or not all(isinstance(one, dict) for one in invoices):
            raise GatewayUnavailable(self.code, "its answer is no list of invoices")
        return invoices

    def _expired(self, report: PaymentReport, currency: str) -> PaymentReport:
        answer = self._session.send(
            "POST",
            f"{self._base_url}/invoices/{quote(report.gateway_id, safe='')}/expire!",
            endpoint="expire",
        )
        if answer.status < HTTPStatus.BAD_REQUEST or answer.status in FORBIDDEN:
            return self._read(self._accepted(answer), currency)
        now_known = self._known(report.reference, report.gateway_id, currency)  # not pending now
        return now_known[0] if now_known else report

    def _invoice_url(self, invoice_id: str) -> str:
        return f"{self._base_url}/v2/invoices/{quote(invoice_id, safe='')}"

    def _read(
        self, invoice: object, currency: str, *, page_until: datetime | None = None
    ) -> PaymentReport:
        try:
            if not isinstance(invoice, dict):
                raise TypeError("it is no invoice")
            return messages.report_of(invoice, currency=currency, page_until=page_until)
        except UNREADABLE as error:
            raise GatewayUnavailable(
                self.code, f"its answer cannot be read: {explained(error)}"
            ) from error

    def _accepted(self, answer: Answer) -> Any:  # noqa: ANN401  # any JSON value
        if answer.status < HTTPStatus.BAD_REQUEST:
            return answer.body
        raise rejected(
            self.code,
            status=answer.status,
            code=answer.fields.get("error_code", f"HTTP_{answer.status}"),
            message=_refusal(answer.fields),
        )


def _is_of(refund: Mapping[str, Any], invoice_id: str, payment_id: str | None) -> bool:
    """Return whether a refund is of an invoice; a refund may name its payment only (C1).

    Raises:
        KeyError, TypeError, ValueError: it is no refund.
    """
    read_text(refund, "id")
    if refund.get("invoice_id"):
        return bool(refund["invoice_id"] == invoice_id)
    named = refund["payment_id"]  # one of both is always there
    return bool(named and payment_id) and messages.bare(named) == messages.bare(payment_id)


def _complete(rows: Iterable[Mapping[str, Any]]) -> Iterator[PaymentReport]:
    """Return the payments of a list; the caller asks singly for a row that lacks a field."""
    for row in rows:
        if row.get("paid_amount") is None or not row.get("paid_at") or not row.get("currency"):
            continue
        try:
            yield messages.report_of(row, currency=None)
        except UNREADABLE as error:
            log.warning("a row of the list cannot be read", reason=explained(error))


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _preferred(reference: str, found: Sequence[PaymentReport]) -> PaymentReport | None:
    """Choose among invoices that have one external_id, oldest first."""
    if len(found) > 1:
        invoices = {report.gateway_id: report.raw_status for report in found}
        log.warning("several Xendit invoices", reference=reference, invoices=invoices)
    for state in (PaymentState.PAID, PaymentState.PENDING):
        for report in found:
            if report.state == state:
                return report
    return found[-1] if found else None


def _refusal(error: Mapping[str, Any]) -> str:
    """Return Xendit's message, and which fields it is about (A8)."""
    text = str(error.get("message", "no message"))
    named = error.get("errors")
    if not isinstance(named, list):
        return text
    reasons = [
        str(reason)
        for one in named
        if isinstance(one, dict) and isinstance(one.get("messages"), list)
        for reason in one["messages"]
    ]
    return f"{text} ({'; '.join(reasons)})" if reasons else text


def _event_id(headers: Mapping[str, str], message: Mapping[str, Any]) -> str:
    given = headers.get("webhook-id", "")
    if 1 <= len(given) <= EVENT_ID_LENGTH and given.isprintable():
        return given
    digest = hashlib.sha256(msgspec.json.encode(message, order="deterministic")).hexdigest()
    named = f"{message.get('id', '')}:{message.get('status', '')}:{digest}"
    printable = named.isprintable() and len(named) <= EVENT_ID_LENGTH
    return named if printable else digest


def _object(body: bytes) -> dict[str, Any]:
    try:
        message = read_json(body)
    except ValueError as error:
        raise MalformedNotification("Xendit's notification is not JSON.") from error
    if not isinstance(message, dict):
        raise MalformedNotification("Xendit's notification is no JSON object.")
    return message
