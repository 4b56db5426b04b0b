"""Refunds over HTTP: what is refused, and that nothing changes then."""

from typing import Any

import pytest

from invoices.models import Invoice, Transaction
from tests.conftest import Merchant
from tests.invoices.factories import invoice
from tests.payments.refunds.gateway import RefundingGateway
from tests.payments.refunds.paid import paid_invoice
from tests.payments.refunds.test_services import REFUSED, rows

GOOD = {"reason": "other"}
BAD: dict[str, Any] = {
    "nothing": {},
    "zero": GOOD | {"amount": 0},
    "negative": GOOD | {"amount": -1},
    "a part of a unit": GOOD | {"amount": 1.5},
    "a text": GOOD | {"amount": "100"},
    "true": GOOD | {"amount": True},
    "too large": GOOD | {"amount": 2**53},
    "another currency": GOOD | {"currency_code": "IDR"},
    "an unknown reason": {"reason": "because"},
    "a blank external_id": GOOD | {"external_id": " "},
    "a list": [GOOD],
    "metadata of another shape": GOOD | {"metadata": {"key": {"deep": 1}}},
}


def post(merchant: Merchant, of: Invoice, body: Any = GOOD) -> tuple[int, str]:
    answer = merchant.post(f"/invoices/{of.pk}/refunds", json=body)
    return answer.status_code, answer.json().get("error", "")


class TestBadInput:
    @pytest.mark.parametrize("case", BAD)
    def test_is_400_and_changes_nothing(
        self, merchant: Merchant, gateway: RefundingGateway, case: str
    ) -> None:
        of = paid_invoice(tenant=merchant.tenant)
        before = rows()

        answer = post(merchant, of, BAD[case])

        assert answer == (400, "invalid_request")
        assert (rows(), gateway.asked) == (before, [])

    def test_others_are_404(self, merchant: Merchant, gateway: RefundingGateway) -> None:
        mine, theirs = paid_invoice(tenant=merchant.tenant), paid_invoice()
        payment = Transaction.objects.get(invoice=theirs)
        before = rows()

        answers = [
            post(merchant, theirs),
            post(merchant, mine, GOOD | {"transaction_id": payment.pk}),
        ]

        assert answers == [(404, "not_found")] * 2
        assert (rows(), gateway.asked) == (before, [])

    @pytest.mark.parametrize(
        "state",
        [
            {},
            {"status": "draft", "payment_initiated_at": None},
            {"status": "expired", "ended_as": "expired"},
            {"status": "cancelled", "ended_as": "cancelled"},
        ],
    )
    def test_an_invoice_without_money_has_nothing_to_give(
        self, merchant: Merchant, gateway: RefundingGateway, state: dict[str, Any]
    ) -> None:
        of = invoice(tenant=merchant.tenant, **state)
        before = rows()

        assert post(merchant, of) == (422, "nothing_to_refund")
        assert (rows(), gateway.asked) == (before, [])

    def test_a_payment_of_another_invoice_is_404(
        self, merchant: Merchant, gateway: RefundingGateway
    ) -> None:
        of, other = (paid_invoice(tenant=merchant.tenant) for _ in range(2))
        payment = Transaction.objects.get(invoice=other)
        before = rows()

        answer = post(merchant, of, GOOD | {"transaction_id": payment.pk})

        assert answer == (404, "not_found")
        assert (rows(), gateway.asked) == (before, [])

    @pytest.mark.parametrize("case", REFUSED)
    def test_what_the_payment_cannot_give_is_422(
        self,
        merchant: Merchant,
        gateway: RefundingGateway,
        case: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        paid, asked, code = REFUSED[case]
        of = paid_invoice(tenant=merchant.tenant, **paid)
        asked = dict(asked)
        if later := asked.pop("now", None):
            monkeypatch.setattr("payments.refunds.views.timezone.now", lambda: later)
        before = rows()

        assert post(merchant, of, GOOD | asked) == (422, code)
        assert (rows(), gateway.asked) == (before, [])

    def test_the_same_key_with_other_content_is_422(
        self, merchant: Merchant, gateway: RefundingGateway
    ) -> None:
        of = paid_invoice(tenant=merchant.tenant)
        url, key = f"/invoices/{of.pk}/refunds", {"Idempotency-Key": "k-1"}
        merchant.post(url, json=GOOD | {"amount": 100}, headers=key)
        before, sent = rows(), len(gateway.asked)

        answer = merchant.post(url, json=GOOD | {"amount": 101}, headers=key)

        assert (answer.status_code, answer.json()["error"]) == (422, "idempotency_key_reused")
        assert (rows(), len(gateway.asked)) == (before, sent)
        assert sent == 1

    def test_another_tenants_refund_is_404(
        self, merchant: Merchant, stranger: Merchant, gateway: RefundingGateway
    ) -> None:
        of = paid_invoice(tenant=merchant.tenant)
        made = merchant.post(f"/invoices/{of.pk}/refunds", json=GOOD).json()

        assert merchant.get(f"/refunds/{made['id']}").json()["status"] == "succeeded"
        assert stranger.get(f"/refunds/{made['id']}").status_code == 404
        assert stranger.get("/refunds").json()["results"] == []
        assert stranger.get(f"/invoices/{of.pk}/refunds").status_code == 404

    def test_transactions_show_what_can_go_back(
        self, merchant: Merchant, gateway: RefundingGateway
    ) -> None:
        of = paid_invoice(tenant=merchant.tenant)
        post(merchant, of, GOOD | {"amount": 4_000})

        shown = merchant.get(f"/invoices/{of.pk}/transactions").json()["results"]

        assert [row["refundable_amount"] for row in shown] == [0, 6_000]
        assert [row["refundable_in_part"] for row in shown] == [False, True]
        assert shown[0]["refundable_until"] is None
        assert shown[1]["refundable_until"].endswith("Z")
