"""Rounds that ask a gateway's list for what it settled."""

from datetime import datetime, timedelta

import pytest

from gateways.settlements import SettlementPage
from payments.settlement import fetching
from tests.payments.settlement.test_services import NOW, paid, row


class TestFetch:
    def test_reads_all_pages_and_goes_on_from_there(
        self, committed: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        payment = paid()
        reference = payment.payment_request.reference
        asked: list[tuple[datetime, str | None]] = []

        class Adapter:
            def settlement_page(
                self, *, since: datetime, currency: str, after: str | None
            ) -> SettlementPage:
                if currency != "MYR":
                    return SettlementPage(rows=[], after=None)
                asked.append((since, after))
                if after is None:
                    return SettlementPage(rows=[row("t1", reference)], after="t1")
                return SettlementPage(rows=[row("t2", "PT-other")], after=None)

        monkeypatch.setattr(
            "payments.settlement.fetching.registry.adapter_for", lambda *_, **__: Adapter()
        )

        first = fetching.fetch(code="xendit", account_id=None, now=NOW)
        second = fetching.fetch(code="xendit", account_id=None, now=NOW + timedelta(days=1))

        assert first is not None
        assert second is not None
        assert (first.new_count, second.line_count, second.new_count) == (2, 2, 0)
        assert asked == [
            (NOW - fetching.FIRST_ROUND, None),
            (NOW - fetching.FIRST_ROUND, "t1"),
            (NOW - fetching.OVERLAP, None),
            (NOW - fetching.OVERLAP, "t1"),
        ]
