import gzip
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import (
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.test import Client, override_settings
from django.urls import path, re_path
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paytrust.errors import PayTrustError, first_line
from paytrust.web import problems
from paytrust.web.serializers import StrictIntegerField, StrictSerializer

SECRET_REASON = "the reason that nobody outside may read"
LIMIT_BYTES = 1000
# What does something when it is imported: gunicorn's settings, and programs of one's own machine.
PROGRAMS = ("paytrust.web.gunicorn", "paytrust.localstack", "paytrust.wsgi")
APPS = ("paytrust", "apikeys", "events", "gateways", "invoices", "payments", "reporting")


class CannotBeDone(PayTrustError):
    """It cannot be done.

    This part is for developers.
    """

    status = 409  # type: ignore[assignment]
    code = "cannot_be_done"


FAILURES: dict[str, Callable[[], Exception]] = {
    "anticipated": lambda: CannotBeDone(details={"id": 7}),
    "worded": lambda: CannotBeDone("Not on a Sunday."),
    "invalid": lambda: exceptions.ValidationError({"total": ["Too small."]}),
    "invalid-list": lambda: exceptions.ValidationError(["Odd."]),
    "parse": exceptions.ParseError,
    "missing": Http404,
    "drf-missing": exceptions.NotFound,
    "denied": PermissionDenied,
    "throttled": lambda: exceptions.Throttled(wait=1.2),
    "too-big": RequestDataTooBig,
    "suspicious": lambda: SuspiciousOperation(SECRET_REASON),
    "host": lambda: DisallowedHost(SECRET_REASON),
    "database-away": lambda: OperationalError(SECRET_REASON),
    "bug": lambda: RuntimeError(SECRET_REASON),
}


def made(failure: str) -> Exception:
    return FAILURES[failure]()


class Body(StrictSerializer):
    count = StrictIntegerField()


class Failing(APIView):
    authentication_classes = ()

    def get(self, request: Request, failure: str) -> Response:
        raise made(failure)


class Counting(APIView):
    authentication_classes = ()

    def post(self, request: Request) -> Response:
        body = Body(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(body.validated_data)


class Locked(APIView):
    def get(self, request: Request) -> Response:
        return Response({})


def plain_failing(request: HttpRequest, failure: str) -> HttpResponse:
    raise made(failure)


def plain_length(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"length": len(request.body)})


def plain_host(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"host": request.get_host()})


urlpatterns = [
    path("host", plain_host),
    path("fail/<str:failure>", Failing.as_view()),
    path("plain/<str:failure>", plain_failing),
    path("length", plain_length),
    path("count", Counting.as_view()),
    path("locked", Locked.as_view()),
    re_path("", problems.not_found),
]
handler400 = "paytrust.web.problems.bad_request"
handler403 = "paytrust.web.problems.permission_denied"
handler404 = "paytrust.web.problems.not_found"
handler500 = "paytrust.web.problems.server_error"

pytestmark = pytest.mark.urls(__name__)


@pytest.fixture
def api() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture(params=[False, True], ids=["", "debug"])
def _debug_or_not(request: pytest.FixtureRequest) -> Iterator[None]:
    with override_settings(DEBUG=request.param):
        yield


def problem(response: Any) -> tuple[int, str, Any]:
    """Check the shape that every error has, and return what differs."""
    body = response.json()
    assert response["Content-Type"] == "application/json"
    assert list(body) == ["error", "message", "details", "request_id"]
    assert body["request_id"] == response["X-Request-Id"]
    assert body["message"].endswith((".", ").")), body["message"]
    assert SECRET_REASON not in response.text
    return response.status_code, body["error"], body["details"]


@pytest.mark.usefixtures("_debug_or_not")
class TestErrorResponse:
    @pytest.mark.parametrize(
        ("failure", "expected"),
        [
            ("anticipated", (409, "cannot_be_done", {"id": 7})),
            ("worded", (409, "cannot_be_done", {})),
            ("invalid", (400, "invalid_request", {"total": ["Too small."]})),
            ("invalid-list", (400, "invalid_request", {"non_field_errors": ["Odd."]})),
            ("parse", (400, "invalid_request", {})),
            ("missing", (404, "not_found", {})),
            ("drf-missing", (404, "not_found", {})),
            ("denied", (403, "forbidden", {})),
            ("throttled", (429, "rate_limited", {})),
            ("too-big", (413, "payload_too_large", {})),
            ("suspicious", (400, "invalid_request", {})),
            ("host", (400, "invalid_request", {})),
            ("database-away", (503, "service_unavailable", {})),
            ("bug", (500, "internal_error", {})),
        ],
    )
    def test_answers_in_one_shape(self, api: Client, failure: str, expected: Any) -> None:
        assert problem(api.get(f"/fail/{failure}")) == expected

    def test_says_the_first_line_of_the_docstring_or_the_given_message(self, api: Client) -> None:
        assert api.get("/fail/anticipated").json()["message"] == "It cannot be done."
        assert api.get("/fail/worded").json()["message"] == "Not on a Sunday."

    def test_tells_when_to_try_again(self, api: Client) -> None:
        assert api.get("/fail/throttled")["Retry-After"] == "2"
        assert api.get("/fail/database-away")["Retry-After"] == "5"

    def test_tells_which_methods_there_are(self, api: Client) -> None:
        response = api.delete("/count")

        assert problem(response) == (405, "method_not_allowed", {})
        assert response["Allow"] == "POST, OPTIONS"

    def test_tells_how_to_authenticate(self, api: Client) -> None:
        response = api.get("/locked")

        assert problem(response) == (401, "missing_api_key", {})
        assert response["WWW-Authenticate"] == "X-API-Key"

    def test_logs_a_bug_with_its_traceback(
        self, api: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        api.get("/fail/bug")

        errors = [record for record in caplog.records if record.name == "paytrust.web.problems"]
        assert len(errors) == 1
        assert SECRET_REASON in str(errors[0].msg)

    def test_answers_a_path_that_does_not_exist(self, api: Client) -> None:
        response = api.get("/no/such/path")

        assert problem(response) == (404, "not_found", {})
        assert response.json()["message"] == "There is nothing at /no/such/path."

    def test_answers_a_post_to_nowhere_alike(self) -> None:
        response = Client(enforce_csrf_checks=True).post("/no/such/path")

        assert problem(response) == (404, "not_found", {})


class TestDjangosOwnFailures:
    @pytest.mark.parametrize(
        ("failure", "expected"),
        [
            ("missing", (404, "not_found", {})),
            ("denied", (403, "forbidden", {})),
            ("too-big", (413, "payload_too_large", {})),
            ("suspicious", (400, "invalid_request", {})),
            ("database-away", (503, "service_unavailable", {})),
            ("bug", (500, "internal_error", {})),
        ],
    )
    def test_have_the_same_shape(self, api: Client, failure: str, expected: Any) -> None:
        assert problem(api.get(f"/plain/{failure}")) == expected

    def test_include_a_host_that_is_not_served(self, api: Client) -> None:
        response = api.get("/host", headers={"host": "evil.example"})

        assert problem(response) == (400, "invalid_request", {})
        assert response.json()["message"].startswith("The Host header")


NUL = "A text holds the NUL character, which cannot be stored."
HALF = "A text holds half of a surrogate pair (\\ud800 to \\udfff)."


class TestRequestBodies:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (b'{"count": 2}', None),
            (b'\xef\xbb\xbf{"count": 2}', None),
            (b'\xef\xbb\xbf\xef\xbb\xbf{"count": 2}', (400, "malformed_json", {})),
            (b'{"count": 2}\xef\xbb\xbf', (400, "malformed_json", {})),
            (b'{"count": "2"}', (400, "invalid_request", {"count": ["Must be an integer."]})),
            (b'{"count": true}', (400, "invalid_request", {"count": ["Must be an integer."]})),
            (b"{}", (400, "invalid_request", {"count": ["This field is required."]})),
            (
                b'{"count": 1, "x": 1}',
                (400, "invalid_request", {"x": ["This field is not known."]}),
            ),
            (
                b'{"count": 1, "count": 2}',
                (400, "malformed_json", {"count": ["This field is given more than once."]}),
            ),
            (b" ", (400, "malformed_json", {})),
            (b"[" * 900, (400, "malformed_json", {})),
            (b'{"count": NaN}', (400, "malformed_json", {})),
            (b'{"\\u0000": 1}', (400, "malformed_json", {"\ufffd": [NUL]})),
            (b'{"count": "\\ud800"}', (400, "malformed_json", {"count": [HALF]})),
        ],
    )
    def test_are_read_strictly(self, api: Client, body: bytes, expected: Any) -> None:
        response = api.post("/count", body, content_type="application/json")

        if expected is None:
            assert (response.status_code, response.json()) == (200, {"count": 2})
        else:
            assert problem(response) == expected

    def test_that_are_no_object_are_refused(self, api: Client) -> None:
        response = api.post("/count", b"[1]", content_type="application/json")

        assert problem(response)[:2] == (400, "invalid_request")
        assert list(response.json()["details"]) == ["non_field_errors"]

    def test_that_are_missing_are_refused(self, api: Client) -> None:
        response = api.post("/count", b"", content_type="application/json")

        assert problem(response)[:2] == (400, "invalid_request")
        assert list(response.json()["details"]) == ["count"]

    @pytest.mark.parametrize(
        "content_type", ["text/plain", "application/x-www-form-urlencoded", ""]
    )
    def test_of_another_type_are_refused(self, api: Client, content_type: str) -> None:
        response = api.generic("POST", "/count", b'{"count": 2}', content_type=content_type)

        assert problem(response) == (415, "unsupported_media_type", {})

    @pytest.mark.parametrize("coding", ["gzip", "GZip ", "br", "deflate, gzip"])
    def test_that_are_packed_are_refused_by_name(self, api: Client, coding: str) -> None:
        response = api.generic(
            "POST",
            "/count",
            gzip.compress(b'{"count": 2}'),
            content_type="application/json",
            headers={"content-encoding": coding},
        )

        named = coding.strip().lower()
        assert problem(response) == (
            415,
            "unsupported_media_type",
            {"content_encoding": [f"{named} is not supported"]},
        )
        assert f"Content-Encoding: {named} is not taken" in response.json()["message"]
        assert response.headers["Accept-Encoding"] == "identity"

    @pytest.mark.parametrize("coding", ["", "identity"])
    def test_that_are_said_to_be_plain_are_read(self, api: Client, coding: str) -> None:
        response = api.generic(
            "POST",
            "/count",
            b'{"count": 2}',
            content_type="application/json",
            headers={"content-encoding": coding},
        )

        assert response.json() == {"count": 2}


@pytest.fixture
def _small_limit() -> Iterator[None]:
    with override_settings(REQUEST_BODY_LIMIT_BYTES=LIMIT_BYTES):
        yield


def post_chunked(body: BytesIO, *, terminated: bool) -> Any:
    """Send a body without Content-Length as a server hands it on."""
    environ: dict[str, Any] = {"wsgi.input": body, "wsgi.input_terminated": terminated}
    return Client(CONTENT_TYPE="text/plain", HTTP_TRANSFER_ENCODING="chunked", **environ).generic(
        "POST", "/length"
    )


@pytest.mark.usefixtures("_small_limit")
class TestBodyLimitMiddleware:
    def test_lets_a_body_of_the_limit_pass(self) -> None:
        response = Client().post("/length", b"x" * LIMIT_BYTES, content_type="text/plain")

        assert response.json() == {"length": LIMIT_BYTES}

    def test_refuses_a_larger_one_unread(self) -> None:
        unread = BytesIO(b"x")
        environ: dict[str, Any] = {"wsgi.input": unread}
        length = str(LIMIT_BYTES + 1)

        response = Client(CONTENT_LENGTH=length, **environ).generic("POST", "/length")

        assert problem(response) == (413, "payload_too_large", {})
        assert response.json()["message"] == f"The body is larger than {LIMIT_BYTES} bytes."
        assert unread.tell() == 0

    @pytest.mark.parametrize("length", ["-1", "1e3", "x", "\u0661"])
    def test_refuses_a_length_that_is_no_number(self, api: Client, length: str) -> None:
        response = api.post("/length", b"", content_type="text/plain", CONTENT_LENGTH=length)

        assert problem(response) == (400, "invalid_request", {})

    def test_reads_a_chunked_body_up_to_the_limit(self) -> None:
        response = post_chunked(BytesIO(b"x" * LIMIT_BYTES), terminated=True)

        assert response.json() == {"length": LIMIT_BYTES}

    def test_refuses_a_longer_chunked_body(self) -> None:
        endless = BytesIO(b"x" * LIMIT_BYTES * 10)

        response = post_chunked(endless, terminated=True)

        assert problem(response) == (413, "payload_too_large", {})
        assert endless.tell() == LIMIT_BYTES + 1

    def test_refuses_a_chunked_body_that_the_server_does_not_end(self) -> None:
        response = post_chunked(BytesIO(b"x"), terminated=False)

        assert problem(response) == (400, "invalid_request", {})
        assert "Send Content-Length" in response.json()["message"]


def every_error() -> Iterator[type[PayTrustError]]:
    """Walk the errors of every module, also of those that nothing has imported yet."""
    for app in APPS:
        for module in pkgutil.walk_packages([str(Path(settings.BASE_DIR, app))], f"{app}."):
            if not module.name.startswith(PROGRAMS) and ".migrations" not in module.name:
                importlib.import_module(module.name)
    yield from descendants(PayTrustError)


def descendants(base: type[PayTrustError]) -> Iterator[type[PayTrustError]]:
    yield base
    for kind in base.__subclasses__():
        yield from descendants(kind)


class TestDocumentation:
    def test_lists_every_error_that_the_code_can_raise(self) -> None:
        page = Path(settings.BASE_DIR, "docs", "problems.md").read_text()
        listed = set(re.findall(r"^\| `([a-z0-9_]+)` \| (\d{3}) \|", page, re.MULTILINE))

        raised = {
            (kind.code, str(int(kind.status)))
            for kind in every_error()
            if not kind.__module__.startswith("tests.")
        }

        assert raised - listed == set(), "not in docs/problems.md"

    def test_messages_are_sentences(self) -> None:
        for kind in every_error():
            assert first_line(kind.__doc__).endswith("."), kind
