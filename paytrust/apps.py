"""The project as a Django app: its commands and templates."""

from celery.signals import task_postrun
from django.apps import AppConfig

from paytrust.operations import error_reports, pools, tracing


class PaytrustConfig(AppConfig):
    name = "paytrust"

    def ready(self) -> None:
        task_postrun.connect(_report_pool)
        error_reports.start()
        tracing.start()


def _report_pool(**_sent: object) -> None:
    pools.report()
