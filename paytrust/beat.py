"""Celery's beat, of which any number may run: the one that has the lease sends the jobs."""

from typing import Any

from celery.beat import PersistentScheduler

from paytrust.leases import Leadership
from paytrust.operations import liveness


class LeasedScheduler(PersistentScheduler):
    """Keeps its clock like any beat, and sends nothing while another one has the lease.

    So a beat that takes over goes on from now, and does not send what the other one sent.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Celery's
        self._leadership = Leadership("beat")
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:  # noqa: ANN401  # the same
        liveness.show()
        seconds: float = super().tick(*args, **kwargs)
        return seconds

    def apply_entry(self, entry: Any, producer: Any = None) -> None:  # noqa: ANN401  # the same
        if self._leadership.is_mine():
            super().apply_entry(entry, producer=producer)

    def close(self) -> None:
        self._leadership.give_back()
        super().close()
