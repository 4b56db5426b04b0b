"""What stored notifications say, for people: which payment, and what it would change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from gateways import registry
from gateways.adapter import (
    MalformedNotification,
    Notification,
    NotificationNotUsed,
    PaymentReport,
    PaymentState,
)
from invoices.models import PaymentRequest
from payments.models import WebhookEvent
from payments.webhooks import receiving
from paytrust.money import Money


class Effect(StrEnum):
    """What a notification would change if the gateway confirmed it."""

    PAYS = "pays"
    TAKES_BACK = "takes_back"
    ENDS = "ends"
    NOTHING = "nothing"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a notification says, as far as it can be read; the gateway may say something else."""

    effect: Effect
    payment_request: PaymentRequest | None = None
    amount: Money | None = None
    claimed_reference: str | None = None  # from a body that cannot be read or trusted

    @property
    def may_bear_money(self) -> bool:
        """Return whether it may be about money. If it cannot be read, it may be."""
        return self.effect in {Effect.PAYS, Effect.TAKES_BACK, Effect.UNCLEAR}


_ENDS = {PaymentState.EXPIRED, PaymentState.FAILED, PaymentState.CANCELLED}


def claim_of(event: WebhookEvent) -> Claim:
    """Return what a notification says and the payment it is about, without asking the gateway."""
    return claims_of([event])[0]


def claims_of(events: Sequence[WebhookEvent]) -> list[Claim]:
    """Return what `claim_of` does of each notification; their payments are looked up together."""
    read = [(event, _read(event)) for event in events]
    clear = [(event.gateway_id, said) for event, said in read if said is not None]
    about = iter(receiving.find_payment_requests(clear) if clear else ())
    named = iter(receiving.payments_named([event for event, said in read if said is None]))
    return [
        Claim(Effect.UNCLEAR, payment_request=next(named), claimed_reference=event.reference)
        if said is None
        else replace(_claimed(said), payment_request=next(about))
        for event, said in read
    ]


def said_by(event: WebhookEvent) -> Claim:
    """Return what a notification says, without looking up its payment: for lists."""
    notification = _read(event)
    return _claimed(notification) if notification else Claim(Effect.UNCLEAR)


def _read(event: WebhookEvent) -> Notification | None:
    try:
        return registry.adapter_for(event.gateway.code).parse_notification(
            headers=event.headers, body=bytes(event.body)
        )
    except (MalformedNotification, NotificationNotUsed):
        return None


def _claimed(notification: Notification) -> Claim:
    report = notification.report
    if report is None:
        return Claim(Effect.UNCLEAR)
    return Claim(_effect_of(report), amount=_amount_of(report))


def _effect_of(report: PaymentReport) -> Effect:
    if report.reversals or report.state == PaymentState.REVERSED:
        return Effect.TAKES_BACK
    if report.state == PaymentState.PAID:
        return Effect.PAYS
    if report.state in _ENDS:
        return Effect.ENDS
    return Effect.NOTHING if report.state == PaymentState.PENDING else Effect.UNCLEAR


def _amount_of(report: PaymentReport) -> Money | None:
    if report.reversals:
        first = report.reversals[0].amount
        return Money(sum(one.amount.minor for one in report.reversals), first.currency)
    return report.paid_amount
