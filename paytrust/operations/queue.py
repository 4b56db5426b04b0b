"""Giving work to Celery without waiting for a broker that does not answer."""

import functools
import uuid
from typing import Any, Final, NamedTuple

from celery import Celery, Task
from kombu import Connection
from kombu.utils.json import dumps

from paytrust.operations import shared_state, tracing
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


class _Message(NamedTuple):
    """What one task of a kind looked like at the broker."""

    queue: str
    text: str
    ids: tuple[str, str]  # in the text: the task's, and its delivery's


_PUSH_UNLESS_THERE: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return end
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('SET', KEYS[1], '1', 'EX', ARGV[2])
"""


def publish_once(task: "Task[Any, Any]", *, key: str, seconds: int) -> None:
    """Enqueue a task without arguments, unless it is on its way; in one round trip.

    It is on its way while Redis has `key`. The task deletes the key when it begins; should it be
    lost, the key ends after `seconds`. Celery and kombu take 0.4 ms for a message, so they make one
    of each task, and later ones differ from it in their ids. If Redis is away nothing happens.

    With traces, or where tasks run at once, Celery itself must see each message and makes it.
    """
    if tracing.is_on() or task.app.conf.task_always_eager:
        _publish_once_by_celery(task, key=key, seconds=seconds)
    else:
        _push_once(task, key=key, seconds=seconds)


def _publish_once_by_celery(task: "Task[Any, Any]", *, key: str, seconds: int) -> None:
    is_first = shared_state.with_redis(
        lambda client: bool(client.set(key, "1", nx=True, ex=seconds)), otherwise=True
    )
    if is_first and not publish(task):
        shared_state.with_redis(lambda client: client.delete(key), otherwise=0)


def _push_once(task: "Task[Any, Any]", *, key: str, seconds: int) -> None:
    message = _message_of(task)
    text = message.text
    for one in message.ids:
        text = text.replace(one, str(uuid.uuid4()))
    shared_state.with_redis(
        lambda client: client.eval(_PUSH_UNLESS_THERE, 2, key, message.queue, text, str(seconds)),
        otherwise=None,
    )


@functools.cache
def _message_of(task: "Task[Any, Any]") -> _Message:
    """Return a message of a task, as this process sends it; none is sent."""
    queue: str = task.app.amqp.router.route({}, task.name)["queue"].name
    with Connection("memory://") as nowhere:
        task.apply_async(connection=nowhere)  # type: ignore[call-arg]  # not in the stubs
        sent: Any = nowhere.default_channel._get(queue)  # type: ignore[attr-defined]  # noqa: SLF001  # as it is written
    return _Message(queue, dumps(sent), (sent["headers"]["id"], sent["properties"]["delivery_tag"]))
