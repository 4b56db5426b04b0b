"""Acts of operators on notifications that failed. Each act is recorded."""

from contextlib import AbstractContextManager
from datetime import datetime
from http import HTTPStatus

import structlog
from django.utils.translation import gettext_lazy as _

from apikeys.models import StaffAct
from apikeys.staff_acts import kinds, recording
from apikeys.staff_acts.recording import Actor
from payments.models import WebhookEvent
from payments.reconciliation import asking
from payments.webhooks import confirming, readings, retrying
from paytrust.errors import PayTrustError

WEBHOOK_ASKED = kinds.register("webhook_asked", _("asked the gateway about a notification"))
WEBHOOK_RETRIED = kinds.register("webhook_retried", _("processed a notification again"))
WEBHOOK_IGNORED = kinds.register("webhook_ignored", _("ignored a notification"))

log = structlog.get_logger(__name__)


class NotificationNotFailed(PayTrustError):
    """The notification was processed or ignored, or it is still being tried."""

    status = HTTPStatus.CONFLICT
    code = "notification_not_failed"
    for_staff = _("This notification was processed or ignored, or is still tried.")


class NoPaymentToAskAbout(PayTrustError):
    """The notification names no payment of ours, so there is nothing to ask the gateway about."""

    status = HTTPStatus.CONFLICT
    code = "no_payment_to_ask_about"
    for_staff = _("This notification names no payment of ours.")


class SecondPersonNeeded(PayTrustError):
    """This may be about money, so one person proposes it and another approves."""

    status = HTTPStatus.CONFLICT
    code = "second_person_needed"
    for_staff = _("This may be about money: propose it, and another person approves.")


def failed_event(*, event_id: int) -> WebhookEvent:
    """Return a notification that failed, with its gateway.

    Raises:
        WebhookEvent.DoesNotExist: unknown.
        NotificationNotFailed: it needs no act.
    """
    event = WebhookEvent.objects.select_related("gateway").get(pk=event_id)
    if event.status != WebhookEvent.Status.FAILED:
        raise NotificationNotFailed(details={"id": event_id, "status": event.status})
    return event


def ask_gateway(*, actor: Actor, event_id: int, now: datetime) -> str:
    """Ask the gateway about the payment that a notification names, and book its answer.

    Returns:
        The effect of the answer, such as `booked`, `already_booked` or `unchanged`.

    Raises:
        WebhookEvent.DoesNotExist, NotificationNotFailed: no act is possible.
        NoPaymentToAskAbout: it names no payment of ours.
        GatewayTimeout, GatewayUnavailable, GatewayRejected: there was no answer.
        The failures of `payments.booking.settling.settle`.
    """
    event = failed_event(event_id=event_id)
    about = readings.claim_of(event).payment_request
    with _recorded(actor, WEBHOOK_ASKED, event, now) as entry:
        if about is None:
            raise NoPaymentToAskAbout
        entry.outcome = asking.ask(payment_request_id=about.pk, now=now)
        return entry.outcome


def process_again(*, actor: Actor, event_id: int, now: datetime) -> WebhookEvent:
    """Process a notification at once, with all attempts available again; return its new state.

    Raises:
        WebhookEvent.DoesNotExist, NotificationNotFailed: no act is possible.
    """
    event = failed_event(event_id=event_id)
    with _recorded(actor, WEBHOOK_RETRIED, event, now) as entry:
        retrying.retry(event_id=event_id, now=now)
        confirming.process(event_id=event_id, now=now)
        event = WebhookEvent.objects.select_related("gateway").get(pk=event_id)
        entry.outcome = event.outcome
        entry.message = event.failure_reason or ""
    return event


def make_due_again(*, actor: Actor, event_id: int, reason: str, now: datetime) -> None:
    """Let the workers process a notification again, with all attempts available again.

    Raises:
        WebhookEvent.DoesNotExist, NotificationNotFailed: no act is possible.
        MissingReason: give a reason.
    """
    reason = recording.required_reason(reason)
    event = failed_event(event_id=event_id)
    with _recorded(actor, WEBHOOK_RETRIED, event, now, reason=reason):
        retrying.retry(event_id=event_id, now=now)


def ignore(*, actor: Actor, event_id: int, reason: str, now: datetime) -> None:
    """Set aside a failed notification that cannot be about money.

    Raises:
        WebhookEvent.DoesNotExist, NotificationNotFailed: no act is possible.
        MissingReason: give a reason.
        SecondPersonNeeded: it may be about money; propose it instead.
    """
    reason = recording.required_reason(reason)
    event = failed_event(event_id=event_id)
    with _recorded(actor, WEBHOOK_IGNORED, event, now, reason=reason):
        if readings.claim_of(event).may_bear_money:
            raise SecondPersonNeeded
        set_aside(event_id=event_id, now=now)


def set_aside(*, event_id: int, now: datetime) -> None:
    """Mark a failed notification as ignored; one conditional UPDATE.

    Raises:
        NotificationNotFailed: it is being tried again, or another person was faster.
    """
    failed = WebhookEvent.objects.filter(pk=event_id, status=WebhookEvent.Status.FAILED)
    if not failed.update(status=WebhookEvent.Status.IGNORED, processed_at=now):
        raise NotificationNotFailed(details={"id": event_id})
    log.info("event ignored", event_id=event_id)


def _recorded(
    actor: Actor, act: str, event: WebhookEvent, now: datetime, *, reason: str = ""
) -> AbstractContextManager[StaffAct]:
    about = readings.claim_of(event).payment_request
    return recording.recorded(
        actor=actor,
        act=act,
        about=event,
        now=now,
        reason=reason,
        tenant_id=about.tenant_id if about else event.tenant_id,
        invoice_id=about.invoice_id if about else None,
    )
