import re
from types import SimpleNamespace

import pytest
from celery.fixups.django import DjangoWorkerFixup  # type: ignore[attr-defined]  # no stub
from celery.signals import task_postrun
from django.conf import settings
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper

from paytrust.celery import app
from tests.conftest import ROOT


@pytest.mark.usefixtures("committed")
class TestAfterATask:
    def test_its_connection_goes_back_to_the_pool(self) -> None:
        connection.ensure_connection()

        end_task(is_eager=False)

        assert connection.connection is None

    def test_a_task_that_ran_within_a_request_leaves_the_request_its_connection(self) -> None:
        connection.ensure_connection()

        end_task(is_eager=True)

        assert connection.connection is not None

    def test_the_pool_stays_open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        closed: list[DatabaseWrapper] = []
        monkeypatch.setattr(DatabaseWrapper, "close_pool", lambda self: closed.append(self))  # noqa: PLW0108  # binds `self`
        fixup = DjangoWorkerFixup(app)
        fixup.worker = SimpleNamespace(pool_cls="celery.concurrency.prefork:TaskPool")
        connection.ensure_connection()

        for _ in range(10):
            fixup.close_database()

        assert closed == []


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        ("payments.process_notifications", "celery"),
        ("invoices.expire_invoices", "celery"),
        *((name, "deliveries") for name in settings.LONG_TASKS),
    ],
)
def test_what_takes_long_takes_no_worker_from_bookings(task: str, queue: str) -> None:
    app.loader.import_default_modules()
    assert task in app.tasks
    routed = app.amqp.router.route({}, task).get("queue")
    assert (routed.name if routed else app.conf.task_default_queue) == queue


def test_what_is_given_out_one_by_one_takes_no_worker_from_bookings() -> None:
    """Each waits for a gateway or a merchant, and hundreds may be due at once."""
    published = {
        f"{module.parent.name}.{name}"
        for module in ROOT.glob("*/tasks.py")
        for name in re.findall(r"queue\.publish\((\w+), \w+=", module.read_text())
    }

    assert len(published) >= 4
    assert published <= set(settings.LONG_TASKS)


def end_task(*, is_eager: bool) -> None:
    task = SimpleNamespace(request=SimpleNamespace(is_eager=is_eager))
    answers = task_postrun.send(sender=None, task_id="", task=task)
    assert [answer for _, answer in answers] == [None] * len(answers)
