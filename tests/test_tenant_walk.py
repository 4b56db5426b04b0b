"""Every address of the API, called with another tenant's ids: they look like unknown ids."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.endpoints import services as endpoints
from events.models import Event
from gateways.adapter import PaymentState
from invoices.models import Transaction
from payments.booking import settling
from payments.models import Refund
from payments.settlement import services
from payments.settlement.models import SettlementImport
from tests.apikeys.factories import NOON, api_key
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.reports import report
from tests.payments.settlement.test_services import row

pytestmark = pytest.mark.django_db

UNKNOWN = {
    "payout_id": "unknown",
    "import_id": 999_999_999,
    "number": 0,
    "invoice_id": 999_999_999,
    "transaction_id": 999_999_999,
    "refund_id": 999_999_999,
    "endpoint_id": 999_999_999,
    "key_id": 999_999_999,
    "event_id": "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV",
}
PERIOD = "start_date=2026-11-01T00:00:00Z&end_date=2026-12-01T00:00:00Z"
QUERIES = {
    "/reports/financial": PERIOD,
    "/reports/statement": "month=2026-11",
    "/reports/transactions": PERIOD,
    "/reports/settlement": "settled_from=2026-11-01T00:00:00Z&settled_to=2026-12-01T00:00:00Z",
}
MARK = "only-its-owner-may-see-this"
# What a call needs so that nothing but the id can be wrong with it.
BODIES: dict[str, dict[str, Any]] = {
    "PATCH /invoices/{invoice_id}/installments": {"installments": [{"number": 1, "total": 10_000}]},
    "PATCH /account/api-keys/{key_id}": {"description": "web shop"},
    "POST /webhook-endpoints/{endpoint_id}/replay": {
        "since": "2026-11-01T00:00:00Z",
        "until": "2026-11-02T00:00:00Z",
    },
    "POST /invoices/{invoice_id}/refunds": {"reason": "other"},
    "PUT /settlements/imports/{import_id}/pieces/{number}": {"content": "MQ=="},
    "POST /settlements/imports/{import_id}/withdraw": {"reason": "wrong month"},
    "POST /invoices/{invoice_id}/supplementary": {
        "line_items": [{"product_name": "Case", "quantity": 1, "unit_price": "10", "tax_rate": "0"}]
    },
}


@dataclass(frozen=True)
class Call:
    """One operation of the OpenAPI document."""

    method: str
    path: str
    operation: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_merchants(self) -> bool:
        return any("ApiKey" in way for way in self.operation.get("security", []))

    @property
    def names(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)

    def send(self, key: str, ids: dict[str, Any]) -> Any:
        path = re.sub(r"\{(\w+)\}", lambda found: str(ids[found[1]]), self.path)
        if self.method == "GET":
            return Client().get(path, headers={"x-api-key": key})
        return Client().generic(
            self.method,
            path,
            json.dumps(BODIES.get(str(self), {})),
            content_type="application/json",
            headers={"x-api-key": key},
        )


def calls() -> Iterator[Call]:
    document = Client().get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            call = Call(method.upper(), path, operation)
            if call.is_merchants:
                yield call


@pytest.fixture
def ids() -> dict[str, Any]:
    """Ids of a tenant's paid invoice, by the names that paths give them."""
    payment = PaymentRequestFactory.create(
        invoice=invoice(
            external_id=MARK,
            description=MARK,
            metadata={"mark": MARK},
            customer={"name": MARK, "email": f"{MARK}@example.com", "phone": None},
        )
    )
    settling.settle(
        payment_request_id=payment.pk,
        report=report(payment, PaymentState.PAID, refunds={MARK: 100}),
        event=None,
        now=NOON,
    )
    endpoint, _secret = endpoints.create(
        tenant=payment.tenant,
        url="https://shop.example.com/hooks",
        event_types=["*"],
        description=MARK,
        contact_email=None,
        now=NOON,
    )
    line = row("txn_1", payment.reference, payout_id=MARK)
    settled = SettlementImport(
        gateway=payment.gateway, source="api", sha256="a" * 64, imported_at=NOON
    )
    services.import_rows(made=settled, rows=[line], now=NOON)
    own = SettlementImport.objects.create(
        tenant=payment.tenant,
        gateway=payment.gateway,
        source="upload",
        status="uploading",
        file_name=MARK,
        size_bytes=9,
        imported_at=NOON,
    )
    return {
        "payout_id": MARK,
        "import_id": own.pk,
        "number": 0,
        "invoice_id": payment.invoice_id,
        "transaction_id": Transaction.objects.get(payment_request=payment, kind="payment").pk,
        "refund_id": Refund.objects.get(invoice=payment.invoice).pk,
        "endpoint_id": endpoint.pk,
        "key_id": api_key(tenant=payment.tenant, description=MARK)[0].pk,
        "event_id": Event.objects.filter(tenant=payment.tenant).latest("pk").public_id,
    }


@pytest.fixture
def stranger() -> str:
    return api_key(last_used_at=timezone.now())[1]  # so that each use is written down the same way


def seen(answer: Any) -> tuple[int, object]:
    """Return what an answer says, without what differs from request to request."""
    body = answer.json()
    assert set(body) == {"error", "message", "details", "request_id"}
    return answer.status_code, {name: body[name] for name in ("error", "message", "details")}


def shape(queries: CaptureQueriesContext) -> list[str]:
    """Return the statements without their values: who runs the same ones takes the same time."""
    return [re.sub(r"'[^']*'|\"s\d+_x\d+\"|\b\d+\b", "?", query["sql"]) for query in queries]


def content(answer: Any) -> bytes:
    """Return the content of an answer; of a workbook its sheets, as the file has the time."""
    body: bytes = b"".join(answer) if answer.streaming else answer.content
    if not body.startswith(b"PK"):
        return body
    with ZipFile(BytesIO(body)) as book:
        return b"".join(book.read(name) for name in book.namelist() if "docProps" not in name)


class TestAnothersId:
    def test_is_answered_like_one_that_does_not_exist(
        self, ids: dict[str, Any], stranger: str
    ) -> None:
        walked = []
        for call in calls():
            if not call.names:
                continue
            unknown = set(call.names) - ids.keys()
            assert not unknown, f"{call}: make another tenant's {unknown} in the fixture `ids`"
            call.send(stranger, UNKNOWN)  # a process makes the text of some statements once
            with CaptureQueriesContext(connection) as at_anothers:
                anothers = call.send(stranger, ids)
            with CaptureQueriesContext(connection) as at_missing:
                missing = call.send(stranger, UNKNOWN)

            assert missing.status_code == 404, f"{call}: give it a body in BODIES; {missing.text}"
            assert seen(anothers) == seen(missing), call
            assert shape(at_anothers) == shape(at_missing), call
            walked.append(str(call))
        assert "GET /invoices/{invoice_id}" in walked
        assert BODIES.keys() <= set(walked)

    def test_would_be_found_by_its_owner(self, ids: dict[str, Any]) -> None:
        """Else the test would prove nothing: an id that no key can read is missing for all."""
        row = Transaction.objects.select_related("tenant").get(pk=ids["transaction_id"])
        _, key = api_key(tenant=row.tenant)

        for call in calls():
            if call.names and call.method == "GET":
                assert call.send(key, ids).status_code == 200, call


class TestLists:
    def test_show_nothing_of_another(self, ids: dict[str, Any], stranger: str) -> None:
        row = Transaction.objects.select_related("tenant").get(pk=ids["transaction_id"])
        _, owner = api_key(tenant=row.tenant)
        shown = []
        for call in calls():
            if call.names or call.method != "GET":
                continue
            path = f"{call.path}?{QUERIES.get(call.path.partition('.')[0], '')}"
            mine, theirs = (
                Client().get(path, headers={"x-api-key": key}) for key in (owner, stranger)
            )
            assert (mine.status_code, theirs.status_code) == (200, 200), f"{call}: add a query"
            assert MARK.encode() not in content(theirs), call
            if content(mine) != content(theirs):
                shown.append(call.path)
        lists = {path.partition(".")[0] for path in shown}  # in whatever format
        # An event shows once its transaction is over, so none shows inside a test's own.
        assert lists == {
            *(
                "/account/api-keys",
                "/account/requests",
                "/account/statement-profile",
                "/customers",
                "/invoices",
                "/refunds",
                "/settlements",
                "/settlements/imports",
                "/transactions",
                "/webhook-endpoints",
            ),
            *QUERIES,
        }
