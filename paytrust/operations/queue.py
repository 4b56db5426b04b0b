"""Handing work to Celery without waiting for a broker that is away."""

import time
from typing import Any

import structlog
from celery import Celery, Task
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 5.0  # after a failure nobody else waits for the broker's time-out
ANSWER_SECONDS = 0.25  # for a broker that takes connections and says nothing


class _Broker:
    """Remembers, per process, until when the broker is taken to be away."""

    away_until = 0.0  # time.monotonic()


def only_publish(app: Celery) -> None:
    """Have a process that takes no tasks wait for the broker's answers no longer than it may.

    A worker waits for seconds, because that is how it asks for work.
    """
    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options,
        "socket_timeout": ANSWER_SECONDS,
    }


def publish(task: "Task[Any, Any]", **arguments: object) -> bool:
    """Enqueue `task`; return whether the broker took it.

    Work must already be recorded in PostgreSQL with a due time: if the broker is away, the
    beat job hands it out later, so nothing is lost and the caller never waits for long.
    """
    if time.monotonic() < _Broker.away_until:
        return False
    try:
        task.apply_async(kwargs=arguments)
    except OperationalError as error:
        _Broker.away_until = time.monotonic() + PAUSE_SECONDS
        log.warning("broker away, work waits for the beat job", task=task.name, reason=str(error))
        return False
    return True
