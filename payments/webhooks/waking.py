"""Waking the workers for notifications that are due: one message to the broker for many of them."""

from typing import Any, Final

from celery import Task

from paytrust.operations import queue, shared_state

KEY: Final = "paytrust:notifications:woken"  # there while a task is on its way
KEPT_SECONDS: Final = 5  # should that task be lost


def wake(task: "Task[Any, Any]") -> None:
    """Enqueue `task`, which works off what is due, unless it is on its way already.

    What is due must be committed before. If Redis is away, or the message is lost, beat does it.
    """
    queue.publish_once(task, key=KEY, seconds=KEPT_SECONDS)


def awake() -> None:
    """Let the next notification wake a worker again; call it before what is due is looked for."""
    shared_state.with_redis(lambda client: client.delete(KEY), otherwise=0)
