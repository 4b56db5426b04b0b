"""Gateway notifications arrive: each is checked, stored once, and answered (spec 4.3)."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import connection

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
_NAMED: Final = """coalesce(
    (SELECT id FROM invoices_paymentrequest
     WHERE gateway_id = %(gateway_id)s AND reference = %(payment)s),
    (SELECT id FROM invoices_paymentrequest
     WHERE gateway_id = %(gateway_id)s AND gateway_payment_id = %(gateway_payment)s
     ORDER BY id LIMIT 1),
    (SELECT id FROM invoices_paymentrequest
     WHERE gateway_id = %(gateway_id)s AND gateway_charge_id = ANY(%(charges)s::text[])
     ORDER BY id LIMIT 1))"""
_ABOUT: Final = f"""
SELECT {rows.columns(PaymentRequest, "request")} FROM invoices_paymentrequest request
WHERE request.id = {_NAMED}"""  # noqa: S608  # nosec B608  # our own names

# Each value has its column's type, but no length, to which PostgreSQL would cut it.
_WRITTEN: Final = {
    str(field.column): (field.db_type(connection) or "").partition("(")[0]
    for field in WebhookEvent._meta.concrete_fields  # noqa: SLF001  # public
    if not field.primary_key
}
_OWNERS: Final = ("tenant_id", "account_id")
_INSERT: Final = f"""
INSERT INTO payments_webhookevent ({", ".join(_WRITTEN)})
SELECT {
    ", ".join(
        f"owner.{name}" if name in _OWNERS else f"%({name})s::{kind}"
        for name, kind in _WRITTEN.items()
    )
}
FROM owner WHERE owner.is_proven
ON CONFLICT (gateway_id, event_id, tenant_id) DO NOTHING
RETURNING id"""  # noqa: S608  # nosec B608  # our own names
_STORE: Final = f"""
WITH owner AS (
    SELECT %(tenant_id)s::bigint AS tenant_id, %(account_id)s::bigint AS account_id,
        true AS is_proven)
{_INSERT}"""  # nosec B608  # our own words
# The owner is the payment's; if no payment has the name, the account's that proves it.
_STORE_FOR_ITS_OWNER: Final = f"""
WITH about AS (
    SELECT request.tenant_id, request.account_id,
        coalesce(request.account_id, 0) = ANY(%(signers)s::bigint[]) AS is_proven
    FROM invoices_paymentrequest request WHERE request.id = {_NAMED}
), owner AS (
    SELECT tenant_id, account_id, is_proven FROM about
    UNION ALL
    SELECT %(tenant_id)s::bigint, %(account_id)s::bigint, true WHERE NOT EXISTS (SELECT FROM about)
), stored AS ({_INSERT})
SELECT owner.tenant_id, owner.account_id, owner.is_proven, (SELECT id FROM stored)
FROM owner"""  # noqa: S608  # nosec B608  # our own names


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
    gateway_id = _gateway_id(gateway_code)
    try:
        signers = registry.signing_accounts(gateway_code, headers=headers, body=body)
        notification = _parsed(gateway_code, headers, body)
        event = WebhookEvent(
            gateway_id=gateway_id,
            account_id=signers[0].id,
            tenant_id=signers[0].tenant_id,
            headers={name: headers[name] for name in KEPT_HEADERS if name in headers},
            body=body,
            received_at=now,
        )
        if isinstance(notification, Notification):
            return _store_for_its_owner(event, notification, signers, gateway_code)
    except NotificationNotAuthentic as error:
        log.warning("notification refused", gateway=gateway_code, reason=str(error))
        metrics.count("webhooks_refused", gateway=gateway_code)
        raise
    return _store_unreadable(event, notification)


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
    [about] = payments_named([event])
    hint = event.status == WebhookEvent.Status.IGNORED
    if about is not None and hint and about.status not in PaymentRequest.ACTIVE:
        return None
    return about


def _look_up(gateway_id: int, notification: Notification) -> Statement:
    return Statement(_ABOUT, _names(gateway_id, notification))


def _names(gateway_id: int, notification: Notification) -> dict[str, Any]:
    """Return the names of a payment that a notification has."""
    return {
        "gateway_id": gateway_id,
        "payment": notification.reference or None,
        "gateway_payment": notification.gateway_id or None,
        "charges": list(notification.payment_ids),
    }


def _hinted_reference(gateway_id: int, unused: NotificationNotUsed) -> str | None:
    about = find_payment_request(gateway_id, unused.hint) if unused.hint else None
    return None if about is None else about.reference


def payments_named(events: Sequence[WebhookEvent]) -> list[PaymentRequest | None]:
    """Return, for each event, our payment that a body names which cannot be read or trusted.

    None if there is none, or if an account opened it that does not prove the notification.
    """
    references = {event.reference for event in events if event.reference is not None}
    found = PaymentRequest.objects.in_bulk(references, field_name="reference")
    return [_if_proven(found.get(event.reference or ""), event) for event in events]


def _if_proven(about: PaymentRequest | None, event: WebhookEvent) -> PaymentRequest | None:
    if about is None or about.gateway_id != event.gateway_id:
        return None
    same = registry.is_same_account(event.gateway.code, event.account_id, about.account_id)
    return about if same else None


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


def _store_for_its_owner(
    event: WebhookEvent, notification: Notification, signers: Sequence[Account], gateway_code: str
) -> WebhookEvent | None:
    """Store an event for its payment's tenant, or for the account that proves it; in one trip.

    Raises:
        NotificationNotAuthentic: the account that opened the payment does not prove it.
    """
    event.event_id, event.reference = notification.event_id, notification.reference
    event.next_attempt_at = event.received_at
    asked = {
        **_names(event.gateway_id, notification),
        **_values(event),
        "signers": rows.ids(signer.id or 0 for signer in signers),
    }
    (((tenant_id, account_id, is_proven, stored_id),),) = trip(
        Statement(_STORE_FOR_ITS_OWNER, asked)
    )
    event.tenant_id, event.account_id = tenant_id, account_id
    if is_proven:
        return _stored(event, stored_id)
    if not any(registry.is_same_account(gateway_code, one.id, account_id) for one in signers):
        raise NotificationNotAuthentic("Another account's secret vouches for this payment.")
    return _store(event)  # an account that had no id when the payment was opened


def _store_unreadable(event: WebhookEvent, notification: Unreadable) -> WebhookEvent | None:
    unused = isinstance(notification, NotificationNotUsed)
    kind = "unused" if unused else "malformed"
    event.event_id = f"{kind}:{hashlib.sha256(event.body).hexdigest()}"
    event.status = WebhookEvent.Status.IGNORED if unused else WebhookEvent.Status.FAILED
    event.outcome, event.failure_reason = notification.code, fitted(str(notification), 500)
    event.processed_at = event.received_at
    event.reference = (
        _hinted_reference(event.gateway_id, notification)
        if isinstance(notification, NotificationNotUsed)
        else reference_in(bytes(event.body))
    )
    return _store(event)


def _store(event: WebhookEvent) -> WebhookEvent | None:
    """Store an event for the owner that it has; None if it is there already."""
    (found,) = trip(Statement(_STORE, _values(event)))
    return _stored(event, found[0][0] if found else None)


def _stored(event: WebhookEvent, stored_id: int | None) -> WebhookEvent | None:
    if stored_id is None:
        return None
    event.pk, event._state.adding = stored_id, False  # noqa: SLF001  # as the ORM leaves it
    return event


def _values(event: WebhookEvent) -> dict[str, Any]:
    """Return what is stored of an event."""
    return {**vars(event), "headers": json.dumps(event.headers)}


@cache
def _gateway_id(code: str) -> int:
    """Return a gateway's row id; migrations make the rows, and they never change."""
    return Gateway.objects.values_list("pk", flat=True).get(code=code)
