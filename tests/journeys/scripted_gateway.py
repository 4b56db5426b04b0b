"""A gateway in memory, for runs of thousands of steps.

It follows `GatewayAdapter` exactly: customers pay between two calls, answers are lost after the
act, calls are refused, programs crash.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from gateways.adapter import (
    GatewayRejected,
    GatewayTimeout,
    GatewayUnavailable,
    Notification,
    PaymentOrder,
    PaymentPage,
    PaymentReport,
    PaymentState,
    Reversal,
)
from gateways.refunds import RefundExceedsPayment, RefundOrder, RefundReport, RefundState
from paytrust.money import Money


class Trouble(StrEnum):
    """What goes wrong with the next call."""

    AWAY = "away"  # nothing is done
    REFUSED = "refused"  # nothing is done, for good
    LOST = "lost"  # it is done, but the answer never comes
    LATE = "late"  # it is not done, and the answer never comes
    CRASH_BEFORE = "crash before"  # the caller dies
    CRASH_AFTER = "crash after"  # the caller dies when it is done


class Crashed(Exception):
    """The process that asked is gone; nothing of it runs any more."""


@dataclass
class Charge:
    reference: str
    gateway_id: str
    amount: Money
    page: PaymentPage
    method: str
    channel: str | None
    state: PaymentState = PaymentState.PENDING
    paid: int = 0
    paid_at: datetime | None = None
    refunds: list[int] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)  # our reference -> place in `refunds`

    @property
    def left(self) -> int:
        """What can still go back."""
        return 0 if self.state == PaymentState.REVERSED else self.paid - sum(self.refunds)

    def report(self) -> PaymentReport:
        return PaymentReport(
            reference=self.reference,
            gateway_id=self.gateway_id,
            state=self.state,
            raw_status=self.state.upper(),
            amount=self.amount,
            paid_amount=Money(self.paid, self.amount.currency) if self.paid else None,
            paid_at=self.paid_at,
            method=self.method,
            channel=self.channel,
            page=self.page,
            reversals=tuple(self._reversals()),
        )

    def pay(self, amount: int, now: datetime) -> None:
        self.state, self.paid, self.paid_at = PaymentState.PAID, self.paid + amount, now

    def _reversals(self) -> list[Reversal]:
        references = {number: reference for reference, number in self.asked.items()}
        taken = [
            Reversal(
                id=f"refund-{number}",
                amount=Money(amount, self.amount.currency),
                kind="refund",
                at=None,
                confirmed=True,
                reference=references.get(number),
            )
            for number, amount in enumerate(self.refunds, start=1)
        ]
        if self.state == PaymentState.REVERSED:
            whole = Money(self.paid, self.amount.currency)
            taken.append(
                Reversal(id="chargeback", amount=whole, kind="chargeback", at=None, confirmed=True)
            )
        return taken


@dataclass(frozen=True)
class Kind:
    """Which gateway is played, and how its customers pay."""

    id: int
    code: str
    method: str
    channel: str | None
    currencies: tuple[str, ...]

    def currency(self, wanted: str) -> str:
        return wanted if wanted in self.currencies else self.currencies[0]


XENDIT = Kind(1, "xendit", "EWALLET", "TOUCHNGO", ("MYR", "IDR", "USD"))
MIDTRANS = Kind(2, "midtrans", "gopay", None, ("IDR",))


@dataclass
class ScriptedGateway:
    """One account. `notified` is the money that each charge's answers have reported to PayTrust."""

    kind: Kind = XENDIT
    charges: list[Charge] = field(default_factory=list)
    trouble: Trouble | None = None
    meanwhile: Callable[[], None] | None = None  # happens in the middle of the next call
    page_life: timedelta | None = None  # None: as long as it is asked for
    notified: dict[str, int] = field(default_factory=dict)
    notified_refunds: set[str] = field(default_factory=set)  # of those, by our references

    def reset(self, kind: Kind) -> None:
        self.kind = kind
        self.charges, self.notified, self.notified_refunds = [], {}, set()
        self.trouble = self.meanwhile = self.page_life = None

    @property
    def code(self) -> str:
        return self.kind.code

    @property
    def calm(self) -> bool:
        return self.trouble is None and self.meanwhile is None

    def under(self, reference: str) -> list[Charge]:
        return [charge for charge in self.charges if charge.reference == reference]

    def charge_again(self, first: Charge) -> Charge:
        """Make another charge under the same reference, as Midtrans does for a second card."""
        return self._charge(first.reference, first.amount, first.page)

    def tell(self, report: PaymentReport) -> None:
        """Remember the money of a charge, now that PayTrust has the answer."""
        if report.paid_amount is None:
            return
        self.notified_refunds.update(filter(None, (taken.reference for taken in report.reversals)))
        net = report.paid_amount.minor - sum(taken.amount.minor for taken in report.reversals)
        self.notified[report.gateway_id] = 0 if report.state == PaymentState.REVERSED else net

    def create_payment(self, order: PaymentOrder) -> PaymentPage:
        lost = self._before()
        live = [PaymentState.PENDING, PaymentState.PAID, PaymentState.REVERSED]
        if any(charge.state in live for charge in self.under(order.reference)):
            raise GatewayRejected(
                self.code, gateway_code="DUPLICATE", gateway_message="the reference is taken"
            )
        life = self.page_life or (order.expires_at - order.created_at)
        page = PaymentPage(
            gateway_id=None,
            url=f"https://pay.example/{len(self.charges)}",
            expires_at=min(order.created_at + life, order.expires_at),
        )
        charge = self._charge(order.reference, order.amount, page)
        self._after(lost)
        return charge.page

    def find_payment(
        self, *, reference: str, gateway_id: str | None = None, currency: str
    ) -> PaymentReport | None:
        self._after(self._before())
        found = self._preferred(reference, gateway_id)
        return found.report() if found else None

    def find_reversal(
        self,
        *,
        reversal_id: str,
        reference: str,
        currency: str,
        gateway_id: str,
        payment_id: str | None = None,
    ) -> Reversal | None:
        return None  # a charge's own report shows them

    def expire_payment(
        self,
        *,
        reference: str,
        gateway_id: str | None = None,
        page_token: str | None = None,
        amount: Money,
    ) -> PaymentReport | None:
        lost = self._before()
        for charge in self.under(reference):
            if charge.state == PaymentState.PENDING and gateway_id in {None, charge.gateway_id}:
                charge.state = PaymentState.EXPIRED
        self._after(lost)
        found = self._preferred(reference, gateway_id)
        if found is None:
            return None
        self.tell(found.report())
        return found.report()

    def create_refund(self, order: RefundOrder) -> RefundReport:
        lost = self._before()
        charge = self._charge_of(order)
        if order.reference not in charge.asked:
            if order.amount.minor > charge.left:
                raise RefundExceedsPayment
            charge.refunds.append(order.amount.minor)
            charge.asked[order.reference] = len(charge.refunds)
        self._after(lost)
        return self._refund_report(order)

    def find_refund(self, order: RefundOrder, *, refund_id: str | None) -> RefundReport | None:
        self._after(self._before())
        made = order.reference in self._charge_of(order).asked
        return self._refund_report(order) if made else None

    def _charge_of(self, order: RefundOrder) -> Charge:
        return next(charge for charge in self.charges if charge.gateway_id == order.charge_id)

    def _refund_report(self, order: RefundOrder) -> RefundReport:
        """Answer how a refund stands; from then on PayTrust knows that it has gone."""
        charge = self._charge_of(order)
        if order.reference not in self.notified_refunds:
            self.notified_refunds.add(order.reference)
            if self.notified[charge.gateway_id]:  # not all of it was reported as charged back
                self.notified[charge.gateway_id] -= order.amount.minor
        return RefundReport(
            id=f"refund-{charge.asked[order.reference]}",
            amount=order.amount,
            state=RefundState.SUCCEEDED,
            raw_status="SUCCEEDED",
        )

    def authenticate(self, *, headers: Mapping[str, str], body: bytes) -> None:
        raise AssertionError("nothing is posted here: reports are handed over")

    def parse_notification(self, *, headers: Mapping[str, str], body: bytes) -> Notification:
        raise AssertionError("nothing is posted here: reports are handed over")

    def _charge(self, reference: str, amount: Money, page: PaymentPage) -> Charge:
        gateway_id = f"{reference}/{len(self.charges)}"
        page = PaymentPage(gateway_id=gateway_id, url=page.url, expires_at=page.expires_at)
        how = self.kind
        self.charges.append(Charge(reference, gateway_id, amount, page, how.method, how.channel))
        return self.charges[-1]

    def _preferred(self, reference: str, gateway_id: str | None) -> Charge | None:
        found = [
            charge for charge in self.under(reference) if gateway_id in {None, charge.gateway_id}
        ]
        for state in (PaymentState.PAID, PaymentState.PENDING):
            for charge in found:
                if charge.state == state:
                    return charge
        return found[-1] if found else None

    def _before(self) -> Trouble | None:
        """Let happen what happens meanwhile; return the trouble that comes after the deed."""
        meanwhile, self.meanwhile = self.meanwhile, None
        trouble, self.trouble = self.trouble, None
        if meanwhile:
            meanwhile()
        match trouble:
            case Trouble.AWAY:
                raise GatewayUnavailable(self.code, "it is away")
            case Trouble.REFUSED:
                raise GatewayRejected(self.code, gateway_code="NO", gateway_message="it refuses")
            case Trouble.LATE:
                raise GatewayTimeout(self.code, "no answer in time")
            case Trouble.CRASH_BEFORE:
                raise Crashed
        return trouble

    def _after(self, trouble: Trouble | None) -> None:
        if trouble == Trouble.LOST:
            raise GatewayTimeout(self.code, "no answer in time")
        if trouble == Trouble.CRASH_AFTER:
            raise Crashed
