"""Work on due rows, one after the other, for jobs that wait for somebody at each."""

import time
from collections.abc import Callable
from typing import Final

ROUND_SECONDS: Final = 10.0  # beat begins the next one by then
MOST: Final = 50  # rows of a round: what cannot be done now comes again, so it must end


def work_off(claim: Callable[[], list[int]], work: Callable[[int], object]) -> None:
    """Claim a due row and work on it, then the next, until none is due or the round is over.

    A row is claimed just before its work. So no lease runs out while the work waits in a queue,
    and however many rows are due, they hold one thread, or a few where each takes long.

    Args:
        claim: returns the ids of at most one row, which no other caller has.
        work: does what is due of it; handles its own failures.
    """
    until = time.monotonic() + ROUND_SECONDS
    for _ in range(MOST):
        for row_id in (claimed := claim()):
            work(row_id)
        if not claimed or time.monotonic() > until:
            return
