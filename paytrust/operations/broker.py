"""Kombu's transport to Redis, mended where a lost connection would end the worker."""

from typing import Any

from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as BrokerAway


class Channel(kombu_redis.Channel):
    """A channel that says so when its connection has been closed.

    Kombu 5.7 meets an AttributeError there as it acknowledges or restores what the worker held
    when the broker went away. Nobody expects that one, and the worker ends.
    """

    def _get_pool(self, asynchronous: bool = False) -> Any:  # noqa: ANN401  # kombu's
        transport: Any = self.connection  # the stubs do not know that it may be None
        if transport is None or transport.client is None:
            raise BrokerAway("The connection to the broker is closed.")
        return super()._get_pool(asynchronous=asynchronous)  # type: ignore[misc]  # not in the stubs


class Transport(kombu_redis.Transport):
    """Named in settings as CELERY_BROKER_TRANSPORT."""

    Channel = Channel
