"""What every gateway must do: Xendit, Midtrans, and one that exists only in these tests."""

import hmac
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from gateways import descriptors, recording, registry
from gateways.adapter import (
    GatewayAdapter,
    MalformedNotification,
    NotificationNotAuthentic,
    PaymentOrder,
    PaymentPage,
    PaymentState,
)
from gateways.models import Gateway
from invoices.models import PaymentRequest, Transaction
from payments.models import WebhookEvent
from paytrust.money import EXPONENTS, Money
from tests.conftest import Merchant
from tests.factories import invoice_body
from tests.gateways.sandbox.conftest import Received, Receiver, Sandbox, running, start_receiver
from tests.gateways.third.desk import Desk, open_desk

THIRD = "tests.gateways.third.descriptor.THIRD"
SIGNING_KEY = "third-signing-key"
CODES = ("xendit", "midtrans", "third")
numbers = itertools.count(1)


@dataclass(frozen=True)
class Counter:
    """One gateway as a test sees it: how it is spoken to, and what its customers do."""

    code: str
    adapter: GatewayAdapter
    pay: Callable[[PaymentOrder, PaymentPage], tuple[Mapping[str, str], bytes]]


@pytest.fixture(scope="module")
def sandbox_url() -> Iterator[str]:
    with running("--xendit-rate-limit", "0") as url:
        yield url


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    merchant, server = start_receiver()
    yield merchant
    server.shutdown()
    server.server_close()


@pytest.fixture
def third(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Serve a third gateway: its folder, and one line of the settings."""
    monkeypatch.setattr(settings, "GATEWAYS", [*settings.GATEWAYS, THIRD])
    with open_desk() as desk:
        account = {"base_url": desk.url, "key": "test_1", "signing_key": SIGNING_KEY}
        monkeypatch.setitem(settings.GATEWAY_CONNECTIONS, "third", account)
        registry.reset_adapters()
        yield desk
    registry.reset_adapters()


def signed(order: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    body = json.dumps(order).encode()
    return {"x-third": hmac.new(SIGNING_KEY.encode(), body, sha256).hexdigest()}, body


@pytest.fixture(params=CODES)
def counter(
    request: pytest.FixtureRequest,
    sandbox_url: str,
    receiver: Receiver,
    third: Desk,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Counter]:
    code = request.param
    descriptor = descriptors.of(code)
    if code == "third":

        def pay_third(order: PaymentOrder, _page: PaymentPage) -> tuple[Mapping[str, str], bytes]:
            third.orders[order.reference]["state"] = "done"
            return signed(third.orders[order.reference])

        yield Counter(code, descriptor.build(settings.GATEWAY_CONNECTIONS[code]), pay_third)
        return
    simulator = Sandbox(sandbox_url, receiver, f"c{next(numbers)}")
    base = f"{receiver.url}/{simulator.name}"
    simulator.control("reset")
    simulator.control(
        "config",
        xendit={"webhook_url": f"{base}/xendit"},
        midtrans={"notification_url": f"{base}/midtrans"},
    )
    addresses = {
        "base_url": f"{sandbox_url}/xendit",
        "core_base_url": f"{sandbox_url}/midtrans",
        "snap_base_url": f"{sandbox_url}/midtrans/snap/v1",
    }
    account = settings.GATEWAY_CONNECTIONS[code]
    account = account | {name: addresses[name] for name in descriptor.addresses}

    def pay(_order: PaymentOrder, page: PaymentPage) -> tuple[Mapping[str, str], bytes]:
        assert page.url is not None
        simulator.press(page.url, "pay")
        said = simulator.webhooks(code, 1 if code == "xendit" else 2)
        (paid,) = [one for one in said if b'"201"' not in one.body]
        return headers_of(paid), paid.body

    yield Counter(code, descriptor.build(account), pay)
    simulator.control("reset")


def headers_of(received: Received) -> dict[str, str]:
    return {name.lower(): value for name, value in received.headers.items()}


def order_at(code: str) -> PaymentOrder:
    now = timezone.now()
    return PaymentOrder(
        reference=f"PT-{next(numbers)}-1-1-CONTRA",
        amount=Money(150_000, descriptors.of(code).currencies[0]),
        description="Kopi Gayo",
        created_at=now,
        expires_at=now + timedelta(hours=2),
    )


def found(counter: Counter, order: PaymentOrder) -> PaymentState | None:
    report = counter.adapter.find_payment(reference=order.reference, currency=order.amount.currency)
    return report.state if report else None


class TestEveryAdapter:
    def test_opens_a_page_that_is_found_paid_and_notified(self, counter: Counter) -> None:
        order = order_at(counter.code)

        page = counter.adapter.create_payment(order)
        before = found(counter, order)
        headers, body = counter.pay(order, page)
        counter.adapter.authenticate(headers=headers, body=body)
        said = counter.adapter.parse_notification(headers=headers, body=body)
        report = counter.adapter.find_payment(
            reference=order.reference, currency=order.amount.currency
        )

        assert page.url is not None
        assert timedelta() < page.expires_at - order.created_at < timedelta(hours=2, seconds=9)
        assert before in {PaymentState.PENDING, None}  # a Snap order is unknown until it is used
        assert report is not None
        assert (report.state, report.paid_amount) == (PaymentState.PAID, order.amount)
        assert report.paid_at is not None
        assert said.report is not None
        assert (said.reference, said.report.state) == (order.reference, PaymentState.PAID)

    def test_knows_no_payment_that_was_never_opened(self, counter: Counter) -> None:
        assert found(counter, order_at(counter.code)) is None

    def test_closes_what_is_not_paid(self, counter: Counter) -> None:
        order = order_at(counter.code)
        counter.adapter.create_payment(order)

        report = counter.adapter.expire_payment(reference=order.reference, amount=order.amount)

        assert report is None or report.state == PaymentState.EXPIRED
        assert found(counter, order) in {PaymentState.EXPIRED, None}

    def test_does_not_close_what_is_paid(self, counter: Counter) -> None:
        order = order_at(counter.code)
        counter.pay(order, counter.adapter.create_payment(order))

        report = counter.adapter.expire_payment(reference=order.reference, amount=order.amount)

        assert report is not None
        assert report.state == PaymentState.PAID

    def test_believes_no_proof_but_its_own(self, counter: Counter) -> None:
        order = order_at(counter.code)
        headers, body = counter.pay(order, counter.adapter.create_payment(order))
        forged = body.replace(b"150000", b"150001") if counter.code != "xendit" else body
        without = {name: "x" for name in headers if name.startswith("x-")}

        with pytest.raises(NotificationNotAuthentic):
            counter.adapter.authenticate(headers=without, body=forged)

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b"null", b'{"a": '])
    def test_says_that_it_cannot_read_a_body(self, counter: Counter, body: bytes) -> None:
        with pytest.raises(MalformedNotification):
            counter.adapter.parse_notification(headers={}, body=body)


@pytest.mark.usefixtures("third")
@pytest.mark.parametrize("code", CODES)
class TestEveryDescriptor:
    def test_serves_currencies_that_are_known_and_priced(self, code: str) -> None:
        one = descriptors.of(code)

        assert set(one.currencies) <= set(EXPONENTS)
        assert set(one.starting_fees) == set(one.currencies)

    def test_tells_test_accounts_from_real_ones(self, code: str) -> None:
        one = descriptors.of(code)

        assert one.is_test_account(settings.GATEWAY_CONNECTIONS[code])
        assert not one.is_test_account({one.key_name: "live"})
        assert one.key_name in one.credential_names

    def test_reads_its_account_by_name(self, code: str) -> None:
        one = descriptors.of(code)

        account = one.connection(lambda variable, _default: variable)

        assert account.keys() == {*one.addresses, *one.credentials}
        assert all(variable == variable.upper() for variable in account.values())

    def test_has_an_order_of_page_lives(self, code: str) -> None:
        life = descriptors.of(code).page_life

        assert timedelta() < life.shortest < life.longest

    def test_gives_nothing_back_by_a_method_that_is_not_known(self, code: str) -> None:
        now = timezone.now()
        answer = descriptors.of(code).refund_answer(
            method="telepathy", channel=None, paid_at=now, now=now
        )

        assert (answer.obstacle, answer.manual) == ("refund_not_supported", True)


@pytest.fixture
def third_row(third: Desk, django_db_setup: None, django_db_blocker: Any) -> Iterator[Gateway]:
    """Its row, as `migrate` makes it; it goes when all that hangs on it has gone."""
    with django_db_blocker.unblock():
        recording.record_served()
        row = Gateway.objects.get(code="third")
    yield row
    with django_db_blocker.unblock(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM gateways_gatewayfee WHERE gateway_id = %s", [row.pk])
        cursor.execute("DELETE FROM gateways_gateway WHERE id = %s", [row.pk])


def test_a_third_gateway_is_one_folder_and_one_line(
    third: Desk, third_row: Gateway, merchant: Merchant
) -> None:
    """Invoice, page, notification and booking, with no other word of it anywhere."""
    shown = [one["name"] for one in merchant.get("/gateways").json()["results"]]
    made = merchant.post("/invoices", json=invoice_body(gateway_id=third_row.pk))
    demand = PaymentRequest.objects.get()
    third.orders[demand.reference]["state"] = "done"
    headers, body = signed(third.orders[demand.reference])
    notified = Client().post("/webhooks/third", body, "application/json", headers=headers)
    forged = Client().post("/webhooks/third", body, "application/json")
    unknown = Client().post("/webhooks/fourth", body, "application/json", headers=headers)

    assert shown == ["Xendit", "Midtrans", "Third"]
    assert made.status_code == 201
    assert made.json()["payment_url"].startswith(third.url)
    assert [one.status_code for one in (notified, forged, unknown)] == [200, 401, 404]
    assert WebhookEvent.objects.get().outcome == "booked"
    assert Transaction.objects.get().gateway_id == third_row.pk
    assert merchant.get(f"/invoices/{made.json()['id']}").json()["status"] == "fully_paid"
