"""Jobs of the apikeys app; beat runs them."""

from celery import shared_task
from django.utils import timezone

from apikeys.audit import retention, seals
from paytrust.staff import sign_in


@shared_task(name="apikeys.seal_audit")
def seal_audit() -> None:
    """Seal the audit entries that are not."""
    seals.seal(now=timezone.now())


@shared_task(name="apikeys.make_audit_months")
def make_audit_months() -> None:
    """Make the audit log's next monthly partitions."""
    retention.make_months(now=timezone.now())


@shared_task(name="apikeys.purge_sign_in_attempts")
def purge_sign_in_attempts() -> None:
    """Delete old tries to sign in."""
    sign_in.purge_attempts(now=timezone.now())
