"""Reports of closed months: asked for once, read once, and only what is new is kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import IO, Any
from zoneinfo import ZoneInfo

import pytest

from gateways.adapter import GatewayBusy, GatewayUnavailable
from gateways.models import Gateway
from gateways.settlements import ReportState, SettlementRow
from payments.models import SettlementImport, SettlementLine, SettlementReport
from payments.settlement import reports, services
from tests.invoices.factories import invoice
from tests.payments.refunds.paid import pay
from tests.payments.settlement.test_services import NOW, paid, row

pytestmark = pytest.mark.django_db

JAKARTA = ZoneInfo("Asia/Jakarta")
END = (NOW.astimezone(JAKARTA).replace(day=1) + timedelta(days=32)).replace(
    day=1, hour=0, minute=0, second=0, microsecond=0
)
NINTH = END + timedelta(days=8, hours=3)


@dataclass
class Gatewayside:
    """A gateway that makes reports with these rows."""

    rows: Sequence[SettlementRow] = ()
    states: list[ReportState] = field(default_factory=list)
    asked: list[tuple[datetime, datetime, str]] = field(default_factory=list)

    def ask_for_report(self, *, start: datetime, end: datetime, currency: str) -> str:
        self.asked.append((start, end, currency))
        return f"report_{len(self.asked)}"

    def find_report(self, *, report_id: str) -> ReportState:
        return self.states.pop(0)

    def download_report(self, *, url: str, into: IO[bytes]) -> None:
        assert url == "https://files.example.test/1"

    def rows_of_report(self, file: IO[bytes]) -> Iterator[SettlementRow]:
        yield from self.rows


PENDING = ReportState(has_failed=False, url=None)
FAILED = ReportState(has_failed=True, url=None)
READY = ReportState(has_failed=False, url="https://files.example.test/1")


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gatewayside:
    made = Gatewayside()
    monkeypatch.setattr("payments.settlement.reports.registry.adapter_for", lambda *_, **__: made)
    monkeypatch.setattr(reports, "release_connection", lambda: None)
    return made


def wanted() -> SettlementReport:
    assert reports.open_last_month(now=NINTH) == 1
    return SettlementReport.objects.get()


def listed(*rows: SettlementRow) -> None:
    made = SettlementImport(
        gateway=Gateway.objects.get(code="xendit"),
        source="api",
        sha256="0" * 64,
        covers_from=NOW - timedelta(days=31),
        covers_to=END,
        imported_at=NOW,
    )
    services.import_rows(made=made, rows=rows, now=NOW)


def go_on(report: SettlementReport, times: int, now: datetime = NINTH) -> SettlementReport:
    for _ in range(times):
        reports.go_on(report_id=report.pk, now=now)
    report.refresh_from_db()
    return report


def state(report: SettlementReport) -> tuple[Any, ...]:
    return (report.status, report.tries, report.gateway_report_id, report.due_at)


class TestOpenLastMonth:
    def test_wants_one_of_each_account_and_currency_once(self) -> None:
        paid()
        paid()

        assert reports.open_last_month(now=NINTH) == 1
        assert reports.open_last_month(now=NINTH + timedelta(days=1)) == 0

        report = SettlementReport.objects.get()
        assert (report.gateway.code, report.account, report.tenant, report.currency_code) == (
            "xendit",
            None,
            None,
            "MYR",
        )
        assert report.ends_at == END
        assert report.starts_at == (END - timedelta(days=1)).replace(day=1)
        assert reports.claim_due(now=NINTH) == [report.pk]
        assert reports.claim_due(now=NINTH) == []

    @pytest.mark.parametrize("days", [-1, 6, 40])
    def test_waits_until_the_month_is_settled_and_goes_back_one_month_only(self, days: int) -> None:
        paid()

        assert reports.open_last_month(now=NINTH + timedelta(days=days)) == 0

    def test_wants_none_of_a_gateway_that_makes_none(self) -> None:
        pay(invoice(gateway_id=2, currency_code="IDR", totals=(100_000,)))

        assert reports.open_last_month(now=NINTH) == 0


class TestGoOn:
    def test_keeps_what_the_list_left_out_and_what_differs(self, gateway: Gatewayside) -> None:
        known, missed, changed = paid(), paid(), paid()
        own = [
            row(f"t{number}", payment.payment_request.reference)
            for number, payment in enumerate((known, missed, changed))
        ]
        listed(own[0], own[2], row("only-listed", "PT-only-listed"))
        later = NOW + timedelta(hours=1)
        gateway.rows = [
            replace(own[0], settlement_at=later, as_of=later, raw={"Type": "PAYMENT"}),
            own[1],
            replace(own[2], gross_amount=9_000, net_amount=8_900, as_of=later),
        ]
        gateway.states = [PENDING, READY]

        report = go_on(wanted(), 3)

        assert gateway.asked == [(report.starts_at, report.ends_at, "MYR")]
        assert report.imported_in is not None
        assert (report.imported_in.source, report.imported_in.line_count) == ("report", 3)
        assert (report.status, report.imported_in.new_count, report.absent_count) == ("done", 2, 1)
        assert dict(SettlementLine.objects.counted().values_list("transaction_id", "state")) == {
            known.pk: "matched",
            missed.pk: "matched",
            changed.pk: "amount_differs",
            None: "missing_here",
        }
        assert SettlementLine.objects.get(transaction=known).settlement_at == NOW

        assert state(go_on(report, 1)) == ("done", 0, "report_1", None)
        assert SettlementImport.objects.filter(source="report").count() == 1

    def test_takes_two_empty_reports(self, gateway: Gatewayside) -> None:
        paid()
        pay(invoice(gateway_id=1, currency_code="IDR", totals=(100_000,)))
        assert reports.open_last_month(now=NINTH) == 2

        for report in SettlementReport.objects.all():
            gateway.states = [READY]
            assert go_on(report, 2).status == "done"

    def test_asks_again_for_one_that_failed(self, gateway: Gatewayside) -> None:
        paid()
        gateway.states = [FAILED, READY]

        report = go_on(wanted(), 2)

        assert state(report) == ("wanted", 1, None, NINTH + reports.TRY_AGAIN)
        assert report.problem == "The gateway could not make the report."
        assert state(go_on(report, 2)) == ("done", 1, "report_2", None)
        assert report.problem == ""

    def test_gives_up_in_the_end_and_says_why(self, gateway: Gatewayside) -> None:
        paid()
        gateway.states = [FAILED] * reports.MOST_TRIES

        report = go_on(wanted(), 2 * reports.MOST_TRIES + 1)

        assert state(report) == ("failed", reports.MOST_TRIES, None, None)
        assert len(gateway.asked) == reports.MOST_TRIES

    def test_waits_a_day_for_one(self, gateway: Gatewayside) -> None:
        paid()
        gateway.states = [PENDING, PENDING]
        report = go_on(wanted(), 1)

        report = go_on(report, 1, NINTH + reports.LONGEST_WAIT)
        assert (report.status, report.tries) == ("asked", 0)

        report = go_on(report, 1, NINTH + reports.LONGEST_WAIT + timedelta(minutes=1))
        assert (report.status, report.tries) == ("wanted", 1)

    @pytest.mark.parametrize(
        ("error", "tries", "after"),
        [
            (GatewayBusy("xendit", retry_after_seconds=300), 0, timedelta(minutes=5)),
            (GatewayBusy("xendit", retry_after_seconds=1), 0, reports.LOOK_AGAIN),
            (GatewayUnavailable("xendit", "away"), 1, reports.TRY_AGAIN),
        ],
    )
    def test_counts_no_try_while_the_budget_is_used_up(
        self,
        gateway: Gatewayside,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
        tries: int,
        after: timedelta,
    ) -> None:
        def refuse(**_: object) -> str:
            raise error

        paid()
        monkeypatch.setattr(gateway, "ask_for_report", refuse)

        assert state(go_on(wanted(), 1)) == ("wanted", tries, None, NINTH + after)

    def test_keeps_nothing_of_one_that_cannot_be_read(
        self, gateway: Gatewayside, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def break_off(_file: object) -> Iterator[SettlementRow]:
            yield row("t1", "PT-unknown")
            raise GatewayUnavailable("xendit", "its report cannot be read")

        paid()
        gateway.states = [READY]
        monkeypatch.setattr(gateway, "rows_of_report", break_off)

        report = go_on(wanted(), 2)

        assert (report.status, report.tries) == ("wanted", 1)
        assert not SettlementImport.objects.exists()
        assert not SettlementLine.objects.exists()
