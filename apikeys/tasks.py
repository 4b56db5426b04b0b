"""Jobs of the apikeys app; beat runs them."""

from celery import shared_task
from django.utils import timezone

from apikeys.audit import retention, seals
from paytrust.operations import runs
from paytrust.staff import sessions, sign_in


@shared_task(name="apikeys.seal_audit")
def seal_audit() -> None:
    """Seal the audit entries that are not."""
    seals.seal(now=timezone.now())


@shared_task(name="apikeys.make_audit_months")
def make_audit_months() -> None:
    """Make the audit log's next monthly partitions."""
    now = timezone.now()
    runs.note("make_audit_months", now=now, count=len(retention.make_months(now=now)))


@shared_task(name="apikeys.purge_expired")
def purge_expired() -> None:
    """Beat, nightly: delete what retention allows to delete, and the sessions of staff that ended.

    Payment data is never among it.
    """
    now = timezone.now()
    purged = retention.purge(now=now)
    ended = sessions.purge(now=now)
    count = len(purged.audit_months) + purged.idempotency_records + ended
    runs.note("purge_access", now=now, count=count)


@shared_task(name="apikeys.purge_sign_in_attempts")
def purge_sign_in_attempts() -> None:
    """Delete old tries to sign in."""
    sign_in.purge_attempts(now=timezone.now())
