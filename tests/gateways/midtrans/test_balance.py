"""Midtrans's balance at two moments, in the form of its reference (gateways-2.md C7)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateways.adapter import GatewayRejected, GatewayUnavailable
from gateways.midtrans.adapter import MidtransAdapter
from tests.gateways.playback import Playback

START = datetime(2026, 3, 1, 17, tzinfo=UTC)
END = datetime(2026, 3, 16, 16, 59, 59, tzinfo=UTC)
OVERALL = {"opening_balance_overall": 962_000.02, "closing_balance_overall": 5_931_250.52}
WALLETS = [
    {"source": "iris", "opening_balance_overall": 0, "closing_balance_overall": 7},
    {"source": "payin", "opening_balance_overall": 962_000.01, "closing_balance_overall": 144.00},
]


@pytest.fixture
def midtrans(gateway: Playback) -> MidtransAdapter:
    return MidtransAdapter(
        core_base_url=gateway.url, snap_base_url=gateway.url, server_key="key", client_key="own"
    )


def change(midtrans: MidtransAdapter) -> int:
    return midtrans.balance_change(start=START, end=END, currency="IDR")


class TestBalanceChange:
    @pytest.mark.parametrize(
        ("answer", "amount"),
        [(OVERALL, 4_969_251), (OVERALL | {"wallets": WALLETS}, -961_856)],
    )
    def test_is_that_of_payments_in_whole_rupiah(
        self, midtrans: MidtransAdapter, gateway: Playback, answer: dict[str, Any], amount: int
    ) -> None:
        gateway.will_answer(answer)

        assert change(midtrans) == amount

        assert gateway.asked[0].path == (
            "/v1/balance/mutation?currency=IDR&start_time=2026-03-02T00%3A00%3A00%2B07%3A00"
            "&end_time=2026-03-16T23%3A59%3A59%2B07%3A00"
        )

    def test_says_what_the_answer_lacks(self, midtrans: MidtransAdapter, gateway: Playback) -> None:
        gateway.will_answer({"opening_balance_overall": 1})

        with pytest.raises(GatewayUnavailable, match="it lacks 'closing_balance_overall'"):
            change(midtrans)

    def test_is_refused(self, midtrans: MidtransAdapter, gateway: Playback) -> None:
        gateway.will_answer({"status_code": "401", "status_message": "no"}, status=401)

        with pytest.raises(GatewayRejected, match="401: no"):
            change(midtrans)
