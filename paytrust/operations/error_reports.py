"""Reports of errors to a service that speaks Sentry's protocol, where the settings name one.

A report is made of each log line at ERROR or above, and of nothing else: what is worth a report is
worth a line. It has the line's fields and the traceback, masked as in the log. It has no bodies,
headers, cookies, addresses or local variables.
"""

import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from paytrust.operations.logging import masked


def start() -> None:
    """Report this process's errors, if the settings name a service."""
    if not settings.SENTRY_DSN:
        return
    import sentry_sdk  # noqa: PLC0415  # costs memory and time to import
    from sentry_sdk.integrations.atexit import AtexitIntegration  # noqa: PLC0415
    from sentry_sdk.integrations.logging import LoggingIntegration  # noqa: PLC0415

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        environment=settings.ENVIRONMENT,
        default_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR),
            AtexitIntegration(callback=lambda _pending, _seconds: None),
        ],
        before_send=_reduced,
        include_local_variables=False,
        max_breadcrumbs=0,
        server_name="",
    )


def _reduced(report: Any, hint: Mapping[str, Any]) -> Any:  # noqa: ANN401  # Sentry's own types
    """Give a report the fields of its log line, and mask what is secret in it."""
    record = hint.get("log_record")
    if record is not None and isinstance(record.msg, dict):
        fields = dict(record.msg)
        report["logentry"] = {"message": str(fields.pop("event", ""))}
        report["extra"] = {name: fields[name] for name in fields if name != "exc_info"}
    return masked(report)
