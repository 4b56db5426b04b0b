"""A caller that costs much and is refused waits its turn; the others do not."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paytrust.web import turns
from paytrust.web.turns import ALLOWED_SECONDS, MOST_WAITING, TooManyWaiting, Turns


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> Turns[str]:
    return Turns(clock)


def served(queue: Turns[str], name: str, *, cpu_seconds: float, refused: bool) -> None:
    queue.arrived(name, f"a request of {name}")
    queue.due(all_of_them=True)
    queue.ended(name, cpu_seconds=cpu_seconds, refused=refused)


def flooding(queue: Turns[str], name: str = "flood") -> None:
    """Let a caller use what it may, and somebody else be here."""
    served(queue, name, cpu_seconds=ALLOWED_SECONDS * 4, refused=True)
    served(queue, "other", cpu_seconds=0.01, refused=False)


def test_requests_of_most_callers_start_at_once_and_side_by_side(queue: Turns[str]) -> None:
    served(queue, "other", cpu_seconds=9, refused=False)
    for number in range(20):
        queue.arrived("merchant", f"request {number}")

    assert queue.due() == [f"request {number}" for number in range(20)]
    assert queue.due() == []
    assert queue.seconds_to_next() is None


def test_what_was_accepted_counts_for_nothing(queue: Turns[str]) -> None:
    served(queue, "merchant", cpu_seconds=100, refused=False)
    served(queue, "other", cpu_seconds=0.01, refused=False)
    queue.arrived("merchant", "one")
    queue.arrived("merchant", "two")

    assert queue.due() == ["one", "two"]


def test_a_caller_that_is_refused_too_much_rests_and_goes_one_by_one(
    queue: Turns[str], clock: Clock
) -> None:
    flooding(queue)
    queue.arrived("flood", "one")
    queue.arrived("flood", "two")
    queue.arrived("other", "theirs")

    assert queue.due() == ["theirs"]
    rest = queue.seconds_to_next()
    assert rest is not None
    assert rest == turns.LONGEST_PAUSE_SECONDS
    clock.now += rest
    queue.arrived("other", "theirs again")
    assert sorted(queue.due()) == ["one", "theirs again"]
    assert queue.due() == []
    assert queue.seconds_to_next() is None  # the end of the first wakes the loop
    queue.ended("flood", cpu_seconds=0.01, refused=True)
    assert 0 < (queue.seconds_to_next() or 0) < rest


def test_rests_longer_the_more_it_has_used(queue: Turns[str], clock: Clock) -> None:
    rests = []
    for _ in range(4):
        served(queue, "flood", cpu_seconds=0.11, refused=True)
        served(queue, "other", cpu_seconds=0, refused=False)
        queue.arrived("flood", "next")
        queue.due()
        rests.append(queue.seconds_to_next() or 0)
        queue.due(all_of_them=True)
        queue.ended("flood", cpu_seconds=0, refused=False)

    assert rests == sorted(rests)
    assert rests[-1] > rests[2] > 0


def test_alone_it_goes_on_as_fast_as_it_can(queue: Turns[str], clock: Clock) -> None:
    flooding(queue)
    clock.now += turns.ELSE_SECONDS
    queue.arrived("flood", "one")
    queue.arrived("flood", "two")

    assert queue.due() == ["one", "two"]


def test_is_forgiven_after_a_while(queue: Turns[str], clock: Clock) -> None:
    flooding(queue)
    clock.now += 3 * turns.HALF_LIFE_SECONDS
    served(queue, "other", cpu_seconds=0.01, refused=False)
    queue.arrived("flood", "one")
    queue.arrived("flood", "two")

    assert queue.due() == ["one", "two"]


def test_has_a_queue_with_an_end(queue: Turns[str]) -> None:
    flooding(queue)
    for number in range(MOST_WAITING):
        queue.arrived("flood", f"request {number}")

    with pytest.raises(TooManyWaiting):
        queue.arrived("flood", "one more")


def test_a_server_that_stops_serves_what_waits(queue: Turns[str]) -> None:
    flooding(queue)
    queue.arrived("flood", "one")

    assert queue.due() == []
    assert queue.due(all_of_them=True) == ["one"]


def test_remembers_only_whom_it_must(
    queue: Turns[str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST_REMEMBERED", 100)
    for number in range(150):
        clock.now += 10
        served(queue, f"caller {number}", cpu_seconds=0.02, refused=True)

    assert len(queue._callers) <= 101


@given(st.lists(st.sampled_from(["arrive", "start", "end", "wait"]), max_size=60))
def test_each_request_is_served_once_and_in_its_callers_order(steps: list[str]) -> None:
    clock = Clock()
    queue: Turns[int] = Turns(clock)
    numbers, running, started = iter(range(100)), list[int](), list[int]()
    sent = 0

    def start(requests: Iterator[int]) -> None:
        for request in requests:
            running.append(request)
            started.append(request)

    for step in steps:
        if step == "arrive":
            queue.arrived("flood", next(numbers))
            queue.arrived("other", -1)
            sent += 1
        elif step == "start":
            start(one for one in queue.due() if one >= 0)
        elif step == "end" and running:
            running.pop()
            queue.ended("flood", cpu_seconds=0.2, refused=True)
        clock.now += step == "wait"
    start(one for one in queue.due(all_of_them=True) if one >= 0)

    assert started == list(range(sent))
