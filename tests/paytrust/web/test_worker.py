"""Gunicorn's refusals before Django have the same shape as every other error."""

import http.client
import json
import logging
import socket

import pytest
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from paytrust.web.worker import Worker


def answer_to(failure: Exception) -> tuple[http.client.HTTPResponse, dict[str, object]]:
    worker = Worker.__new__(Worker)  # the arbiter, which it serves, is not needed for this
    worker.log = logging.getLogger("gunicorn.error")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        worker.handle_error(None, ours, None, failure)
        ours.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(theirs)
        answer.begin()
        return answer, json.loads(answer.read())


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (errors.LimitRequestLine(9000, 8190), 414, "uri_too_long"),
        (errors.LimitRequestHeaders("limit request headers fields size"), 431, "headers_too_large"),
        (errors.InvalidRequestLine("GARBAGE"), 400, "invalid_request"),
        (errors.InvalidHeaderName("X Y"), 400, "invalid_request"),
        (errors.InvalidResponseHeader("X"), 500, "internal_error"),
        (ZeroDivisionError("a secret"), 500, "internal_error"),
    ],
)
def test_is_one_shape(failure: Exception, status: int, code: str) -> None:
    answer, body = answer_to(failure)

    assert (answer.status, body["error"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-Id"] == body["request_id"]
    assert body["details"] == {}
    assert str(body["message"]).endswith(".")
    assert "secret" not in json.dumps(body)


def test_the_arbiter_sees_a_sign_of_life_twice_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    at = [100.0]
    monkeypatch.setattr("paytrust.web.worker.time.monotonic", lambda: at[0])
    monkeypatch.setattr(ThreadWorker, "notify", lambda _: seen.append(at[0]))
    worker = Worker.__new__(Worker)
    worker._showed_life_at = 0.0

    for at[0] in (100.0, 100.1, 100.4, 100.5, 100.9, 101.0, 160.0):
        worker.notify()

    assert seen == [100.0, 100.5, 101.0, 160.0]


def test_of_those_who_have_left_does_no_harm() -> None:
    worker = Worker.__new__(Worker)
    worker.log = logging.getLogger("gunicorn.error")
    ours, theirs = socket.socketpair()
    theirs.close()

    with ours:
        worker.handle_error(None, ours, None, errors.InvalidRequestLine("GARBAGE"))
