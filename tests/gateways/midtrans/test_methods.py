"""Core charges as recorded: the request for one method, and the details to pay with."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.adapter import (
    ChargeLost,
    GatewayRejected,
    GatewayUnavailable,
    PaymentMethod,
    PaymentPage,
    PaymentState,
)
from gateways.midtrans import methods
from gateways.midtrans.adapter import MidtransAdapter
from paytrust.money import Money
from tests.gateways.orders import COFFEE, NOW, SITI, order
from tests.gateways.playback import Playback, recording

QRIS = PaymentMethod(type="qris")
BCA = PaymentMethod(type="bank_transfer", bank="bca")
PERMATA = PaymentMethod(type="bank_transfer", bank="permata")
MANDIRI = PaymentMethod(type="echannel")
INDOMARET = PaymentMethod(type="cstore", store="indomaret")
GOPAY, SHOPEEPAY = PaymentMethod(type="gopay"), PaymentMethod(type="shopeepay")
BACK = "https://shop.example.test/return"
SANDBOX = "https://api.sandbox.midtrans.com"
RECORDED = {  # recording: the request, and what the customer sees
    "05_charge_gopay": (
        GOPAY,
        {
            "type": "gopay",
            "qr_image_url": f"{SANDBOX}/v4/qris/gopay/A120260115032010TESTTESTID/qr-code",
            "deeplink_url": (
                "https://simulator.sandbox.midtrans.com/gopay/ui/checkout?referenceid=TEST"
                "&callback_url=https%3A%2F%2Fshop.example.test%2Freturn"
                "%3Forder_id%3DPT-20260115-1005"
            ),
            "expires_at": "2026-01-15T03:35:10Z",
        },
    ),
    "06_charge_qris": (
        QRIS,
        {
            "type": "qris",
            "qr_string": "00020101021226TEST-NOT-A-REAL-EMV-STRING6304ABCD",
            "qr_image_url": f"{SANDBOX}/v4/qris/A120260115032010TESTTESTID/qr-code",
            "expires_at": "2026-01-15T03:35:10Z",
        },
    ),
    "07_charge_shopeepay": (
        SHOPEEPAY,
        {
            "type": "shopeepay",
            "deeplink_url": (
                "https://simulator.sandbox.midtrans.com/shopeepay/ui/checkout?token=TEST"
            ),
            "expires_at": "2026-01-15T03:35:10Z",
        },
    ),
    "08_charge_bca_va": (
        BCA,
        {
            "type": "bank_transfer",
            "va_number": "812345600000012",
            "bank": "bca",
            "expires_at": "2026-01-16T03:20:10Z",
        },
    ),
    "09_charge_permata_va": (
        PERMATA,
        {
            "type": "bank_transfer",
            "va_number": "850000000000012",
            "bank": "permata",
            "expires_at": "2026-01-16T03:20:10Z",
        },
    ),
    "10_charge_mandiri_bill": (
        MANDIRI,
        {
            "type": "echannel",
            "biller_code": "70012",
            "bill_key": "990000000012",
            "expires_at": "2026-01-16T03:20:10Z",
        },
    ),
    "11_charge_indomaret": (
        INDOMARET,
        {
            "type": "cstore",
            "payment_code": "25700000000012",
            "expires_at": "2026-01-16T03:20:10Z",
        },
    ),
}
ALL = pytest.mark.parametrize("name", RECORDED)
SHOWN_ONCE = [QRIS, GOPAY, SHOPEEPAY]
SHOWN_AGAIN = [BCA, PERMATA, MANDIRI, INDOMARET]


@pytest.fixture
def midtrans(gateway: Playback) -> MidtransAdapter:
    return MidtransAdapter(
        core_base_url=gateway.url,
        snap_base_url=f"{gateway.url}/snap/v1",
        server_key="SB-Mid-server-TESTKEY",
        client_key="SB-Mid-client-TESTKEY",
    )


def answer(name: str, **changes: Any) -> dict[str, Any]:
    return recording(f"midtrans/{name}")["response"]["json"] | changes


class TestCreatePayment:
    @ALL
    def test_asks_as_recorded(
        self, gateway: Playback, midtrans: MidtransAdapter, name: str
    ) -> None:
        expected = gateway.will_play(f"midtrans/{name}")["request"]
        method, _ = RECORDED[name]
        ours = {"item_details", "custom_expiry", "echannel", "cstore"}

        midtrans.create_payment(
            order(
                reference=expected["json"]["transaction_details"]["order_id"],
                method=method,
                success_redirect_url=BACK,
            )
        )

        asked = gateway.asked[0]
        assert (asked.method, asked.path) == (expected["method"], expected["path"])
        assert asked.headers["Authorization"] == expected["headers"]["Authorization"]
        assert asked.headers["Content-Type"] == "application/json"
        assert b'"gross_amount":150000}' in asked.body
        assert {key: value for key, value in asked.json.items() if key not in ours} == {
            key: value for key, value in expected["json"].items() if key not in ours
        }
        assert asked.json.keys() - expected["json"].keys() == {"item_details", "custom_expiry"}

    @ALL
    def test_tells_how_to_pay_in_the_names_of_the_api(
        self, gateway: Playback, midtrans: MidtransAdapter, name: str
    ) -> None:
        method, instructions = RECORDED[name]
        exchange = gateway.will_play(f"midtrans/{name}")["response"]["json"]

        page = midtrans.create_payment(order(method=method))

        assert page == PaymentPage(
            gateway_id=exchange["transaction_id"],
            url=None,
            expires_at=datetime.fromisoformat(instructions["expires_at"]),
            instructions=instructions,
        )

    def test_sends_the_lines_and_who_pays(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/08_charge_bca")

        midtrans.create_payment(order(method=BCA, items=COFFEE, customer=SITI))

        assert gateway.asked[0].json["customer_details"]["email"] == "siti@example.test"
        assert [one["price"] for one in gateway.asked[0].json["item_details"]] == [70_000, 10_000]

    def test_fits_the_texts_of_bills_and_shops(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/10_charge_mandiri")
        gateway.will_play("midtrans/11_charge_indomaret")
        text = "Kopi Gayo\nand  a cup that is very nice to drink from"

        for method in (MANDIRI, INDOMARET):
            midtrans.create_payment(order(method=method, description=text))

        assert gateway.asked[0].json["echannel"] == {
            "bill_info1": "Payment:",
            "bill_info2": "Kopi Gayo and a cup that is ve",
        }
        assert gateway.asked[1].json["cstore"] == {
            "store": "indomaret",
            "message": "Kopi Gayo and a cup ",
        }

    @pytest.mark.parametrize("method", [GOPAY, SHOPEEPAY])
    def test_sets_no_way_back_where_there_is_none(
        self, gateway: Playback, midtrans: MidtransAdapter, method: PaymentMethod
    ) -> None:
        gateway.will_play("midtrans/07_charge_shopeepay")

        midtrans.create_payment(order(method=method))

        assert method.type not in gateway.asked[0].json

    @pytest.mark.parametrize("method", SHOWN_ONCE + SHOWN_AGAIN)
    def test_bears_a_key_where_only_the_first_answer_tells(
        self, gateway: Playback, midtrans: MidtransAdapter, method: PaymentMethod
    ) -> None:
        for _ in range(3):
            gateway.will_play("midtrans/08_charge_bca")

        for reference in ("PT-1-1-1-AAAAAA", "PT-1-1-1-AAAAAA", "PT-1-1-2-AAAAAA"):
            midtrans.create_payment(order(reference=reference, method=method))

        first, again, other = (one.headers.get("Idempotency-Key") for one in gateway.asked)
        if method in SHOWN_AGAIN:
            assert (first, again, other) == (None, None, None)
        else:
            assert first is not None
            assert first == again != other
            assert len(first) <= 36

    @pytest.mark.parametrize(
        ("method", "asked_for", "given"),
        [
            (QRIS, timedelta(hours=1, seconds=59), timedelta(hours=1)),
            (QRIS, timedelta(days=30), timedelta(days=7)),
            (GOPAY, timedelta(days=30), timedelta(days=7)),
            (SHOPEEPAY, timedelta(days=30), timedelta(days=5)),
            (BCA, timedelta(days=30), timedelta(days=30)),
            (INDOMARET, timedelta(days=400), timedelta(days=180)),
            (BCA, timedelta(seconds=5), timedelta(minutes=1)),
            (BCA, timedelta(hours=-1), timedelta(minutes=1)),
        ],
    )
    def test_lapses_within_the_methods_limits(
        self,
        gateway: Playback,
        midtrans: MidtransAdapter,
        method: PaymentMethod,
        asked_for: timedelta,
        given: timedelta,
    ) -> None:
        body = answer("06_charge_qris")
        del body["expiry_time"]
        gateway.will_answer(body)

        page = midtrans.create_payment(order(method=method, expires_at=NOW + asked_for))

        assert gateway.asked[0].json["custom_expiry"] == {
            "order_time": "2026-01-15 10:20:10 +0700",
            "expiry_duration": given // timedelta(minutes=1),
            "unit": "minute",
        }
        assert page.expires_at == NOW.replace(microsecond=0) + given

    def test_takes_rupiah_only(self, gateway: Playback, midtrans: MidtransAdapter) -> None:
        with pytest.raises(GatewayRejected, match="only IDR is taken"):
            midtrans.create_payment(order(amount=Money(12_055, "MYR"), method=BCA))

        assert gateway.calls == []

    def test_passes_on_a_refusal_inside_http_200(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/14_charge_validation")

        with pytest.raises(GatewayRejected) as caught:
            midtrans.create_payment(order(method=QRIS))

        assert caught.value.details["gateway_code"] == "400"
        assert "must be greater than" in caught.value.details["gateway_message"]

    def test_a_charge_denied_at_once_is_a_refusal(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_answer(
            answer(
                "05_charge_gopay",
                status_code="202",
                transaction_status="deny",
                status_message="GoPay transaction is denied",
            )
        )

        with pytest.raises(GatewayRejected) as caught:
            midtrans.create_payment(order(method=GOPAY))

        assert caught.value.details["gateway_code"] == "202"
        assert caught.value.details["gateway_message"] == "GoPay transaction is denied"

    def test_capitals_are_pending_too(self, gateway: Playback, midtrans: MidtransAdapter) -> None:
        gateway.will_answer(
            answer("08_charge_bca_va", status_code="200", transaction_status="PENDING")
        )

        assert midtrans.create_payment(order(method=BCA)).instructions is not None

    @pytest.mark.parametrize(
        ("name", "changes"),
        [
            ("06_charge_qris", {"qr_string": None, "actions": []}),
            ("06_charge_qris", {"qr_string": "", "actions": None}),
            ("06_charge_qris", {"qr_string": 5, "actions": []}),
            ("06_charge_qris", {"actions": [{}]}),
            ("06_charge_qris", {"actions": "none"}),
            ("08_charge_bca_va", {"va_numbers": []}),
            ("08_charge_bca_va", {"va_numbers": [{"bank": "bca"}]}),
            ("10_charge_mandiri_bill", {"biller_code": None}),
            ("11_charge_indomaret", {"payment_code": None}),
            ("08_charge_bca_va", {"expiry_time": "soon"}),
        ],
    )
    def test_an_answer_that_does_not_tell_how_to_pay_is_asked_for_again(
        self, gateway: Playback, midtrans: MidtransAdapter, name: str, changes: dict[str, Any]
    ) -> None:
        gateway.will_answer(answer(name, **changes))

        with pytest.raises(GatewayUnavailable):
            midtrans.create_payment(order(method=QRIS))

    @pytest.mark.parametrize("status", [500, 503])
    def test_trouble_is_an_unknown_outcome(
        self, gateway: Playback, midtrans: MidtransAdapter, status: int
    ) -> None:
        gateway.will_answer({"status_code": str(status), "status_message": "no"})

        with pytest.raises(GatewayUnavailable):
            midtrans.create_payment(order(method=QRIS))


class TestADuplicate:
    """The reference was charged already, by a call whose answer never came."""

    def again(self, midtrans: MidtransAdapter, method: PaymentMethod = BCA) -> PaymentPage:
        return midtrans.create_payment(order(reference="PT-20260115-1008", method=method))

    def test_is_adopted_where_its_status_tells_how_to_pay(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/13_charge_duplicate")
        gateway.will_play("midtrans/16_status_pending")

        page = self.again(midtrans)

        assert gateway.calls == ["POST /v2/charge", "GET /v2/PT-20260115-1008/status"]
        assert page.instructions == RECORDED["08_charge_bca_va"][1]

    @pytest.mark.parametrize(
        "kept",
        [
            {"payment_type": "bank_transfer", "permata_va_number": "850000000000012"},
            {"payment_type": "permata", "permata_va_number": "850000000000012"},
            {"payment_type": "echannel", "biller_code": "70012", "bill_key": "990000000012"},
            {"payment_type": "cstore", "store": "alfamart", "payment_code": "25700000000012"},
        ],
    )
    def test_every_number_is_shown_again(
        self, gateway: Playback, midtrans: MidtransAdapter, kept: dict[str, str]
    ) -> None:
        body = answer("16_status_pending", **kept)
        del body["va_numbers"]
        gateway.will_play("midtrans/13_charge_duplicate")
        gateway.will_answer(body)

        page = self.again(midtrans)

        assert page.instructions is not None
        shown = set(page.instructions.values())
        assert {value for name, value in kept.items() if name not in {"payment_type", "store"}} <= (
            shown
        )

    @pytest.mark.parametrize("method", SHOWN_ONCE)
    def test_is_ended_where_it_has_no_instructions(
        self, gateway: Playback, midtrans: MidtransAdapter, method: PaymentMethod
    ) -> None:
        body = answer("16_status_pending", payment_type=method.type)
        del body["va_numbers"]
        gateway.will_play("midtrans/13_charge_duplicate")
        gateway.will_answer(body)
        gateway.will_play("midtrans/21_expire_ok")

        with pytest.raises(ChargeLost, match="PT-20260115-1008 is used up"):
            self.again(midtrans, method)

        assert gateway.calls[2] == "POST /v2/0a1b2c3d-0000-4000-8000-000000000008/expire"

    def test_that_has_ended_needs_another_reference(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_play("midtrans/13_charge_duplicate")
        gateway.will_play("midtrans/18_status_expired")

        with pytest.raises(ChargeLost):
            self.again(midtrans)

    @pytest.mark.parametrize("found", ["17_status_settlement", "19_status_not_found"])
    def test_that_is_paid_or_in_doubt_is_never_given_up(
        self, gateway: Playback, midtrans: MidtransAdapter, found: str
    ) -> None:
        gateway.will_play("midtrans/13_charge_duplicate")
        gateway.will_play(f"midtrans/{found}")

        with pytest.raises(GatewayUnavailable, match="already; ask again"):
            self.again(midtrans)

    def test_that_was_paid_while_it_was_being_ended_is_never_given_up(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        body = answer("16_status_pending", payment_type="qris")
        del body["va_numbers"]
        gateway.will_play("midtrans/13_charge_duplicate")
        gateway.will_answer(body)
        gateway.will_play("midtrans/22_cancel_not_allowed")
        gateway.will_play("midtrans/17_status_settlement")

        with pytest.raises(GatewayUnavailable, match="is settlement already"):
            self.again(midtrans, QRIS)


class TestFindPayment:
    def test_a_payment_counts_more_than_how_it_was_paid(
        self, gateway: Playback, midtrans: MidtransAdapter
    ) -> None:
        gateway.will_answer(answer("17_status_settlement", expiry_time="soon"))

        report = midtrans.find_payment(reference="PT-20260115-1008", currency="IDR")

        assert report is not None
        assert (report.state, report.page) == (PaymentState.PAID, None)


NEW_NAMES = st.text().map("new_{}".format)  # whatever Midtrans may add, it is no field we read


class TestPageOf:
    @pytest.mark.parametrize("field", ["expiry_time", "expire_time"])
    @pytest.mark.parametrize("zone", ["UTC", "Asia/Jakarta", "America/New_York"])
    def test_the_deadline_is_jakartas_whatever_the_machines_zone(
        self, monkeypatch: pytest.MonkeyPatch, field: str, zone: str
    ) -> None:
        monkeypatch.setenv("TZ", zone)
        message = answer("08_charge_bca_va")
        message[field] = message.pop("expiry_time")

        page = methods.page_of(message)

        assert page is not None
        assert page.expires_at == datetime(2026, 1, 16, 3, 20, 10, tzinfo=UTC)

    @given(name=st.sampled_from(sorted(RECORDED)), extra=st.dictionaries(NEW_NAMES, st.text()))
    def test_new_fields_change_nothing(self, name: str, extra: dict[str, str]) -> None:
        message = extra | answer(name)

        page = methods.page_of(json.loads(json.dumps(message)))

        assert page is not None
        assert page.instructions == RECORDED[name][1]
