"""Jobs on reports. Each may run twice."""

from celery import shared_task
from django.utils import timezone

from reporting import rollups


@shared_task(name="reporting.close_days")
def close_days(**_later: object) -> None:
    """Beat, every 15 minutes: close the days that are over."""
    rollups.close_days(now=timezone.now())


@shared_task(name="reporting.check_days")
def check_days(**_later: object) -> None:
    """Beat, nightly: recount the last 35 closed days; a difference is logged as CRITICAL."""
    rollups.differing_days(now=timezone.now())
