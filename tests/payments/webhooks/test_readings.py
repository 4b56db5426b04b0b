import json

import pytest

from payments.webhooks.readings import Effect, claim_of
from paytrust.money import Money
from tests.invoices.factories import PaymentRequestFactory
from tests.payments.events import failed_event

pytestmark = pytest.mark.django_db


class TestClaimOf:
    def test_tells_what_would_be_paid_on_which_payment(self) -> None:
        request = PaymentRequestFactory.create()

        claim = claim_of(failed_event(request))

        assert claim.effect == Effect.PAYS
        assert claim.payment_request == request
        assert claim.amount == Money(request.amount, "MYR")
        assert claim.may_bear_money

    def test_tells_what_only_ends(self) -> None:
        claim = claim_of(failed_event(PaymentRequestFactory.create(), says="EXPIRED"))

        assert claim.effect == Effect.ENDS
        assert not claim.may_bear_money

    def test_tells_what_would_be_taken_back(self) -> None:
        request = PaymentRequestFactory.create(gateway_id=2, currency_code="IDR", amount=157_400)
        body = {
            "order_id": request.reference,
            "transaction_id": request.gateway_payment_id,
            "transaction_status": "refund",
            "status_code": "200",
            "gross_amount": "157400.00",
            "currency": "IDR",
            "refund_amount": "157400.00",
            "refunds": [{"refund_key": "r1", "refund_amount": "157400.00"}],
        }

        claim = claim_of(failed_event(request, gateway_id=2, body=json.dumps(body).encode()))

        assert (claim.effect, claim.amount) == (Effect.TAKES_BACK, Money(157_400, "IDR"))
        assert claim.may_bear_money

    @pytest.mark.parametrize("body", [b"", b"[]", b"no json", b'{"status": 7}'])
    def test_takes_what_it_cannot_read_for_money(self, body: bytes) -> None:
        claim = claim_of(failed_event(PaymentRequestFactory.create(), body=body))

        assert (claim.effect, claim.amount) == (Effect.UNCLEAR, None)
        assert claim.may_bear_money
