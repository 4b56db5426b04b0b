from typing import Any

import pytest
from kombu import Connection

from paytrust.celery import app
from paytrust.operations import broker


def opened(connection: Connection) -> Any:
    """Return a new channel; the stubs know little of it."""
    return connection.channel()


@pytest.fixture
def connection() -> Connection:
    return app.connection_for_read()


class TestChannel:
    def test_is_the_one_that_celery_uses(self, connection: Connection) -> None:
        with connection:
            assert type(connection.default_channel) is broker.Channel

    def test_whose_connection_is_closing_can_be_closed_without_the_broker(
        self, connection: Connection
    ) -> None:
        channel = opened(connection)
        recoverable = connection.connection_errors
        channel.connection.client = None  # as the worker leaves it when the broker is away

        with pytest.raises(recoverable, match="The connection to the broker is closed"):
            channel.qos.restore_unacked()

    def test_when_closed_has_lost_its_connection_like_any_other(
        self, connection: Connection
    ) -> None:
        channel = opened(connection)
        recoverable = connection.connection_errors
        connection.close()

        with pytest.raises(recoverable, match="The connection to the broker is closed"):
            channel.basic_ack("1")
