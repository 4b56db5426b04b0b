"""What each method gives back, by the facts of gateways-2.md C1."""

from datetime import UTC, datetime, timedelta

import pytest

from gateways import descriptors
from gateways.refund_terms import RefundAnswer

PAID = datetime(2026, 11, 22, 5, tzinfo=UTC)  # noon in Jakarta


def answer(
    code: str, method: str | None, channel: str | None, *, after: timedelta = timedelta(hours=1)
) -> RefundAnswer:
    return descriptors.of(code).refund_answer(
        method=method, channel=channel, paid_at=PAID, now=PAID + after
    )


@pytest.mark.parametrize(
    ("code", "method", "channel"),
    [
        ("xendit", "BANK_TRANSFER", "BCA"),
        ("xendit", "CALLBACK_VIRTUAL_ACCOUNT", "BNI"),
        ("xendit", "RETAIL_OUTLET", "ALFAMART"),
        ("xendit", "DIRECT_DEBIT", "DD_MAYB2U_FPX"),
        ("xendit", "EWALLET", "OVO"),
        ("xendit", "EWALLET", "ASTRAPAY"),
        ("xendit", "QR_CODE", "BCA"),
        ("xendit", None, None),
        ("midtrans", "bank_transfer", "bca"),
        ("midtrans", "echannel", "mandiri"),
        ("midtrans", "cstore", "indomaret"),
        ("midtrans", "credit_card", "danamon"),
    ],
)
def test_manual(code: str, method: str | None, channel: str | None) -> None:
    found = answer(code, method, channel)

    assert (found.obstacle, found.manual, found.until) == ("refund_not_supported", True, None)


@pytest.mark.parametrize(
    ("code", "method", "channel", "days", "in_part", "several"),
    [
        ("xendit", "CREDIT_CARD", "CREDIT_CARD", 365, True, True),
        ("xendit", "EWALLET", "ID_DANA", 30, True, True),
        ("xendit", "EWALLET", "GOPAY", 45, True, True),
        ("xendit", "EWALLET", "SHOPEEPAY", 365, True, True),
        ("xendit", "EWALLET", "MY_TOUCHNGO", 180, True, True),
        ("xendit", "EWALLET", "LINKAJA", 30, False, False),
        ("xendit", "PAYLATER", "INDODANA", 30, True, False),
        ("xendit", "DIRECT_DEBIT", "DD_BRI", 120, False, False),
        ("xendit", "QR_CODE", "QRIS", 7, True, True),
        ("xendit", "QR_CODE", "DANA", 7, True, True),
        ("midtrans", "credit_card", "bca", 180, True, True),
        ("midtrans", "gopay", None, 45, True, True),
        ("midtrans", "qris", "gopay", 45, True, True),
        ("midtrans", "qris", "bca", 7, True, True),
        ("midtrans", "ovo", None, 7, False, False),
        ("midtrans", "kredivo", None, 14, True, True),
    ],
)
def test_by_the_gateway_within_a_time(  # noqa: PLR0917  # a table
    code: str, method: str, channel: str | None, days: int, in_part: bool, several: bool
) -> None:
    inside = answer(code, method, channel, after=timedelta(days=days))
    outside = answer(code, method, channel, after=timedelta(days=days, seconds=1))

    assert (inside.obstacle, inside.in_part, inside.several) == (None, in_part, several)
    assert inside.until == PAID + timedelta(days=days)
    assert (outside.obstacle, outside.manual) == ("refund_window_closed", False)


def test_on_the_same_day_only() -> None:
    evening = answer("xendit", "EWALLET", "JENIUSPAY", after=timedelta(hours=11, minutes=59))
    midnight = answer("xendit", "EWALLET", "JENIUSPAY", after=timedelta(hours=12, seconds=1))

    assert (evening.obstacle, midnight.obstacle) == (None, "refund_window_closed")


def test_cimb_gives_back_some_before_the_whole() -> None:
    assert not answer("xendit", "QR_CODE", "CIMB", after=timedelta(hours=23)).in_full
    assert answer("xendit", "QR_CODE", "CIMB", after=timedelta(hours=24)).in_full


@pytest.mark.parametrize(
    ("after", "opens_at"),
    [
        (timedelta(hours=1), None),  # 13:00
        (timedelta(hours=11, minutes=50), datetime(2026, 11, 22, 23, tzinfo=UTC)),  # 23:50
        (timedelta(hours=13), datetime(2026, 11, 22, 23, tzinfo=UTC)),  # 01:00
        (timedelta(hours=18), None),  # 06:00
    ],
)
def test_within_the_channels_hours(after: timedelta, opens_at: datetime | None) -> None:
    assert answer("midtrans", "shopeepay", None, after=after).opens_at == opens_at
