"""Requests from a separate process, so that their CPU time is not counted with the servers'.

Each connection sends its next request as soon as the last one is answered, or, at a fixed rate,
when its time has come. Then a latency counts from that time, so that a server that stalls cannot
hide how long the other requests waited. The process takes one order per line of JSON on standard
input and answers with one line.
"""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from paytrust.localstack.embedded import PROJECT

CONNECTIONS = 8
TIMEOUT_SECONDS = 60


class UnexpectedAnswer(Exception):
    """A request was not answered as it must be, so its speed means nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a server on this machine."""

    method: str
    path: str
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """How a batch of requests went."""

    seconds: float
    latencies_ms: list[float]
    bodies: list[str]  # in the order of their arrival; empty unless they were asked for
    statuses: dict[str, int]  # how often each came; 0: no answer


class Generator:
    """The other process, as this one uses it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def send(
        self,
        port: int,
        requests: Sequence[Request],
        *,
        expect: int | None,
        keep_bodies: bool = False,
        per_second: float | None = None,
    ) -> Answered:
        """Send a batch over CONNECTIONS connections and wait for the last answer.

        `per_second` is the pace; without one it goes as fast as the answers come. `expect` none
        takes every answer, for those who count them.

        Raises:
            UnexpectedAnswer: a request had no answer, or one with a status other than `expect`.
        """
        order = {
            "port": port,
            "expect": expect,
            "keep_bodies": keep_bodies,
            "per_second": per_second,
            "requests": [asdict(request) for request in requests],
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "unexpected" in answer:
            raise UnexpectedAnswer(answer["unexpected"])
        return Answered(**answer)


@contextmanager
def generator() -> Iterator[Generator]:
    """Run a load generator as long as the block lasts."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.load"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for us
    ) as process:
        try:
            yield Generator(process)
        finally:
            process.kill()


def serve() -> None:
    """Carry out orders until standard input ends."""
    for line in sys.stdin:
        order = json.loads(line)
        requests = iter([Request(**request) for request in order.pop("requests")])
        sys.stdout.write(json.dumps(_carry_out(requests, **order)) + "\n")
        sys.stdout.flush()


def _carry_out(
    requests: Iterator[Request],
    *,
    port: int,
    expect: int | None,
    keep_bodies: bool,
    per_second: float | None,
) -> dict[str, Any]:
    latencies_ms: list[float] = []
    bodies: list[str] = []
    unexpected: list[str] = []
    statuses: list[str] = []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        for number, request in numbered:  # one iterator for all threads: each is sent once
            started = time.perf_counter() if per_second is None else began + number / per_second
            time.sleep(max(0, started - time.perf_counter()))
            try:
                status, body = _exchange(connection, request)
            except (OSError, http.client.HTTPException) as error:
                status, body = 0, repr(error)
            latencies_ms.append((time.perf_counter() - started) * 1000)
            if keep_bodies:
                bodies.append(body)
            statuses.append(str(status))
            if expect is not None and status != expect:
                unexpected.append(f"{request.method} {request.path}: {status} {body[:500]}")
                break
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    numbered = enumerate(requests)
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if unexpected:
        return {"unexpected": unexpected[0]}
    return {
        "seconds": seconds,
        "latencies_ms": latencies_ms,
        "bodies": bodies,
        "statuses": Counter(statuses),
    }


def _exchange(connection: http.client.HTTPConnection, request: Request) -> tuple[int, str]:
    connection.request(
        request.method,
        request.path,
        request.body.encode("utf-8", "surrogateescape") or None,
        request.headers,
    )
    answer = connection.getresponse()
    return answer.status, answer.read().decode(errors="replace")


if __name__ == "__main__":
    serve()
