"""Bodies that a generator with a seed makes from good ones: no 5xx, no row after a refusal."""

import copy
import json
import random
from collections import Counter
from typing import Any

import pytest
import requests
from django.conf import settings
from django.db import connection
from django.test import Client

from apikeys.models import ApiKey, Tenant
from events.models import Event, WebhookEndpoint
from invoices.models import Invoice, PaymentRequest
from payments.models import Refund, WebhookEvent
from tests.conftest import Merchant
from tests.factories import invoice_body

SEED = 20_261_128
FEW, MANY = 2_000, 100_000
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 10**30, 1.5, -0.0, 1e300),
    *("", " ", "hello", "\x00", "\x7f", "\ufffe", "\U0010ffff", "\u202e", "=1+1", "' OR 1=1 --"),
    *("<script>alert(1)</script>", "{{7*7}}", "../../etc/passwd", "x" * 300, "9" * 40, "NaN"),
    *("2026-02-30", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", [], {}, [[]], {"a": {}}),
)
BROKEN = (
    b"\xff",
    b"\x00",
    b"{",
    b"]",
    b'"',
    b"\\u0000",
    b"\\ud800",
    b"1e999",
    b"1e9999999999999999999",
    b"NaN",
    b"\xef\xbf\xbf",
)
XENDIT = {
    "id": "charge",
    "external_id": "PT-1-1-1-ABCDEF",
    "status": "PAID",
    "amount": 100,
    "paid_amount": 100,
    "currency": "IDR",
    "paid_at": "2026-11-22T12:00:00.000Z",
}
MIDTRANS = {
    "order_id": "PT-1-1-1-ABCDEF",
    "transaction_id": "t",
    "transaction_status": "settlement",
    "status_code": "200",
    "gross_amount": "100.00",
    "signature_key": "0" * 128,
}


def mutated(good: Any, chance: random.Random) -> bytes:
    """Return a body that is a good one with one to four changes, in its values or its bytes."""
    body = copy.deepcopy(good)
    for _ in range(chance.randint(1, 4)):
        holder = chance.choice(_containers(body))
        if isinstance(holder, dict):
            name = chance.choice([*holder, "surprise"])
            change = chance.random()
            if change < 0.2:
                holder.pop(name, None)
            else:
                holder[name] = copy.deepcopy(chance.choice(ODD))
        elif holder and chance.random() < 0.5:
            holder[chance.randrange(len(holder))] = copy.deepcopy(chance.choice(ODD))
        else:
            holder.extend(copy.deepcopy(chance.choice(ODD)) for _ in range(chance.randint(1, 3)))
    raw = json.dumps(body, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    if chance.random() < 0.2:
        at = chance.randrange(len(raw) + 1)
        raw = raw[:at] + chance.choice(BROKEN) + raw[at + chance.randint(0, 3) :]
    return raw


def _containers(body: Any) -> list[Any]:
    inner = body.values() if isinstance(body, dict) else body
    found = [one for value in inner if isinstance(value, dict | list) for one in _containers(value)]
    return [body, *found]


KEY, ADMIN, TOKEN, NOTHING = "key", "admin", "token", "nothing"
LINES = invoice_body()["line_items"]
RICH = invoice_body(
    installments={"count": 2, "interval_days": 7},
    customer={"name": "Siti", "email": "siti@example.com", "phone": "+6281234567"},
    metadata={"order": "7"},
)
URL = "https://shop.example.com/hooks"
BODIES: dict[str, tuple[Any, str]] = {
    "POST /invoices": (RICH, KEY),
    "POST /invoices/{invoice_id}/supplementary": ({"line_items": LINES}, KEY),
    "POST /invoices/{invoice_id}/payments": ({"installment_number": 1}, KEY),
    "PATCH /invoices/{invoice_id}/installments": (
        {"installments": [{"number": 1, "total": 1}]},
        KEY,
    ),
    "POST /invoices/{invoice_id}/refunds": (
        {"amount": "1.00", "reason": "other", "note": "x", "metadata": {"a": "b"}},
        KEY,
    ),
    "POST /webhook-endpoints": (
        {"url": URL, "event_types": ["invoice.paid"], "description": "x"},
        KEY,
    ),
    "PATCH /webhook-endpoints/{endpoint_id}": ({"url": URL, "event_types": ["*"]}, KEY),
    "POST /webhook-endpoints/{endpoint_id}/replay": (
        {"since": "2026-11-22T00:00:00Z", "until": "2026-11-23T00:00:00Z", "only_failed": True},
        KEY,
    ),
    "POST /webhook-endpoints/{endpoint_id}/rotate-secret": ({"overlap_hours": 1}, KEY),
    "POST /quotes": (RICH, KEY),
    "POST /settlements/imports": (
        {
            "gateway_id": 1,
            "file_name": "a.csv",
            "size_bytes": 1,
            "currency": "MYR",
            "content": "MQ==",
        },
        KEY,
    ),
    "PUT /settlements/imports/{import_id}/pieces/{number}": ({"content": "MQ=="}, KEY),
    "POST /settlements/imports/{import_id}/withdraw": ({"reason": "wrong month"}, KEY),
    "POST /account/api-keys": (
        {"description": "x", "scopes": ["read"], "allowed_addresses": ["192.0.2.0/24"]},
        KEY,
    ),
    "PATCH /account/api-keys/{key_id}": (
        {"description": "y", "scopes": ["read", "write"], "expires_at": None},
        KEY,
    ),
    "PATCH /account/statement-profile": (
        {"legal_name": "PT Kopi", "language": "id", "zone": "Asia/Jakarta", "email": None},
        KEY,
    ),
    "PUT /account/api-keys/{key_id}/rotate": ({"grace_period_hours": 1}, KEY),
    "PUT /api-keys/{key_id}/rotate": ({"grace_period_hours": 0}, ADMIN),
    "POST /api-keys": ({"description": "x", "tenant_name": "Toko"}, ADMIN),
    "POST /webhooks/xendit": (XENDIT, TOKEN),
    "POST /webhooks/midtrans": (MIDTRANS, NOTHING),
}
"""A good body for each operation that takes one, and whose proof it wants."""


def fuzzed(merchant: Merchant, count: int) -> Counter[int]:
    """Send mutated bodies to all that take one; return how often each status was answered."""
    invoice = merchant.post("/invoices", json=invoice_body())
    endpoint = merchant.post("/webhook-endpoints", json={"url": URL, "event_types": ["*"]})
    key = merchant.post("/account/api-keys", json={"description": "another"})
    made = {"invoice_id": invoice, "endpoint_id": endpoint, "key_id": key}
    assert {answer.status_code for answer in made.values()} == {201}
    ids = {name: answer.json()["id"] for name, answer in made.items()}
    ids |= {"import_id": 1, "number": 0}
    headers = {
        KEY: {"X-API-Key": merchant.key},
        ADMIN: {"X-Admin-Key": settings.ADMIN_API_KEY},
        TOKEN: {"X-Callback-Token": settings.GATEWAY_CONNECTIONS["xendit"]["callback_token"]},
        NOTHING: {},
    }
    chance = random.Random(SEED)  # noqa: S311  # the same bodies each time
    session, statuses = requests.Session(), Counter[int]()
    before = stored()
    for _ in range(count):
        operation, (good, proof) = chance.choice(list(BODIES.items()))
        method, path = operation.split()
        body = mutated(good, chance)
        answer = session.request(
            method,
            merchant.url + path.format(**ids),
            data=body,
            headers={"Content-Type": "application/json", **headers[proof]},
            timeout=30,
        )
        statuses[answer.status_code] += 1
        assert answer.status_code < 500, (operation, body, answer.text)
        if answer.status_code >= 400:
            refused = answer.json()
            assert refused.keys() == {"error", "message", "details", "request_id"}
            assert len(answer.content) < 20_000
            assert stored() == before, (operation, body)
        before = stored()
    return statuses


def stored() -> list[object]:
    """Return how many rows there are of all that a request may make, and what it may change."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS)
        return list(cursor.fetchone())


MADE = (Tenant, ApiKey, Invoice, PaymentRequest, Refund, WebhookEndpoint, Event, WebhookEvent)
HOW_MANY = "(SELECT count(*) FROM {})"
COUNTED = [
    *(HOW_MANY.format(model._meta.db_table) for model in MADE),
    "(SELECT string_agg(total_amount::text, ',' ORDER BY id) FROM invoices_installment)",
    "(SELECT string_agg(url, ',' ORDER BY id) FROM events_webhookendpoint)",
]
COUNTS = "SELECT " + ", ".join(COUNTED)


@pytest.mark.django_db
def test_sends_a_body_to_each_operation_that_takes_one() -> None:
    taking = {
        f"{method.upper()} {path}"
        for document in ("/openapi.json", "/openapi-admin.json")
        for path, methods in Client().get(document).json()["paths"].items()
        for method, operation in methods.items()
        if "requestBody" in operation
    }

    assert {name for name in BODIES if not name.startswith("POST /webhooks/")} == taking


@pytest.mark.unmeasured
def test_two_thousand_bodies(merchant: Merchant) -> None:
    statuses = fuzzed(merchant, FEW)

    assert sum(statuses.values()) == FEW
    assert {200, 201, 400, 401} <= statuses.keys()


@pytest.mark.slow
def test_a_hundred_thousand_bodies(merchant: Merchant) -> None:
    assert sum(fuzzed(merchant, MANY).values()) == MANY
