import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from gateways.adapter import (
    Customer,
    GatewayRejected,
    GatewayUnavailable,
    Item,
    MalformedNotification,
    NotificationNotAuthentic,
    PaymentMethod,
    PaymentState,
    Reversal,
)
from gateways.xendit.adapter import XenditAdapter
from paytrust.money import Money
from tests.gateways.orders import COFFEE, NOW, SITI, order
from tests.gateways.playback import Playback, received, recorded, recording

REFERENCE = "PT-20260115-0001"
TOKEN = "TESTCALLBACKTOKEN0123456789abcdef"
WEBHOOKS = recorded("xendit", kind="webhook")


@pytest.fixture
def xendit(gateway: Playback) -> XenditAdapter:
    return XenditAdapter(
        base_url=gateway.url, secret_key="xnd_development_TESTKEY", callback_token=TOKEN
    )


def invoice(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = recording("xendit/01_create")["response"]["json"]
    return body | changes


class TestCreatePayment:
    def test_asks_as_recorded_and_returns_the_page(
        self, gateway: Playback, xendit: XenditAdapter
    ) -> None:
        expected = gateway.will_play("xendit/01_create")["request"]

        page = xendit.create_payment(
            order(
                customer=SITI,
                items=COFFEE,
                success_redirect_url="https://shop.example.test/return/ok",
                failure_redirect_url="https://shop.example.test/return/fail",
            )
        )

        asked = gateway.asked[0]
        assert (asked.method, asked.path) == (expected["method"], expected["path"])
        assert asked.headers["Authorization"] == expected["headers"]["Authorization"]
        assert asked.json == {
            "external_id": REFERENCE,
            "amount": 150_000,
            "currency": "IDR",
            "description": "Order PT-20260115-0001",
            "invoice_duration": 86_400,
            "payer_email": "siti@example.test",
            "customer": {
                "given_names": "Siti Rahma",
                "email": "siti@example.test",
                "mobile_number": "+6281234567890",
            },
            "items": [
                {"name": "Kopi Gayo 250g", "quantity": 2, "price": 70_000},
                {"name": "Cangkir", "quantity": 1, "price": 10_000},
            ],
            "success_redirect_url": "https://shop.example.test/return/ok",
            "failure_redirect_url": "https://shop.example.test/return/fail",
        }
        assert page.gateway_id == "6968a1f0d4e5f60001a00001"
        assert page.url == "https://checkout-staging.xendit.co/web/6968a1f0d4e5f60001a00001"
        assert page.expires_at == datetime(2026, 1, 16, 3, 20, 9, 980_000, tzinfo=UTC)

    def test_sends_sen_as_whole_ringgit(self, gateway: Playback, xendit: XenditAdapter) -> None:
        gateway.will_play("xendit/02_create")

        xendit.create_payment(
            order(
                reference="PT-20260115-0002",
                amount=Money(12_055, "MYR"),
                items=(Item(name="Batik", quantity=5, unit_amount=2_411),),
            )
        )

        assert b'"amount":120.55,' in gateway.asked[0].body
        assert b'"price":24.11' in gateway.asked[0].body
        assert gateway.asked[0].json["currency"] == "MYR"

    def test_sends_rupiah_without_decimals(self, gateway: Playback, xendit: XenditAdapter) -> None:
        gateway.will_answer(invoice())

        xendit.create_payment(order())

        assert b'"amount":150000,' in gateway.asked[0].body

    def test_leaves_out_what_there_is_not(self, gateway: Playback, xendit: XenditAdapter) -> None:
        gateway.will_answer(invoice())

        xendit.create_payment(order(customer=Customer()))

        assert sorted(gateway.asked[0].json) == [
            "amount",
            "currency",
            "description",
            "external_id",
            "invoice_duration",
        ]

    def test_leaves_out_lines_that_do_not_add_up(
        self, gateway: Playback, xendit: XenditAdapter
    ) -> None:
        gateway.will_answer(invoice())

        xendit.create_payment(order(items=(Item(name="Kopi", quantity=1, unit_amount=149_999),)))

        assert not {"items", "fees"} & set(gateway.asked[0].json)

    def test_leaves_out_an_address_that_opens_an_app(
        self, gateway: Playback, xendit: XenditAdapter
    ) -> None:
        gateway.will_answer(invoice())

        xendit.create_payment(
            order(
                success_redirect_url="myshop://order/1",
                failure_redirect_url="HTTPS://shop.example.test/no",
            )
        )

        asked = gateway.asked[0].json
        assert "success_redirect_url" not in asked
        assert asked["failure_redirect_url"] == "HTTPS://shop.example.test/no"

    @pytest.mark.parametrize(
        ("life", "seconds"),
        [
            (timedelta(seconds=90, milliseconds=999), 90),
            (timedelta(milliseconds=1), 1),
            (timedelta(hours=-1), 1),
            (timedelta(days=400), 31_536_000),
        ],
    )
    def test_asks_for_a_life_in_whole_seconds_within_the_limits(
        self, gateway: Playback, xendit: XenditAdapter, life: timedelta, seconds: int
    ) -> None:
        gateway.will_answer(invoice())

        xendit.create_payment(order(expires_at=NOW + life))

        assert gateway.asked[0].json["invoice_duration"] == seconds

    @pytest.mark.parametrize(
        ("method", "channel"),
        [
            (PaymentMethod(type="qris"), "QRIS"),
            (PaymentMethod(type="shopeepay"), "SHOPEEPAY"),
            (PaymentMethod(type="bank_transfer", bank="bca"), "BCA"),
            (PaymentMethod(type="echannel"), "MANDIRI"),
            (PaymentMethod(type="cstore", store="indomaret"), "INDOMARET"),
        ],
    )
    def test_restricts_the_page_to_the_method(
        self, gateway: Playback, xendit: XenditAdapter, method: PaymentMethod, channel: str
    ) -> None:
        gateway.will_answer(invoice())

        xendit.create_payment(order(method=method))

        assert gateway.asked[0].json["payment_methods"] == [channel]

    def test_refuses_an_amount_that_was_changed(
        self, gateway: Playback, xendit: XenditAdapter
    ) -> None:
        gateway.will_play("xendit/03_create")

        with pytest.raises(GatewayRejected) as caught:
            xendit.create_payment(order(amount=Money(4_551, "IDR")))

        assert caught.value.details["gateway_code"] == "AMOUNT_DIFFERS"
        assert caught.value.details["gateway_message"] == "asked for IDR 4,551, got IDR 4,550"

    def test_reckons_the_end_if_the_answer_lacks_it(
        self, gateway: Playback, xendit: XenditAdapter
    ) -> None:
        gateway.will_answer(invoice(expiry_date=None))

        assert xendit.create_payment(order()).expires_at == NOW + timedelta(days=1)

    @pytest.mark.parametrize(
        "answer",
        [invoice(invoice_url=None), invoice(id=None), invoice(amount="many"), [], "made", None],
    )
    def test_does_not_trust_an_answer_it_cannot_read(
        self, gateway: Playback, xendit: XenditAdapter, answer: object
    ) -> None:
        gateway.will_answer(json.dumps(answer))

        with pytest.raises(GatewayUnavailable):
            xendit.create_payment(order())

    def test_passes_on_the_refusal_and_which_field(
        self, gateway: Playback, xendit: XenditAdapter
    ) -> None:
        gateway.will_play("xendit/04_error_validation")

        with pytest.raises(GatewayRejected) as caught:
            xendit.create_payment(order())

        assert caught.value.details["gateway_code"] == "API_VALIDATION_ERROR"
        assert caught.value.details["gateway_message"] == (
            'Invalid input data. Please check your request ("external_id" must be a string)'
        )

    def test_sounds_the_alarm_when_the_key_may_not(
        self, gateway: Playback, xendit: XenditAdapter
    ) -> None:
        gateway.will_play("xendit/06_error_forbidden")

        with structlog.testing.capture_logs() as logs, pytest.raises(GatewayRejected) as caught:
            xendit.create_payment(order())

        assert caught.value.details["gateway_code"] == "REQUEST_FORBIDDEN_ERROR"
        assert [(one["event"], one["code"]) for one in logs if one["log_level"] == "error"] == [
            ("gateway refuses our credentials", "REQUEST_FORBIDDEN_ERROR")
        ]

    @pytest.mark.parametrize("name", ["09_error_server", "10_error_html"])
    def test_asks_once_even_if_the_gateway_is_in_trouble(
        self, gateway: Playback, xendit: XenditAdapter, name: str
    ) -> None:
        gateway.will_play(f"xendit/{name}")

        with pytest.raises(GatewayUnavailable):
            xendit.create_payment(order())

        assert gateway.calls == ["POST /v2/invoices"]


class TestFindPayment:
    def test_asks_by_id(self, gateway: Playback, xendit: XenditAdapter) -> None:
        expected = gateway.will_play("xendit/11_get_invoice_paid")["request"]

        report = xendit.find_payment(
            reference=REFERENCE, gateway_id="6968a1f0d4e5f60001a00001", currency="IDR"
        )

        assert gateway.calls == [f"GET {expected['path']}"]
        assert report is not None
        assert (report.reference, report.gateway_id) == (REFERENCE, "6968a1f0d4e5f60001a00001")
        assert (report.state, report.raw_status) == (PaymentState.PAID, "PAID")
        assert report.amount == report.paid_amount == Money(150_000, "IDR")
        assert report.paid_at == datetime(2026, 1, 15, 3, 31, 2, tzinfo=UTC)
        assert (report.method, report.channel) == ("BANK_TRANSFER", "BCA")

    def test_settled_is_paid(self, gateway: Playback, xendit: XenditAdapter) -> None:
        gateway.will_play("xendit/12_get_invoice_settled")

        report = xendit.find_payment(reference=REFERENCE, gateway_id="6968", currency="IDR")

        assert report is not None
        assert (report.state, report.raw_status) == (PaymentState.PAID, "SETTLED")

    def test_an_unknown_id_is_none(self, gateway: Playback, xendit: XenditAdapter) -> None:
        gateway.will_play("xendit/07_error_not_found")

        assert xendit.find_payment(reference=REFERENCE, gateway_id="6968", currency="IDR") is None

    def test_a_wrong_key_is_no_unknown_invoice(
        self, gateway: Playback, xendit: XenditAdapter
    ) -> None:
        gateway.will_play("xendit/05_error_invalid_key")

        with pytest.raises(GatewayRejected, match="INVALID_API_KEY: API key is invalid"):
            xendit.find_payment(reference=REFERENCE, gateway_id="6968", currency="IDR")

    def test_asks_by_reference_and_takes_the_oldest_pending(
        self, gateway: Playback, xendit: XenditAdapter
    ) -> None:
        expected = gateway.will_play("xendit/13_list")["request"]

        with structlog.testing.capture_logs() as logs:
            report = xendit.find_payment(reference="PT-20260115-0007", currency="IDR")

        assert gateway.calls == [f"GET {expected['path']}"]
        assert report is not None
        assert report.gateway_id == "6968a1f0d4e5f60001a00004"
        assert report.page is not None
        assert report.page.url == "https://checkout-staging.xendit.co/web/6968a1f0d4e5f60001a00004"
        assert [one["invoices"] for one in logs if one["log_level"] == "warning"] == [
            {"6968a1f0d4e5f60001a00004": "PENDING", "6968a1f0d4e5f60001a00005": "PENDING"}
        ]

    def test_prefers_a_paid_one(self, gateway: Playback, xendit: XenditAdapter) -> None:
        gateway.will_answer(
            [
                invoice(id="a", created="2026-01-15T03:20:10Z"),
                invoice(id="b", created="2026-01-15T03:20:11Z", status="SETTLED"),
                invoice(id="c", created="2026-01-15T03:20:12Z", status="EXPIRED"),
            ]
        )

        report = xendit.find_payment(reference=REFERENCE, currency="IDR")

        assert report is not None
        assert (report.gateway_id, report.raw_status) == ("b", "SETTLED")

    def test_nothing_is_none(self, gateway: Playback, xendit: XenditAdapter) -> None:
        gateway.will_answer([])

        assert xendit.find_payment(reference=REFERENCE, currency="IDR") is None

    def test_takes_no_other_reference(self, gateway: Playback, xendit: XenditAdapter) -> None:
        gateway.will_answer([invoice(external_id="PT-20260115-00011", currency="PHP")])

        assert xendit.find_payment(reference=REFERENCE, currency="IDR") is None

    def test_escapes_the_reference(self, gateway: Playback, xendit: XenditAdapter) -> None:
        gateway.will_answer([])

        xendit.find_payment(reference="PT&limit=1#", currency="IDR")

        assert gateway.calls == ["GET /v2/invoices?external_id=PT%26limit%3D1%23"]

    def test_keeps_a_word_it_does_not_know(self, gateway: Playback, xendit: XenditAdapter) -> None:
        gateway.will_answer(invoice(status="UNKNOWN_ENUM_VALUE"))

        report = xendit.find_payment(reference=REFERENCE, gateway_id="6968", currency="IDR")

        assert report is not None
        assert (report.state, report.raw_status) == (PaymentState.UNKNOWN, "UNKNOWN_ENUM_VALUE")
        assert report.paid_amount is None

    @pytest.mark.parametrize("body", [{}, [1], "nothing", None])
    def test_a_list_that_is_none_cannot_be_read(
        self, gateway: Playback, xendit: XenditAdapter, body: object
    ) -> None:
        gateway.will_answer(json.dumps(body))

        with pytest.raises(GatewayUnavailable, match="no list of invoices"):
            xendit.find_payment(reference=REFERENCE, currency="IDR")


class TestFindReversal:
    REFUND = "rfd-2d0b5d3c-6f6f-4f42-9b3c-0b9d5a1e7a01"
    INVOICE = "6968a1f0d4e5f60001a00002"

    @pytest.mark.parametrize(("name", "confirmed"), [("29_", True), ("30_", False)])
    def test_asks_about_the_refund(
        self, gateway: Playback, xendit: XenditAdapter, name: str, *, confirmed: bool
    ) -> None:
        gateway.will_answer(json.loads(received(f"xendit/{name}")[1])["data"])

        refund = xendit.find_reversal(
            reversal_id=self.REFUND, reference="PT-1", currency="IDR", gateway_id=self.INVOICE
        )

        assert gateway.calls == [f"GET /refunds/{self.REFUND}"]
        assert refund is not None
        assert (refund.id, refund.amount) == (self.REFUND, Money(2_055, "MYR"))
        assert refund.confirmed == confirmed

    def test_another_invoices_refund_is_none(
        self, gateway: Playback, xendit: XenditAdapter
    ) -> None:
        gateway.will_answer(json.loads(received("xendit/29_")[1])["data"])

        assert (
            xendit.find_reversal(
                reversal_id=self.REFUND, reference="PT-1", currency="IDR", gateway_id="another"
            )
            is None
        )

    def test_unknown_is_none(self, gateway: Playback, xendit: XenditAdapter) -> None:
        gateway.will_answer({"error_code": "DATA_NOT_FOUND", "message": "none"}, status=404)

        assert (
            xendit.find_reversal(
                reversal_id=self.REFUND, reference="PT-1", currency="IDR", gateway_id=self.INVOICE
            )
            is None
        )

    @pytest.mark.parametrize("body", [[], {}, "none", {"invoice_id": INVOICE, "id": REFUND}])
    def test_what_cannot_be_read_is_trouble(
        self, gateway: Playback, xendit: XenditAdapter, body: object
    ) -> None:
        gateway.will_answer(json.dumps(body))

        with pytest.raises(GatewayUnavailable, match="cannot be read"):
            xendit.find_reversal(
                reversal_id=self.REFUND, reference="PT-1", currency="IDR", gateway_id=self.INVOICE
            )


class TestExpirePayment:
    AMOUNT = Money(150_000, "IDR")

    def test_expires_a_pending_invoice(self, gateway: Playback, xendit: XenditAdapter) -> None:
        expired = recording("xendit/14_expire")
        invoice_id = expired["response"]["json"]["id"]
        gateway.will_answer(expired["response"]["json"] | {"status": "PENDING"})
        gateway.will_play("xendit/14_expire")

        report = xendit.expire_payment(
            reference="PT-20260115-0007", gateway_id=invoice_id, amount=self.AMOUNT
        )

        assert gateway.calls == [
            f"GET /v2/invoices/{invoice_id}",
            f"{expired['request']['method']} {expired['request']['path']}",
        ]
        assert gateway.asked[1].body == b""
        assert report is not None
        assert report.state == PaymentState.EXPIRED

    @pytest.mark.parametrize("name", ["11_get_invoice_paid", "12_get_invoice_settled"])
    def test_leaves_a_paid_one_alone(
        self, gateway: Playback, xendit: XenditAdapter, name: str
    ) -> None:
        gateway.will_play(f"xendit/{name}")

        report = xendit.expire_payment(reference=REFERENCE, gateway_id="6968", amount=self.AMOUNT)

        assert report is not None
        assert report.state == PaymentState.PAID
        assert gateway.calls == ["GET /v2/invoices/6968"]

    def test_tells_of_a_customer_who_was_faster(
        self, gateway: Playback, xendit: XenditAdapter
    ) -> None:
        gateway.will_answer(invoice())
        gateway.will_play("xendit/15_expire_not_pending")
        gateway.will_play("xendit/11_get_invoice_paid")

        report = xendit.expire_payment(
            reference=REFERENCE, gateway_id="6968a1f0d4e5f60001a00001", amount=self.AMOUNT
        )

        assert report is not None
        assert (report.state, report.paid_amount) == (PaymentState.PAID, self.AMOUNT)

    def test_expires_every_invoice_of_a_reference(
        self, gateway: Playback, xendit: XenditAdapter
    ) -> None:
        listed = gateway.will_play("xendit/13_list")["response"]["json"]
        for one in reversed(listed):
            gateway.will_answer(one | {"status": "EXPIRED"})

        report = xendit.expire_payment(reference="PT-20260115-0007", amount=self.AMOUNT)

        assert gateway.calls[1:] == [
            "POST /invoices/6968a1f0d4e5f60001a00004/expire!",
            "POST /invoices/6968a1f0d4e5f60001a00005/expire!",
        ]
        assert report is not None
        assert report.state == PaymentState.EXPIRED

    def test_unknown_is_none(self, gateway: Playback, xendit: XenditAdapter) -> None:
        gateway.will_play("xendit/07_error_not_found")

        assert (
            xendit.expire_payment(reference=REFERENCE, gateway_id="6968", amount=self.AMOUNT)
            is None
        )

    def test_a_key_that_may_not_write_is_refused(
        self, gateway: Playback, xendit: XenditAdapter
    ) -> None:
        gateway.will_answer(invoice())
        gateway.will_play("xendit/06_error_forbidden")

        with pytest.raises(GatewayRejected, match="REQUEST_FORBIDDEN_ERROR"):
            xendit.expire_payment(reference=REFERENCE, gateway_id="6968", amount=self.AMOUNT)


class TestAuthenticate:
    @pytest.mark.parametrize("name", [name for name in WEBHOOKS if "NEGATIVE" not in name])
    def test_takes_the_accounts_token(self, xendit: XenditAdapter, name: str) -> None:
        headers, body = received(name)

        xendit.authenticate(headers=headers, body=body)

    @pytest.mark.parametrize(
        "headers",
        [
            received("xendit/31_webhook_bad_token")[0],
            {},
            {"x-callback-token": ""},
            {"x-callback-token": TOKEN.lower()},
            {"x-callback-token": f"{TOKEN} "},
            {"x-callback-token": "é"},
        ],
    )
    def test_refuses_any_other(self, xendit: XenditAdapter, headers: dict[str, str]) -> None:
        with pytest.raises(NotificationNotAuthentic):
            xendit.authenticate(headers=headers, body=b"{}")

    def test_without_a_token_of_our_own_nothing_is_authentic(self) -> None:
        unset = XenditAdapter(base_url="http://127.0.0.1:9", secret_key="", callback_token="")

        with pytest.raises(NotificationNotAuthentic):
            unset.authenticate(headers={"x-callback-token": ""}, body=b"{}")


class TestParseNotification:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("20", ("PT-20260115-0001", "paid", Money(150_000, "IDR"), "BCA")),
            ("21", ("PT-20260115-0008", "paid", Money(88_000, "IDR"), "DANA")),
            ("22", ("PT-20260115-0009", "paid", Money(25_000, "IDR"), "GOPAY")),
            ("23", ("PT-20260115-0010", "paid", Money(320_000, "IDR"), "CREDIT_CARD")),
            ("24", ("PT-20260115-0002", "paid", Money(12_055, "MYR"), "TOUCHNGO")),
            ("25", ("PT-20260115-0007", "expired", None, None)),
            ("27", ("PT-20260115-0007", "paid", Money(150_000, "IDR"), "MANDIRI")),
            ("28", ("PT-20260115-0011", "paid", Money(100_000, "IDR"), "BNI")),
        ],
    )
    def test_reads_an_invoice_callback(
        self,
        xendit: XenditAdapter,
        name: str,
        expected: tuple[str, str, Money | None, str | None],
    ) -> None:
        headers, body = received(f"xendit/{name}_")

        notification = xendit.parse_notification(headers=headers, body=body)

        report = notification.report
        assert report is not None
        assert notification.event_id == headers["webhook-id"]
        assert notification.reference == report.reference
        assert notification.gateway_id == report.gateway_id == json.loads(body)["id"]
        assert (report.reference, report.state, report.paid_amount, report.channel) == expected
        assert (report.paid_at is None) == (report.paid_amount is None)

    def test_a_repeat_is_the_same_event(self, xendit: XenditAdapter) -> None:
        first, again = (
            xendit.parse_notification(headers=headers, body=body)
            for headers, body in (received("xendit/20_"), received("xendit/26_"))
        )

        assert first == again

    def test_without_an_id_the_whole_body_names_the_event(self, xendit: XenditAdapter) -> None:
        _, body = received("xendit/20_")
        turned = json.dumps(dict(reversed(json.loads(body).items()))).encode()
        other = body.replace(b"150000", b"150001")

        ids = [
            xendit.parse_notification(headers={}, body=one).event_id
            for one in (body, turned, other)
        ]

        assert ids[0] == ids[1] != ids[2]
        assert ids[0].startswith("6968a1f0d4e5f60001a00001:PAID:")
        assert len(ids[0]) < 255

    @pytest.mark.parametrize("webhook_id", ["", "x" * 256, "a\x00b"])
    def test_an_impossible_id_is_not_used(self, xendit: XenditAdapter, webhook_id: str) -> None:
        _, body = received("xendit/20_")

        notification = xendit.parse_notification(headers={"webhook-id": webhook_id}, body=body)

        assert notification.event_id.startswith("6968a1f0d4e5f60001a00001:PAID:")

    def test_the_oldest_word_for_paid(self, xendit: XenditAdapter) -> None:
        headers, body = received("xendit/20_", status="COMPLETED")

        report = xendit.parse_notification(headers=headers, body=body).report

        assert report is not None
        assert (report.state, report.raw_status) == (PaymentState.PAID, "COMPLETED")

    def test_without_a_currency_no_amount_is_guessed(self, xendit: XenditAdapter) -> None:
        headers, body = received("xendit/24_", currency=None)

        report = xendit.parse_notification(headers=headers, body=body).report

        assert report is not None
        assert (report.state, report.amount, report.paid_amount) == (PaymentState.PAID, None, None)

    def test_a_test_buttons_sample_is_just_unknown(self, xendit: XenditAdapter) -> None:
        headers, body = received("xendit/20_", external_id="invoice_123124123")

        assert xendit.parse_notification(headers=headers, body=body).reference == (
            "invoice_123124123"
        )

    @pytest.mark.parametrize(
        "wrap",
        [
            lambda data: data,
            lambda data: {"data": data},
            lambda data: data | {"amount": "20.55"},
        ],
    )
    def test_reads_a_refund_nested_once_or_twice(self, xendit: XenditAdapter, wrap: Any) -> None:
        headers, body = received("xendit/29_")
        data = json.loads(body)["data"]
        headers, body = received("xendit/29_", data=wrap(data))

        notification = xendit.parse_notification(headers=headers, body=body)

        assert (notification.reference, notification.gateway_id) == (
            None,
            "6968a1f0d4e5f60001a00002",
        )
        assert notification.report is not None
        assert notification.report.state == PaymentState.UNKNOWN
        assert notification.report.reversals == (
            Reversal(
                id="rfd-2d0b5d3c-6f6f-4f42-9b3c-0b9d5a1e7a01",
                amount=Money(2_055, "MYR"),
                kind="refund",
                at=datetime(2026, 1, 17, 2, 5, 0, 1000, tzinfo=UTC),
                confirmed=True,
                reference=data["reference_id"],
            ),
        )

    def test_a_failed_refund_takes_nothing_back(self, xendit: XenditAdapter) -> None:
        headers, body = received("xendit/30_")

        notification = xendit.parse_notification(headers=headers, body=body)

        assert notification.gateway_id == "6968a1f0d4e5f60001a00002"
        assert notification.report is not None
        assert notification.report.reversals == ()

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"status": None}, "status cannot be read"),
            ({"id": 7}, "id cannot be read"),
            ({"external_id": "a\x00b"}, "external_id cannot be read"),
            ({"currency": "PHP"}, "the currency PHP is not served"),
            ({"amount": "many"}, "another form"),
            ({"amount": 150_000.5}, "IDR has 0 decimals"),
            ({"amount": "1e400"}, "not an amount"),
            ({"paid_at": "yesterday"}, "Invalid isoformat"),
            ({"event": "refund.succeeded", "data": None}, "another form"),
        ],
    )
    def test_what_cannot_be_read_is_malformed(
        self, xendit: XenditAdapter, changes: dict[str, Any], reason: str
    ) -> None:
        headers, body = received("xendit/20_", **changes)

        with pytest.raises(MalformedNotification, match=reason):
            xendit.parse_notification(headers=headers, body=body)

    def test_says_which_field_is_missing(self, xendit: XenditAdapter) -> None:
        with pytest.raises(MalformedNotification, match="it lacks 'status'"):
            xendit.parse_notification(headers={}, body=b'{"id": "6968"}')

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"null", b"\xff", b"[" * 50_000])
    def test_anything_but_an_object_is_malformed(self, xendit: XenditAdapter, body: bytes) -> None:
        with pytest.raises(MalformedNotification):
            xendit.parse_notification(headers={}, body=body)


class TestFindPaid:
    """The list is sorted by when invoices were made: what is wanted may stand on any page (C2)."""

    WINDOW: dict[str, datetime] = {  # never changed
        "after": datetime(2026, 1, 15, 5, tzinfo=UTC),
        "before": datetime(2026, 1, 15, 6, tzinfo=UTC),
    }

    def rows(self, *names: str) -> list[dict[str, Any]]:
        row = recording("xendit/42_list")["response"]["json"][0]
        return [row | {"id": f"id-{name}", "external_id": name} for name in names]

    def others(self) -> list[dict[str, Any]]:
        return self.rows(*(f"other-{number}" for number in range(100)))

    def test_goes_on_after_a_page_that_holds_none(
        self, xendit: XenditAdapter, gateway: Playback
    ) -> None:
        wanted = [f"PT-{number}" for number in range(20)]
        gateway.will_answer(self.others())
        gateway.will_answer(self.others())
        gateway.will_answer(self.rows(*wanted))

        found = xendit.find_paid(references=wanted, **self.WINDOW)

        assert sorted(found) == sorted(wanted)
        assert ["last_invoice=id-other-99" in one.path for one in gateway.asked] == [
            False,
            True,
            True,
        ]

    def test_ends_when_the_rest_is_as_quickly_asked_for_singly(
        self, xendit: XenditAdapter, gateway: Playback
    ) -> None:
        wanted = [f"PT-{number}" for number in range(11)]
        gateway.will_answer(self.others())
        gateway.will_answer(self.others())

        assert xendit.find_paid(references=wanted, **self.WINDOW) == {}
        assert len(gateway.asked) == 2

    def test_ends_with_a_short_page(self, xendit: XenditAdapter, gateway: Playback) -> None:
        wanted = [f"PT-{number}" for number in range(50)]
        gateway.will_answer(self.rows("PT-1", "other"))

        assert list(xendit.find_paid(references=wanted, **self.WINDOW)) == ["PT-1"]
        assert len(gateway.asked) == 1
