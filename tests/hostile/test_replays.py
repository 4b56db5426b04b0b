"""A cursor, a key or a token of another owner, or an old one, gives no access."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from apikeys.audit.recording import Caller
from apikeys.keys import services as apikeys
from apikeys.models import ApiKey, IdempotencyRecord
from gateways import registry
from gateways.accounts import credentials
from invoices.models import Invoice
from payments.models import WebhookEvent
from tests.apikeys.factories import TenantFactory, api_key
from tests.factories import invoice_body
from tests.invoices.factories import invoice

pytestmark = pytest.mark.django_db


def rotated(key: ApiKey) -> str:
    _, new = apikeys.rotate_key(key_id=key.pk, caller=Caller(actor="tests"), now=timezone.now())
    return new


class TestACursor:
    def test_of_another_tenant_shows_nothing_of_theirs(self) -> None:
        theirs, mine = TenantFactory.create_batch(2)
        for tenant in (theirs, mine):
            for number in range(3):
                invoice(tenant=tenant, external_id=f"{tenant.name} {number}")
        their_key, my_key = (api_key(tenant=tenant)[1] for tenant in (theirs, mine))
        first = Client().get("/invoices?limit=1", headers={"x-api-key": their_key}).json()
        [cursor] = parse_qs(urlsplit(first["next"]).query)["cursor"]

        answer = Client().get("/invoices", {"cursor": cursor}, headers={"x-api-key": my_key})

        shown = {row["external_id"] for row in answer.json()["results"]}
        assert answer.status_code == 200
        assert shown <= {f"{mine.name} {number}" for number in range(3)}


class TestAKeyThatWasRotated:
    def test_replays_nothing(self) -> None:
        key, old = api_key()
        headers = {"x-api-key": old, "idempotency-key": "order-77"}
        body = json.dumps(invoice_body(line_items=[]))
        send: dict[str, Any] = {
            "path": "/invoices",
            "data": body,
            "content_type": "application/json",
        }
        assert Client().post(**send, headers=headers).status_code == 400
        rotated(key)
        before = IdempotencyRecord.objects.count()

        again = Client().post(**send, headers=headers)

        assert (again.status_code, again.json()["error"]) == (401, "invalid_api_key")
        assert (IdempotencyRecord.objects.count(), Invoice.objects.count()) == (before, 0)

    def test_reads_nothing_that_its_successor_reads(self) -> None:
        key, old = api_key()
        made = invoice(tenant=key.tenant)
        new = rotated(key)

        statuses = [
            Client().get(f"/invoices/{made.pk}", headers={"x-api-key": each}).status_code
            for each in (old, new)
        ]

        assert statuses == [401, 200]


class TestACallbackTokenThatWasReplaced:
    def test_brings_no_notification_in(self, settings: Any) -> None:
        for token in ("yesterdays-token", "todays-token"):
            credentials.store(
                gateway_code="xendit",
                tenant_id=None,
                credentials={"secret_key": "xnd_development_x", "callback_token": token},
                now=timezone.now(),
            )
        registry.reset_adapters()
        body = {"id": "1", "external_id": "PT-1-1-1-AAAAAA", "status": "PAID", "amount": 1}

        statuses = [
            Client()
            .post(
                "/webhooks/xendit",
                json.dumps(body),
                content_type="application/json",
                headers={"x-callback-token": token},
            )
            .status_code
            for token in ("yesterdays-token", "", "todays-token")
        ]

        registry.reset_adapters()
        assert statuses == [401, 401, 200]
        assert WebhookEvent.objects.count() == 1
