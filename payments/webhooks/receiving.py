"""Gateway notifications arrive: each is checked, stored once, and answered (spec 4.3)."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Final

import structlog
from django.conf import settings

from gateways import registry
from gateways.accounts.credentials import Account
from gateways.adapter import (
    MalformedNotification,
    Notification,
    NotificationNotAuthentic,
    NotificationNotUsed,
    fitted,
)
from gateways.models import Gateway
from invoices.models import PaymentRequest
from payments.models import WebhookEvent
from paytrust.operations import metrics, rows
from paytrust.operations.trips import Statement, trip

log = structlog.get_logger(__name__)

Unreadable = MalformedNotification | NotificationNotUsed
KEPT_HEADERS = ("content-type", "user-agent", "webhook-id")  # never a token or signature

# COALESCE looks no further once a name fits.
_ABOUT: Final = f"""
SELECT {rows.columns(PaymentRequest, "request")} FROM invoices_paymentrequest request
WHERE request.id = coalesce(
    (SELECT id FROM invoices_paymentrequest
     WHERE gateway_id = %(gateway)s AND reference = %(reference)s),
    (SELECT id FROM invoices_paymentrequest
     WHERE gateway_id = %(gateway)s AND gateway_payment_id = %(gateway_payment)s
     ORDER BY id LIMIT 1),
    (SELECT id FROM invoices_paymentrequest
     WHERE gateway_id = %(gateway)s AND gateway_charge_id = ANY(%(charges)s::text[])
     ORDER BY id LIMIT 1))"""  # noqa: S608  # nosec B608  # our own names

_STORE: Final = """
INSERT INTO payments_webhookevent (
    tenant_id, gateway_id, account_id, event_id, reference, headers, body, status, outcome,
    failure_reason, attempts, attempts_before, first_failed_at, next_attempt_at, leased_until,
    received_at, processed_at)
VALUES (
    %(tenant_id)s, %(gateway_id)s, %(account_id)s, %(event_id)s, %(reference)s,
    %(headers)s::jsonb, %(body)s, %(status)s, %(outcome)s, %(failure_reason)s, %(attempts)s,
    %(attempts_before)s, %(first_failed_at)s, %(next_attempt_at)s, %(leased_until)s,
    %(received_at)s, %(processed_at)s)
ON CONFLICT (gateway_id, event_id, tenant_id) DO NOTHING
RETURNING id"""


def receive(
    *, gateway_code: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> WebhookEvent | None:
    """Check that a notification is authentic and store it once.

    A secret of the account that opened the payment must prove it, so that one tenant's account
    cannot prove a notification about another tenant's payment (ADR 13).

    Returns:
        The new event; None if it is a duplicate, which has no effect.

    Raises:
        NotificationNotAuthentic: nothing is stored.

    Source: FR-028, FR-032, spec 4.3.
    """
    try:
        signers = registry.signing_accounts(gateway_code, headers=headers, body=body)
        notification = _parsed(gateway_code, headers, body)
        event = _event(gateway_code, notification, signers)
    except NotificationNotAuthentic as error:
        log.warning("notification refused", gateway=gateway_code, reason=str(error))
        metrics.count("webhooks_refused", gateway=gateway_code)
        raise
    if isinstance(notification, MalformedNotification):
        event.reference = reference_in(body)
    elif isinstance(notification, NotificationNotUsed):
        event.reference = _hinted_reference(event.gateway_id, notification)
    event.headers = {name: headers[name] for name in KEPT_HEADERS if name in headers}
    event.body, event.received_at = body, now
    return _store(event, notification, now)


def reference_in(body: bytes) -> str | None:
    """Return the first reference in a damaged body that has the form of our references."""
    shape = rf"\b{re.escape(settings.REFERENCE_PREFIX)}-\d+-\d+-\d+-[A-Z2-7]{{6}}\b"
    found = re.search(shape, body.decode(errors="replace"))
    return found[0] if found else None


def find_payment_request(gateway_id: int, notification: Notification) -> PaymentRequest | None:
    """Find the payment request of a notification, by our reference or by the gateway's id."""
    return find_payment_requests([(gateway_id, notification)])[0]


def find_payment_requests(
    named: Sequence[tuple[int, Notification]],
) -> list[PaymentRequest | None]:
    """Find the payment requests of some notifications, in one trip."""
    return [
        rows.made(PaymentRequest, found[0]) if found else None
        for found in trip(*(_look_up(*one) for one in named))
    ]


def payment_to_ask_about(event: WebhookEvent) -> PaymentRequest | None:
    """Return the payment to ask the gateway about because of a body that cannot be used.

    A damaged body may be about money of any time (spec 4.5). A body of another kind only hints that
    a payment which still waits may have been paid.
    """
    about = payment_named(event)
    hint = event.status == WebhookEvent.Status.IGNORED
    if about is not None and hint and about.status not in PaymentRequest.ACTIVE:
        return None
    return about


def _look_up(gateway_id: int, notification: Notification) -> Statement:
    return Statement(
        _ABOUT,
        {
            "gateway": gateway_id,
            "reference": notification.reference or None,
            "gateway_payment": notification.gateway_id or None,
            "charges": list(notification.payment_ids),
        },
    )


def _hinted_reference(gateway_id: int, unused: NotificationNotUsed) -> str | None:
    about = find_payment_request(gateway_id, unused.hint) if unused.hint else None
    return None if about is None else about.reference


def payment_named(event: WebhookEvent) -> PaymentRequest | None:
    """Return our payment that a body names which cannot be read or trusted.

    None if there is none, or if an account opened it that does not prove the notification.
    """
    if event.reference is None:
        return None
    about = PaymentRequest.objects.filter(
        gateway_id=event.gateway_id, reference=event.reference
    ).first()
    if about is None or not registry.is_same_account(
        event.gateway.code, event.account_id, about.account_id
    ):
        return None
    return about


def _parsed(
    gateway_code: str, headers: Mapping[str, str], body: bytes
) -> Notification | Unreadable:
    """Parse a body; a malformed one is kept too, so that an operator sees it."""
    try:
        return registry.adapter_for(gateway_code).parse_notification(headers=headers, body=body)
    except NotificationNotUsed as error:
        log.info("notification of a kind that is not used", gateway=gateway_code, reason=str(error))
        return error
    except MalformedNotification as error:
        log.error("malformed notification", gateway=gateway_code, reason=str(error))  # noqa: TRY400  # no bug of ours
        return error


def _event(
    gateway_code: str,
    notification: Notification | Unreadable,
    signers: Sequence[Account],
) -> WebhookEvent:
    """Return an event with its owner: the payment's tenant, or the account that proves it.

    Raises:
        NotificationNotAuthentic: the account that opened the payment does not prove it.
    """
    gateway_id, by = _gateway_id(gateway_code), signers[0]
    about = (
        None
        if isinstance(notification, Unreadable)
        else find_payment_request(gateway_id, notification)
    )
    if about is None:
        return WebhookEvent(gateway_id=gateway_id, account_id=by.id, tenant_id=by.tenant_id)
    if not any(registry.is_same_account(gateway_code, one.id, about.account_id) for one in signers):
        raise NotificationNotAuthentic("Another account's secret vouches for this payment.")
    return WebhookEvent(
        gateway_id=gateway_id, account_id=about.account_id, tenant_id=about.tenant_id
    )


def _store(
    event: WebhookEvent, notification: Notification | Unreadable, now: datetime
) -> WebhookEvent | None:
    if isinstance(notification, Unreadable):
        unused = isinstance(notification, NotificationNotUsed)
        kind = "unused" if unused else "malformed"
        event.event_id = f"{kind}:{hashlib.sha256(event.body).hexdigest()}"
        event.status = WebhookEvent.Status.IGNORED if unused else WebhookEvent.Status.FAILED
        event.outcome, event.failure_reason = notification.code, fitted(str(notification), 500)
        event.processed_at = now
    else:
        event.event_id, event.reference = notification.event_id, notification.reference
        event.next_attempt_at = now
    (stored,) = trip(_insertion(event))
    if not stored:
        return None
    event.pk, event._state.adding = stored[0][0], False  # noqa: SLF001  # as the ORM leaves it
    return event


def _insertion(event: WebhookEvent) -> Statement:
    """Return what stores an event, unless it is there already."""
    return Statement(_STORE, {**vars(event), "headers": json.dumps(event.headers)})


@cache
def _gateway_id(code: str) -> int:
    """Return a gateway's row id; migrations make the rows, and they never change."""
    return Gateway.objects.values_list("pk", flat=True).get(code=code)
