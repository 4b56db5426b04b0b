"""PayTrust-Version, and the headers of an endpoint that ends."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from events.outbox.services import API_VERSION
from gateways.fees.views import GatewayCollection
from invoices.models import Invoice
from paytrust.web.versions import CURRENT, KNOWN, Deprecation
from tests.apikeys.factories import api_key
from tests.factories import invoice_body

pytestmark = pytest.mark.django_db


def get(path: str, **headers: str) -> Any:
    return Client().get(path, headers={"x-api-key": api_key()[1], **headers})


class TestVersion:
    def test_is_named_by_each_answer_of_the_api(self) -> None:
        document = Client().get("/openapi.json").json()

        assert get("/gateways").headers["PayTrust-Version"] == CURRENT
        assert get("/invoices/1").headers["PayTrust-Version"] == CURRENT  # 404
        assert get("/gateways", **{"x-api-key": ""}).headers["PayTrust-Version"] == CURRENT
        assert CURRENT == API_VERSION == document["info"]["version"]

    def test_that_is_known_may_be_asked_for(self) -> None:
        for version in KNOWN:
            answer = get("/gateways", **{"paytrust-version": version})
            assert (answer.status_code, answer.headers["PayTrust-Version"]) == (200, CURRENT)

    @pytest.mark.parametrize("version", ["2", "", "1.0", "2026-11-28", "latest", "1, 1", "é"])
    def test_that_is_unknown_is_refused_before_anything_is_done(self, version: str) -> None:
        headers = {"x-api-key": api_key()[1], "paytrust-version": version}

        answer = Client().post(
            "/invoices", invoice_body(), content_type="application/json", headers=headers
        )

        body = answer.json()
        assert (answer.status_code, body["error"]) == (400, "unknown_version")
        assert body["details"] == {"PayTrust-Version": ["one of: 1"]}
        assert body["request_id"] == answer.headers["X-Request-Id"]
        assert answer.headers["PayTrust-Version"] == CURRENT
        assert not Invoice.objects.exists()

    def test_is_asked_of_operators_too(self) -> None:
        headers = {"x-admin-key": settings.ADMIN_API_KEY, "paytrust-version": "2"}

        assert Client().get("/api-keys", headers=headers).status_code == 400

    @pytest.mark.parametrize(
        "path", ["/healthz", "/openapi.json", "/admin/login/", "/webhooks/xendit"]
    )
    def test_is_no_matter_of_what_is_no_call_of_the_api(self, path: str) -> None:
        answer = Client().get(path, headers={"paytrust-version": "2"})

        assert answer.status_code != 400
        assert "PayTrust-Version" not in answer.headers


class TestDeprecation:
    def test_is_in_the_headers_of_the_method_that_ends(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ends = Deprecation(
            since=datetime(2026, 11, 28, tzinfo=UTC),
            sunset=datetime(2027, 11, 28, 12, tzinfo=UTC),
            guide="https://pay.example.com/guide/gateways",
        )
        monkeypatch.setattr(GatewayCollection, "deprecations", {"GET": ends}, raising=False)

        headers = get("/gateways").headers

        assert headers["Deprecation"] == "@1795824000"
        assert headers["Sunset"] == "Sun, 28 Nov 2027 12:00:00 GMT"
        assert headers["Link"] == (
            '<https://pay.example.com/guide/gateways>; rel="deprecation"; type="text/html"'
        )
        assert "Deprecation" not in Client().post("/gateways").headers

    def test_is_nowhere_else(self) -> None:
        assert not {"Deprecation", "Sunset", "Link"} & get("/gateways").headers.keys()
