import re

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from structlog import contextvars

from paytrust.web.request_id import RequestIdMiddleware, request_id_of


def answered_with(given: str | None) -> tuple[str, str | None, object]:
    """Return the id in the answer, the id that the view saw, and the one on log lines."""
    seen: list[str | None] = []
    bound: list[object] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request_id_of(request))
        bound.append(contextvars.get_contextvars())
        return HttpResponse()

    headers = {} if given is None else {"X-Request-Id": given}
    response = RequestIdMiddleware(view)(RequestFactory().get("/", headers=headers))
    return response.headers["X-Request-Id"], seen[0], bound[0]


class TestRequestIdMiddleware:
    @pytest.mark.parametrize("given", ["a", "order-77/try:2", "~" * 128])
    def test_keeps_a_well_formed_id(self, given: str) -> None:
        assert answered_with(given) == (given, given, {"request_id": given})

    @pytest.mark.parametrize("given", [None, "", "a b", "a\nb", "é", "~" * 129, "a\x7f"])
    def test_makes_one_otherwise(self, given: str | None) -> None:
        in_answer, seen, bound = answered_with(given)

        assert re.fullmatch(r"[0-9a-f]{32}", in_answer)
        assert (seen, bound) == (in_answer, {"request_id": in_answer})

    def test_drops_what_the_request_before_had_bound(self) -> None:
        contextvars.bind_contextvars(tenant_id=1)

        assert answered_with("next")[2] == {"request_id": "next"}


def test_request_id_of_is_none_without_the_middleware() -> None:
    assert request_id_of(RequestFactory().get("/")) is None
    assert request_id_of(None) is None
