"""Celery: carries work; PostgreSQL remembers it."""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "paytrust.settings")

app = Celery("paytrust")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_signal: object) -> None:
    """Settings have configured logging already; Celery must leave it alone."""
