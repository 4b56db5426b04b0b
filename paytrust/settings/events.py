"""Events for merchants: who waits, who delivers, which addresses are not allowed, and mail."""

from typing import Any
from urllib.parse import urlsplit

from paytrust.settings.environment import env
from paytrust.settings.framework import ALLOWED_HOSTS
from paytrust.settings.security import PUBLIC_BASE_URL

EVENT_WAITERS: int = env.int("EVENT_WAITERS", default=4)  # GET /events?wait, per web process
DELIVERY_SLOW_SLOTS: int = env.int("DELIVERY_SLOW_SLOTS", default=4)  # workers at slow endpoints
_OURS = urlsplit(PUBLIC_BASE_URL)
DELIVERY_OWN_HOSTS = frozenset({*ALLOWED_HOSTS, _OURS.hostname or ""} - {"*"})
DELIVERY_OWN_PORT: int | None = _OURS.port

_MAIL: dict[str, Any] = env.email_url("EMAIL_URL", default="consolemail://")
EMAIL_BACKEND: str = _MAIL["EMAIL_BACKEND"]
EMAIL_HOST: str = _MAIL["EMAIL_HOST"] or "localhost"
EMAIL_PORT: int = _MAIL["EMAIL_PORT"] or 25
EMAIL_HOST_USER: str = _MAIL["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD: str = _MAIL["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS: bool = _MAIL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL: bool = _MAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", default="paytrust@localhost")
ALERT_RECIPIENTS: list[str] = env.list("ALERT_RECIPIENTS", default=[])
