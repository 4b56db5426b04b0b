"""The transactions, allocations and notifications that the database itself refuses."""

from datetime import timedelta
from typing import Any

import pytest

from payments.models import WebhookEvent, WebhookRetry
from tests.apikeys.factories import NOON, TenantFactory
from tests.rules import accepted, execute, refused_by

pytestmark = pytest.mark.django_db


@pytest.fixture
def event() -> WebhookEvent:
    made = WebhookEvent.objects.create(
        gateway_id=1, event_id="event-1", body=b"{}", received_at=NOON, next_attempt_at=NOON
    )
    WebhookRetry.objects.create(event=made, attempt=1, attempted_at=NOON, outcome="not_confirmed")
    return made


def rows() -> tuple[list[Any], ...]:
    models = (WebhookEvent, WebhookRetry)
    return tuple(list(model._default_manager.order_by("pk").values()) for model in models)


class TestANotification:
    CHANGES: dict[str, Any] = {
        "gateway_id": 2,
        "event_id": "other",
        "body": b"[]",
        "received_at": NOON + timedelta(days=1),
    }

    @pytest.mark.parametrize("column", CHANGES)
    @pytest.mark.usefixtures("event")
    def test_stays_as_it_came(self, column: str) -> None:
        before = rows()

        with refused_by("webhook_event_kept"):
            WebhookEvent.objects.update(**{column: self.CHANGES[column]})

        assert rows() == before

    @pytest.mark.usefixtures("event")
    def test_is_never_deleted(self) -> None:
        with refused_by("webhook_event_kept"):
            execute("DELETE FROM payments_webhookevent")

        assert WebhookEvent.objects.count() == 1

    @pytest.mark.usefixtures("event")
    def test_may_be_processed(self) -> None:
        with accepted():
            WebhookEvent.objects.update(
                status="processed", outcome="booked", next_attempt_at=None, processed_at=NOON
            )

    @pytest.mark.usefixtures("event")
    def test_that_waits_is_due_some_time(self) -> None:
        with refused_by("webhook_event_waiting_has_a_due_time"):
            WebhookEvent.objects.update(next_attempt_at=None)

    @pytest.mark.parametrize("with_tenant", [True, False])
    def test_is_stored_once(self, with_tenant: bool) -> None:
        fields: dict[str, Any] = {
            "gateway_id": 1,
            "event_id": "event-1",
            "tenant": TenantFactory.create() if with_tenant else None,
            "received_at": NOON,
            "next_attempt_at": NOON,
        }
        WebhookEvent.objects.create(body=b"1", **fields)
        WebhookEvent.objects.create(body=b"2", **{**fields, "gateway_id": 2})

        with refused_by("webhook_event_once"):
            WebhookEvent.objects.create(body=b"3", **fields)

        assert WebhookEvent.objects.count() == 2


class TestTheRetryLog:
    @pytest.mark.usefixtures("event")
    def test_is_never_edited(self) -> None:
        with refused_by("webhook_retry_append_only"):
            WebhookRetry.objects.update(outcome="booked")

        assert WebhookRetry.objects.get().outcome == "not_confirmed"

    @pytest.mark.usefixtures("event")
    def test_is_never_deleted(self) -> None:
        with refused_by("webhook_retry_append_only"):
            execute("DELETE FROM payments_webhookretry")

        assert WebhookRetry.objects.count() == 1

    def test_has_each_attempt_once(self, event: WebhookEvent) -> None:
        with refused_by("webhook_retry_attempt"):
            WebhookRetry.objects.create(event=event, attempt=1, attempted_at=NOON, outcome="x")
