"""The adapters with the sandbox: normal calls, and faults that must do no harm twice."""

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import urllib3

from gateways import http
from gateways.adapter import (
    GatewayAdapter,
    GatewayRejected,
    GatewayTimeout,
    GatewayUnavailable,
    Item,
    MalformedNotification,
    Notification,
    NotificationNotAuthentic,
    PaymentMethod,
    PaymentOrder,
    PaymentPage,
    PaymentReport,
    PaymentState,
)
from gateways.midtrans.adapter import MidtransAdapter
from gateways.xendit.adapter import XenditAdapter
from paytrust.money import Money
from tests.gateways.orders import SITI, order
from tests.gateways.sandbox.conftest import Received, Receiver, Sandbox, running, start_receiver

RUPIAH = Money(150_000, "IDR")
BOTH = pytest.mark.parametrize("code", ["xendit", "midtrans"])
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def sandbox_url() -> Iterator[str]:
    with running("--xendit-rate-limit", "0") as url:
        yield url


@pytest.fixture(scope="module")
def merchant() -> Iterator[Receiver]:
    receiver, server = start_receiver()
    yield receiver
    server.shutdown()
    server.server_close()


@pytest.fixture
def simulator(sandbox_url: str, merchant: Receiver) -> Iterator[Sandbox]:
    one = Sandbox(sandbox_url, merchant, f"a{next(numbers)}")
    base = f"{merchant.url}/{one.name}"
    one.control("reset")
    one.control(
        "config",
        xendit={"webhook_url": f"{base}/xendit", "refund_after_seconds": 0},
        midtrans={"notification_url": f"{base}/midtrans", "confirm_refund_after_seconds": 0},
    )
    yield one
    one.control("reset")


@pytest.fixture
def adapters(sandbox_url: str) -> dict[str, GatewayAdapter]:
    return {
        "xendit": XenditAdapter(
            base_url=f"{sandbox_url}/xendit",
            secret_key="xnd_development_TESTKEY",
            callback_token="TESTCALLBACKTOKEN0123456789abcdef",
        ),
        "midtrans": MidtransAdapter(
            core_base_url=f"{sandbox_url}/midtrans",
            snap_base_url=f"{sandbox_url}/midtrans/snap/v1",
            server_key="SB-Mid-server-TESTKEY",
            client_key="SB-Mid-client-TESTKEY",
        ),
    }


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "READ_SECONDS", 0.5)


def living(**changes: Any) -> PaymentOrder:
    """Return an order whose times are the sandbox's, that is now."""
    now = datetime.fromtimestamp(time.time(), tz=UTC)
    times = {"created_at": now, "expires_at": now + timedelta(days=1)}
    return order(**{"reference": f"PT-{next(numbers)}-1-1-ABCDEF"} | times | changes)


def found(adapter: GatewayAdapter, wanted: PaymentOrder, **by: str) -> PaymentReport | None:
    return adapter.find_payment(
        reference=wanted.reference, currency=wanted.amount.currency, gateway_id=by.get("id")
    )


def read(adapter: GatewayAdapter, webhook: Received) -> Notification:
    headers = {name.lower(): value for name, value in webhook.headers.items()}
    adapter.authenticate(headers=headers, body=webhook.body)
    return adapter.parse_notification(headers=headers, body=webhook.body)


def press(simulator: Sandbox, page: PaymentPage, action: str, **fields: str) -> requests.Response:
    """Do what a customer's button does."""
    assert page.url is not None
    return simulator.press(page.url, action, **fields)


def paid_webhook(simulator: Sandbox, code: str) -> Received:
    """Return the webhook that says paid; at Midtrans one about the chosen method comes too."""
    webhooks = simulator.webhooks(code, 1 if code == "xendit" else 2)
    (paid,) = [one for one in webhooks if b'"201"' not in one.body]
    return paid


class TestFromOrderToMoney:
    @BOTH
    def test_opened_paid_and_found(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter], code: str
    ) -> None:
        wanted = living(customer=SITI, success_redirect_url="https://shop.example.test/ok")

        page = adapters[code].create_payment(wanted)
        press(simulator, page, "pay")
        report = found(adapters[code], wanted)

        assert report is not None
        assert (report.reference, report.state) == (wanted.reference, PaymentState.PAID)
        assert report.amount == report.paid_amount == RUPIAH
        assert report.paid_at is not None
        assert abs(report.paid_at - wanted.created_at) < timedelta(seconds=30)

    @BOTH
    def test_the_page_ends_when_the_order_does(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter], code: str
    ) -> None:
        wanted = living()

        page = adapters[code].create_payment(wanted)

        assert abs(page.expires_at - wanted.expires_at) < timedelta(minutes=1)

    @BOTH
    def test_a_webhook_is_authentic_and_names_the_charge(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter], code: str
    ) -> None:
        wanted = living()
        page = adapters[code].create_payment(wanted)

        press(simulator, page, "pay")
        notification = read(adapters[code], paid_webhook(simulator, code))

        assert notification.reference == wanted.reference
        assert notification.report is not None
        assert notification.report.paid_amount == RUPIAH
        confirmed = found(adapters[code], wanted, id=str(notification.gateway_id))
        assert confirmed is not None
        assert confirmed.gateway_id == notification.gateway_id
        assert confirmed.state == notification.report.state == PaymentState.PAID

    @pytest.mark.parametrize(
        ("currency", "minor", "shown"), [("MYR", 12_055, 120.55), ("USD", 1, 0.01)]
    )
    def test_two_decimals_go_there_and_back(
        self,
        simulator: Sandbox,
        adapters: dict[str, GatewayAdapter],
        currency: str,
        minor: int,
        shown: float,
    ) -> None:
        wanted = living(amount=Money(minor, currency))

        page = adapters["xendit"].create_payment(wanted)
        press(simulator, page, "pay")

        assert simulator.shown("charges")[0]["amount"] == shown
        report = found(adapters["xendit"], wanted)
        assert report is not None
        assert report.paid_amount == Money(minor, currency)

    @BOTH
    @pytest.mark.parametrize(("action", "amount"), [("partial", 60_000), ("over", 200_000)])
    def test_what_arrived_counts_not_what_was_asked(
        self,
        simulator: Sandbox,
        adapters: dict[str, GatewayAdapter],
        code: str,
        action: str,
        amount: int,
    ) -> None:
        wanted = living()
        page = adapters[code].create_payment(wanted)

        press(simulator, page, action, amount=str(amount))
        report = found(adapters[code], wanted)

        assert report is not None
        assert report.amount == RUPIAH
        assert report.paid_amount == Money(amount, "IDR")

    def test_lines_of_an_installment_are_taken(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter]
    ) -> None:
        lines = (Item(name="Mesin espresso " * 5, quantity=3, unit_amount=1_000_000),)

        for amount in (1_000_000, 3_000_000, 3_330_001):
            adapters["midtrans"].create_payment(living(items=lines, amount=Money(amount, "IDR")))

        assert sorted(one["amount"] for one in simulator.shown("charges")) == [
            1_000_000,
            3_000_000,
            3_330_001,
        ]

    @pytest.mark.parametrize(
        ("method", "payment_type"),
        [
            (PaymentMethod(type="qris"), "qris"),
            (PaymentMethod(type="gopay"), "gopay"),
            (PaymentMethod(type="shopeepay"), "shopeepay"),
            *(
                (PaymentMethod(type="bank_transfer", bank=bank), "bank_transfer")
                for bank in ("bca", "bni", "bri", "cimb", "permata")
            ),
            (PaymentMethod(type="echannel"), "echannel"),
            (PaymentMethod(type="cstore", store="alfamart"), "cstore"),
            (PaymentMethod(type="cstore", store="indomaret"), "cstore"),
        ],
    )
    def test_a_charge_by_one_method_is_paid_without_a_page(
        self,
        simulator: Sandbox,
        adapters: dict[str, GatewayAdapter],
        method: PaymentMethod,
        payment_type: str,
    ) -> None:
        wanted = living(method=method)

        page = adapters["midtrans"].create_payment(wanted)
        (charge,) = simulator.shown("charges")
        simulator.press(charge["payment_url"], "pay")
        report = found(adapters["midtrans"], wanted)

        assert (page.url, page.gateway_id) == (None, charge["id"])
        assert page.instructions is not None
        assert page.instructions["type"] == payment_type
        assert report is not None
        assert (report.method, report.state) == (payment_type, PaymentState.PAID)


class TestUnknownOutcome:
    @BOTH
    def test_a_timeout_that_made_nothing(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter], impatient: None, code: str
    ) -> None:
        wanted = living()
        simulator.fault(code, "timeout", delay_s=1)

        with pytest.raises(GatewayTimeout):
            adapters[code].create_payment(wanted)

        assert found(adapters[code], wanted) is None
        assert simulator.shown("charges") == []

    def test_a_timeout_that_made_an_invoice_is_found_again(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter], impatient: None
    ) -> None:
        wanted = living()
        simulator.fault("xendit", "created_but_timeout", delay_s=1)

        with pytest.raises(GatewayTimeout):
            adapters["xendit"].create_payment(wanted)
        report = found(adapters["xendit"], wanted)

        assert report is not None
        assert report.page is not None
        assert (report.state, report.amount) == (PaymentState.PENDING, RUPIAH)
        assert [one["payment_url"] for one in simulator.shown("charges")] == [report.page.url]

    def test_a_timeout_that_made_a_page_is_repeated_without_a_second_charge(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter], impatient: None
    ) -> None:
        wanted = living()
        simulator.fault("midtrans", "created_but_timeout", delay_s=1)
        with pytest.raises(GatewayTimeout):
            adapters["midtrans"].create_payment(wanted)
        first = simulator.shown("charges")

        assert found(adapters["midtrans"], wanted) is None
        page = adapters["midtrans"].create_payment(wanted)

        (charge,) = simulator.shown("charges")
        assert charge["payment_url"] == page.url != first[0]["payment_url"]

    @BOTH
    @pytest.mark.parametrize(
        ("fault", "options"),
        [
            ("connection_reset", {}),
            ("connection_reset", {"half_way": True}),
            ("http_500", {}),
            ("http_503", {}),
            ("html_502", {}),
        ],
    )
    def test_trouble_is_asked_about_once(
        self,
        simulator: Sandbox,
        adapters: dict[str, GatewayAdapter],
        code: str,
        fault: str,
        options: dict[str, bool],
    ) -> None:
        wanted = living()
        simulator.fault(code, fault, **options)

        with pytest.raises(GatewayUnavailable):
            adapters[code].create_payment(wanted)

        made = 1 if "half_way" in options else 0
        assert len(simulator.shown("charges")) == made
        assert simulator.shown("faults") == []

    @BOTH
    def test_a_fresh_field_or_bank_does_no_harm(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter], code: str
    ) -> None:
        wanted = living()
        simulator.fault(code, "extra_field", times=2)
        page = adapters[code].create_payment(wanted)
        press(simulator, page, "pay", method="bca")
        simulator.control("faults", gateway=code, fault="new_enum")

        report = found(adapters[code], wanted)

        assert report is not None
        assert report.paid_amount == RUPIAH

    @BOTH
    def test_a_missing_page_is_trouble_not_a_crash(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter], code: str
    ) -> None:
        simulator.fault(code, "missing_field")

        with pytest.raises(GatewayUnavailable, match=r"lacks|cannot be read"):
            adapters[code].create_payment(living())

    @BOTH
    def test_a_wrong_key_is_a_refusal(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter], code: str
    ) -> None:
        wrong = urllib3.make_headers(basic_auth="SB-Mid-server-WRONG:")["authorization"]
        adapters[code]._session._headers["Authorization"] = wrong  # type: ignore[attr-defined]  # the account's own

        with pytest.raises(GatewayRejected):
            adapters[code].create_payment(living())
        with pytest.raises(GatewayRejected):
            found(adapters[code], living())


class TestClosing:
    @BOTH
    def test_what_is_pending_expires(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter], code: str
    ) -> None:
        wanted = living()
        page = adapters[code].create_payment(wanted)
        if code == "midtrans":
            press(simulator, page, "choose", method="bca")

        report = adapters[code].expire_payment(reference=wanted.reference, amount=RUPIAH)

        assert report is not None
        assert (report.reference, report.state) == (wanted.reference, PaymentState.EXPIRED)
        again = found(adapters[code], wanted)
        assert again is not None
        assert again.state == PaymentState.EXPIRED

    @BOTH
    def test_what_is_paid_stays_paid(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter], code: str
    ) -> None:
        wanted = living()
        press(simulator, adapters[code].create_payment(wanted), "pay")

        report = adapters[code].expire_payment(reference=wanted.reference, amount=RUPIAH)

        assert report is not None
        assert (report.state, report.paid_amount) == (PaymentState.PAID, RUPIAH)

    def test_an_unused_snap_page_is_dead_afterwards(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter]
    ) -> None:
        wanted = living()
        page = adapters["midtrans"].create_payment(wanted)

        report = adapters["midtrans"].expire_payment(reference=wanted.reference, amount=RUPIAH)

        assert report is None
        assert press(simulator, page, "pay").status_code == 404

    def test_a_reference_with_a_live_charge_is_no_new_page(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter]
    ) -> None:
        wanted = living()
        press(simulator, adapters["midtrans"].create_payment(wanted), "pay")

        with pytest.raises(GatewayRejected) as caught:
            adapters["midtrans"].create_payment(wanted)

        assert caught.value.details["gateway_code"] == "duplicate_order_id"

    def test_a_card_under_review_is_cancelled(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter]
    ) -> None:
        wanted = living()
        page = adapters["midtrans"].create_payment(wanted)
        press(simulator, page, "choose", method="credit_card")
        press(simulator, page, "challenge")
        before = found(adapters["midtrans"], wanted)

        report = adapters["midtrans"].expire_payment(reference=wanted.reference, amount=RUPIAH)

        assert before is not None
        assert (before.state, before.raw_status) == (PaymentState.PENDING, "capture")
        assert report is not None
        assert report.state == PaymentState.CANCELLED


class TestOddAnswers:
    @pytest.mark.parametrize("fault", ["id_swap", "uppercase_status"])
    def test_dana_and_bi_snap(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter], fault: str
    ) -> None:
        wanted = living()
        press(simulator, adapters["midtrans"].create_payment(wanted), "pay")
        simulator.fault("midtrans", fault)

        report = found(adapters["midtrans"], wanted)

        assert report is not None
        assert (report.reference, report.state) == (wanted.reference, PaymentState.PAID)

    def test_an_imposed_fee_is_not_ours(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter]
    ) -> None:
        wanted = living()
        simulator.fault("midtrans", "fee_imposed")
        press(simulator, adapters["midtrans"].create_payment(wanted), "pay")

        report = found(adapters["midtrans"], wanted)

        assert report is not None
        assert report.amount == report.paid_amount == RUPIAH

    def test_an_amount_without_decimals_is_signed_as_written(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter]
    ) -> None:
        wanted = living()
        page = adapters["midtrans"].create_payment(wanted)
        press(simulator, page, "choose", method="qris")
        simulator.webhooks("midtrans", 1)
        simulator.fault("midtrans", "amount_no_decimals")
        press(simulator, page, "pay")

        notification = read(adapters["midtrans"], paid_webhook(simulator, "midtrans"))

        assert notification.report is not None
        assert notification.report.paid_amount == RUPIAH


class TestForgeries:
    @BOTH
    def test_a_wrong_proof_is_refused(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter], code: str
    ) -> None:
        page = adapters[code].create_payment(living())
        simulator.fault(code, "bad_token" if code == "xendit" else "webhook_bad_signature")

        press(simulator, page, "pay")

        with pytest.raises(NotificationNotAuthentic):
            read(adapters[code], paid_webhook(simulator, code))

    def test_a_changed_status_contradicts_its_code(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter]
    ) -> None:
        page = adapters["midtrans"].create_payment(living())
        simulator.fault("midtrans", "tampered_status")

        press(simulator, page, "choose", method="bca")
        (forged,) = simulator.webhooks("midtrans", 1)

        with pytest.raises(MalformedNotification, match="does not go with status_code 201"):
            read(adapters["midtrans"], forged)

    @pytest.mark.parametrize("fault", ["form_encoded", "empty_body"])
    def test_what_is_no_json_is_not_authentic_at_midtrans(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter], fault: str
    ) -> None:
        page = adapters["midtrans"].create_payment(living())
        simulator.fault("midtrans", fault)

        press(simulator, page, "pay")
        (paid,) = [one for one in simulator.webhooks("midtrans", 2) if b'"201"' not in one.body]

        with pytest.raises(NotificationNotAuthentic):
            read(adapters["midtrans"], paid)


class TestMoneyGoingBack:
    def test_both_notifications_and_the_status_name_one_refund(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter]
    ) -> None:
        wanted = living()
        page = adapters["midtrans"].create_payment(wanted)
        press(simulator, page, "choose", method="qris")
        press(simulator, page, "pay")

        press(simulator, page, "refund", amount="50000")
        webhooks = [one for one in simulator.webhooks("midtrans", 4) if b"refunds" in one.body]
        read_ones = [read(adapters["midtrans"], one) for one in webhooks]
        report = found(adapters["midtrans"], wanted)

        assert report is not None
        assert report.paid_amount == RUPIAH
        reports = [report, *(one.report for one in read_ones if one.report)]
        assert [len(one.reversals) for one in reports] == [1, 1, 1]
        assert {one.reversals[0].id for one in reports} == {report.reversals[0].id}
        assert {one.reversals[0].amount for one in reports} == {Money(50_000, "IDR")}
        assert sorted(one.reversals[0].confirmed for one in reports[1:]) == [False, True]

    def test_a_xendit_refund_names_its_invoice(
        self, simulator: Sandbox, adapters: dict[str, GatewayAdapter]
    ) -> None:
        wanted = living(amount=Money(12_055, "MYR"))
        page = adapters["xendit"].create_payment(wanted)
        press(simulator, page, "pay", method="TOUCHNGO")

        press(simulator, page, "refund", amount="20.55")
        (refund,) = [one for one in simulator.webhooks("xendit", 2) if b'"event"' in one.body]
        notification = read(adapters["xendit"], refund)

        assert notification.gateway_id == page.gateway_id
        assert notification.report is not None
        assert [one.amount for one in notification.report.reversals] == [Money(2_055, "MYR")]
        still = found(adapters["xendit"], wanted)
        assert still is not None
        assert (still.state, still.paid_amount) == (PaymentState.PAID, Money(12_055, "MYR"))
