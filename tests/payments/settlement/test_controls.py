"""The sum of a balance statement against the gateway's own balance."""

import io
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from gateways.adapter import GatewayError, GatewayUnavailable
from gateways.models import Gateway
from payments.models import SettlementControl, SettlementImport
from payments.settlement import controls, services, withdrawing
from tests.payments.changes.test_back_office import client_of
from tests.payments.settlement.test_services import NOW

pytestmark = pytest.mark.django_db

HEADERS = "Order ID,Date & Time,Transaction Type,Amount,Fee,VAT,Status,Currency,Withdrawal ID"
PAID = "PT-1,2026-11-01 10:00:00,Payment,100000,700,77,settlement,IDR,"
REFUNDED = "PT-1,2026-11-02 10:00:00,Refund,500,0,0,settlement,IDR,"
WAITING = "PT-2,2026-11-02 11:00:00,Payment,900,0,0,pending,IDR,"


@dataclass
class Balance:
    amount: int = 98_723
    error: GatewayError | None = None
    asked: list[tuple[datetime, datetime, str]] = field(default_factory=list)

    def balance_change(self, *, start: datetime, end: datetime, currency: str) -> int:
        self.asked.append((start, end, currency))
        if self.error:
            raise self.error
        return self.amount


@pytest.fixture
def balance(monkeypatch: pytest.MonkeyPatch) -> Balance:
    made = Balance()
    monkeypatch.setattr("payments.settlement.controls.registry.adapter_for", lambda *_, **__: made)
    monkeypatch.setattr(controls, "release_connection", lambda: None)
    return made


def take(*rows: str, code: str = "midtrans") -> SettlementImport:
    upload = services.Upload(
        gateway=Gateway.objects.get(code=code),
        account=None,
        file=io.BytesIO("\n".join([HEADERS, *rows]).encode()),
        file_name="statement.csv",
        currency="IDR",
    )
    return services.import_file(upload=upload, now=NOW)


class TestCheckDue:
    def test_compares_all_that_moved_from_the_first_row_to_the_last(self, balance: Balance) -> None:
        made = take(PAID, REFUNDED, WAITING)

        assert controls.check_due(now=NOW) == 1

        control = SettlementControl.objects.get()
        assert (control.imported_in, control.lines_amount, control.difference_amount) == (
            made,
            98_723,
            0,
        )
        assert made.covers_from is not None
        assert made.covers_to is not None
        second = timedelta(seconds=1)
        assert balance.asked == [(made.covers_from - second, made.covers_to + second, "IDR")]
        assert controls.check_due(now=NOW) == 0
        assert len(balance.asked) == 1

    def test_says_how_much_more_the_file_has(self, balance: Balance) -> None:
        take(PAID, REFUNDED, PAID)

        controls.check_due(now=NOW)

        assert SettlementControl.objects.get().difference_amount == 99_223

    def test_asks_again_until_a_week_has_passed(self, balance: Balance) -> None:
        take(PAID)
        balance.error = GatewayUnavailable("midtrans", "away")
        assert controls.check_due(now=NOW) == 0

        assert controls.check_due(now=NOW + controls.TRIED_FOR + timedelta(seconds=1)) == 0
        assert len(balance.asked) == 1

        balance.error = None
        assert controls.check_due(now=NOW + controls.TRIED_FOR) == 1

    @pytest.mark.parametrize(
        ("rows", "code"),
        [
            ((PAID + "WD-1",), "midtrans"),  # a report of withdrawals
            ((PAID,), "xendit"),  # shows no balance at two moments
            ((WAITING,), "midtrans"),  # nothing moved
            ((), "midtrans"),
            ((PAID, PAID.replace("IDR", "USD")), "midtrans"),  # one call is about one currency
        ],
    )
    def test_asks_about_balance_statements_alone(
        self, balance: Balance, rows: tuple[str, ...], code: str
    ) -> None:
        take(*rows, code=code)

        assert controls.check_due(now=NOW) == 0
        assert balance.asked == []

    def test_asks_about_none_that_was_withdrawn(self, balance: Balance) -> None:
        made = take(PAID)
        withdrawing.withdraw(import_id=made.pk, user=None, reason="wrong", now=NOW)

        assert controls.check_due(now=NOW) == 0


class TestTheImportsPage:
    @pytest.mark.parametrize(
        ("amount", "shown"),
        [(98_723, "Agrees</span>"), (100_000, r"Differs</span> -Rp\s1[.,]277<")],
    )
    def test_says_whether_the_two_agree(self, balance: Balance, amount: int, shown: str) -> None:
        made = take(PAID, REFUNDED)
        balance.amount = amount
        page, client = f"/admin/payments/settlementimport/{made.pk}/change/", client_of()
        assert "The file sums up to" not in client.get(page).text

        controls.check_due(now=NOW)

        text = client.get(page).text
        assert re.search(shown, text)
        assert re.search(r"The file sums up to Rp\s98[.,]723\.", text)
