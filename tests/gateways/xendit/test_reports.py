"""Xendit's reports of a month, in the columns that are published (gateways-2.md C7)."""

import io
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateways import http
from gateways.adapter import GatewayUnavailable
from gateways.settlements import FeeState, LineKind, ReportState
from gateways.xendit.adapter import XenditAdapter
from tests.gateways.playback import Playback

START = datetime(2026, 10, 31, 17, tzinfo=UTC)
END = datetime(2026, 11, 30, 17, tzinfo=UTC)
HEADERS = (
    "Status,Type,Channel,Channel Name,Account Number,Currency,Amount,Total Fee,Total VAT,"
    "Net Amount,Reference,Transaction ID,Invoice ID,Batch ID,Product ID,Payment Date,"
    "Timestamp - Created,Timestamp - Updated,Estimated Settlement Time,Actual Settlement Time,"
    "Timezone,Description,Channel Reference,Settlement Status"
)
PAID = (
    'SUCCESS,PAYMENT,EWALLET,DANA,,IDR,"75,000",1200,132,73668,PT-1,txn_1,inv-1,,ewc-1,,'
    "2026-11-03 09:00:00,2026-11-05 09:00:00,,2026-11-05 08:00:00,+07:00,Coffee,,SETTLED"
)


@pytest.fixture
def xendit(gateway: Playback) -> XenditAdapter:
    return XenditAdapter(base_url=gateway.url, secret_key="xnd_test", callback_token="token")


def file(*rows: str, headers: str = HEADERS) -> io.BytesIO:
    return io.BytesIO("\n".join([headers, *rows]).encode())


class TestAsk:
    def test_names_the_month_up_to_its_last_millisecond(
        self, xendit: XenditAdapter, gateway: Playback
    ) -> None:
        gateway.will_answer({"id": "report_1", "status": "PENDING", "url": None})

        assert xendit.ask_for_report(start=START, end=END, currency="MYR") == "report_1"

        [asked] = gateway.asked
        assert (asked.method, asked.path) == ("POST", "/reports")
        assert asked.json == {
            "type": "TRANSACTIONS",
            "filter": {"from": "2026-10-31T17:00:00.000Z", "to": "2026-11-30T16:59:59.999Z"},
            "format": "CSV",
            "currency": "MYR",
            "report_version": "VERSION_2",
        }

    def test_says_that_an_answer_has_no_id(self, xendit: XenditAdapter, gateway: Playback) -> None:
        gateway.will_answer({"status": "PENDING"})

        with pytest.raises(GatewayUnavailable, match="it lacks 'id'"):
            xendit.ask_for_report(start=START, end=END, currency="IDR")


class TestFind:
    @pytest.mark.parametrize(
        ("answer", "state"),
        [
            ({"status": "PENDING", "url": None}, ReportState(has_failed=False, url=None)),
            ({"status": "FAILED", "url": None}, ReportState(has_failed=True, url=None)),
            ({"status": "COMPLETED", "url": "u"}, ReportState(has_failed=False, url="u")),
            ({"status": "COMPLETED", "url": None}, ReportState(has_failed=False, url=None)),
            ({"url": "u"}, ReportState(has_failed=False, url="u")),
        ],
    )
    def test_says_how_far_it_is(
        self,
        xendit: XenditAdapter,
        gateway: Playback,
        answer: dict[str, str | None],
        state: ReportState,
    ) -> None:
        gateway.will_answer(answer | {"id": "report_1"})

        assert xendit.find_report(report_id="report_1") == state
        assert gateway.asked[0].path == "/reports/report_1"


class TestDownload:
    def test_sends_no_key_to_the_host_of_files(
        self, xendit: XenditAdapter, gateway: Playback
    ) -> None:
        gateway.will_answer("a,b\n")
        into = io.BytesIO()

        xendit.download_report(url=f"{gateway.url}/files/1.csv?signature=x", into=into)

        [asked] = gateway.asked
        assert (asked.path, into.getvalue()) == ("/files/1.csv?signature=x", b"a,b\n")
        assert "Authorization" not in asked.headers

    def test_refuses_another_host_without_tls(
        self, xendit: XenditAdapter, gateway: Playback
    ) -> None:
        with pytest.raises(GatewayUnavailable, match="without TLS"):
            xendit.download_report(url="http://files.example.test/1.csv", into=io.BytesIO())

        assert gateway.asked == []

    def test_follows_no_redirect(self, xendit: XenditAdapter, gateway: Playback) -> None:
        gateway.will_answer("", status=302, headers={"Location": f"{gateway.url}/elsewhere"})

        with pytest.raises(GatewayUnavailable, match="answered HTTP 302"):
            xendit.download_report(url=f"{gateway.url}/files/1.csv", into=io.BytesIO())

        assert len(gateway.asked) == 1

    def test_ends_a_file_that_is_too_long(
        self, xendit: XenditAdapter, gateway: Playback, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "LARGEST_DOWNLOAD", 10)
        gateway.will_answer("x" * 11)

        with pytest.raises(GatewayUnavailable, match="too long"):
            xendit.download_report(url=f"{gateway.url}/files/1.csv", into=io.BytesIO())


class TestRows:
    def test_reads_a_payment(self, xendit: XenditAdapter) -> None:
        [row] = xendit.rows_of_report(file(PAID))

        jakarta = timezone(timedelta(hours=7))
        assert (row.line_id, row.kind, row.is_final) == ("txn_1", LineKind.PAYMENT, True)
        assert (row.gross_amount, row.fee_amount, row.vat_amount, row.net_amount) == (
            75_000,
            1_200,
            132,
            73_668,
        )
        assert (row.reference, row.gateway_ids, row.channel) == ("PT-1", ("ewc-1", "inv-1"), "DANA")
        assert row.occurred_at == datetime(2026, 11, 3, 9, tzinfo=jakarta)
        assert row.settlement_at == datetime(2026, 11, 5, 8, tzinfo=jakarta)
        assert row.as_of == datetime(2026, 11, 5, 9, tzinfo=jakarta)
        assert (row.fee_state, row.raw["Description"]) == (FeeState.FINAL, "Coffee")

    @pytest.mark.parametrize(
        ("kind", "signed"),
        [
            ("REFUND", (LineKind.REFUND, -75_000, -73_668)),
            ("CHARGEBACK", (LineKind.CHARGEBACK, -75_000, -73_668)),
            ("WITHDRAWAL", (LineKind.PAYOUT, -75_000, -73_668)),
            ("ADJUSTMENT_DEDUCT", (LineKind.OTHER, -75_000, -73_668)),
            ("ADJUSTMENT_ADD", (LineKind.OTHER, 75_000, 73_668)),
        ],
    )
    def test_knows_the_direction_by_the_type(
        self, xendit: XenditAdapter, kind: str, signed: tuple[LineKind, int, int]
    ) -> None:
        [row] = xendit.rows_of_report(file(PAID.replace("PAYMENT", kind)))

        assert (row.kind, row.gross_amount, row.net_amount) == signed

    def test_reads_what_is_not_settled_as_pending(self, xendit: XenditAdapter) -> None:
        [row] = xendit.rows_of_report(file(PAID.replace("SETTLED", "PENDING")))

        assert (row.settlement_at, row.fee_state) == (None, FeeState.PENDING)

    @pytest.mark.parametrize("zone", ["Asia/Jakarta", "UTC+7", "+0700", "GMT+07:00"])
    def test_takes_a_zone_in_any_form(self, xendit: XenditAdapter, zone: str) -> None:
        [row] = xendit.rows_of_report(file(PAID.replace("+07:00", zone)))

        assert row.occurred_at == datetime(2026, 11, 3, 2, tzinfo=UTC)

    def test_skips_a_byte_order_mark(self, xendit: XenditAdapter) -> None:
        [row] = xendit.rows_of_report(file(PAID, headers=f"\ufeff{HEADERS}"))

        assert row.line_id == "txn_1"

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (file(headers="Status,Type"), "it lacks Currency, Amount"),
            (file(PAID.replace("1200", "much")), "cannot be read"),
            (file(PAID.replace("+07:00", "Mars")), "cannot be read"),
            (file(PAID.replace("txn_1", "")), "Transaction ID cannot be read"),
        ],
    )
    def test_says_what_it_cannot_read(
        self, xendit: XenditAdapter, content: io.BytesIO, said: str
    ) -> None:
        with pytest.raises(GatewayUnavailable, match=said):
            list(xendit.rows_of_report(content))
