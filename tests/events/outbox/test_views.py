import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction

from events.models import Delivery
from events.outbox import selectors
from tests.apikeys.factories import TenantFactory
from tests.conftest import Merchant
from tests.events import factories
from tests.events.conftest import Api
from tests.events.factories import NOON


def ids(response: Any) -> list[str]:
    return [event["id"] for event in response.json()["results"]]


def shown_below(horizon: str, monkeypatch: pytest.MonkeyPatch) -> None:
    oldest = selectors._OLDEST_RUNNING
    assert oldest in selectors._BOUNDS
    monkeypatch.setattr(selectors, "_BOUNDS", selectors._BOUNDS.replace(oldest, horizon))


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests within one transaction see what it has written, as if it had ended."""
    shown_below(f"'{2**62}'::xid8", monkeypatch)


@pytest.mark.django_db
@pytest.mark.usefixtures("settled")
class TestEvents:
    def test_are_listed_oldest_first_page_by_page(self, api: Api) -> None:
        made = [factories.events(api.tenant)[0].public_id for _ in range(3)]
        factories.events(TenantFactory.create())

        first = api.get("/events", limit=2)
        second = api.client.get(first.json()["next"], headers={"X-API-Key": api.key})
        third = api.get("/events", cursor=second.json()["cursor"])

        assert ids(first) + ids(second) == made
        assert (second.json()["next"], ids(third)) == (None, [])
        assert api.get(f"/events/{made[0]}").json() == first.json()["results"][0]

    def test_are_narrowed_by_type_and_time(self, api: Api) -> None:
        paid, made = factories.events(api.tenant, ["invoice.paid", "invoice.created"])
        [later] = factories.events(api.tenant, now=NOON + timedelta(hours=1))

        assert ids(api.get("/events", types="invoice.paid")) == [paid.public_id, later.public_id]
        assert ids(api.get("/events", types="invoice.created,refund.failed")) == [made.public_id]
        assert ids(api.get("/events", since="2026-11-22T12:30:00Z")) == [later.public_id]
        assert len(ids(api.get("/events", since="0001-01-01"))) == 3

    @pytest.mark.parametrize(
        ("query", "error"),
        [
            ({"types": "invoice.sent"}, "invalid_request"),
            ({"types": ""}, "invalid_request"),
            ({"wait": "26"}, "invalid_request"),
            ({"wait": "-1"}, "invalid_request"),
            ({"since": "yesterday"}, "invalid_request"),
            ({"limit": "101"}, "invalid_request"),
            ({"page": "2"}, "invalid_request"),
            ({"cursor": "x"}, "invalid_cursor"),
            ({"cursor": "PDE"}, "invalid_cursor"),
        ],
    )
    def test_refuse(self, api: Api, query: dict[str, str], error: str) -> None:
        answer = api.get("/events", **query)

        assert (answer.status_code, answer.json()["error"]) == (400, error)

    def test_are_a_strangers_as_little_as_none(self, api: Api, stranger_api: Api) -> None:
        [event] = factories.events(api.tenant)

        assert ids(stranger_api.get("/events")) == []
        assert stranger_api.get(f"/events/{event.public_id}").status_code == 404
        assert stranger_api.post(f"/events/{event.public_id}/resend").status_code == 404
        assert not Delivery.objects.exists()


@pytest.mark.django_db
class TestResend:
    def test_sends_again_to_those_who_ask_for_it(self, api: Api) -> None:
        [event] = factories.events(api.tenant)
        factories.endpoint(api.tenant)
        factories.endpoint(api.tenant, event_types=["refund.failed"])

        answer = api.post(f"/events/{event.public_id}/resend")

        assert (answer.status_code, answer.json()) == (
            202,
            {"event_id": event.public_id, "endpoints": 1},
        )
        assert Delivery.objects.get().status == "pending"

    def test_refuses_where_nobody_asks_for_it(self, api: Api) -> None:
        [event] = factories.events(api.tenant)

        answer = api.post(f"/events/{event.public_id}/resend")

        assert (answer.status_code, answer.json()["error"]) == (409, "no_endpoint_to_tell")
        assert not Delivery.objects.exists()


@pytest.mark.usefixtures("asleep")
class TestWait:
    def test_answers_as_soon_as_there_is_an_event(self, merchant: Merchant) -> None:
        def write_later() -> None:
            time.sleep(1)
            factories.events(merchant.tenant)
            connections.close_all()

        writer = threading.Thread(target=write_later)
        writer.start()
        began = time.monotonic()

        answer = merchant.get("/events?wait=10")

        took = time.monotonic() - began
        writer.join()
        assert len(ids(answer)) == 1
        assert 0.9 < took < 3

    def test_ends_without_one(self, merchant: Merchant) -> None:
        began = time.monotonic()

        answer = merchant.get("/events?wait=1")

        assert (ids(answer), answer.status_code) == ([], 200)
        assert time.monotonic() - began >= 1
        factories.events(merchant.tenant)
        assert len(ids(merchant.get(f"/events?cursor={answer.json()['cursor']}"))) == 1


class TestPoller:
    """Eight writers, whose transactions end in another order than they began."""

    WRITERS, EACH = 8, 25

    @pytest.mark.usefixtures("asleep")
    def test_misses_none(self, merchant: Merchant) -> None:
        written, read = self.poll_while_they_write(merchant)

        assert sorted(read) == sorted(written)
        assert len(written) == self.WRITERS * self.EACH

    @pytest.mark.usefixtures("asleep")
    def test_would_miss_some_without_waiting_for_older_transactions(
        self, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shown_below("pg_snapshot_xmax(pg_current_snapshot())", monkeypatch)

        written, read = self.poll_while_they_write(merchant)

        assert set(read) < set(written)

    def poll_while_they_write(self, merchant: Merchant) -> tuple[list[str], list[str]]:
        written: list[str] = []
        writers = [
            threading.Thread(target=self.write, args=(merchant, number, written))
            for number in range(self.WRITERS)
        ]
        for writer in writers:
            writer.start()
        read: list[str] = []
        cursor = ""
        done = False
        while not done:
            done = not any(writer.is_alive() for writer in writers)
            answer = merchant.get(f"/events?limit=100{cursor}")
            read += ids(answer)
            cursor = f"&cursor={answer.json()['cursor']}"
            done = done and not ids(answer)
        return written, read

    def write(self, merchant: Merchant, number: int, written: list[str]) -> None:
        for turn in range(self.EACH):
            with transaction.atomic():
                made = factories.events(merchant.tenant, invoice_id=number)
                time.sleep(0.03 * ((number + turn) % 4))
            written += [event.public_id for event in made]
        connections.close_all()
