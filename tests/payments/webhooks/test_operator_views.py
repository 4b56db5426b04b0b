import json
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.conf import settings
from django.test import Client
from django.utils import timezone

from invoices.models import Transaction
from payments.models import WebhookEvent, WebhookRetry
from payments.webhooks import confirming
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body

ADMIN = {"x-admin-key": settings.ADMIN_API_KEY}
TOKEN = "TESTCALLBACKTOKEN0123456789abcdef"


def event(number: int = 1, **fields: Any) -> WebhookEvent:
    now = timezone.now()
    return WebhookEvent.objects.create(
        **{
            "gateway_id": 1,
            "event_id": f"event-{number}",
            "reference": "PT-1-1-1-AAAAAA",
            "body": b'{"id": "1"}',
            "status": "failed",
            "outcome": "unknown_reference",
            "failure_reason": "No payment has the reference",
            "attempts": 1,
            "received_at": now + timedelta(seconds=number),
            "processed_at": now,
            **fields,
        }
    )


@pytest.mark.django_db
class TestListingTheFailed:
    def get(self, path: str = "/webhooks/failed", **headers: str) -> Any:
        return Client().get(path, headers=headers or ADMIN)

    def test_shows_only_what_failed_newest_first(self) -> None:
        older, newer = event(1), event(2)
        event(3, status="processed", outcome="booked")
        event(4, status="received", next_attempt_at=timezone.now())

        answer = self.get().json()

        assert [row["id"] for row in answer["results"]] == [newer.pk, older.pk]
        assert answer["pagination"] == {
            "page": 1,
            "page_size": 20,
            "total_count": 2,
            "total_pages": 1,
        }
        shown = answer["results"][0]
        assert shown["gateway"] == "xendit"
        assert {name: shown[name] for name in ("event_id", "reference", "status", "outcome")} == {
            "event_id": "event-2",
            "reference": "PT-1-1-1-AAAAAA",
            "status": "failed",
            "outcome": "unknown_reference",
        }
        assert shown["body"] == {"id": "1"}

    def test_page_by_page(self) -> None:
        rows = [event(number).pk for number in range(1, 6)]

        pages = [self.get(f"/webhooks/failed?page={page}&page_size=2").json() for page in (1, 3, 4)]

        assert [[row["id"] for row in page["results"]] for page in pages] == [
            [rows[4], rows[3]],
            [rows[0]],
            [],
        ]
        assert pages[0]["pagination"]["total_pages"] == 3

    @pytest.mark.parametrize(
        "query",
        [
            "page=0",
            "page=x",
            "page_size=0",
            "page_size=101",
            "limit=5",
            "page=1e3",
            "page=",
            "page=1&page=2",
        ],
    )
    def test_refuses_pages_that_make_no_sense(self, query: str) -> None:
        answer = self.get(f"/webhooks/failed?{query}")

        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    def test_masks_what_is_secret_in_bodies(self) -> None:
        body = {"signature_key": "abc", "note": "SB-Mid-server-X1", "deep": [{"token": TOKEN}]}
        event(body=json.dumps(body).encode())

        shown = self.get().json()["results"][0]["body"]

        assert shown == {
            "signature_key": "[masked]",
            "note": "[masked]",
            "deep": [{"token": "[masked]"}],
        }

    @pytest.mark.parametrize("body", [b"", b"\xff\x00", b"[" * 9000, b'{"a": NaN}', b'"\\ud800"'])
    def test_shows_bodies_that_are_no_json(self, body: bytes) -> None:
        event(body=body)

        assert self.get().status_code == 200

    @pytest.mark.parametrize(
        ("headers", "code"),
        [
            ({"x-api-key": "a" * 64}, "missing_admin_key"),
            ({"x-admin-key": "no"}, "invalid_admin_key"),
        ],
    )
    def test_is_for_operators_only(self, headers: dict[str, str], code: str) -> None:
        answer = self.get(**headers)

        assert (answer.status_code, answer.json()["error"]) == (401, code)


class TestRetrying:
    def post(self, merchant: Merchant, event_id: int, **headers: str) -> requests.Response:
        return requests.post(
            f"{merchant.url}/webhooks/{event_id}/retry", headers=headers or ADMIN, timeout=20
        )

    def failed_payment(self, merchant: Merchant, sandbox: Sandbox) -> WebhookEvent:
        """Pay an invoice while the gateway cannot be asked, until the last attempt."""
        invoice = merchant.post("/invoices", json=invoice_body()).json()
        sandbox.fault("xendit", "http_500", times=4)
        sandbox.pay(invoice["payment_url"])
        merchant.wait_until(invoice["id"], lambda _: WebhookEvent.objects.filter(attempts=1))
        stored = WebhookEvent.objects.get()
        for minutes in (1, 6, 36):
            confirming.process(event_id=stored.pk, now=timezone.now() + timedelta(minutes=minutes))
        stored.refresh_from_db()
        return stored

    def test_books_what_the_gateway_says_by_now(self, merchant: Merchant, sandbox: Sandbox) -> None:
        stored = self.failed_payment(merchant, sandbox)

        answer = self.post(merchant, stored.pk)

        assert stored.status == "failed"
        assert answer.status_code == 202
        assert (answer.json()["status"], answer.json()["outcome"]) == ("processed", "booked")
        assert Transaction.objects.count() == 1
        assert list(WebhookRetry.objects.order_by("attempt").values_list("outcome", flat=True)) == [
            "gateway_unavailable",
            "gateway_unavailable",
            "gateway_unavailable",
            "gateway_unavailable",
            "booked",
        ]

    @pytest.mark.parametrize("status", ["failed", "ignored"])
    def test_gives_it_all_its_attempts_again(
        self, merchant: Merchant, sandbox: Sandbox, status: str
    ) -> None:
        stored = self.failed_payment(merchant, sandbox)
        WebhookEvent.objects.update(status=status)
        sandbox.fault("xendit", "http_500")

        answer = self.post(merchant, stored.pk).json()

        assert (answer["status"], answer["attempts"]) == ("received", 5)
        assert answer["next_attempt_at"] is not None

    def test_refuses_what_was_processed(self, merchant: Merchant, sandbox: Sandbox) -> None:
        invoice = merchant.post("/invoices", json=invoice_body()).json()
        sandbox.pay(invoice["payment_url"])
        merchant.wait_for(invoice["id"], status="fully_paid")

        answer = self.post(merchant, WebhookEvent.objects.get().pk)

        assert (answer.status_code, answer.json()["error"]) == (409, "webhook_already_processed")
        assert Transaction.objects.count() == 1

    def test_knows_no_other(self, merchant: Merchant) -> None:
        answer = self.post(merchant, 999_999_999)

        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")

    def test_is_for_operators_only(self, merchant: Merchant) -> None:
        stored = event()

        answer = self.post(merchant, stored.pk, **{"x-api-key": merchant.key})

        stored.refresh_from_db()
        assert (answer.status_code, stored.status) == (401, "failed")
