"""The process that imports settlement files of a large past, and writes down how long it took.

It has no arguments: it imports one file a gateway, with a line for each payment of a merchant.
"""

import json
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from typing import IO, Any

import psutil
from django.db import connection

from bench.settled import LARGE
from gateways.models import Gateway
from payments.settlement import services

HEADERS = "Order ID,Date & Time,Transaction Type,Channel,Amount,Fee,VAT,Currency,Withdrawal ID"
ROWS = """
COPY (
    SELECT request.reference, to_char(booked.paid_at AT TIME ZONE 'UTC',
           'YYYY-MM-DD HH24:MI:SS') || '+00:00', 'Payment', booked.payment_channel,
           round(booked.amount / CASE booked.currency_code WHEN 'IDR' THEN 1.0 ELSE 100.0 END, 2),
           0.5, 0.05, booked.currency_code,
           'WD-' || to_char(booked.paid_at AT TIME ZONE 'UTC', 'YYYYMMDD')
      FROM invoices_transaction booked
      JOIN invoices_paymentrequest request ON request.id = booked.payment_request_id
     WHERE booked.tenant_id = %s AND booked.gateway_id = %s
) TO STDOUT WITH (FORMAT csv)"""
_EMPTY = """
SET session_replication_role = replica;
TRUNCATE payments_settlementmismatch, payments_settlementline, payments_settlementimport CASCADE;
SET session_replication_role = DEFAULT"""
BAR = 40  # characters


def main() -> dict[str, Any]:
    """Import and match all lines; the lines of an earlier run go first."""
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY)
    seconds, lines, matched = 0.0, 0, 0
    postgres = psutil.Process(connection.connection.info.backend_pid)
    own_seconds, postgres_seconds = time.process_time(), _cpu_seconds(postgres)
    for gateway in Gateway.objects.order_by("pk"):
        with tempfile.TemporaryFile() as file:
            _write(file, gateway)
            began = time.perf_counter()
            upload = services.Upload(
                gateway=gateway,
                account=None,
                file=file,
                file_name=f"{gateway.code}.csv",
                currency="IDR",
            )
            now = datetime.now(tz=UTC)  # noqa: TID251  # there is no request that has it
            made = services.import_file(upload=upload, now=now, tell=_tell)
            seconds += time.perf_counter() - began
        lines += made.line_count
        matched += services.states_of(made).get("matched", 0)
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "lines": lines,
        "matched": matched,
        "seconds": seconds,
        "mb": peak_kb / 1024,
        "cpu_seconds": {  # with those that wrote the files
            "worker": time.process_time() - own_seconds,
            "postgres": _cpu_seconds(postgres) - postgres_seconds,
        },
    }


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _write(file: IO[bytes], gateway: Gateway) -> None:
    file.write(f"{HEADERS}\n".encode())
    with connection.cursor() as cursor, cursor.copy(ROWS, [LARGE, gateway.pk]) as rows:
        for piece in rows:
            file.write(piece)


def _tell(read: int, matched: int) -> None:
    done = BAR * matched // read if read else 0
    sys.stderr.write(f"\r[{'#' * done}{'.' * (BAR - done)}] {matched} of {read} lines ")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
