"""A server that keeps what is posted to it: a collector of traces, of error reports, or a shop."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECONDS = 30


class Collector:
    """The bodies that came, each with its path."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.came: list[tuple[str, bytes]] = []

    def wait_for(self, found: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not found():
            assert time.monotonic() < deadline, [path for path, _ in self.came]
            time.sleep(0.05)


@contextmanager
def collecting() -> Iterator[Collector]:
    """Serve on a free port as long as the block lasts."""

    class Requests(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            collector.came.append((self.path, self.rfile.read(length)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # its own name
            """Write nothing to standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
