"""Giving work to Celery without waiting for a broker that does not answer."""

from typing import Any

from celery import Celery, Task

from paytrust.operations.outage import Switch

PAUSE_SECONDS = 5.0  # after a failure no other caller waits for the time-out
ANSWER_SECONDS = 0.25  # for a broker that accepts connections and does not answer


switch = Switch("broker away, work waits for the beat job", pause_seconds=PAUSE_SECONDS)


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

    def taken() -> bool:
        task.apply_async(kwargs=arguments)
        return True

    return switch.run(taken, otherwise=False, task=task.name)
