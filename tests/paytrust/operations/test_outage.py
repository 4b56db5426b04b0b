"""The one switch of all who can do without Redis for a while."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import redis
from kombu.exceptions import OperationalError

from payments.reconciliation import last_round
from paytrust.operations import metrics, shared_state
from paytrust.operations.outage import Switch

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def raising(error: Exception) -> Callable[[], str]:
    def work() -> str:
        raise error

    return work


@pytest.fixture
def switch() -> Switch:
    return Switch("away", pause_seconds=60)


class TestSwitch:
    def test_returns_what_the_work_returns(self, switch: Switch) -> None:
        assert switch.run(lambda: "done", otherwise="nothing") == "done"
        assert not switch.is_away

    @pytest.mark.parametrize(
        "error", [redis.ConnectionError(), redis.TimeoutError(), OSError(), OperationalError()]
    )
    def test_does_without_and_tries_nothing_during_the_pause(
        self, switch: Switch, error: Exception
    ) -> None:
        assert switch.run(raising(error), otherwise="nothing") == "nothing"

        assert switch.is_away
        assert switch.run(lambda: "done", otherwise="nothing") == "nothing"

    def test_tries_again_after_the_pause(self, switch: Switch) -> None:
        switch.run(raising(redis.ConnectionError()), otherwise="")
        switch.away_until -= 60

        assert switch.run(lambda: "done", otherwise="nothing") == "done"

    def test_hides_no_bug(self, switch: Switch) -> None:
        with pytest.raises(KeyError):
            switch.run(raising(KeyError("bug")), otherwise="nothing")

        assert not switch.is_away

    def test_of_one_user_leaves_the_others_alone(self, switch: Switch) -> None:
        switch.run(raising(redis.ConnectionError()), otherwise="")

        assert not Switch("another", pause_seconds=60).is_away


class TestWhileRedisIsAway:
    @pytest.fixture(autouse=True)
    def _redis_is_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shared_state.switch, "away_until", math.inf)

    def test_the_last_round_is_not_known(self) -> None:
        last_round.note(now=NOON)

        assert last_round.last() is None

    def test_a_count_is_not_kept_and_says_so(self) -> None:
        assert metrics.count("tests_of_outages") is False
