from datetime import UTC, datetime

import pytest
from django.test import Client

from paytrust.staff.display import moment
from tests.apikeys.factories import api_key

LOGIN = "/admin/login/"


class TestLanguage:
    @pytest.mark.parametrize("language", ["id", "ms", "en"])
    def test_follows_the_browser(self, language: str) -> None:
        answer = Client().get(LOGIN, headers={"Accept-Language": language})

        assert answer.headers["Content-Language"] == language
        assert f'<html lang="{language}"' in answer.text

    def test_follows_the_choice_before_the_browser(self) -> None:
        client = Client()
        back = client.post("/admin/language/", {"language": "ms", "next": LOGIN})

        answer = client.get(LOGIN, headers={"Accept-Language": "id"})

        assert (back.status_code, back.headers["Location"]) == (302, LOGIN)
        assert answer.headers["Content-Language"] == "ms"

    @pytest.mark.parametrize("address", ["https://evil.test/", "//evil.test", "/admin/\\evil", ""])
    def test_leads_nowhere_else(self, address: str) -> None:
        answer = Client().post("/admin/language/", {"language": "id", "next": address})

        assert answer.headers["Location"] in {"/admin/", "/admin/\\evil", "/admin/%5Cevil"}

    @pytest.mark.django_db
    def test_of_the_api_is_english_whatever_is_accepted(self) -> None:
        key = api_key()[1]
        asked = {"Accept-Language": "id"}
        client = Client()
        client.get(LOGIN, headers=asked)  # in the same thread, just before

        body = "{}"
        answer = client.post(
            "/invoices",
            body,
            content_type="application/json",
            headers={**asked, "X-API-Key": key, "Idempotency-Key": "1"},
        )

        assert answer.json()["details"]["gateway_id"] == ["This field is required."]
        assert "Content-Language" not in answer.headers


class TestZone:
    def test_is_the_house_zone_until_another_is_chosen(self) -> None:
        client = Client()
        assert client.get(LOGIN).context["zone"] == "Asia/Jakarta"

        client.post("/admin/zone/", {"zone": "Asia/Kuala_Lumpur"})

        assert client.get(LOGIN).context["zone"] == "Asia/Kuala_Lumpur"

    @pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", ""])
    def test_is_one_of_ours(self, zone: str) -> None:
        client = Client()
        client.post("/admin/zone/", {"zone": zone})

        assert client.get(LOGIN).context["zone"] == "Asia/Jakarta"


class TestMoment:
    def test_shows_utc_on_hover(self) -> None:
        assert moment(datetime(2026, 11, 22, 12, 5, tzinfo=UTC)) == (
            '<time datetime="2026-11-22T12:05:00+00:00" title="2026-11-22 12:05:00 UTC">'
            "22 Nov 2026, 12:05</time>"
        )
