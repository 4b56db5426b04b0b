"""What is stored of a notification, and which payment it is about."""

import json
from typing import Any

import pytest
from django.db import DataError, connection
from django.test.utils import CaptureQueriesContext

from gateways.adapter import Notification
from invoices.models import PaymentRequest
from payments.models import WebhookEvent
from payments.webhooks import receiving
from tests.apikeys.factories import NOON
from tests.invoices.factories import PaymentRequestFactory
from tests.payments.webhooks.test_confirming import TOKEN, xendit_says

pytestmark = pytest.mark.usefixtures("committed")


def columns_of(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def receive(body: bytes) -> WebhookEvent | None:
    headers = {**TOKEN, "webhook-id": "hook-é", "user-agent": 'a "quoted" one'}
    return receiving.receive(gateway_code="xendit", headers=headers, body=body, now=NOON)


def about(**names: Any) -> PaymentRequest | None:
    fields = {"event_id": "1", "reference": None, "gateway_id": None, "report": None}
    return receiving.find_payment_request(1, Notification(**{**fields, **names}))


class TestReceive:
    @pytest.mark.parametrize(
        "body",
        [
            b'{"status": "PAID"}',
            b'\x00\xff not JSON, about "PT-884-1-1-7KQ2ZD"',
            json.dumps({"event": "payment_method.activated", "data": {}}).encode(),
        ],
        ids=["malformed", "of no kind", "of a kind that is not used"],
    )
    def test_stores_what_it_returns(self, body: bytes) -> None:
        event = receive(body)

        assert columns_of(event) == columns_of(WebhookEvent.objects.get())

    def test_stores_what_it_returns_about_a_payment_by_one_statement(self) -> None:
        other, demand = (PaymentRequestFactory.create(gateway_payment_id=one) for one in "12")
        receive(xendit_says(other))  # reads the accounts, too

        with CaptureQueriesContext(connection) as sent:
            event = receive(xendit_says(demand))

        assert event is not None
        assert columns_of(event) == columns_of(WebhookEvent.objects.latest("pk"))
        assert (event.tenant_id, event.status) == (demand.tenant_id, "received")
        assert not event._state.adding
        assert [one["sql"].split()[0] for one in sent] == ["WITH"]

    def test_cuts_no_text_to_the_length_of_its_column(self) -> None:
        event = WebhookEvent(gateway_id=1, event_id="x" * 256, body=b"", received_at=NOON)

        with pytest.raises(DataError, match="too long"):
            receiving._store(event)


class TestFindPaymentRequest:
    def test_reads_what_the_orm_reads(self) -> None:
        made = PaymentRequestFactory.create(instructions={"type": "qris", "qr_string": 'é"%s'})

        found = about(reference=made.reference)

        assert found is not None
        assert columns_of(found) == columns_of(PaymentRequest.objects.get())

    def test_looks_by_our_reference_then_the_gateways_id_then_the_payments(self) -> None:
        first, second, third = (
            PaymentRequestFactory.create(gateway_payment_id=f"inv-{number}", gateway_charge_id=name)
            for number, name in enumerate(("ewc-0", "ewc-1", "ewc-2"))
        )
        charges = ("other", "ewc-0")

        assert about(reference=third.reference, gateway_id="inv-1", payment_ids=charges) == third
        assert about(reference="unknown", gateway_id="inv-1", payment_ids=charges) == second
        assert about(reference="", gateway_id="unknown", payment_ids=charges) == first
        assert about(gateway_id="", payment_ids=("other",)) is None
        assert about() is None

    def test_takes_the_oldest_of_those_with_one_id(self) -> None:
        older, _newer = (
            PaymentRequestFactory.create(gateway_payment_id="inv-1", gateway_charge_id="ewc-1")
            for _ in range(2)
        )

        assert about(gateway_id="inv-1") == older
        assert about(payment_ids=("ewc-1",)) == older

    def test_knows_nothing_of_another_gateways(self) -> None:
        made = PaymentRequestFactory.create(gateway_payment_id="inv-1", gateway_charge_id="ewc-1")
        PaymentRequest.objects.update(gateway_id=2)

        assert about(reference=made.reference) is None
        assert about(gateway_id="inv-1", payment_ids=("ewc-1",)) is None
