"""What PayTrust and a gateway say to each other about money that goes back.

A refusal is certain: nothing went back. Where the outcome is unknown, the adapters raise the
failures of `gateways.adapter`, and the caller has to ask again.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from paytrust.errors import PayTrustError
from paytrust.money import Money


class RefundReason(StrEnum):
    """Why a merchant gives money back (spec 10.1)."""

    DUPLICATE = "duplicate"
    FRAUDULENT = "fraudulent"
    REQUESTED_BY_CUSTOMER = "requested_by_customer"
    CANCELLATION = "cancellation"
    OTHER = "other"


class RefundState(StrEnum):
    PENDING = "pending"  # taken, not carried out yet
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder:
    """One refund. Its reference never changes between tries, so that none is made twice."""

    reference: str  # letters, digits, - and _ only: Midtrans takes no more (C1)
    amount: Money
    is_whole: bool  # it gives back all that the payment brought
    reason: RefundReason
    charge_id: str  # Xendit: invoice id; Midtrans: transaction_id
    payment_id: str | None = None  # of the payment itself, where it is known


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundReport:
    """What a gateway says about one refund."""

    id: str
    amount: Money
    state: RefundState
    raw_status: str
    failure_code: str | None = None  # the gateway's own
    at: datetime | None = None


class RefundRefused(PayTrustError):
    """The money cannot go back as asked. Each subclass says why."""


class RefundNotSupported(RefundRefused):
    """The payment's method gives no money back; the money has to be sent by hand."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "refund_not_supported"
    for_staff = _("The payment's method gives no money back. Record a manual refund instead.")


class RefundWindowClosed(RefundRefused):
    """The payment's method gives money back only within a time, and that is over or not yet."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "refund_window_closed"
    for_staff = _("The payment's method gives no money back at this time.")


class PartialRefundNotSupported(RefundRefused):
    """The payment's method gives money back only as a whole, or only once."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "partial_refund_not_supported"
    for_staff = _("The payment's method gives money back only as a whole, or only once.")


class RefundExceedsPayment(RefundRefused):
    """The amount is more than the payment can still give back."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "refund_exceeds_payment"
    for_staff = _("The amount is more than the payment can still give back.")


class RefundInProgress(RefundRefused):
    """Another refund of this payment has not ended yet. Try again when it has."""

    status = HTTPStatus.CONFLICT
    code = "refund_in_progress"
    for_staff = _("Another refund of this payment has not ended yet.")


class InsufficientGatewayBalance(RefundRefused):
    """The gateway account does not hold enough money yet. The same call may be sent again."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "insufficient_gateway_balance"
    for_staff = _("The gateway account does not hold enough money yet. Try again later.")
    resumable = True
