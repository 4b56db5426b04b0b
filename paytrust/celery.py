"""Celery runs the work; PostgreSQL keeps the record of it."""

import os
import sys
from typing import Any

from celery import Celery, Task, bootsteps
from celery.signals import setup_logging, task_postrun, worker_process_init
from django.db import close_old_connections

from paytrust import garbage
from paytrust.operations import liveness

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "paytrust.settings")

LIVENESS_SECONDS = 10.0
app = Celery("paytrust")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Without this Celery closes the connection pool around every task, and every task opens a new one.
app.conf.CELERY_DB_REUSE_MAX = sys.maxsize


class LivenessStep(bootsteps.StartStopStep):
    """Touches the worker's file from its main loop, every few seconds."""

    requires = ("celery.worker.components:Timer",)

    def start(self, worker: Any) -> None:  # noqa: ANN401  # Celery's
        liveness.show()
        worker.timer.call_repeatedly(LIVENESS_SECONDS, liveness.show)


app.steps["worker"].add(LivenessStep)


@setup_logging.connect
def keep_our_logging(**_signal: object) -> None:
    """Keep our logging: settings have configured it already, and Celery must not change it."""


@task_postrun.connect
def give_connection_back(task: "Task[Any, Any]", **_signal: object) -> None:
    """Return a task's connection to the pool, which checks it before its next use."""
    if not task.request.is_eager:
        close_old_connections()


@worker_process_init.connect
def leave_out_what_is_loaded(**_signal: object) -> None:
    """Leave what a worker's process has loaded out of its collections."""
    garbage.leave_out_what_is_loaded()
