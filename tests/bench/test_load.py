import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.load import Request, UnexpectedAnswer, generator


class Echo(BaseHTTPRequestHandler):
    """Answers 200 with what it was sent; 404 where there is nothing."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


class TestSend:
    def test_sends_each_request_once(self, port: int) -> None:
        requests = [Request("POST", "/", str(number)) for number in range(40)]

        with generator() as load:
            answered = load.send(port, requests, expect=200, keep_bodies=True)
            again = load.send(port, requests[:3], expect=200)

        assert sorted(map(int, answered.bodies)) == list(range(40))
        assert len(answered.latencies_ms) == 40
        assert answered.seconds > 0
        assert (len(again.latencies_ms), again.bodies) == (3, [])

    def test_keeps_a_pace(self, port: int) -> None:
        with generator() as load:
            answered = load.send(port, [Request("POST", "/", "x")] * 11, expect=200, per_second=50)

        assert len(answered.latencies_ms) == 11
        assert answered.seconds >= 10 / 50  # the first is sent at once

    def test_refuses_an_answer_that_is_not_the_expected_one(self, port: int) -> None:
        with generator() as load, pytest.raises(UnexpectedAnswer, match="POST /missing: 404 nope"):
            load.send(port, [Request("POST", "/missing", "nope")], expect=200)

    def test_refuses_no_answer(self, port: int) -> None:
        with generator() as load, pytest.raises(UnexpectedAnswer, match="ConnectionRefusedError"):
            load.send(1, [Request("POST", "/", "x")], expect=200)
