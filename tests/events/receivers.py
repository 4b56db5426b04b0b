"""Shops that receive webhooks on this machine, and answer as the test says."""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from threading import Lock, Thread
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    at: float  # time.monotonic()
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Shop:
    """A receiver: what came, and what it answers."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    status: int = 200
    answer: bytes = b"thank you"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0  # seconds before the answer
    decide: Callable[[Received], int] | None = None  # the status of each answer
    speak: Callable[[Any], None] | None = None  # writes the whole answer to the socket's file
    lock: Lock = field(default_factory=Lock)

    def bodies(self) -> list[bytes]:
        return [one.body for one in self.received]


@contextmanager
def shop(*, tls: Any = None) -> Iterator[Shop]:
    """Open a shop on a free port of 127.0.0.1."""
    opened = Shop()

    class Requests(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            came = Received(time.monotonic(), self.path, headers, body)
            with opened.lock:
                opened.received.append(came)
            time.sleep(opened.delay)
            if opened.speak:
                opened.speak(self.wfile)
                return
            self.send_response(opened.decide(came) if opened.decide else opened.status)
            for name, value in opened.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(opened.answer)))
            self.end_headers()
            self.wfile.write(opened.answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, request: Any, client_address: Any) -> None:
            return  # the caller hung up

    server = Server(("127.0.0.1", 0), Requests)
    scheme = "http"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    opened.url = f"{scheme}://127.0.0.1:{server.server_port}/hook"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield opened
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class ShopsApart:
    """Shops in a process of their own, which take none of the test's own time."""

    urls: Sequence[str]
    _pipe: Connection

    def counts(self) -> list[int]:
        """Return how many requests each shop has received."""
        return self._asked("counts")

    def arrivals(self) -> list[dict[str, float]]:
        """Return when each event arrived, by its id, for each shop."""
        return self._asked("arrivals")

    def _asked(self, what: str) -> Any:
        self._pipe.send(what)
        return self._pipe.recv()


@contextmanager
def shops_apart(delays: Sequence[float]) -> Iterator[ShopsApart]:
    """Open a shop for each delay in seconds, all in one process."""
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe()
    process = spawning.Process(target=_serve, args=(delays, theirs))
    process.start()
    try:
        yield ShopsApart(ours.recv(), ours)
    finally:
        ours.send("end")
        process.join()


def _serve(delays: Sequence[float], pipe: Connection) -> None:
    with ExitStack() as stack:
        shops = [stack.enter_context(shop()) for _ in delays]
        for opened, delay in zip(shops, delays, strict=True):
            opened.delay = delay
        pipe.send([one.url for one in shops])
        while (what := pipe.recv()) != "end":
            if what == "counts":
                pipe.send([len(one.received) for one in shops])
            else:
                pipe.send(
                    [
                        {came.headers["webhook-id"]: came.at for came in one.received}
                        for one in shops
                    ]
                )
