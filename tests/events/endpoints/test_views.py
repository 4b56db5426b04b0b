from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from apikeys.models import IdempotencyRecord
from events.endpoints import secrets
from events.models import Delivery, DeliveryAttempt, Event, WebhookEndpoint
from tests.events import factories
from tests.events.conftest import Api
from tests.events.factories import NOON, SECRET

URL = "https://shop.example/hook"
pytestmark = pytest.mark.django_db


def problem(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


class TestCreate:
    def test_shows_the_secret_once_and_seals_it(self, api: Api) -> None:
        made = api.post(
            "/webhook-endpoints",
            {"url": URL, "event_types": ["invoice.paid"], "description": "My shop"},
        )

        assert made.status_code == 201
        endpoint = made.json()
        secret = endpoint.pop("secret")
        row = WebhookEndpoint.objects.get()
        assert secret.startswith("whsec_")
        assert secrets.in_force(row, now=NOON) == [secret]
        assert secret not in row.sealed_secret
        assert Webhook(secret).sign("evt_1", NOON, "{}").startswith("v1,")
        assert api.get(f"/webhook-endpoints/{row.pk}").json() == endpoint
        assert api.get("/webhook-endpoints").json()["results"] == [endpoint]
        assert (endpoint["event_types"], endpoint["status"]) == (["invoice.paid"], "enabled")

    def test_answers_a_repeat_with_the_same_secret_and_stores_it_sealed(self, api: Api) -> None:
        first, again = (
            api.post("/webhook-endpoints", {"url": URL}, Idempotency_Key="key-1") for _ in range(2)
        )

        assert again.json() == first.json()
        assert WebhookEndpoint.objects.count() == 1
        stored = bytes(IdempotencyRecord.objects.get().response_body or b"")
        assert stored.startswith(b"gAAAAA")

    @pytest.mark.parametrize(
        "changed",
        [
            {"url": 7},
            {"url": ""},
            {"event_types": []},
            {"event_types": "invoice.paid"},
            {"event_types": ["invoice.sent"]},
            {"event_types": ["*", "invoice.paid"]},
            {"event_types": ["invoice.paid", "invoice.paid"]},
            {"description": "x" * 256},
            {"contact_email": "nobody"},
            {"secret": "whsec_mine"},
        ],
    )
    def test_refuses(self, api: Api, changed: dict[str, object]) -> None:
        response = api.post("/webhook-endpoints", {"url": URL, **changed})

        assert problem(response) == (400, "invalid_request")
        assert response.json()["details"].keys() == changed.keys()
        assert not WebhookEndpoint.objects.exists()

    @pytest.mark.parametrize("url", ["http://shop.example/", "https://10.0.0.1/", "https://a@b.c/"])
    def test_refuses_where_webhooks_cannot_go(self, api: Api, url: str) -> None:
        response = api.post("/webhook-endpoints", {"url": url})

        assert problem(response) == (400, "url_not_allowed")
        assert response.json()["details"] == {"url": [response.json()["message"]]}
        assert not WebhookEndpoint.objects.exists()

    def test_makes_ten_at_most(self, api: Api) -> None:
        for _ in range(10):
            assert api.post("/webhook-endpoints", {"url": URL}).status_code == 201
        refused = api.post("/webhook-endpoints", {"url": URL})
        first = WebhookEndpoint.objects.earliest("pk").pk
        api.delete(f"/webhook-endpoints/{first}")
        freed = api.post("/webhook-endpoints", {"url": URL})

        assert problem(refused) == (409, "too_many_endpoints")
        assert freed.status_code == 201


class TestChange:
    def test_changes_what_it_names(self, api: Api) -> None:
        endpoint = factories.endpoint(api.tenant)

        changed = api.patch(
            f"/webhook-endpoints/{endpoint.pk}", {"event_types": ["*"], "description": "new"}
        )

        assert changed.status_code == 200
        assert (changed.json()["description"], changed.json()["url"]) == ("new", endpoint.url)

    def test_refuses_an_address_and_changes_nothing(self, api: Api) -> None:
        endpoint = factories.endpoint(api.tenant)

        response = api.patch(
            f"/webhook-endpoints/{endpoint.pk}", {"url": "https://127.0.0.1/", "description": "x"}
        )

        assert problem(response) == (400, "url_not_allowed")
        endpoint.refresh_from_db()
        assert endpoint.description == ""

    def test_disables_and_enables(self, api: Api) -> None:
        endpoint = factories.endpoint(api.tenant)
        factories.events(api.tenant)

        off = api.patch(f"/webhook-endpoints/{endpoint.pk}", {"status": "disabled"}).json()
        factories.events(api.tenant)
        on = api.patch(f"/webhook-endpoints/{endpoint.pk}", {"status": "enabled"}).json()

        assert (off["status"], off["disabled_reason"]) == ("disabled", "merchant")
        assert (on["status"], on["disabled_reason"], on["disabled_at"]) == ("enabled", None, None)
        assert [one.status for one in Delivery.objects.all()] == ["cancelled"]


class TestDelete:
    def test_ends_the_endpoint_and_what_waits_for_it(self, api: Api) -> None:
        endpoint = factories.endpoint(api.tenant)
        factories.events(api.tenant)

        deleted = api.delete(f"/webhook-endpoints/{endpoint.pk}")

        assert (deleted.status_code, deleted.content) == (204, b"")
        assert Delivery.objects.get().status == "cancelled"
        assert problem(api.get(f"/webhook-endpoints/{endpoint.pk}")) == (404, "not_found")
        assert problem(api.delete(f"/webhook-endpoints/{endpoint.pk}")) == (404, "not_found")
        assert api.get("/webhook-endpoints").json()["results"] == []


class TestRotateSecret:
    @pytest.mark.parametrize(("body", "hours"), [({}, 24), ({"grace_hours": 72}, 72)])
    def test_keeps_the_old_one_for_the_grace(self, api: Api, body: object, hours: int) -> None:
        endpoint = factories.endpoint(api.tenant)

        answer = api.post(f"/webhook-endpoints/{endpoint.pk}/rotate-secret", body)

        endpoint.refresh_from_db()
        assert answer.status_code == 200
        until = endpoint.previous_secret_until
        assert until
        assert until - endpoint.updated_at == timedelta(hours=hours)
        assert secrets.in_force(endpoint, now=endpoint.updated_at) == [
            answer.json()["secret"],
            SECRET,
        ]

    def test_ends_the_old_one_at_once_without_grace(self, api: Api) -> None:
        endpoint = factories.endpoint(api.tenant)

        answer = api.post(f"/webhook-endpoints/{endpoint.pk}/rotate-secret", {"grace_hours": 0})

        endpoint.refresh_from_db()
        assert secrets.in_force(endpoint, now=endpoint.updated_at) == [answer.json()["secret"]]

    @pytest.mark.parametrize("hours", [-1, 73, 1.5, "24", None, True])
    def test_refuses(self, api: Api, hours: object) -> None:
        endpoint = factories.endpoint(api.tenant)
        path = f"/webhook-endpoints/{endpoint.pk}/rotate-secret"

        assert problem(api.post(path, {"grace_hours": hours})) == (400, "invalid_request")
        endpoint.refresh_from_db()
        assert secrets.in_force(endpoint, now=NOON) == [SECRET]


class TestTest:
    def test_tells_this_endpoint_alone_whatever_it_asks_for(self, api: Api) -> None:
        tested = factories.endpoint(api.tenant, event_types=["invoice.paid"])
        factories.endpoint(api.tenant)

        answer = api.post(f"/webhook-endpoints/{tested.pk}/test")

        event = Event.objects.get()
        assert (answer.status_code, answer.json()) == (202, {"event_id": event.public_id})
        assert (event.type, Delivery.objects.get().endpoint) == ("endpoint.test", tested)

    def test_refuses_a_disabled_one(self, api: Api) -> None:
        endpoint = factories.endpoint(
            api.tenant, status="disabled", disabled_reason="gone", disabled_at=NOON
        )

        answer = api.post(f"/webhook-endpoints/{endpoint.pk}/test")

        assert problem(answer) == (409, "endpoint_disabled")
        assert not Event.objects.exists()


class TestReplay:
    @pytest.fixture
    def endpoint(self, api: Api) -> WebhookEndpoint:
        endpoint = factories.endpoint(api.tenant, event_types=["invoice.paid", "refund.failed"])
        for hour, status in enumerate(["delivered", "failed", "cancelled", "delivered"]):
            types = ["invoice.paid" if hour < 3 else "refund.failed"]
            made = factories.events(api.tenant, types, now=NOON + timedelta(hours=hour))
            Delivery.objects.filter(event__in=made).update(
                status=status, next_attempt_at=None, ended_at=NOON, attempts=10
            )
        factories.events(api.tenant, ["invoice.created"], now=NOON)
        return endpoint

    @pytest.mark.parametrize(
        ("asked", "replayed"),
        [
            ({}, 4),
            ({"only_failed": True}, 2),
            ({"types": ["refund.failed"]}, 1),
            ({"until": "2026-11-22T14:00:00Z"}, 2),
            ({"since": "2026-11-22T13:00:00+00:00"}, 3),
            ({"types": ["invoice.created"]}, 0),
        ],
    )
    def test_sends_again(
        self, api: Api, endpoint: WebhookEndpoint, asked: dict[str, object], replayed: int
    ) -> None:
        times = {"since": "2026-11-22T12:00:00Z", "until": "2026-11-23T00:00:00Z"}

        answer = api.post(f"/webhook-endpoints/{endpoint.pk}/replay", {**times, **asked})

        assert (answer.status_code, answer.json()) == (202, {"replayed": replayed})
        again = Delivery.objects.filter(status="pending", attempts_before=10)
        assert again.count() == replayed

    @pytest.mark.parametrize(
        "asked",
        [
            {"since": "2026-11-22T12:00:00Z"},
            {"since": "2026-11-22T12:00:00Z", "until": "2026-11-22T12:00:00Z"},
            {"since": "yesterday", "until": "2026-11-22T12:00:00Z"},
        ],
    )
    def test_refuses(self, api: Api, endpoint: WebhookEndpoint, asked: dict[str, object]) -> None:
        answer = api.post(f"/webhook-endpoints/{endpoint.pk}/replay", asked)

        assert problem(answer) == (400, "invalid_request")
        assert not Delivery.objects.filter(status="pending").exists()


class TestDeliveries:
    def test_shows_each_attempt(self, api: Api) -> None:
        endpoint = factories.endpoint(api.tenant)
        [event] = factories.events(api.tenant)
        delivery = Delivery.objects.get()
        DeliveryAttempt.objects.create(
            tenant=api.tenant,
            delivery=delivery,
            number=1,
            attempted_at=NOON,
            duration_ms=31,
            status_code=500,
            error="the answer was HTTP 500",
            answer="oops",
        )

        shown = api.get(f"/webhook-endpoints/{endpoint.pk}/deliveries").json()

        assert shown["results"] == [
            {
                "id": delivery.pk,
                "event_id": event.public_id,
                "event_type": "invoice.paid",
                "status": "pending",
                "created_at": "2026-11-22T12:00:00Z",
                "next_attempt_at": "2026-11-22T12:00:00Z",
                "ended_at": None,
                "attempts": [
                    {
                        "number": 1,
                        "attempted_at": "2026-11-22T12:00:00Z",
                        "ms": 31,
                        "http_status": 500,
                        "error": "the answer was HTTP 500",
                        "answer": "oops",
                    }
                ],
            }
        ]
        other = api.get(f"/webhook-endpoints/{endpoint.pk}/deliveries", status="failed").json()
        assert other["results"] == []


class TestStranger:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("get", ""),
            ("patch", ""),
            ("delete", ""),
            ("post", "/rotate-secret"),
            ("post", "/test"),
            ("post", "/replay"),
            ("get", "/deliveries"),
        ],
    )
    def test_meets_nothing(self, api: Api, stranger_api: Api, method: str, path: str) -> None:
        endpoint = factories.endpoint(api.tenant)
        bodies = {"/replay": {"since": "2026-11-22T12:00:00Z", "until": "2026-11-23T12:00:00Z"}}
        arguments = [bodies.get(path, {})] if method in {"post", "patch"} else []

        answer = getattr(stranger_api, method)(
            f"/webhook-endpoints/{endpoint.pk}{path}", *arguments
        )

        assert problem(answer) == (404, "not_found")
        endpoint.refresh_from_db()
        assert (endpoint.status, endpoint.updated_at) == ("enabled", NOON)
        assert stranger_api.get("/webhook-endpoints").json()["results"] == []

    @pytest.mark.parametrize("path", ["/webhook-endpoints", "/events", "/events/evt_1"])
    def test_needs_a_key(self, api: Api, path: str) -> None:
        assert problem(api.client.get(path)) == (401, "missing_api_key")
