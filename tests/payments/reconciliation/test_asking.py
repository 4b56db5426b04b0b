from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from gateways import http, registry
from invoices.models import Invoice, PaymentRequest, Transaction
from payments.reconciliation import asking
from tests.concurrency.threads import at_once
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body

BODIES = {"xendit": invoice_body, "midtrans": rupiah_body}
GATEWAYS = pytest.mark.parametrize("gateway", BODIES)


def in_(**time: float) -> datetime:
    return timezone.now() + timedelta(**time)


def the_request() -> PaymentRequest:
    return PaymentRequest.objects.get()


def check(now: datetime) -> str:
    return asking.check(payment_request_id=the_request().pk, now=now)


class TestCheck:
    @GATEWAYS
    def test_books_a_payment_of_which_no_word_came(
        self, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        invoice = merchant.post("/invoices", json=BODIES[gateway]()).json()
        sandbox.fault(gateway, "webhook_lost", times=5)
        sandbox.pay(invoice["payment_url"])

        outcome = check(in_(minutes=10))

        assert outcome == "booked"
        assert merchant.get(f"/invoices/{invoice['id']}").json()["status"] == "fully_paid"
        assert the_request().next_check_at is None
        assert check(in_(minutes=11)) == "unchanged"
        assert Transaction.objects.count() == 1

    @GATEWAYS
    def test_asks_after_ten_minutes_then_an_hour_then_daily_and_after_the_page(
        self, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        expires_at = in_(days=3).replace(microsecond=0)
        merchant.post(
            "/invoices", json=BODIES[gateway](expires_at=f"{expires_at:%Y-%m-%dT%H:%M:%SZ}")
        )
        made_at, page_end = the_request().created_at, the_request().expires_at
        due = [the_request().next_check_at]

        while due[-1] is not None and due[-1] < page_end:
            check(due[-1])
            due.append(the_request().next_check_at)

        assert due == [
            made_at + timedelta(minutes=10),
            made_at + timedelta(hours=1),
            made_at + timedelta(hours=25),
            made_at + timedelta(hours=49),
            page_end + timedelta(minutes=10),
        ]

    def test_leaves_an_unused_snap_page_alone_while_it_lives(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = merchant.post("/invoices", json=rupiah_body()).json()

        outcome = check(in_(minutes=10))

        assert outcome == "unknown"
        assert merchant.get(f"/invoices/{invoice['id']}").json() == invoice

    def test_ends_a_snap_page_that_lapsed_in_silence(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = merchant.post("/invoices", json=rupiah_body()).json()

        outcomes = [check(in_(hours=24, minutes=minutes)) for minutes in (-5, 11)]

        assert outcomes == ["unknown", "lapsed"]
        assert the_request().status == "expired"
        assert merchant.get(f"/invoices/{invoice['id']}").json()["status"] == "expired"

    def test_ends_a_page_that_its_gateway_did_not_close(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        merchant.post("/invoices", json=invoice_body())  # the sandbox's clock stands still

        outcome = check(in_(hours=25))

        assert (outcome, the_request().status) == ("lapsed", "expired")

    def test_of_a_page_shorter_than_its_invoice_lets_a_new_one_be_opened(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        expires_at = in_(days=20)
        merchant.post("/invoices", json=rupiah_body(expires_at=f"{expires_at:%Y-%m-%dT%H:%M:%SZ}"))

        check(in_(days=8))

        assert the_request().status == "expired"
        assert Invoice.objects.get().status == "pending"
        assert Invoice.objects.get().open_payment_at is not None

    def test_adopts_what_an_unknown_outcome_had_made(
        self, merchant: Merchant, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "READ_SECONDS", 1)
        sandbox.fault("xendit", "created_but_timeout")
        merchant.post("/invoices", json=invoice_body())

        outcome = check(in_(minutes=10))

        assert outcome == "adopted"
        adopted, charge = the_request(), sandbox.charges()[0]
        assert (adopted.status, adopted.payment_url) == ("open", charge["payment_url"])
        assert Invoice.objects.get().status == "pending"

    @GATEWAYS
    def test_leaves_to_the_merchant_what_was_never_made(
        self, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        sandbox.fault(gateway, "http_500")
        merchant.post("/invoices", json=BODIES[gateway]())

        outcome = check(in_(minutes=10))

        assert (outcome, the_request().status) == ("unknown", "opening")
        assert Invoice.objects.get().status == "draft"
        assert sandbox.charges() == []

    def test_keeps_away_from_a_request_somebody_is_asking_about(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        sandbox.fault("xendit", "http_500")
        merchant.post("/invoices", json=invoice_body())
        PaymentRequest.objects.update(leased_until=in_(minutes=11))

        assert check(in_(minutes=10)) == "in_progress"

    @GATEWAYS
    def test_asks_again_in_ten_minutes_when_the_gateway_is_away(
        self, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        merchant.post("/invoices", json=BODIES[gateway]())
        now = in_(minutes=10)
        claimed = asking.claim_due(now=now, limit=10)
        sandbox.fault(gateway, "http_503")

        outcome = check(now)

        assert claimed == [the_request().pk]
        assert outcome == "gateway_unavailable"
        assert the_request().next_check_at == now + timedelta(minutes=10)

    def test_does_not_call_a_gateway_that_is_down(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        merchant.post("/invoices", json=invoice_body())
        sandbox.fault("xendit", "http_503", times=5)
        outcomes = [check(in_(minutes=10)) for _ in range(5)]

        sandbox.fault("xendit", "webhook_lost")
        answer = check(in_(minutes=10))  # the gateway would answer now, but is not asked

        assert {*outcomes, answer} == {"gateway_unavailable"}
        registry.reset_adapters()
        assert check(in_(minutes=10)) == "unchanged"


class TestClaimDue:
    def test_takes_what_is_due_oldest_first_and_once(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        ids = [merchant.post("/invoices", json=invoice_body()).json()["id"] for _ in range(3)]
        requests = [PaymentRequest.objects.get(invoice=pk).pk for pk in ids]
        now = in_(minutes=11)

        assert asking.claim_due(now=in_(minutes=5), limit=10) == []
        assert asking.claim_due(now=now, limit=2) == requests[:2]
        assert asking.claim_due(now=now, limit=10) == requests[2:]
        assert asking.claim_due(now=now, limit=10) == []
        assert asking.claim_due(now=now + timedelta(minutes=10), limit=10) == requests

    def test_gives_each_to_one_of_many_at_once(self, merchant: Merchant, sandbox: Sandbox) -> None:
        for _ in range(4):
            merchant.post("/invoices", json=invoice_body())
        claimed: list[int] = []

        at_once(*[lambda: claimed.extend(asking.claim_due(now=in_(minutes=11), limit=2))] * 4)

        assert len(claimed) == len(set(claimed))
