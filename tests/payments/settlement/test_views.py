"""Settlements over HTTP: each merchant sees their own, in numbers that add up."""

import csv
import io

from invoices.models import Transaction
from tests.conftest import Merchant
from tests.payments.settlement import test_services
from tests.payments.settlement.test_services import paid, take

PERIOD = "settled_from=2026-11-01T00:00:00Z&settled_to=2026-12-01T00:00:00Z"


def settled(*payments: Transaction, fee: str = "1.00") -> None:
    text = test_services.csv(*payments, fee=fee).decode()
    take(
        text.replace(",Currency", ",Currency,Settlement Date")
        .replace("MYR,", "MYR,2026-11-03,")
        .encode()
    )


class TestSettlements:
    def test_lists_ones_own(self, merchant: Merchant, stranger: Merchant) -> None:
        mine, theirs = paid(tenant=merchant.tenant), paid(tenant=stranger.tenant)
        settled(mine, theirs)

        answer = merchant.get("/settlements?state=matched&currency=MYR&payout_id=W-1").json()

        [shown] = answer["results"]
        assert (shown["transaction_id"], shown["payout_id"], shown["net_amount"]) == (
            mine.pk,
            "W-1",
            mine.amount - 100,
        )
        assert shown["settled_at"] == "2026-11-02T17:00:00Z"
        assert merchant.get("/settlements?state=missing_here").json()["results"] == []

    def test_refuses_what_it_does_not_know(self, merchant: Merchant) -> None:
        for query in ("state=lost", "gateway_id=x", "colour=red"):
            assert merchant.get(f"/settlements?{query}").status_code == 400, query


class TestPayoutTransactions:
    def test_lists_a_payouts_lines(self, merchant: Merchant) -> None:
        mine = paid(tenant=merchant.tenant)
        settled(mine)

        [shown] = merchant.get("/payouts/W-1/transactions").json()["results"]

        assert shown["transaction_id"] == mine.pk

    def test_is_404_for_others(self, merchant: Merchant, stranger: Merchant) -> None:
        settled(paid(tenant=stranger.tenant))

        assert merchant.get("/payouts/W-1/transactions").status_code == 404


class TestSettlementReport:
    def test_sums_up_alike_in_both_forms(self, merchant: Merchant, stranger: Merchant) -> None:
        mine = [paid(tenant=merchant.tenant) for _ in range(2)]
        settled(*mine, paid(tenant=stranger.tenant))

        [shown] = merchant.get(f"/reports/settlement?{PERIOD}").json()["results"]
        text = merchant.get(f"/reports/settlement.csv?{PERIOD}").content.decode("utf-8-sig")

        assert (shown["line_count"], shown["gross_amount"], shown["gateway_fee_amount"]) == (
            2,
            sum(row.amount for row in mine),
            200,
        )
        [row] = csv.DictReader(io.StringIO(text))
        assert row == {name: str(value) for name, value in shown.items()}

    def test_needs_a_period(self, merchant: Merchant) -> None:
        backwards = "settled_from=2026-12-01T00:00:00Z&settled_to=2026-11-01T00:00:00Z"
        for query in ("", "settled_from=2026-12-01T00:00:00Z", backwards):
            assert merchant.get(f"/reports/settlement?{query}").status_code == 400, query


class TestInvoiceTransactions:
    def test_says_what_a_payment_cost_once_that_is_known(self, merchant: Merchant) -> None:
        mine = paid(tenant=merchant.tenant)
        names = ("gateway_fee_amount", "net_amount", "settled_at", "payout_id")

        def shown() -> list[object]:
            [row] = merchant.get(f"/invoices/{mine.invoice_id}/transactions").json()["results"]
            return [row[name] for name in names]

        assert shown() == [None] * 4

        settled(mine)

        assert shown() == [100, mine.amount - 100, "2026-11-02T17:00:00Z", "W-1"]
