"""Notifications as gateways really send them: other ids, other products, damaged bodies."""

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from gateways import descriptors, registry
from gateways.refund_terms import NO_REFUND
from invoices.models import Invoice, PaymentRequest, Transaction
from payments.models import WebhookEvent
from payments.webhooks import confirming, readings, receiving, texts
from payments.webhooks.masking import shown_body
from paytrust.web import strict_json
from tests.gateways.playback import Playback, playing
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.webhooks.test_confirming import SERVER_KEY, T0, TOKEN, books, store, xendit_says

INVOICE_ID = "6968a1f0d4e5f60001a00001"


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Playback]:
    """Both gateways, as far as a test says what they answer."""
    with playing() as playback:
        xendit = settings.GATEWAY_CONNECTIONS["xendit"]
        monkeypatch.setitem(xendit, "base_url", playback.url)
        midtrans = settings.GATEWAY_CONNECTIONS["midtrans"]
        monkeypatch.setitem(midtrans, "core_base_url", playback.url)
        registry.reset_adapters()
        yield playback
    registry.reset_adapters()


@pytest.fixture
def demand(committed: None) -> PaymentRequest:
    return PaymentRequestFactory.create(
        gateway_payment_id=INVOICE_ID, reference="PT-884-1-1-7KQ2ZD"
    )


def answers_paid(gateway: Playback, demand: PaymentRequest) -> None:
    gateway.will_answer(json.loads(xendit_says(demand)))


def refund_event(**data: Any) -> bytes:
    fields = {
        "id": "rfd-1",
        "payment_id": None,
        "invoice_id": None,
        "amount": 40,
        "currency": "MYR",
        "status": "SUCCEEDED",
        "updated": "2026-11-22T10:00:00.000Z",
    }
    event = {"event": "refund.succeeded", "business_id": "b", "data": fields | data}
    return json.dumps(event).encode()


def processed(body: bytes) -> WebhookEvent:
    event = store(body)
    confirming.process(event_id=event.pk, now=T0)
    event.refresh_from_db()
    return event


class TestIds:
    @pytest.fixture
    def paid(self, demand: PaymentRequest, gateway: Playback) -> PaymentRequest:
        answers_paid(gateway, demand)
        event = processed(xendit_says(demand, payment_id="ewc_5e1f0000"))
        assert event.outcome == "booked"
        demand.refresh_from_db()
        return demand

    def test_the_payments_own_id_is_kept(self, paid: PaymentRequest) -> None:
        assert (paid.gateway_payment_id, paid.gateway_charge_id) == (INVOICE_ID, "ewc_5e1f0000")

    @pytest.mark.parametrize("named", ["ewc_5e1f0000", "5e1f0000", "qrpy_5e1f0000"])
    def test_a_refund_that_names_only_the_payment_is_matched(
        self, paid: PaymentRequest, gateway: Playback, named: str
    ) -> None:
        answers_paid(gateway, paid)
        gateway.will_answer(json.loads(refund_event(payment_id="ewc_5e1f0000"))["data"])

        event = processed(refund_event(payment_id=named))

        assert event.outcome == "refunded"
        assert gateway.calls[-1] == "GET /refunds/rfd-1"
        assert sorted(Transaction.objects.values_list("amount", flat=True)) == [-4000, 10_000]

    def test_a_refund_of_another_payment_is_not_confirmed(
        self, paid: PaymentRequest, gateway: Playback
    ) -> None:
        before = books()
        answers_paid(gateway, paid)
        gateway.will_answer(json.loads(refund_event(payment_id="ewc_others"))["data"])

        event = processed(refund_event(payment_id="5e1f0000"))

        assert (event.status, event.outcome) == ("received", "not_confirmed")
        assert books() == before

    @pytest.mark.parametrize(
        ("name", "where"),
        [
            ("ewallet.refund", {"channel_code": "MY_SHOPEEPAY"}),
            ("ewallet.void", {"channel_code": "MY_SHOPEEPAY"}),
            ("qr.refund", {"channel_code": "QRIS", "currency": "MYR"}),
        ],
    )
    def test_a_products_own_refund_names_its_charge(
        self, paid: PaymentRequest, gateway: Playback, name: str, where: dict[str, str]
    ) -> None:
        answers_paid(gateway, paid)
        gateway.will_answer(json.loads(refund_event(id="ewr_1", payment_id="5e1f0000"))["data"])
        data = {"id": "ewr_1", "charge_id": "ewc_5e1f0000", "refund_amount": 40}
        data |= {"status": "SUCCEEDED", **where}

        event = processed(json.dumps({"event": name, "data": data}).encode())

        assert event.outcome == "refunded"

    def test_a_dispute_marks_the_invoice_and_moves_no_money(self, paid: PaymentRequest) -> None:
        dispute: dict[str, Any] = {"event": "dispute.action_required", "id": "mi-dspt-1"}
        dispute |= {"payment_id": "py-5e1f0000", "amount": {"initial": "100"}, "currency": "MYR"}

        event = processed(json.dumps(dispute).encode())

        assert (event.status, event.outcome) == ("processed", "disputed")
        assert Invoice.objects.get().review_flags == ["disputed"]
        assert Transaction.objects.count() == 1

    @pytest.mark.parametrize(
        ("rows", "outcome", "amounts"),
        [
            ([], "not_confirmed", [10_000]),
            ([{"id": "txn_1", "product_id": "mi-dspt-2"}] * 2, "not_confirmed", [10_000]),
            ([{"id": "txn_1", "product_id": "mi-dspt-1"}], "reversed", [-4_000, 10_000]),
            ([{"id": "txn_1", "product_id": "py-5e1f0000"}], "reversed", [-4_000, 10_000]),
        ],
        ids=["no row", "rows of others", "its row", "the only row"],
    )
    def test_a_lost_dispute_is_booked_once_the_gateway_lists_a_chargeback(
        self,
        paid: PaymentRequest,
        gateway: Playback,
        rows: list[dict[str, Any]],
        outcome: str,
        amounts: list[int],
    ) -> None:
        invoice = json.loads(xendit_says(paid))
        money = {"currency": "MYR", "amount": 40, "net_amount": 40, "cashflow": "MONEY_OUT"}
        listed = [{**money, **row, "type": "CHARGEBACK", "status": "SUCCESS"} for row in rows]
        for answer in (invoice, {"has_more": False, "data": listed}):
            gateway.will_answer(answer)
        dispute: dict[str, Any] = {"event": "dispute.lost", "id": "mi-dspt-1", "status": "LOST"}
        dispute |= {"payment_id": "py-5e1f0000", "amount": {"initial": "40"}, "currency": "MYR"}

        event = processed(json.dumps(dispute).encode())

        assert event.outcome == outcome
        assert sorted(Transaction.objects.values_list("amount", flat=True)) == amounts
        assert "disputed" in Invoice.objects.get().review_flags
        assert gateway.calls[-1] == (
            f"GET /transactions?types=CHARGEBACK&reference_id={paid.reference}&currency=MYR"
        )

    def test_an_id_that_the_gateway_does_not_know_is_asked_about_by_our_reference(
        self, demand: PaymentRequest, gateway: Playback
    ) -> None:
        gateway.will_answer({"error_code": "INVOICE_NOT_FOUND_ERROR"}, status=404)
        gateway.will_answer([json.loads(xendit_says(demand, id="another"))])

        event = processed(xendit_says(demand, id="another"))

        assert event.outcome == "booked"
        assert gateway.calls[1] == f"GET /v2/invoices?external_id={demand.reference}"


@pytest.mark.django_db
class TestOtherProducts:
    @pytest.mark.parametrize(
        "message",
        [
            {"event": "payment.succeeded", "data": {"id": "py-1", "reference_id": "PT-1"}},
            {"event": "payment_session.completed", "data": {"payment_session_id": "ps-1"}},
            {"event": "payout.succeeded", "data": {}},
            {"id": "1", "external_id": "x", "callback_virtual_account_id": "y", "amount": 1},
            {"id": "report_1", "status": "COMPLETED", "type": "TRANSACTIONS"},
            {"id": "d", "external_id": "x", "status": "COMPLETED", "disbursement_description": "s"},
        ],
    )
    def test_are_ignored(self, message: dict[str, Any]) -> None:
        event = store(json.dumps(message).encode())

        assert (event.status, event.outcome) == ("ignored", "notification_not_used")
        assert event.next_attempt_at is None


def post(body: bytes, *, gateway: str = "xendit") -> int:
    headers = TOKEN if gateway == "xendit" else {}
    return (
        Client()
        .post(f"/webhooks/{gateway}", body, content_type="application/json", headers=headers)
        .status_code
    )


HUGE = ("1e1000000", "1e-1000000", "1e9999999999999999999", "1." + "1" * 60_000, "9" * 60_000)


@pytest.mark.django_db
class TestNumbersOutOfAllProportion:
    @pytest.mark.parametrize("gateway", ["xendit", "midtrans"])
    @pytest.mark.parametrize("number", HUGE, ids=lambda number: number[:12])
    def test_are_kept_and_shown_as_they_came(self, gateway: str, number: str) -> None:
        body = f'{{"amount": {number}, "id": "x", "status": "PAID"}}'.encode()
        started = time.process_time()

        status = post(body, gateway=gateway)

        assert status == {"xendit": 200, "midtrans": 401}[gateway]  # Midtrans signs its fields
        assert time.process_time() - started < 1
        if gateway == "xendit":
            event = WebhookEvent.objects.get()
            assert (event.status, event.outcome) == ("failed", "malformed_notification")
            shown = strict_json.encode(shown_body(body))
            assert len(shown) < 2 * len(body) + 100


class TestHints:
    """A payment may have two notifications: the invoice's, and the payment's own (C10)."""

    @pytest.mark.parametrize(
        ("kind", "data"),
        [
            ("payment.capture", {"payment_id": "py-1", "reference_id": "PT-884-1-1-7KQ2ZD"}),
            ("payment.succeeded", {"id": "py-1", "reference_id": "PT-884-1-1-7KQ2ZD"}),
            ("capture.succeeded", {"id": "cap-1", "payment_link_id": INVOICE_ID}),
            ("ewallet.capture", {"id": "ewc_1", "reference_id": "PT-884-1-1-7KQ2ZD"}),
            ("qr.payment", {"id": "qrpy_1", "reference_id": "PT-884-1-1-7KQ2ZD"}),
        ],
    )
    def test_about_a_payment_of_ours_make_the_gateway_be_asked(
        self, demand: PaymentRequest, gateway: Playback, kind: str, data: dict[str, Any]
    ) -> None:
        answers_paid(gateway, demand)

        answered = post(json.dumps({"event": kind, "data": data}).encode())

        event = WebhookEvent.objects.get()
        assert (answered, event.status, event.outcome) == (200, "ignored", "notification_not_used")
        assert Transaction.objects.get().amount == demand.amount
        assert "claims to be about PT-884-1-1-7KQ2ZD" in texts.effect(readings.claim_of(event))

    @pytest.mark.parametrize(
        ("kind", "reference"),
        [
            ("payment.succeeded", "PT-1-1-1-AAAAAA"),
            ("payment_session.completed", "PT-884-1-1-7KQ2ZD"),
            ("payout.succeeded", "PT-884-1-1-7KQ2ZD"),
        ],
    )
    def test_about_anything_else_ask_nobody(
        self, demand: PaymentRequest, gateway: Playback, kind: str, reference: str
    ) -> None:
        answered = post(json.dumps({"event": kind, "data": {"reference_id": reference}}).encode())

        event = WebhookEvent.objects.get()
        assert (answered, event.status, event.reference) == (200, "ignored", None)
        assert gateway.asked == []

    @pytest.mark.parametrize("data", [None, [], "x", {"reference_id": 1, "id": {}}])
    def test_that_cannot_be_read_are_ignored(
        self, demand: PaymentRequest, gateway: Playback, data: object
    ) -> None:
        assert post(json.dumps({"event": "payment.capture", "data": data}).encode()) == 200
        assert (WebhookEvent.objects.get().status, gateway.asked) == ("ignored", [])

    def test_about_what_is_paid_already_ask_nobody(
        self, demand: PaymentRequest, gateway: Playback
    ) -> None:
        answers_paid(gateway, demand)
        assert processed(xendit_says(demand)).outcome == "booked"
        asked = len(gateway.asked)

        data = {"payment_id": "py-1", "reference_id": demand.reference}
        assert post(json.dumps({"event": "payment.capture", "data": data}).encode()) == 200

        assert len(gateway.asked) == asked
        assert Transaction.objects.count() == 1


class TestIssuers:
    QR: dict[str, Any] = {"payment_method": "QR_CODE", "payment_channel": "QRIS"}  # never changed

    @pytest.mark.parametrize("answers_it", [True, False])
    def test_of_a_qr_code_are_kept_and_decide_what_can_be_refunded(
        self, demand: PaymentRequest, gateway: Playback, answers_it: bool
    ) -> None:
        details: dict[str, Any] = {"payment_details": {"receipt_id": "1", "source": "BCA"}}
        answer = json.loads(xendit_says(demand, **self.QR))
        gateway.will_answer(answer | (details if answers_it else {}))

        assert processed(xendit_says(demand, **self.QR, **details)).outcome == "booked"

        booked = Transaction.objects.get()
        assert (booked.payment_method, booked.payment_channel) == ("QR_CODE", "BCA")
        terms = descriptors.of("xendit").refund_terms
        assert terms("QR_CODE", "BCA") == NO_REFUND
        assert terms("QR_CODE", "GOPAY") != NO_REFUND

    @pytest.mark.parametrize("details", [None, {}, "GOPAY", {"source": None}])
    def test_that_are_not_known_leave_the_channel(
        self, demand: PaymentRequest, gateway: Playback, details: object
    ) -> None:
        said = xendit_says(demand, **self.QR, payment_details=details)
        gateway.will_answer(json.loads(said))

        assert processed(said).outcome == "booked"
        assert Transaction.objects.get().payment_channel == "QRIS"


DAMAGES = {
    "NaN": lambda body: body.replace(b'"amount": 100.0', b'"amount": NaN'),
    "half a surrogate": lambda body: body.replace(b'"MYR"', b'"MYR\\ud800"'),
    "a stray byte": lambda body: body.replace(b'"currency"', b'"currency\xff"'),
    "cut off": lambda body: body[: len(body) // 2],
}


class TestDamagedBodies:
    @pytest.mark.parametrize("damage", DAMAGES)
    def test_that_name_a_payment_make_the_gateway_be_asked_at_once(
        self, demand: PaymentRequest, gateway: Playback, damage: str
    ) -> None:
        answers_paid(gateway, demand)
        body = DAMAGES[damage](xendit_says(demand))
        assert body != xendit_says(demand)

        answer = Client().post(
            "/webhooks/xendit", body, content_type="application/json", headers=TOKEN
        )

        event = WebhookEvent.objects.get()
        assert answer.status_code == 200
        assert (event.status, event.outcome) == ("failed", "malformed_notification")
        assert event.reference == demand.reference
        assert Transaction.objects.get().amount == demand.amount
        assert "claims to be about PT-884-1-1-7KQ2ZD" in texts.effect(readings.claim_of(event))

    def test_a_byte_order_mark_does_no_harm(
        self, demand: PaymentRequest, gateway: Playback
    ) -> None:
        answers_paid(gateway, demand)

        event = processed(b"\xef\xbb\xbf" + xendit_says(demand))

        assert (event.status, event.outcome) == ("processed", "booked")

    def test_that_name_none_of_ours_ask_nobody(self, committed: None, gateway: Playback) -> None:
        Client().post(
            "/webhooks/xendit",
            b'{"external_id": "PT-1-1-1-AAAAAA", "amount": NaN',
            content_type="application/json",
            headers=TOKEN,
        )

        event = WebhookEvent.objects.get()
        assert (event.status, gateway.asked) == ("failed", [])
        assert texts.effect(readings.claim_of(event)).endswith(
            "It claims to be about PT-1-1-1-AAAAAA, which is not trusted."
        )


def midtrans_says(demand: PaymentRequest, status: str, code: str, **fields: Any) -> dict[str, Any]:
    gross = f"{demand.amount}.00"
    signed = f"{demand.reference}{code}{gross}{SERVER_KEY}"
    return {
        "order_id": demand.reference,
        "status_code": code,
        "gross_amount": gross,
        "signature_key": hashlib.sha512(signed.encode()).hexdigest(),
        "transaction_id": "0a1b2c3d-0000-4000-8000-000000000008",
        "transaction_status": status,
        "transaction_time": "2026-11-22 17:00:00",
        "settlement_time": "2026-11-22 17:05:00",
        "payment_type": "credit_card",
        "fraud_status": "accept",
        "currency": "IDR",
        **fields,
    }


class TestMidtrans:
    @pytest.fixture
    def rupiah(self, committed: None) -> PaymentRequest:
        made = invoice(gateway_id=2, currency_code="IDR")
        return PaymentRequestFactory.create(invoice=made, reference="PT-885-1-1-7KQ2ZD")

    def notified(self, body: bytes) -> WebhookEvent:
        event = receiving.receive(gateway_code="midtrans", headers={}, body=body, now=T0)
        assert event is not None
        if event.next_attempt_at:
            confirming.process(event_id=event.pk, now=T0)
            event.refresh_from_db()
        return event

    def linked(self, *signed: str, key: str = SERVER_KEY, **fields: str) -> bytes:
        note = {
            "account_id": "00000269-7836-49e5-bc65-e592afafec14",
            "merchant_id": "M099098",
            "payment_type": "gopay",
            "status_code": "204",
            "account_status": "DISABLED",
            **fields,
        }
        text = "".join(note[name] for name in signed) + key
        return json.dumps(
            note | {"signature_key": hashlib.sha512(text.encode()).hexdigest()}
        ).encode()

    @pytest.mark.parametrize(
        "signed",
        [("account_id", "account_status", "status_code"), ("account_id", "account_status")],
    )
    def test_a_note_about_a_linked_account_is_ignored(
        self, committed: None, gateway: Playback, signed: tuple[str, ...]
    ) -> None:
        assert post(self.linked(*signed), gateway="midtrans") == 200

        event = WebhookEvent.objects.get()
        assert (event.status, event.outcome) == ("ignored", "notification_not_used")
        assert gateway.asked == []

    def test_a_note_about_a_linked_account_must_be_signed(self, committed: None) -> None:
        signed = ("account_id", "account_status", "status_code")
        assert post(self.linked(*signed, key="another"), gateway="midtrans") == 401
        assert post(self.linked(key=SERVER_KEY), gateway="midtrans") == 401
        odd = json.loads(self.linked(*signed)) | {"account_status": 1}
        assert post(json.dumps(odd).encode(), gateway="midtrans") == 401
        assert not WebhookEvent.objects.exists()

    def test_a_payment_is_not_taken_for_an_account(self, rupiah: PaymentRequest) -> None:
        said = midtrans_says(rupiah, "settlement", "200", account_id="x", account_status="ENABLED")
        assert post(json.dumps(said | {"signature_key": "0"}).encode(), gateway="midtrans") == 401
        assert not WebhookEvent.objects.exists()

    def test_a_damaged_body_with_a_right_signature_makes_it_be_asked(
        self, rupiah: PaymentRequest, gateway: Playback
    ) -> None:
        said = midtrans_says(rupiah, "settlement", "200")
        gateway.will_answer(said)
        body = json.dumps(said | {"note": "X"}).encode().replace(b'"X"', b'"\xff\\ud800"')

        answer = Client().post("/webhooks/midtrans", body, content_type="application/json")

        assert answer.status_code == 200
        assert Transaction.objects.get().amount == rupiah.amount

    def test_a_contradiction_says_what_it_claims(self, rupiah: PaymentRequest) -> None:
        event = self.notified(json.dumps(midtrans_says(rupiah, "settlement", "201")).encode())

        assert (event.status, event.reference) == ("failed", rupiah.reference)
        claim = readings.claim_of(event)
        assert claim.payment_request == rupiah
        assert "not trusted" in texts.effect(claim)
        assert not Transaction.objects.exists()

    def test_a_partial_chargeback_is_marked_and_booked_once_its_amount_is_known(
        self, rupiah: PaymentRequest, gateway: Playback
    ) -> None:
        paid = midtrans_says(rupiah, "settlement", "200")
        gateway.will_answer(paid)
        self.notified(json.dumps(paid).encode())
        taken = midtrans_says(rupiah, "partial_chargeback", "200")
        gateway.will_answer(taken)

        unknown = self.notified(json.dumps(taken).encode())
        flags, amounts = Invoice.objects.get().review_flags, amounts_booked()
        refund = {"refund_chargeback_id": 7, "refund_amount": "4000.00"}
        known = taken | {"refunds": [refund]}
        gateway.will_answer(known)
        booked = self.notified(json.dumps(known).encode())

        assert (unknown.status, flags, amounts) == ("processed", ["disputed"], [10_000])
        assert booked.outcome == "reversed"
        assert amounts_booked() == [-4_000, 10_000]


def amounts_booked() -> list[int]:
    return sorted(Transaction.objects.values_list("amount", flat=True))
