import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from gateways.adapter import (
    Customer,
    GatewayBusy,
    GatewayRejected,
    GatewayUnavailable,
    Item,
    MalformedNotification,
    Notification,
    NotificationNotAuthentic,
    PaymentPage,
    PaymentReport,
    PaymentState,
    Reversal,
)
from gateways.midtrans.adapter import MidtransAdapter
from paytrust.money import Money
from tests.gateways.orders import COFFEE, NOW, SITI, order
from tests.gateways.playback import Playback, received, recorded, recording

KEY = "SB-Mid-server-TESTKEY"
REFERENCE = "PT-20260115-1008"
CHARGE = "0a1b2c3d-0000-4000-8000-000000000008"
RUPIAH = Money(150_000, "IDR")
TOKEN = "66e4fa55-fdac-4ef9-91b5-733b97d1b862"
DENIED = {"transaction_status": "deny", "status_code": "202", "settlement_time": None}
NOTIFICATIONS = recorded("midtrans", kind="notification")


@pytest.fixture
def midtrans(gateway: Playback) -> MidtransAdapter:
    return MidtransAdapter(
        core_base_url=gateway.url,
        snap_base_url=f"{gateway.url}/snap/v1",
        server_key=KEY,
        client_key="SB-Mid-client-TESTKEY",
    )


def status(**changes: Any) -> dict[str, Any]:
    """Return the answer about a settled charge, changed."""
    body: dict[str, Any] = recording("midtrans/17_status_settlement")["response"]["json"]
    return body | changes


def signed(**changes: Any) -> bytes:
    """Return a settlement notification, changed and then signed as Midtrans signs."""
    body = recording("midtrans/31_notif")["request"]["json"] | changes
    text = f"{body['order_id']}{body['status_code']}{body['gross_amount']}{KEY}"
    return json.dumps(body | {"signature_key": hashlib.sha512(text.encode()).hexdigest()}).encode()


class TestCreatePayment:
    def test_asks_as_recorded_and_returns_the_page(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        exchange = gateway.will_play("midtrans/01_snap_create")

        page = midtrans.create_payment(
            order(
                reference="PT-20260115-1001",
                customer=SITI,
                items=COFFEE,
                success_redirect_url="https://shop.example.test/return",
                failure_redirect_url="https://shop.example.test/sorry",
            )
        )

        asked = gateway.asked[0]
        expected = exchange["request"]
        assert (asked.method, asked.path) == (expected["method"], expected["path"])
        assert asked.headers["Authorization"] == expected["headers"]["Authorization"]
        assert asked.json == {
            "transaction_details": {"order_id": "PT-20260115-1001", "gross_amount": 150_000},
            "item_details": [
                {"name": "Kopi Gayo 250g", "quantity": 2, "price": 70_000},
                {"name": "Cangkir", "quantity": 1, "price": 10_000},
            ],
            "customer_details": {
                "first_name": "Siti Rahma",
                "email": "siti@example.test",
                "phone": "+6281234567890",
            },
            "credit_card": {"secure": True},
            "expiry": {
                "start_time": "2026-01-15 10:20:10 +0700",
                "duration": 1440,
                "unit": "minutes",
            },
            "page_expiry": {"duration": 1440, "unit": "minutes"},
            "callbacks": {"finish": "https://shop.example.test/return"},
        }
        assert b'"gross_amount":150000}' in asked.body
        assert page.gateway_id is None
        assert page.url == exchange["response"]["json"]["redirect_url"]
        assert page.expires_at == datetime(2026, 1, 16, 3, 20, 10, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("asked_for", "given"),
        [
            (timedelta(hours=1, seconds=59), timedelta(hours=1)),
            (timedelta(minutes=4), timedelta(minutes=5)),
            (timedelta(hours=-1), timedelta(minutes=5)),
            (timedelta(days=30), timedelta(days=7)),
        ],
    )
    def test_page_and_payment_end_together_within_the_limits(
        self,
        gateway: Playback,
        midtrans: MidtransAdapter,
        asked_for: timedelta,
        given: timedelta,
    ) -> None:
        gateway.will_play("midtrans/01_snap_create")

        page = midtrans.create_payment(order(expires_at=NOW + asked_for))

        body = gateway.asked[0].json
        minutes = given // timedelta(minutes=1)
        assert body["expiry"]["duration"] == body["page_expiry"]["duration"] == minutes
        assert page.expires_at == NOW.replace(microsecond=0) + given

    @pytest.mark.parametrize(
        ("amount", "items", "lines"),
        [
            (150_000, (), [("Order PT-20260115-0001", 150_000, 1)]),
            (166_500, COFFEE, [("Order PT-20260115-0001", 166_500, 1)]),
            (75_000, COFFEE, [("Order PT-20260115-0001", 75_000, 1)]),
            (500, (Item(name="n" * 51, quantity=5, unit_amount=100),), [("n" * 50, 100, 5)]),
        ],
        ids=["no lines", "lines that are too little", "lines that are too much", "a long name"],
    )
    def test_lines_always_sum_to_the_amount(
        self,
        gateway: Playback,
        midtrans: MidtransAdapter,
        amount: int,
        items: tuple[Item, ...],
        lines: list[tuple[str, int, int]],
    ) -> None:
        gateway.will_play("midtrans/01_snap_create")

        midtrans.create_payment(order(amount=Money(amount, "IDR"), items=items))

        sent = gateway.asked[0].json["item_details"]
        assert [(one["name"], one["price"], one["quantity"]) for one in sent] == lines
        assert sum(one["price"] * one["quantity"] for one in sent) == amount

    def test_leaves_out_what_there_is_not(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/01_snap_create")

        midtrans.create_payment(order(customer=Customer()))

        assert sorted(gateway.asked[0].json) == [
            "credit_card",
            "expiry",
            "item_details",
            "page_expiry",
            "transaction_details",
        ]

    def test_takes_rupiah_only(self, gateway: Playback, midtrans: MidtransAdapter) -> None:
        with pytest.raises(GatewayRejected, match="only IDR is taken"):
            midtrans.create_payment(order(amount=Money(12_055, "MYR")))

        assert gateway.calls == []

    @pytest.mark.parametrize(
        "wording",
        [
            "transaction_details.order_id has been paid and utilized, please use another order ID",
            "transaction_details.order_id has already been taken",
            "nomor pesanan sudah digunakan",
        ],
    )
    @pytest.mark.parametrize("name", ["16_status_pending", "17_status_settlement"])
    def test_a_reference_with_a_live_charge_is_a_duplicate(
        self, gateway: Playback, midtrans: MidtransAdapter, wording: str, name: str
    ) -> None:
        gateway.will_answer({"error_messages": [wording]}, status=400)
        gateway.will_play(f"midtrans/{name}")

        with pytest.raises(GatewayRejected) as caught:
            midtrans.create_payment(order(reference=REFERENCE))

        assert caught.value.details["gateway_code"] == "duplicate_order_id"
        assert gateway.calls == [
            "POST /snap/v1/transactions",
            f"GET /v2/{REFERENCE}/status",
        ]

    def test_passes_on_the_refusal(self, gateway: Playback, midtrans: MidtransAdapter) -> None:
        gateway.will_play("midtrans/02_snap_error_sum")
        gateway.will_play("midtrans/19_status_not_found")

        with pytest.raises(GatewayRejected) as caught:
            midtrans.create_payment(order())

        assert caught.value.details["gateway_code"] == "HTTP_400"
        assert caught.value.details["gateway_message"] == (
            "transaction_details.gross_amount is not equal to the sum of item_details"
        )

    def test_sounds_the_alarm_when_the_key_is_wrong(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/04_snap_error_auth")

        with structlog.testing.capture_logs() as logs, pytest.raises(GatewayRejected) as caught:
            midtrans.create_payment(order())

        assert caught.value.details["gateway_code"] == "HTTP_401"
        assert caught.value.details["gateway_message"].startswith("Access denied")
        assert [one["event"] for one in logs if one["log_level"] == "error"] == [
            "gateway refuses our credentials"
        ]

    @pytest.mark.parametrize("body", [{}, {"redirect_url": None}, [], "made"])
    def test_does_not_trust_an_answer_it_cannot_read(
        self, gateway: Playback, midtrans: MidtransAdapter, body: object
    ) -> None:
        gateway.will_answer(json.dumps(body), status=201)

        with pytest.raises(GatewayUnavailable, match="cannot be read"):
            midtrans.create_payment(order())

    def test_an_html_answer_is_trouble(self, gateway: Playback, midtrans: MidtransAdapter) -> None:
        gateway.will_play("midtrans/25_error_html")

        with pytest.raises(GatewayUnavailable):
            midtrans.create_payment(order())


class TestFindPayment:
    def find(self, midtrans: MidtransAdapter, **changes: Any) -> PaymentReport | None:
        return midtrans.find_payment(**{"reference": REFERENCE, "currency": "IDR"} | changes)

    def test_asks_by_reference(self, gateway: Playback, midtrans: MidtransAdapter) -> None:
        expected = gateway.will_play("midtrans/17_status_settlement")["request"]

        report = self.find(midtrans)

        assert gateway.calls == [f"GET {expected['path']}"]
        assert report == PaymentReport(
            reference=REFERENCE,
            gateway_id=CHARGE,
            state=PaymentState.PAID,
            raw_status="settlement",
            amount=RUPIAH,
            paid_amount=RUPIAH,
            paid_at=datetime(2026, 1, 15, 3, 31, 5, tzinfo=UTC),
            method="bank_transfer",
            channel="bca",
            of_attempt=True,
            page=PaymentPage(
                gateway_id=CHARGE,
                url=None,
                expires_at=datetime(2026, 1, 16, 3, 20, 10, tzinfo=UTC),
                instructions={
                    "type": "bank_transfer",
                    "va_number": "812345600000012",
                    "bank": "bca",
                    "expires_at": "2026-01-16T03:20:10Z",
                },
            ),
        )

    def test_asks_by_transaction_id_if_known(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/16_status_pending")

        report = self.find(midtrans, gateway_id=CHARGE)

        assert gateway.calls == [f"GET /v2/{CHARGE}/status"]
        assert report is not None
        assert (report.state, report.paid_amount, report.paid_at) == ("pending", None, None)

    def test_expired_is_an_answer(self, gateway: Playback, midtrans: MidtransAdapter) -> None:
        gateway.will_play("midtrans/18_status_expired")

        report = self.find(midtrans, reference="PT-20260115-1018")

        assert report is not None
        assert (report.state, report.raw_status) == (PaymentState.EXPIRED, "expire")

    def test_unknown_is_none(self, gateway: Playback, midtrans: MidtransAdapter) -> None:
        gateway.will_play("midtrans/19_status_not_found")

        assert self.find(midtrans) is None

    @pytest.mark.parametrize("http_status", [401, 200])
    def test_a_wrong_key_is_refused_wherever_it_stands(
        self, gateway: Playback, midtrans: MidtransAdapter, http_status: int
    ) -> None:
        body = recording("midtrans/15_error_auth")["response"]["json"]
        gateway.will_answer(body, status=http_status)

        with pytest.raises(GatewayRejected) as caught:
            self.find(midtrans)

        assert caught.value.details["gateway_code"] == "401"
        assert caught.value.details["gateway_message"] == "Unknown Merchant server_key/id"

    def test_passes_on_what_was_invalid(self, gateway: Playback, midtrans: MidtransAdapter) -> None:
        gateway.will_play("midtrans/14_charge_validation")

        with pytest.raises(GatewayRejected, match=r"400: One or more .* \(transaction_details"):
            self.find(midtrans)

    @pytest.mark.parametrize(
        ("code", "reason"),
        [
            ("500", "it answered 500; the outcome is unknown"),
            ("504", "it answered 504; the outcome is unknown"),
        ],
    )
    def test_trouble_in_the_body_is_trouble(
        self, gateway: Playback, midtrans: MidtransAdapter, code: str, reason: str
    ) -> None:
        gateway.will_answer({"status_code": code, "status_message": "Sorry"})

        with pytest.raises(GatewayUnavailable, match=reason):
            self.find(midtrans)

    def test_429_in_the_body_is_no_failure(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_answer({"status_code": "429", "status_message": "Too many requests"})

        with pytest.raises(GatewayBusy):
            self.find(midtrans)

    @pytest.mark.parametrize(
        "changes",
        [
            {"transaction_status": None},
            {"gross_amount": None},
            {"gross_amount": "many"},
            {"currency": "PHP"},
            {"settlement_time": "soon"},
        ],
    )
    def test_what_cannot_be_read_is_trouble(
        self, gateway: Playback, midtrans: MidtransAdapter, changes: dict[str, Any]
    ) -> None:
        gateway.will_answer(status(**changes))

        with pytest.raises(GatewayUnavailable, match="cannot be read"):
            self.find(midtrans)

    def test_capitals_and_a_wrong_code_for_dana(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_answer(status(transaction_status="PENDING", payment_type="dana"))

        report = self.find(midtrans)

        assert report is not None
        assert (report.state, report.raw_status) == (PaymentState.PENDING, "pending")

    def test_our_reference_stands_where_the_transaction_id_took_its_place(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_answer(status(order_id=CHARGE))

        report = self.find(midtrans, gateway_id=CHARGE)

        assert report is not None
        assert (report.reference, report.gateway_id) == (REFERENCE, CHARGE)

    def test_tells_of_another_order_than_asked_for(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_answer(status(order_id="PT-20260115-9999"))

        report = self.find(midtrans, gateway_id=CHARGE)

        assert report is not None
        assert report.reference == "PT-20260115-9999"

    @pytest.mark.parametrize(
        ("changes", "state"),
        [
            ({"transaction_status": "authorize"}, "pending"),
            ({"transaction_status": "capture", "fraud_status": "accept"}, "paid"),
            ({"transaction_status": "capture", "fraud_status": None}, "paid"),
            ({"transaction_status": "capture", "fraud_status": "challenge"}, "pending"),
            ({"transaction_status": "capture", "fraud_status": "deny"}, "failed"),
            ({"transaction_status": "deny", "settlement_time": None}, "failed"),
            ({"transaction_status": "deny"}, "reversed"),
            ({"transaction_status": "failure"}, "failed"),
            ({"transaction_status": "cancel"}, "cancelled"),
            ({"transaction_status": "expire"}, "expired"),
            ({"transaction_status": "refund"}, "paid"),
            ({"transaction_status": "partial_chargeback"}, "paid"),
            ({"transaction_status": "teleported"}, "unknown"),
        ],
    )
    def test_states(
        self, gateway: Playback, midtrans: MidtransAdapter, changes: dict[str, Any], state: str
    ) -> None:
        gateway.will_answer(status(**changes))

        report = self.find(midtrans)

        assert report is not None
        assert report.state == state
        assert (report.paid_amount is not None) == (state in {"paid", "reversed"})

    def test_a_reversal_takes_the_whole_back(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_answer(status(transaction_status="deny", status_code="202"))

        report = self.find(midtrans)

        assert report is not None
        assert report.reversals == (
            Reversal(id="reversal", amount=RUPIAH, kind="reversal", at=None, confirmed=True),
        )

    @pytest.mark.parametrize("path", ["PT/../x", "PT 1#2"])
    def test_escapes_what_it_asks_about(
        self, gateway: Playback, midtrans: MidtransAdapter, path: str
    ) -> None:
        gateway.will_play("midtrans/19_status_not_found")

        self.find(midtrans, reference=path)

        escaped = path.replace("/", "%2F").replace(" ", "%20").replace("#", "%23")
        assert gateway.calls == [f"GET /v2/{escaped}/status"]


class TestAmounts:
    @pytest.mark.parametrize(
        ("changes", "paid"),
        [
            ({"gross_amount": "150000"}, 150_000),
            ({"gross_amount": "150000.00"}, 150_000),
            ({"payment_amounts": [{"amount": "90000.00"}]}, 90_000),
            ({"payment_amounts": [{"amount": "90000.00"}, {"amount": "75000.00"}]}, 165_000),
            ({"metadata": None}, 150_000),
            ({"metadata": {"extra_info": "ours"}}, 150_000),
        ],
    )
    def test_what_was_ordered_and_what_arrived(
        self, gateway: Playback, midtrans: MidtransAdapter, changes: dict[str, Any], paid: int
    ) -> None:
        gateway.will_answer(status(**changes))

        report = midtrans.find_payment(reference=REFERENCE, currency="IDR")

        assert report is not None
        assert (report.amount, report.paid_amount) == (RUPIAH, Money(paid, "IDR"))

    @pytest.mark.parametrize(
        ("original", "transfers", "expected"),
        [
            ("150000", [], (150_000, 150_000)),
            ("150000", [{"amount": "152000.00"}], (150_000, 150_000)),
            ("150000", [{"amount": "160000.00"}], (150_000, 158_000)),
            ("999999", [], (152_000, 152_000)),
            ("0", [], (152_000, 152_000)),
        ],
        ids=["fee", "fee and transfer", "fee and more", "more than gross", "nothing"],
    )
    def test_an_imposed_fee_is_nobodys_money(
        self,
        gateway: Playback,
        midtrans: MidtransAdapter,
        original: str,
        transfers: list[dict[str, str]],
        expected: tuple[int, int],
    ) -> None:
        info = {"gross_amount_info": {"original_amount": original}}
        gateway.will_answer(
            status(
                gross_amount="152000.00",
                metadata={"extra_info": info},
                payment_amounts=transfers,
            )
        )

        report = midtrans.find_payment(reference=REFERENCE, currency="IDR")

        assert report is not None
        assert (report.amount, report.paid_amount) == tuple(Money(one, "IDR") for one in expected)


class TestExpirePayment:
    def expire(self, midtrans: MidtransAdapter, **changes: Any) -> PaymentReport | None:
        arguments: dict[str, Any] = {"reference": REFERENCE, "amount": RUPIAH}
        return midtrans.expire_payment(**arguments | changes)

    def test_407_is_success(self, gateway: Playback, midtrans: MidtransAdapter) -> None:
        expected = gateway.will_play("midtrans/21_expire_ok")["request"]

        report = self.expire(midtrans, reference="PT-20260115-1021")

        assert gateway.calls == [f"POST {expected['path']}"]
        assert gateway.asked[0].json == expected["json"]
        assert report is not None
        assert (report.state, report.reference) == (PaymentState.EXPIRED, "PT-20260115-1021")

    def test_tells_of_a_customer_who_was_faster(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/22_cancel_not_allowed")
        gateway.will_play("midtrans/17_status_settlement")

        report = self.expire(midtrans, gateway_id=CHARGE)

        assert gateway.calls == [f"POST /v2/{CHARGE}/expire", f"GET /v2/{CHARGE}/status"]
        assert report is not None
        assert (report.state, report.paid_amount) == (PaymentState.PAID, RUPIAH)

    def test_cancels_a_card_under_review(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/22_cancel_not_allowed")
        gateway.will_answer(
            status(transaction_status="capture", fraud_status="challenge", status_code="201")
        )
        gateway.will_play("midtrans/20_cancel_ok")

        report = self.expire(midtrans, reference="PT-20260115-1020")

        assert gateway.calls[2] == f"POST /v2/{CHARGE}/cancel"
        assert report is not None
        assert report.state == PaymentState.CANCELLED

    def test_ends_an_unused_page_by_replacing_it(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/19_status_not_found")
        gateway.will_play("midtrans/19_status_not_found")
        gateway.will_play("midtrans/01_snap_create")

        assert self.expire(midtrans) is None

        assert gateway.calls[2] == "POST /snap/v1/transactions"
        assert gateway.asked[2].json == {
            "transaction_details": {"order_id": REFERENCE, "gross_amount": 150_000},
            "expiry": {"duration": 5, "unit": "minutes"},
            "page_expiry": {"duration": 5, "unit": "minutes"},
        }

    @pytest.mark.parametrize(
        ("name", "failure"),
        [
            ("03_snap_error_duplicate", GatewayUnavailable),
            ("04_snap_error_auth", GatewayRejected),
        ],
    )
    def test_a_page_that_could_not_be_replaced_may_still_be_paid(
        self,
        gateway: Playback,
        midtrans: MidtransAdapter,
        name: str,
        failure: type[Exception],
    ) -> None:
        gateway.will_play("midtrans/19_status_not_found")
        gateway.will_play("midtrans/19_status_not_found")
        gateway.will_play(f"midtrans/{name}")

        with pytest.raises(failure):
            self.expire(midtrans)


class TestClosePage:
    """By its token (C4), whatever became of the attempts on the page."""

    CANCEL = f"POST /snap/v1/transactions/{TOKEN}/cancel"

    def close(self, midtrans: MidtransAdapter) -> PaymentReport | None:
        return midtrans.expire_payment(reference=REFERENCE, page_token=TOKEN, amount=RUPIAH)

    def test_on_which_no_method_was_chosen(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        expected = gateway.will_play("midtrans/50_snap_cancel_token_ok")["request"]
        gateway.will_play("midtrans/19_status_not_found")

        assert self.close(midtrans) is None

        assert gateway.calls == [f"POST {expected['path']}", f"GET /v2/{REFERENCE}/status"]
        assert gateway.asked[0].body == b""

    def test_that_is_closed_already(self, gateway: Playback, midtrans: MidtransAdapter) -> None:
        gateway.will_answer({"error_messages": ["token already canceled"]}, status=400)
        gateway.will_play("midtrans/19_status_not_found")

        assert self.close(midtrans) is None

    def test_on_which_an_attempt_was_denied(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/50_snap_cancel_token_ok")
        gateway.will_answer(status(**DENIED))

        report = self.close(midtrans)

        assert report is not None
        assert report.state == PaymentState.FAILED
        assert len(gateway.calls) == 2

    def test_that_was_paid_before(self, gateway: Playback, midtrans: MidtransAdapter) -> None:
        gateway.will_play("midtrans/50_snap_cancel_token_ok")
        gateway.will_play("midtrans/17_status_settlement")

        report = self.close(midtrans)

        assert report is not None
        assert report.state == PaymentState.PAID

    def test_whose_method_is_under_way_ends_by_core_and_then_by_token(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/51_snap_cancel_token_in_progress")
        gateway.will_play("midtrans/21_expire_ok")
        gateway.will_play("midtrans/50_snap_cancel_token_ok")

        report = self.close(midtrans)

        assert gateway.calls == [self.CANCEL, f"POST /v2/{REFERENCE}/expire", self.CANCEL]
        assert report is not None
        assert report.state == PaymentState.EXPIRED

    def test_whose_method_is_chosen_again_stays_open(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/51_snap_cancel_token_in_progress")
        gateway.will_play("midtrans/21_expire_ok")
        gateway.will_play("midtrans/51_snap_cancel_token_in_progress")

        with pytest.raises(GatewayUnavailable, match="under way"):
            self.close(midtrans)

    def test_that_was_paid_at_this_moment(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/51_snap_cancel_token_in_progress")
        gateway.will_play("midtrans/22_cancel_not_allowed")
        gateway.will_play("midtrans/17_status_settlement")

        report = self.close(midtrans)

        assert report is not None
        assert report.state == PaymentState.PAID

    @pytest.mark.parametrize("found", [None, DENIED])
    def test_whose_token_is_not_known_is_replaced(
        self, gateway: Playback, midtrans: MidtransAdapter, found: dict[str, Any] | None
    ) -> None:
        gateway.will_answer({"error_messages": ["token not found"]}, status=404)
        if found is None:
            gateway.will_play("midtrans/19_status_not_found")
            gateway.will_play("midtrans/19_status_not_found")
        else:
            gateway.will_play("midtrans/22_cancel_not_allowed")
            gateway.will_answer(status(**found))
        gateway.will_play("midtrans/01_snap_create")

        self.close(midtrans)

        assert gateway.calls[-1] == "POST /snap/v1/transactions"
        assert gateway.asked[-1].json["expiry"] == {"duration": 5, "unit": "minutes"}

    def test_is_not_said_to_be_closed_with_wrong_credentials(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/04_snap_error_auth")

        with pytest.raises(GatewayRejected):
            self.close(midtrans)

        assert len(gateway.calls) == 1


class TestAuthenticate:
    @pytest.mark.parametrize("name", [n for n in NOTIFICATIONS if recording(n)["signature_valid"]])
    def test_takes_what_is_signed(self, midtrans: MidtransAdapter, name: str) -> None:
        headers, body = received(name)

        midtrans.authenticate(headers=headers, body=body)

    def test_hashes_the_amount_as_it_is_written(self, midtrans: MidtransAdapter) -> None:
        midtrans.authenticate(headers={}, body=signed(gross_amount="150000"))

    def test_takes_what_was_encoded_twice(self, midtrans: MidtransAdapter) -> None:
        midtrans.authenticate(headers={}, body=json.dumps(signed().decode()).encode())

    @pytest.mark.parametrize(
        "body",
        [
            received("midtrans/47_")[1],
            received("midtrans/31_", gross_amount="150000")[1],
            received("midtrans/31_", gross_amount="1500.00")[1],
            received("midtrans/31_", order_id="PT-20260115-1009")[1],
            received("midtrans/31_", status_code="201")[1],
            received("midtrans/31_", signature_key="")[1],
            received("midtrans/31_", signature_key=None)[1],
            received("midtrans/31_", signature_key="é")[1],
            received("midtrans/31_", gross_amount=None)[1],
            b"{}",
            b"[]",
            b"",
            b"[" * 50_000,
        ],
    )
    def test_refuses_anything_else(self, midtrans: MidtransAdapter, body: bytes) -> None:
        with pytest.raises(NotificationNotAuthentic):
            midtrans.authenticate(headers={}, body=body)

    def test_a_missing_field_cannot_be_signed_as_nothing(self, midtrans: MidtransAdapter) -> None:
        signature = hashlib.sha512(KEY.encode()).hexdigest()
        body = json.dumps({"signature_key": signature}).encode()

        with pytest.raises(NotificationNotAuthentic):
            midtrans.authenticate(headers={}, body=body)

    def test_without_a_key_of_our_own_nothing_is_authentic(self) -> None:
        unset = MidtransAdapter(
            core_base_url="http://127.0.0.1:9",
            snap_base_url="http://127.0.0.1:9",
            server_key="",
            client_key="",
        )
        body = json.loads(signed())
        text = f"{body['order_id']}{body['status_code']}{body['gross_amount']}"
        body["signature_key"] = hashlib.sha512(text.encode()).hexdigest()

        with pytest.raises(NotificationNotAuthentic):
            unset.authenticate(headers={}, body=json.dumps(body).encode())


class TestParseNotification:
    def parse(self, midtrans: MidtransAdapter, name: str, **changes: Any) -> Notification:
        headers, body = received(f"midtrans/{name}", **changes)
        return midtrans.parse_notification(headers=headers, body=body)

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("30", ("PT-20260115-1008", "pending", None, "bca")),
            ("31", ("PT-20260115-1008", "paid", 150_000, "bca")),
            ("32", ("PT-20260115-1006", "paid", 150_000, "gopay")),
            ("33", ("PT-20260115-1012", "paid", 150_000, "bni")),
            ("34", ("PT-20260115-1033", "pending", None, "bni")),
            ("35", ("PT-20260115-1034", "failed", None, "bni")),
            ("36", ("PT-20260115-1020", "cancelled", None, "bni")),
            ("37", ("PT-20260115-1018", "expired", None, None)),
            ("38", ("PT-20260115-1006", "paid", 150_000, "gopay")),
            ("41", ("PT-20260115-1008", "pending", None, "bca")),
            ("42", ("PT-20260115-1008", "expired", None, "bca")),
            ("43", ("PT-20260115-1011", "failed", None, "indomaret")),
            ("44", ("PT-20260115-1011", "paid", 150_000, "indomaret")),
            ("46", ("PT-20260115-1046", "paid", 150_000, "dana")),
        ],
    )
    def test_reads_each_recorded_one(
        self,
        midtrans: MidtransAdapter,
        name: str,
        expected: tuple[str, str, int | None, str | None],
    ) -> None:
        notification = self.parse(midtrans, f"{name}_")

        report = notification.report
        assert report is not None
        paid = report.paid_amount.minor if report.paid_amount else None
        assert (report.reference, report.state, paid, report.channel) == expected
        assert notification.reference == report.reference
        assert notification.gateway_id == report.gateway_id
        assert report.amount == RUPIAH

    def test_a_test_buttons_sample_is_just_unknown(self, midtrans: MidtransAdapter) -> None:
        notification = self.parse(midtrans, "45_")

        assert notification.reference == (
            "payment_notif_test_G123456789_00000000-0000-4000-8000-000000000045"
        )

    def test_a_changed_status_shows(self, midtrans: MidtransAdapter) -> None:
        with pytest.raises(
            MalformedNotification,
            match="transaction_status settlement does not go with status_code 201",
        ):
            self.parse(midtrans, "48_")

    @pytest.mark.parametrize(
        ("status", "code", "fraud"),
        [
            ("settlement", "202", None),
            ("capture", "201", "accept"),
            ("capture", "200", "challenge"),
            ("capture", "200", "deny"),
            ("refund", "202", None),
            ("partial_refund", "201", None),
            ("chargeback", "202", None),
            ("pending", "200", None),
            ("deny", "200", None),
            ("cancel", "200", None),
            ("expire", "407", None),
            ("expire", "200", None),
        ],
    )
    def test_status_and_code_must_agree(
        self, midtrans: MidtransAdapter, status: str, code: str, fraud: str | None
    ) -> None:
        with pytest.raises(MalformedNotification, match=f"{status} does not go with .* {code}"):
            self.parse(
                midtrans, "31_", transaction_status=status, status_code=code, fraud_status=fraud
            )

    def test_a_word_it_does_not_know_is_kept(self, midtrans: MidtransAdapter) -> None:
        report = self.parse(midtrans, "31_", transaction_status="teleported").report

        assert report is not None
        assert (report.state, report.raw_status) == (PaymentState.UNKNOWN, "teleported")

    def test_both_notifications_of_a_refund_name_the_same_refund(
        self, midtrans: MidtransAdapter
    ) -> None:
        asked, confirmed = (self.parse(midtrans, name) for name in ("38_", "39_"))

        assert asked.event_id != confirmed.event_id
        assert asked.report is not None
        assert confirmed.report is not None
        expected = Reversal(
            id="rf-0001",
            amount=Money(50_000, "IDR"),
            kind="refund",
            at=datetime(2026, 1, 17, 2, 0, tzinfo=UTC),
            confirmed=True,
        )
        assert confirmed.report.reversals == (expected,)
        assert [(one.id, one.amount, one.confirmed) for one in asked.report.reversals] == [
            ("rf-0001", Money(50_000, "IDR"), False)
        ]

    def test_a_full_refund_lists_each_refund(self, midtrans: MidtransAdapter) -> None:
        report = self.parse(midtrans, "40_").report

        assert report is not None
        assert report.paid_amount == RUPIAH
        assert [(one.id, one.amount.minor) for one in report.reversals] == [
            ("rf-0001", 50_000),
            ("rf-0002", 100_000),
        ]

    def test_a_refund_without_a_key_goes_by_its_number(self, midtrans: MidtransAdapter) -> None:
        refund = {"refund_chargeback_id": 1, "refund_amount": "50000.00"}
        report = self.parse(midtrans, "38_", refunds=[refund]).report

        assert report is not None
        assert [one.id for one in report.reversals] == ["1"]

    def test_a_chargeback_takes_the_whole_back(self, midtrans: MidtransAdapter) -> None:
        report = self.parse(midtrans, "33_", transaction_status="chargeback").report

        assert report is not None
        assert report.state == PaymentState.PAID
        assert report.reversals == (
            Reversal(id="chargeback", amount=RUPIAH, kind="chargeback", at=None, confirmed=True),
        )

    def test_a_forged_message_is_another_event(self, midtrans: MidtransAdapter) -> None:
        """The signature of a refund also fits a settlement; its event must not shadow the real."""
        refund = self.parse(midtrans, "40_")
        forged = self.parse(midtrans, "40_", transaction_status="settlement")

        assert refund.event_id != forged.event_id

    def test_a_repeat_is_the_same_event(self, midtrans: MidtransAdapter) -> None:
        body = json.loads(signed())
        turned = json.dumps(dict(reversed(body.items())), indent=2).encode()
        twice = json.dumps(json.dumps(body)).encode()

        ids = {
            midtrans.parse_notification(headers={}, body=one).event_id
            for one in (signed(), turned, twice)
        }

        assert len(ids) == 1
        assert len(ids.pop()) == 64

    @pytest.mark.parametrize(
        ("missing", "reason"),
        [
            ("order_id", "it lacks 'order_id'"),
            ("transaction_id", "it lacks 'transaction_id'"),
            ("transaction_status", "it lacks 'transaction_status'"),
            ("status_code", "it lacks 'status_code'"),
            ("gross_amount", "it lacks 'gross_amount'"),
        ],
    )
    def test_says_what_is_missing(
        self, midtrans: MidtransAdapter, missing: str, reason: str
    ) -> None:
        body = json.loads(signed())
        del body[missing]

        with pytest.raises(MalformedNotification, match=reason):
            midtrans.parse_notification(headers={}, body=json.dumps(body).encode())

    @pytest.mark.parametrize(
        "changes",
        [
            {"order_id": "a\x00b"},
            {"order_id": 5},
            {"gross_amount": "150000.50"},
            {"gross_amount": "1e400"},
            {"currency": "PHP"},
            {"settlement_time": "soon"},
            {"refunds": [{}]},
            {"refunds": 5},
            {"va_numbers": "none"},
            {"payment_amounts": [{"amount": None}]},
        ],
    )
    def test_what_cannot_be_read_is_malformed(
        self, midtrans: MidtransAdapter, changes: dict[str, Any]
    ) -> None:
        with pytest.raises(MalformedNotification, match="cannot be read"):
            midtrans.parse_notification(headers={}, body=signed(**changes))

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'"{"', b'"5"', b"[" * 50_000])
    def test_anything_but_an_object_is_malformed(
        self, midtrans: MidtransAdapter, body: bytes
    ) -> None:
        with pytest.raises(MalformedNotification):
            midtrans.parse_notification(headers={}, body=body)
