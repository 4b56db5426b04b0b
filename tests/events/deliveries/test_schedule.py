from datetime import UTC, datetime, timedelta

import pytest

from events.deliveries import schedule

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
STATED = ["0:00:05", "0:05:00", "0:30:00", "2:00:00", "5:00:00", "10:00:00", "14:00:00", "20:00:00"]


def next_attempt(made: int, **given: object) -> datetime | None:
    defaults = {"first_at": NOON, "now": NOON, "retry_after": None, "chance": 0.5}
    return schedule.next_attempt(made=made, **{**defaults, **given})  # type: ignore[arg-type]


class TestNextAttempt:
    def test_keeps_to_the_stated_times(self) -> None:
        times = [next_attempt(made) for made in range(1, 11)]

        assert [str(at - NOON) for at in times if at] == [*STATED, "1 day, 0:00:00"]
        assert times[-1] is None

    @pytest.mark.parametrize(("chance", "factor"), [(0, 0.9), (0.25, 0.95), (1, 1.1)])
    def test_spreads_them_by_a_tenth(self, chance: float, factor: float) -> None:
        assert next_attempt(3, chance=chance) == NOON + timedelta(minutes=30) * factor

    def test_obeys_retry_after_up_to_a_day(self) -> None:
        assert next_attempt(1, retry_after=timedelta(hours=1)) == NOON + timedelta(hours=1)
        assert next_attempt(1, retry_after=timedelta(hours=30)) == NOON + timedelta(hours=24)
        assert next_attempt(3, retry_after=timedelta(seconds=1)) == NOON + timedelta(minutes=30)

    def test_makes_none_at_once_where_times_have_passed(self) -> None:
        late = NOON + timedelta(hours=3)

        assert next_attempt(2, now=late) == late + timedelta(seconds=4)


class TestRetryAfterOf:
    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("120", 120),
            (" 7 ", 7),
            ("Sun, 22 Nov 2026 12:01:00 GMT", 60),
            ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ],
    )
    def test_reads_seconds_and_dates(self, header: str, seconds: int) -> None:
        assert schedule.retry_after_of(header, now=NOON) == timedelta(seconds=seconds)

    @pytest.mark.parametrize("header", [None, "", "soon", "-1", "1.5", "9" * 30, "\u0661"])
    def test_ignores_what_is_neither(self, header: str | None) -> None:
        assert schedule.retry_after_of(header, now=NOON) is None
