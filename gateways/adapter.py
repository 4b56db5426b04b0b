"""What PayTrust and a gateway say to each other; the same for every gateway.

Amounts are minor units in `Money`; whole currency and the gateways' own codes stay in the
adapters.
"""

import hashlib
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from http import HTTPStatus
from io import BufferedIOBase
from typing import IO, Protocol

from django.utils.translation import gettext_lazy as _

from gateways.refunds import RefundOrder, RefundReport
from gateways.settlements import ReportState, SettlementPage, SettlementRow
from paytrust.errors import PayTrustError
from paytrust.money import Money, times


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    name: str | None = None
    email: str | None = None
    phone: str | None = None  # E.164


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A line for the gateway's page; amounts are in minor units."""

    name: str
    quantity: Decimal | int
    unit_amount: int
    discount_amount: int = 0

    @property
    def gross_amount(self) -> int:
        return times(self.unit_amount, self.quantity)

    @property
    def subtotal_amount(self) -> int:
        return self.gross_amount - self.discount_amount


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethod:
    type: str  # qris, gopay, shopeepay, bank_transfer, echannel, cstore
    bank: str | None = None
    store: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentOrder:
    """One demand for payment. Its reference never changes between tries."""

    reference: str
    amount: Money
    description: str
    created_at: datetime
    expires_at: datetime
    customer: Customer | None = None
    items: tuple[Item, ...] = ()
    tax_amount: int = 0  # minor units, on top of the items; so is the fee
    service_fee_amount: int = 0
    order_number: str | None = None  # the merchant's own
    success_redirect_url: str | None = None
    failure_redirect_url: str | None = None
    method: PaymentMethod | None = None

    @property
    def lines_add_up(self) -> bool:
        """Whether there are lines, and they, the tax and the fee are what is asked for."""
        subtotal_amount = sum(item.subtotal_amount for item in self.items)
        asked = subtotal_amount + self.tax_amount + self.service_fee_amount
        return bool(self.items) and asked == self.amount.minor


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPage:
    """Where the customer pays, until when, and what to show where there is no page."""

    gateway_id: str | None  # None until the gateway has one: Snap before a method is chosen
    url: str | None  # None if the gateway has none that opens on any device; then ours is shown
    expires_at: datetime
    instructions: dict[str, str] | None = None  # with the names of the API, what applies
    token: str | None = None  # by which the gateway closes its page, if it has one


LONGEST_ID, LONGEST_WORD = 255, 50  # of what is kept
UNSTORABLE = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")


def fitted(text: str | None, longest: int, *, is_id: bool = False) -> str | None:
    """Return a gateway's text so that it fits its column; a longer one is cut and marked.

    Ids that differ stay different: a cut one ends in a digest of the whole.
    """
    if text is None:
        return None
    kept = UNSTORABLE.sub("\ufffd", text)
    if len(kept) <= longest:
        return kept
    mark = (
        f"...{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}" if is_id else "..."
    )
    return kept[: longest - len(mark)] + mark


class PaymentState(StrEnum):
    PENDING = "pending"
    PAID = "paid"
    EXPIRED = "expired"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REVERSED = "reversed"  # paid, then taken back as a whole
    UNKNOWN = "unknown"  # a word this version does not know


class Finality(StrEnum):
    """How far the money of a payment has come."""

    PROMISED = "promised"  # the customer's bank will pay: a card that is captured
    PAID = "paid"
    SETTLED = "settled"  # the gateway has it on the merchant's account


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """Money that a gateway took back. `id` is stable, however often it is reported."""

    id: str
    amount: Money
    kind: str  # refund; chargeback, reversal: of all that is left; any other: of the amount
    at: datetime | None
    confirmed: bool
    reference: str | None = None  # ours, if we asked for it

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", fitted(self.id, LONGEST_ID, is_id=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReport:
    """What a gateway says about one payment."""

    reference: str
    gateway_id: str  # Xendit: invoice id; Midtrans: transaction_id
    state: PaymentState
    raw_status: str
    amount: Money | None  # what was ordered, without a fee that the gateway imposed
    paid_amount: Money | None  # what arrived on this charge so far, without an imposed fee
    paid_at: datetime | None
    notified_amount: Money | None = None  # of `paid_amount`, the payment of a notification
    method: str | None = None
    channel: str | None = None
    finality: Finality = Finality.PAID  # where money has come
    payment_id: str | None = None  # of the payment itself, where it is not `gateway_id`
    of_attempt: bool = False  # of one try to pay, which ends no page that takes another
    page: PaymentPage | None = None
    reversals: tuple[Reversal, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "gateway_id", fitted(self.gateway_id, LONGEST_ID, is_id=True))
        for name in ("method", "channel", "raw_status"):
            object.__setattr__(self, name, fitted(getattr(self, name), LONGEST_WORD))


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeReport:
    """What a gateway says of a customer's bank that asks for the money back."""

    id: str
    raw_status: str
    is_closed: bool  # won or lost
    amount: Money
    due_at: datetime | None  # until when the merchant may answer
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A gateway's message: what it is about, and what it says."""

    event_id: str
    reference: str | None
    gateway_id: str | None
    report: PaymentReport | None
    payment_ids: tuple[str, ...] = ()  # what the payment itself may be called, if it is named
    dispute: DisputeReport | None = None
    opens_dispute: bool = False  # the customer's bank asks for the money back, or has got some
    failed_refund: Reversal | None = None  # one that the gateway says it could not make

    def __post_init__(self) -> None:
        for name in ("event_id", "reference", "gateway_id"):
            object.__setattr__(self, name, fitted(getattr(self, name), LONGEST_ID, is_id=True))


class GatewayError(PayTrustError):
    """A gateway could not do what it was asked; whether a retry is safe is in the type."""

    def __init__(self, gateway: str, reason: str) -> None:
        super().__init__(f"{gateway}: {reason}", details={"gateway": gateway, "reason": reason})


class GatewayTimeout(GatewayError):
    """The gateway did not answer in time. Send the same call again; it will not charge twice."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "gateway_timeout"
    for_staff = _("The gateway did not answer in time. Nothing was changed; try again.")
    resumable = True


class GatewayUnavailable(GatewayError):
    """The gateway is away or in trouble. Send the same call again later."""

    status = HTTPStatus.BAD_GATEWAY
    code = "gateway_unavailable"
    for_staff = _("The gateway is away. Nothing was changed; try again later.")
    resumable = True


class GatewayBusy(GatewayError):
    """The gateway takes no more calls for now. Send the same call again after Retry-After.

    The call was not sent, or the gateway refused to read it: nothing was made. It is no failure; a
    caller that can wait tries again later (spec 12.1).
    """

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "gateway_busy"
    resumable = True

    def __init__(self, gateway: str, *, retry_after_seconds: float) -> None:
        super().__init__(gateway, f"its limit is reached; again in {retry_after_seconds:.1f} s")
        self.wait_seconds = retry_after_seconds
        self.retry_after_seconds = max(1, math.ceil(retry_after_seconds))


class GatewayRejected(GatewayError):
    """The gateway refused. `details` carry its own code and message."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "gateway_rejected"
    resumable = True

    def __init__(self, gateway: str, *, gateway_code: str, gateway_message: str) -> None:
        super().__init__(gateway, f"{gateway_code}: {gateway_message}")
        self.details.update(gateway_code=gateway_code, gateway_message=gateway_message)


class ChargeLost(GatewayRejected):
    """The reference has a charge that ended, or whose instructions cannot be shown again.

    It is certain that it can no longer be paid: ask again under another reference.
    """

    def __init__(self, gateway: str, *, reference: str) -> None:
        super().__init__(
            gateway,
            gateway_code="duplicate_order_id",
            gateway_message=f"{reference} is used up; ask under another reference",
        )


class NotificationNotAuthentic(PayTrustError):
    """The notification does not prove that it comes from the gateway."""

    status = HTTPStatus.UNAUTHORIZED
    code = "invalid_signature"


class MalformedNotification(PayTrustError):
    """The notification cannot be read, or contradicts itself."""

    code = "malformed_notification"


class NotificationNotUsed(PayTrustError):
    """The notification is about another product of the gateway's, which PayTrust does not use."""

    code = "notification_not_used"

    def __init__(self, reason: str, *, hint: Notification | None = None) -> None:
        """Say why; `hint` is what it may be about, where a gateway may notify twice."""
        super().__init__(reason)
        self.hint = hint


class HasNoBalance:
    """The call about the balance of a gateway whose descriptor says that it has none."""

    code: str

    def balance_change(self, *, start: datetime, end: datetime, currency: str) -> int:
        raise GatewayRejected(
            self.code, gateway_code="no_balance", gateway_message="it tells no balance"
        )


class MakesNoReports:
    """The calls about reports of a gateway whose descriptor says that it makes none."""

    code: str

    def ask_for_report(self, *, start: datetime, end: datetime, currency: str) -> str:
        raise self._refusal()

    def find_report(self, *, report_id: str) -> ReportState:
        raise self._refusal()

    def download_report(self, *, url: str, into: IO[bytes]) -> None:
        raise self._refusal()

    def rows_of_report(self, file: BufferedIOBase) -> Iterator[SettlementRow]:
        raise self._refusal()

    def _refusal(self) -> GatewayError:
        return GatewayRejected(
            self.code, gateway_code="no_reports", gateway_message="it makes no reports"
        )


class GatewayAdapter(Protocol):
    """How to call one gateway account. Every call is one or two HTTP requests."""

    code: str

    def create_payment(self, order: PaymentOrder) -> PaymentPage:
        """Open a payment.

        Raises:
            GatewayTimeout: the outcome is unknown; ask by reference before trying again.
            GatewayUnavailable: the same, or nothing was made; ask before trying again.
            ChargeLost: an earlier try's charge had to be ended; use another reference.
            GatewayRejected: the gateway refused.
        """
        ...

    def find_payment(
        self, *, reference: str, gateway_id: str | None = None, currency: str
    ) -> PaymentReport | None:
        """Ask about a payment, by id if it is known; None if the gateway does not know it.

        Raises:
            GatewayTimeout, GatewayUnavailable, GatewayRejected: there was no answer.
        """
        ...

    def find_reversal(
        self,
        *,
        reversal_id: str,
        reference: str,
        currency: str,
        gateway_id: str,
        payment_id: str | None = None,
    ) -> Reversal | None:
        """Ask about money taken back from a payment whose own report does not show it.

        `reference` and `currency` are the payment's, as is `payment_id`, where it is known and
        not `gateway_id`.

        None if the gateway knows no such reversal of that payment, or always reports it with
        the payment.

        Raises:
            GatewayTimeout, GatewayUnavailable, GatewayRejected: there was no answer.
        """
        ...

    def find_paid(
        self, *, references: Collection[str], after: datetime, before: datetime
    ) -> dict[str, PaymentReport]:
        """Look for payments in the gateway's list of what was paid between two moments.

        Stops when all are found, or when single calls for the rest are cheaper. What a row of the
        list does not have is left out. Finds nothing if a gateway has no such list.

        Returns:
            Reports of those that were found, by reference.

        Raises:
            GatewayBusy, GatewayTimeout, GatewayUnavailable, GatewayRejected: no answer.
        """
        ...

    def settlement_page(
        self, *, since: datetime, currency: str, after: str | None
    ) -> SettlementPage | None:
        """Return a page of what changed in the gateway's list of transactions since a moment.

        `after` is from the page before. None if a gateway has no such list.

        Raises:
            GatewayBusy, GatewayTimeout, GatewayUnavailable, GatewayRejected: no answer.
        """
        ...

    def ask_for_report(self, *, start: datetime, end: datetime, currency: str) -> str:
        """Ask for a report of all transactions that were made from `start` until before `end`.

        Returns:
            The gateway's id of the report, which is not ready yet.

        Raises:
            GatewayBusy, GatewayTimeout, GatewayUnavailable, GatewayRejected: no report is made,
                or one that stays unread.
        """
        ...

    def find_report(self, *, report_id: str) -> ReportState:
        """Ask how far a report is.

        Raises:
            GatewayBusy, GatewayTimeout, GatewayUnavailable, GatewayRejected: no answer.
        """
        ...

    def download_report(self, *, url: str, into: IO[bytes]) -> None:
        """Copy a report that is ready, from the address that `find_report` said.

        Raises:
            GatewayBusy, GatewayTimeout, GatewayUnavailable: not all of it came.
        """
        ...

    def rows_of_report(self, file: BufferedIOBase) -> Iterator[SettlementRow]:
        """Yield the rows of a report that was downloaded. Makes no call.

        Raises:
            GatewayUnavailable: it cannot be read.
        """
        ...

    def balance_change(self, *, start: datetime, end: datetime, currency: str) -> int:
        """Return by how many minor units the account's balance grew after `start` until `end`.

        Raises:
            GatewayBusy, GatewayTimeout, GatewayUnavailable, GatewayRejected: no answer.
        """
        ...

    def expire_payment(
        self,
        *,
        reference: str,
        gateway_id: str | None = None,
        page_token: str | None = None,
        amount: Money,
    ) -> PaymentReport | None:
        """Close an unpaid payment and say how it stands; PAID if the customer was faster.

        Its page is closed too, by `page_token` if the gateway gave one, also after attempts to pay
        on it. Returns None if the gateway knows no charge: then nothing can be paid any more.

        Raises:
            GatewayTimeout, GatewayUnavailable, GatewayRejected: there was no answer.
        """
        ...

    def create_refund(self, order: RefundOrder) -> RefundReport:
        """Give money of a payment back, only once, also if an order is sent again.

        Raises:
            RefundRefused, GatewayRejected: the gateway refused; nothing goes back.
            GatewayBusy, GatewayTimeout, GatewayUnavailable: the outcome may be unknown; ask
                `find_refund`, then send the same order again.
        """
        ...

    def find_refund(self, order: RefundOrder, *, refund_id: str | None) -> RefundReport | None:
        """Ask about a refund, by its id if it is known, else by our reference; None: not made.

        Raises:
            GatewayBusy, GatewayTimeout, GatewayUnavailable, GatewayRejected: no answer.
        """
        ...

    def authenticate(self, *, headers: Mapping[str, str], body: bytes) -> None:
        """Check a notification's proof in constant time; header names are lower case.

        Raises:
            NotificationNotAuthentic: the proof is missing or wrong.
        """
        ...

    def parse_notification(self, *, headers: Mapping[str, str], body: bytes) -> Notification:
        """Read a notification.

        Raises:
            MalformedNotification: it cannot be read, or contradicts itself.
            NotificationNotUsed: it is of a kind that PayTrust does not use.
        """
        ...
