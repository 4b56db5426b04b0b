"""Kombu's transport to Redis, with a fix: a lost connection must not end the worker."""

from typing import Any

from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as BrokerAway


class Channel(kombu_redis.Channel):
    """A channel that raises a connection error if its connection has been closed.

    Kombu 5.7 raises an AttributeError when it acknowledges or restores messages after the broker's
    connection was lost. No code expects that error, so the worker would end.
    """

    def _get_pool(self, asynchronous: bool = False) -> Any:  # noqa: ANN401  # kombu's
        transport: Any = self.connection  # the stubs do not know that it may be None
        if transport is None or transport.client is None:
            raise BrokerAway("The connection to the broker is closed.")
        return super()._get_pool(asynchronous=asynchronous)  # type: ignore[misc]  # not in the stubs


class Transport(kombu_redis.Transport):
    """The transport that settings name as CELERY_BROKER_TRANSPORT."""

    Channel = Channel
