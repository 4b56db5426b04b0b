"""Messages to people that an endpoint was disabled."""

from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import send_mail

from events.models import WebhookEndpoint

log = structlog.get_logger(__name__)

_SUBJECT = "PayTrust no longer sends webhooks to your endpoint"
_TEXT = """PayTrust has disabled this webhook endpoint:

    {url}

Reason: {reason}.

No event is lost. Repair the endpoint, enable it again (PATCH /webhook-endpoints/{id}), and send
what it missed (POST /webhook-endpoints/{id}/replay). GET /events shows the same events.
"""


def tell(*, endpoint: WebhookEndpoint) -> None:
    """Write to the merchant, if an address is known, and to those who run PayTrust.

    If the mail server is away nothing fails: the log has the message too.
    """
    recipients = [*settings.ALERT_RECIPIENTS]
    if endpoint.contact_email:
        recipients.insert(0, endpoint.contact_email)
    if not recipients:
        return
    reason = WebhookEndpoint.Reason(endpoint.disabled_reason or "").label
    text = _TEXT.format(url=endpoint.url, reason=reason, id=endpoint.pk)
    for recipient in recipients:
        try:
            send_mail(_SUBJECT, text, None, [recipient])
        except (SMTPException, OSError):
            log.exception("mail about a disabled endpoint not sent", endpoint_id=endpoint.pk)
