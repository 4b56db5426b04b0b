"""The process that closes a day again and again, and writes down how long it took.

Arguments: the day, and the number of times.
"""

import json
import sys
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Any

from django.db import connection

from bench.figures import percentile
from reporting.financial import rollups
from reporting.models import ClosedDay, DailyTotal


def main(day: date, times: int) -> dict[str, Any]:
    """Close this day as often as is asked for; those before it are closed."""
    over = datetime.combine(day + timedelta(days=1), clock(), UTC) + rollups.CLOSES_AFTER
    cpu_seconds, latencies_ms = 0.0, []
    for _ in range(times):
        _open_again(day)
        cpu_began, began = time.process_time(), time.perf_counter()
        closed = rollups.close_days(now=over)
        latencies_ms.append((time.perf_counter() - began) * 1000)
        cpu_seconds += time.process_time() - cpu_began
        assert closed == [day], f"{day} was to be closed, and {closed} were"
    return {
        "per_second": 1000 * times / sum(latencies_ms),
        **{f"p{p}_ms": percentile(latencies_ms, p) for p in (50, 95, 99)},
        "cpu_ms": {"worker": cpu_seconds * 1000 / times},
    }


def _open_again(day: date) -> None:
    """Forget that a day was closed, which the database's own triggers refuse."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        DailyTotal.objects.filter(day_date__gte=day).delete()
        ClosedDay.objects.filter(day_date__gte=day).delete()
        cursor.execute("SET session_replication_role = DEFAULT")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(date.fromisoformat(sys.argv[1]), int(sys.argv[2]))))
