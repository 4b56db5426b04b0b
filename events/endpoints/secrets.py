"""The secrets that sign: made here, shown once, sealed in the database."""

import base64
import secrets
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Final

from django.db import transaction

from events.endpoints.models import WebhookEndpoint
from paytrust.errors import PayTrustError
from paytrust.operations import sealing

PURPOSE: Final = "webhook secrets"
PREFIX: Final = "whsec_"
LENGTH: Final = 32  # bytes; Standard Webhooks wants 24 to 64


class SecretUnreadable(PayTrustError):
    """No key of CREDENTIAL_KEYS opens an endpoint's secret."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal_error"


def new_secret() -> str:
    """Return a new secret in the form that Standard Webhooks gives it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(LENGTH)).decode()


def seal(secret: str) -> str:
    """Return a secret in the form in which it is stored."""
    return sealing.seal(secret.encode(), purpose=PURPOSE)


def in_force(endpoint: WebhookEndpoint, *, now: datetime) -> list[str]:
    """Return the secrets that sign now, the newest first: two after a rotation.

    Raises:
        SecretUnreadable: no key opens them.
    """
    sealed = [endpoint.sealed_secret]
    until = endpoint.previous_secret_until
    if endpoint.sealed_previous_secret and until and now < until:
        sealed.append(endpoint.sealed_previous_secret)
    return [_opened(endpoint, token) for token in sealed]


def newest_key_name() -> str:
    """Return the name of the newest of CREDENTIAL_KEYS."""
    return sealing.newest_key_name(purpose=PURPOSE)


def sealed_under_older_keys() -> int:
    """Return how many endpoints are not sealed under the newest key yet."""
    return WebhookEndpoint.objects.exclude(key_name=newest_key_name()).count()


def seal_anew() -> Iterator[WebhookEndpoint]:
    """Seal each endpoint's secrets under the newest key, one transaction each.

    Raises:
        SecretUnreadable: the key that sealed one is not among CREDENTIAL_KEYS.
    """
    stale = WebhookEndpoint.objects.exclude(key_name=newest_key_name())
    for pk in list(stale.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            row = WebhookEndpoint.objects.locked().get(pk=pk)
            row.sealed_secret = seal(_opened(row, row.sealed_secret))
            if row.sealed_previous_secret:
                row.sealed_previous_secret = seal(_opened(row, row.sealed_previous_secret))
            row.key_name = newest_key_name()
            row.save(update_fields=["sealed_secret", "sealed_previous_secret", "key_name"])
        yield row


def _opened(endpoint: WebhookEndpoint, token: str) -> str:
    try:
        return sealing.opened(token, purpose=PURPOSE).decode()
    except sealing.Unreadable as error:
        raise SecretUnreadable(f"The secret of endpoint {endpoint.pk} cannot be opened.") from error
