"""Xendit's list of transactions, as it was recorded."""

from datetime import UTC, datetime

import pytest

from gateways.settlements import FeeState, LineKind
from gateways.xendit.adapter import XenditAdapter
from tests.gateways.playback import Playback, recording


@pytest.fixture
def xendit(gateway: Playback) -> XenditAdapter:
    return XenditAdapter(base_url=gateway.url, secret_key="xnd_test", callback_token="token")


SINCE = datetime(2026, 1, 15, tzinfo=UTC)


class TestSettlementPage:
    def test_reads_each_kind_of_row(self, xendit: XenditAdapter, gateway: Playback) -> None:
        gateway.will_answer(recording("xendit/43_transactions")["response"]["json"])

        page = xendit.settlement_page(since=SINCE, currency="IDR", after=None)

        assert page is not None
        assert [
            (row.kind, row.gross_amount, row.fee_amount, row.vat_amount, row.net_amount)
            for row in page.rows
        ] == [
            (LineKind.PAYOUT, -60_000, 2_500, 275, -62_775),
            (LineKind.REFUND, -25_000, 0, 0, -25_000),
            (LineKind.PAYMENT, 100_000, 6_100, 671, 93_229),
            (LineKind.PAYMENT, 75_000, 1_200, 132, 73_668),
        ]
        assert [row.fee_state for row in page.rows][2:] == [FeeState.PENDING, FeeState.FINAL]
        assert [row.settlement_at is None for row in page.rows] == [False, False, True, False]
        paid = page.rows[3]
        assert (paid.reference, paid.gateway_ids[:2]) == (
            "PT-20260115-0042",
            ("py-0b0b0b0b-0000-4000-8000-000000000042", "6968a1f0d4e5f60001a00042"),
        )
        assert page.after == "txn_00000000-0000-4000-8000-000000000041"

    def test_goes_on_after_the_last_row(self, xendit: XenditAdapter, gateway: Playback) -> None:
        gateway.will_answer({"has_more": False, "data": []})

        page = xendit.settlement_page(since=SINCE, currency="MYR", after="txn_1")

        assert page is not None
        assert page.after is None
        [asked] = gateway.asked
        assert asked.path == (
            "/transactions?currency=MYR&updated%5Bgte%5D=2026-01-15T00%3A00%3A00.000Z"
            "&limit=50&after_id=txn_1"
        )
