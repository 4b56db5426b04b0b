"""Jobs on reports. Each may run twice, and takes as long as it needs."""

from celery import shared_task
from django.utils import timezone

from reporting.audit import runs
from reporting.back_office import plots
from reporting.costs import rollups as costs
from reporting.financial import rollups
from reporting.notices import services as notices
from reporting.statements import services as statements


@shared_task(name="reporting.close_days")
def close_days(**_later: object) -> None:
    """Beat, every 15 minutes: close the days that are over."""
    rollups.close_days(now=timezone.now())


@shared_task(name="reporting.count_costs")
def count_costs(**_later: object) -> None:
    """Beat, every minute: count the costs again of days of which settlement lines changed."""
    costs.count_again()


@shared_task(name="reporting.check_days")
def check_days(**_later: object) -> None:
    """Beat, nightly: recount the last 35 closed days; a difference is logged as CRITICAL."""
    rollups.differing_days(now=timezone.now())


@shared_task(name="reporting.audit_books")
def audit_books(**_later: object) -> None:
    """Beat, nightly: audit all books; findings are logged as CRITICAL."""
    runs.run(now=timezone.now())


@shared_task(name="reporting.draw_plots")
def draw_plots(**_later: object) -> None:
    """Beat, every 5 minutes: draw the charts of the back office's overview again."""
    plots.redraw(now=timezone.now())


@shared_task(name="reporting.keep_statements")
def keep_statements(**_later: object) -> None:
    """Beat, on the 1st and the days after it: make, keep and send last month's statements."""
    statements.keep_due(now=timezone.now())


@shared_task(name="reporting.send_notices")
def send_notices(**_later: object) -> None:
    """Beat, every minute: send staff the notices that they chose."""
    notices.send_due(now=timezone.now())
