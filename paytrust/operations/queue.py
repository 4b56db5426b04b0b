"""Giving work to Celery without waiting for a broker that does not answer."""

import time
from typing import Any

import structlog
from celery import Celery, Task
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 5.0  # after a failure no other caller waits for the time-out
ANSWER_SECONDS = 0.25  # for a broker that accepts connections and does not answer


class _Broker:
    """Remembers, per process, how long to treat the broker as unreachable."""

    away_until = 0.0  # time.monotonic()


def only_publish(app: Celery) -> None:
    """Limit how long a process that takes no tasks waits for the broker's answers.

    A worker waits for seconds, because that is how it asks for work.
    """
    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options,
        "socket_timeout": ANSWER_SECONDS,
    }


def publish(task: "Task[Any, Any]", **arguments: object) -> bool:
    """Enqueue `task`; return whether the broker took it.

    The work must already be in PostgreSQL with a due time. If the broker does not answer, the beat
    job gives the work out later, so nothing is lost and the caller never waits for long.
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
