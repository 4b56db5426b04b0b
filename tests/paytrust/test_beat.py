import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery.beat import ScheduleEntry, Scheduler
from celery.schedules import schedule
from django.db import OperationalError

from paytrust import leases
from paytrust.beat import LeasedScheduler
from paytrust.celery import app
from paytrust.leases import Leadership
from paytrust.models import Lease
from paytrust.operations import liveness


@pytest.fixture
def _always_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEWED_AFTER_SECONDS", 0.0)


@pytest.mark.django_db
@pytest.mark.usefixtures("_always_asks")
class TestLeadership:
    def test_is_one_processs_at_a_time(self) -> None:
        first, second = Leadership("beat"), Leadership("beat")

        assert [first.is_mine(), second.is_mine(), first.is_mine()] == [True, False, True]
        assert Leadership("another role").is_mine()

    def test_passes_on_when_it_is_given_back(self) -> None:
        first, second = Leadership("beat"), Leadership("beat")
        first.is_mine()
        second.is_mine()

        second.give_back()  # it is not the second one's to give
        assert not second.is_mine()
        first.give_back()
        assert second.is_mine()
        assert not first.is_mine()

    def test_passes_on_when_its_holder_is_silent(self) -> None:
        first, second = Leadership("beat"), Leadership("beat")
        first.is_mine()
        lease = Lease.objects.get()
        Lease.objects.update(held_until=lease.held_until - timedelta(seconds=16))

        assert second.is_mine()
        assert not first.is_mine()

    def test_lasts_to_its_end_while_the_database_is_away(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        leader = Leadership("beat")
        leader.is_mine()

        def away(_self: Leadership) -> bool:
            raise OperationalError("away")

        monkeypatch.setattr(Leadership, "_take", away)
        assert leader.is_mine()
        after = time.monotonic() + leases.HELD_SECONDS
        monkeypatch.setattr(time, "monotonic", lambda: after)
        assert not leader.is_mine()


@pytest.mark.django_db
@pytest.mark.usefixtures("_always_asks")
class TestTwoBeats:
    @pytest.fixture
    def sent(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Return who sent a job, in turn."""
        found: list[Any] = []
        monkeypatch.setattr(
            Scheduler, "apply_entry", lambda self, _entry, producer=None: found.append(self)
        )
        return found

    @pytest.fixture
    def beats(self, tmp_path: Path) -> Iterator[list[LeasedScheduler]]:
        made = []
        for name in ("one", "two"):
            beat = LeasedScheduler(app=app, schedule_filename=str(tmp_path / name), lazy=True)
            beat.setup_schedule()
            made.append(beat)
        yield made
        for beat in made:
            beat.close()

    def test_send_each_job_once(self, beats: list[LeasedScheduler], sent: list[Any]) -> None:
        every_second = schedule(timedelta(seconds=1))
        entry = ScheduleEntry(name="n", task="t", schedule=every_second, app=app)

        for _ in range(3):
            for beat in beats:
                beat.apply_entry(entry)

        assert sent == [beats[0]] * 3

    def test_hand_over_without_sending_what_was_sent(
        self, beats: list[LeasedScheduler], sent: list[Any]
    ) -> None:
        for beat in beats:  # both clocks meet the same due jobs
            for _ in range(len(app.conf.beat_schedule) + 1):
                beat.tick()
        before = len(sent)

        beats[0].close()
        for _ in range(3):
            beats[1].tick()

        assert {id(one) for one in sent[:before]} <= {id(beats[0])}
        assert len([one for one in sent if one is beats[1]]) <= 3


class TestLiveness:
    def test_is_shown_by_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIVENESS_FILE", str(tmp_path / "alive"))

        assert not liveness.was_shown_within(60)
        liveness.show()
        assert liveness.was_shown_within(60)
        assert not liveness.was_shown_within(0)

    def test_is_nothing_without_a_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("LIVENESS_FILE", raising=False)

        liveness.show()
        assert not liveness.was_shown_within(60)

    def test_is_shown_by_the_workers_loop(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LIVENESS_FILE", str(tmp_path / "alive"))
        [step] = [one for one in app.steps["worker"] if one.__name__ == "LivenessStep"]
        timed: list[Any] = []

        class Worker:
            class timer:  # noqa: N801  # as Celery names it
                call_repeatedly = staticmethod(lambda *call: timed.append(call))

        step(None).start(Worker())

        assert liveness.was_shown_within(60)
        assert timed == [(10.0, liveness.show)]
