"""Publishing tasks to a broker that may not answer."""

import socket
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest
from celery import Celery
from celery.signals import before_task_publish
from django.conf import settings

from paytrust.operations import queue, shared_state, tracing

QUEUE = "tests-of-the-queue"
KEY = "paytrust:tests:on-its-way"


def app_at(broker_url: str) -> Celery:
    app = Celery("tests", broker=broker_url, set_as_current=False)
    app.conf.task_publish_retry = settings.CELERY_TASK_PUBLISH_RETRY
    app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    app.conf.task_default_queue = QUEUE
    return app


def task_of(app: Celery) -> Any:
    @app.task(name="tests.greet", shared=False)
    def greet(*, name: str) -> str:
        return name

    return greet


def plain_task_of(app: Celery) -> Any:
    @app.task(name="tests.look", shared=False, ignore_result=True)
    def look() -> None:
        """Do nothing."""

    return look


@pytest.fixture(autouse=True)
def _nobody_failed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue.switch, "away_until", 0.0)


@pytest.fixture
def task() -> Iterator[Any]:
    app = app_at(settings.REDIS_URL)
    yield task_of(app)
    with app.connection_for_write() as connection:
        connection.default_channel.queue_purge(QUEUE)  # type: ignore[attr-defined]  # kombu's stubs
    app.close()


@pytest.fixture
def task_without_broker() -> Iterator[Any]:
    app = app_at("redis://127.0.0.1:9/0")  # nothing listens on port 9
    yield task_of(app)
    app.close()


@pytest.fixture
def task_with_a_hanging_broker() -> Iterator[Any]:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        app = app_at(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        queue.only_publish(app)
        yield task_of(app)
        app.close()


def waiting(task: Any) -> list[Any]:
    """Return the arguments of the tasks that wait at the broker."""
    with task.app.connection_for_read() as connection:
        found = []
        while message := connection.default_channel.basic_get(QUEUE, no_ack=True):
            found.append(message.decode()[1])
        return found


class TestPublish:
    def test_hands_the_task_to_the_broker(self, task: Any) -> None:
        assert queue.publish(task, name="Siti") is True

        assert waiting(task) == [{"name": "Siti"}]

    def test_gives_up_quickly_when_the_broker_is_away(self, task_without_broker: Any) -> None:
        started = monotonic()

        assert queue.publish(task_without_broker, name="Siti") is False

        assert monotonic() - started < 5  # left to itself, kombu tries for 6

    def test_gives_up_quickly_when_the_broker_hangs(self, task_with_a_hanging_broker: Any) -> None:
        started = monotonic()

        assert queue.publish(task_with_a_hanging_broker, name="Siti") is False

        assert monotonic() - started < 4  # a worker's time-out is 5 s

    def test_does_not_try_again_at_once(
        self, task_without_broker: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        queue.publish(task_without_broker, name="Siti")
        tried: list[int] = []
        monkeypatch.setattr(task_without_broker, "apply_async", lambda **_: tried.append(1))

        assert queue.publish(task_without_broker, name="Siti") is False

        assert tried == []

    def test_tries_again_after_a_pause(
        self, task: Any, task_without_broker: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        queue.publish(task_without_broker, name="Siti")
        back_at = queue.switch.away_until
        monkeypatch.setattr("paytrust.operations.outage.time.monotonic", lambda: back_at)

        assert queue.publish(task, name="Siti") is True

        assert waiting(task) == [{"name": "Siti"}]
        assert 0 < back_at - monotonic() <= queue.PAUSE_SECONDS


class TestPublishOnce:
    @pytest.fixture
    def app(self) -> Iterator[Celery]:
        app = app_at(settings.REDIS_URL)
        yield app
        shared_state.with_redis(lambda client: client.delete(KEY), otherwise=0)
        with app.connection_for_write() as connection:
            connection.default_channel.queue_purge(QUEUE)  # type: ignore[attr-defined]  # kombu's stubs
        app.close()

    def test_sends_what_celery_sends(self, app: Celery) -> None:
        task = plain_task_of(app)

        queue.publish_once(task, key=KEY, seconds=5)
        task.apply_async()

        ours, celerys = messages(app)
        for changing in ("id", "root_id"):
            assert ours["headers"].pop(changing) != celerys["headers"].pop(changing)
        for changing in ("correlation_id", "delivery_tag"):
            assert ours["properties"].pop(changing) != celerys["properties"].pop(changing)
        assert ours == celerys

    def test_sends_one_until_the_task_has_begun(self, app: Celery) -> None:
        task = plain_task_of(app)

        for _ in range(3):
            queue.publish_once(task, key=KEY, seconds=5)
        shared_state.with_redis(lambda client: client.delete(KEY), otherwise=0)
        queue.publish_once(task, key=KEY, seconds=5)

        first, second = messages(app)
        assert first["headers"]["id"] == first["properties"]["correlation_id"]
        assert first["headers"]["id"] != second["headers"]["id"]
        assert first["properties"]["delivery_tag"] != second["properties"]["delivery_tag"]

    @pytest.mark.parametrize(("is_traced", "seen"), [(True, ["tests.look"]), (False, [])])
    def test_shows_celery_what_is_traced(
        self, app: Celery, monkeypatch: pytest.MonkeyPatch, is_traced: bool, seen: list[str]
    ) -> None:
        task = plain_task_of(app)
        queue.publish_once(task, key="another", seconds=1)  # makes the message once
        monkeypatch.setattr(tracing, "is_on", lambda: is_traced)
        published: list[str] = []

        def note(sender: str, **_: object) -> None:
            published.append(sender)

        before_task_publish.connect(note)
        for _ in range(2):
            queue.publish_once(task, key=KEY, seconds=5)
        before_task_publish.disconnect(note)

        assert published == seen
        assert len(messages(app)) == 2

    def test_ends_its_wait_for_a_lost_task(self, app: Celery) -> None:
        queue.publish_once(plain_task_of(app), key=KEY, seconds=5)

        assert 0 < shared_state.with_redis(lambda client: client.ttl(KEY), otherwise=0) <= 5

    def test_does_nothing_without_redis(self, app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shared_state.switch, "away_until", float("inf"))

        queue.publish_once(plain_task_of(app), key=KEY, seconds=5)

        assert messages(app) == []


def messages(app: Celery) -> list[Any]:
    """Return the messages that wait at the broker, the oldest first."""
    with app.connection_for_read() as connection:
        channel: Any = connection.default_channel
        return [channel._get(QUEUE) for _ in range(channel._size(QUEUE))]
