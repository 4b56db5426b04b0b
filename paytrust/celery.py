"""Celery runs the work; PostgreSQL keeps the record of it."""

import os
import sys
from typing import Any

from celery import Celery, Task
from celery.signals import setup_logging, task_postrun
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "paytrust.settings")

app = Celery("paytrust")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Without this Celery closes the connection pool around every task, and every task opens a new one.
app.conf.CELERY_DB_REUSE_MAX = sys.maxsize


@setup_logging.connect
def keep_our_logging(**_signal: object) -> None:
    """Keep our logging: settings have configured it already, and Celery must not change it."""


@task_postrun.connect
def give_connection_back(task: "Task[Any, Any]", **_signal: object) -> None:
    """Return a task's connection to the pool, which checks it before its next use."""
    if not task.request.is_eager:
        close_old_connections()
