from collections.abc import Callable
from types import SimpleNamespace

import pytest

from paytrust.operations import rounds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    times = [0.0]
    monkeypatch.setattr(rounds, "time", SimpleNamespace(monotonic=lambda: times[-1]))
    return times


def due(*ids: int) -> Callable[[], list[int]]:
    waiting = list(ids)
    return lambda: [waiting.pop(0)] if waiting else []


class TestWorkOff:
    def test_claims_each_row_just_before_its_work(self) -> None:
        done: list[str] = []
        waiting = [1, 2]

        def claim() -> list[int]:
            done.append("claim")
            return [waiting.pop(0)] if waiting else []

        rounds.work_off(claim, lambda row_id: done.append(f"work on {row_id}"))

        assert done == ["claim", "work on 1", "claim", "work on 2", "claim"]

    def test_ends_after_its_time(self, clock: list[float]) -> None:
        done: list[int] = []

        def work(row_id: int) -> None:
            done.append(row_id)
            clock.append(clock[-1] + 4)

        rounds.work_off(due(*range(10)), work)

        assert done == [0, 1, 2]

    def test_ends_after_so_many_rows(self) -> None:
        done: list[int] = []

        rounds.work_off(due(*range(rounds.MOST + 10)), done.append)

        assert done == list(range(rounds.MOST))
