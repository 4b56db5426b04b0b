import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from structlog import contextvars
from structlog.testing import capture_logs

from paytrust.operations import logging as paytrust_logging

KEY = "0123456789abcdef" * 4


def view(request: HttpRequest, invoice_id: int) -> HttpResponse:
    contextvars.bind_contextvars(tenant_id=7, key_prefix="0123")
    return HttpResponse(status=invoice_id)


def health(request: HttpRequest, status: int = 200) -> HttpResponse:
    return HttpResponse(status=int(request.GET.get("status", 200)))


urlpatterns = [path("invoices/<int:invoice_id>", view), path("healthz", health)]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Read what was logged, line by line."""

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capfd.readouterr().err.splitlines()]

    before = logging.getLogger().handlers[:]
    paytrust_logging.configure(level="INFO")
    yield read
    logging.getLogger().handlers[:] = before


class TestQuietTasks:
    NAME = "events.hand_out_deliveries"

    @pytest.mark.parametrize(("name", "seen"), [(NAME, 0), ("events.deliver", 1)])
    def test_have_no_lines_of_celerys(self, lines: Any, name: str, seen: int) -> None:
        beat, trace = logging.getLogger("celery.beat"), logging.getLogger("celery.app.trace")
        fields = {"id": "1", "name": name, "runtime": 0.1, "return_value": "None"}

        beat.info("Scheduler: Sending due task %s (%s)", "now and then", name)
        trace.info("Task %(name)s[%(id)s] received", fields, extra={"data": fields})
        trace.info("Task %(name)s[%(id)s] succeeded", fields, extra={"data": fields})

        assert len(lines()) == 3 * seen

    def test_are_heard_of_when_they_fail(self, lines: Any) -> None:
        fields = {"id": "1", "name": self.NAME, "description": "raised", "exc": "ValueError()"}

        logging.getLogger("celery.app.trace").error(
            "Task %(name)s[%(id)s] %(description)s: %(exc)s", fields, extra={"data": fields}
        )

        assert [line["level"] for line in lines()] == ["error"]


class TestConfigure:
    def test_writes_structlogs_events_as_json_lines(self, lines: Any) -> None:
        contextvars.clear_contextvars()
        contextvars.bind_contextvars(request_id="r1")

        structlog.get_logger("shop").warning("paid %s", "late", invoice_id=3)

        (line,) = lines()
        at = datetime.fromisoformat(line.pop("timestamp"))
        assert at.utcoffset() == UTC.utcoffset(None)
        assert line == {
            "event": "paid late",
            "invoice_id": 3,
            "logger": "shop",
            "level": "warning",
            "request_id": "r1",
        }

    @pytest.mark.parametrize("name", ["django", "celery.worker", "gunicorn.error"])
    def test_writes_the_standard_librarys_records_alike(self, lines: Any, name: str) -> None:
        logging.getLogger(name).error("lost %s of %d", "one", 2)

        (line,) = lines()
        assert (line["event"], line["logger"], line["level"]) == ("lost one of 2", name, "error")

    def test_writes_a_traceback_on_the_same_line(self, lines: Any) -> None:
        structlog.get_logger("shop").error("failed", exc_info=RuntimeError("broken"))

        (line,) = lines()
        assert line["exception"].endswith("RuntimeError: broken")

    def test_keeps_below_the_level_silent(self, lines: Any) -> None:
        structlog.get_logger("shop").debug("detail")
        logging.getLogger("shop").debug("detail")

        assert lines() == []


class TestSecrets:
    @pytest.mark.parametrize(
        "name",
        ["api_key", "X-API-Key", "Authorization", "callback_token", "server_key", "password"],
    )
    def test_are_masked_by_their_name(self, lines: Any, name: str) -> None:
        structlog.get_logger("shop").info("sent", headers={name: "sesame"}, **{name: "sesame"})

        (line,) = lines()
        assert line[name] == line["headers"][name] == "[masked]"

    @pytest.mark.parametrize(
        "secret",
        [
            KEY,
            KEY.upper(),
            "xnd_development_Ab3+x".rstrip("+x"),
            "SB-Mid-server-Ab3_x-9",
            "Mid-client-Ab3_x-9",
            "Basic U0ItTWlkLXNlcnZlcg==",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
        ],
    )
    def test_are_masked_by_their_form_wherever_they_are(self, lines: Any, secret: str) -> None:
        logging.getLogger("shop").warning("got %s in %s", secret, "text")
        structlog.get_logger("shop").error(
            "failed", where=["a", {"b": secret}], exc_info=RuntimeError(f"bad {secret}")
        )

        written = json.dumps(lines())
        assert secret not in written
        assert written.count("[masked]") == 3

    def test_are_masked_in_urls(self, lines: Any) -> None:
        logging.getLogger("shop").warning("postgres://app:sesame@db:5432/paytrust")

        assert lines()[0]["event"] == "postgres://[masked]@db:5432/paytrust"

    def test_are_not_seen_in_what_is_none(self, lines: Any) -> None:
        event = "invoice 12345 of PT-12345-1-1-ABC234, request 0123456789abcdef0123456789abcdef"
        structlog.get_logger("shop").info(event, key_prefix="0123", status=200)

        (line,) = lines()
        assert (line["event"], line["key_prefix"]) == (event, "0123")


@pytest.mark.urls(__name__)
class TestRequestLogMiddleware:
    def test_writes_one_line_per_request(self, lines: Any) -> None:
        Client().get("/invoices/201", headers={"x-request-id": "r1"})

        (line,) = lines()
        assert isinstance(line.pop("ms"), float)
        line.pop("timestamp")
        assert line == {
            "event": "request",
            "logger": "paytrust.operations.logging",
            "level": "info",
            "method": "GET",
            "route": "invoices/<int:invoice_id>",
            "status": 201,
            "ip": "127.0.0.1",
            "request_id": "r1",
            "tenant_id": 7,
            "key_prefix": "0123",
        }

    def test_says_null_for_a_path_without_a_route(self, lines: Any) -> None:
        Client().get("/nothing/here?api_key=sesame")

        requests = [line for line in lines() if line["event"] == "request"]
        assert [(line["route"], line["status"]) for line in requests] == [(None, 404)]

    def test_leaves_out_health_checks_that_succeed(self) -> None:
        with capture_logs() as logs:
            Client().get("/healthz")
            Client().get("/healthz?status=503")

        assert [(entry["route"], entry["status"]) for entry in logs] == [("healthz", 503)]
