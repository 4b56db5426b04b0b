"""A gateway's texts of any length fit our columns."""

from gateways.adapter import Notification, PaymentReport, PaymentState, Reversal, fitted
from paytrust.money import Money


def test_a_short_text_is_kept() -> None:
    assert fitted("QRIS", 50) == "QRIS"
    assert fitted(None, 50) is None


def test_a_long_text_is_cut_with_a_mark() -> None:
    assert fitted("x" * 80, 50) == "x" * 47 + "..."


def test_long_ids_that_differ_stay_different() -> None:
    cut = {fitted("x" * 300 + end, 255, is_id=True) for end in "ab"}

    assert len(cut) == 2
    assert {len(one or "") for one in cut} == {255}


def test_what_cannot_be_stored_is_replaced() -> None:
    assert fitted("a\x00b\ufffe", 50) == "a\ufffdb\ufffd"


def test_reports_reversals_and_notifications_fit() -> None:
    reversal = Reversal(
        id="r" * 400, amount=Money(1, "IDR"), kind="refund", at=None, confirmed=True
    )
    report = PaymentReport(
        reference="PT-1",
        gateway_id="g" * 400,
        state=PaymentState.PAID,
        raw_status="s" * 400,
        amount=None,
        paid_amount=None,
        paid_at=None,
        method="m" * 400,
        channel="c" * 400,
        reversals=(reversal,),
    )
    notified = Notification(event_id="e" * 400, reference="r" * 400, gateway_id=None, report=report)

    kept = (report.gateway_id, reversal.id, notified.event_id, notified.reference)
    assert [len(text or "") for text in kept] == [255] * 4
    assert [len(text or "") for text in (report.method, report.channel)] == [50, 50]
