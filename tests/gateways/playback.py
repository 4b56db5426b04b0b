"""A gateway that gives recorded answers, and keeps the requests that it got."""

import base64
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PAYLOADS = Path(__file__).resolve().parent.parent / "payloads"


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def user(self) -> str:
        """Who asked, by the Basic credentials."""
        return base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()


@dataclass
class Playback:
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    answers: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)

    def will_answer(
        self,
        body: object = None,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Answer one request; a `str` or `bytes` goes out as it is, anything else as JSON."""
        raw = body.encode() if isinstance(body, str) else body
        raw = raw if isinstance(raw, bytes) else json.dumps(body).encode()

        def write(answering: BaseHTTPRequestHandler) -> None:
            answering.send_response(status)
            for name, value in (headers or {}).items():
                answering.send_header(name, value)
            answering.send_header("Content-Length", str(len(raw)))
            answering.end_headers()
            answering.wfile.write(raw)

        self.answers.append(write)

    def will_play(self, name: str) -> dict[str, Any]:
        """Answer one request as recorded, and return the recording."""
        recorded = recording(name)
        response = recorded["response"]
        body = response["json"] if "json" in response else response["text"]
        self.will_answer(body, status=response["status"], headers=response["headers"])
        return recorded

    def will_reset(self, *, after: bytes = b"") -> None:
        """Break the connection once the request has come, with `after` of an answer sent."""

        def reset(answering: BaseHTTPRequestHandler) -> None:
            answering.wfile.write(after)
            answering.wfile.flush()
            if not after:  # linger for no time, so that the peer gets a RST, not an end
                linger = struct.pack("ii", 1, 0)
                answering.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            answering.close_connection = True

        self.answers.append(reset)

    def will_trickle(self, *pieces: bytes, every_seconds: float) -> None:
        """Send pieces of an answer, one at a time."""

        def trickle(answering: BaseHTTPRequestHandler) -> None:
            for piece in pieces:
                try:
                    answering.wfile.write(piece)
                    answering.wfile.flush()
                except OSError:  # the caller has hung up
                    break
                time.sleep(every_seconds)
            answering.close_connection = True

        self.answers.append(trickle)

    @property
    def calls(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.asked]


@contextmanager
def playing() -> Iterator[Playback]:
    """Listen on a free port; after the last prepared answer, break the connection."""
    gateway = Playback()

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            gateway.connections += 1
            super().setup()

        def take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = dict(self.headers.items())
            gateway.asked.append(Asked(self.command, self.path, headers, body))
            if not gateway.answers:
                self.close_connection = True
                return
            gateway.answers.pop(0)(self)

        do_POST = take  # noqa: N815  # http.server's name
        do_GET = take  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    gateway.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def recording(name: str) -> dict[str, Any]:
    """Return a recorded exchange or notification by its file, as in "xendit/01_create"."""
    (found,) = PAYLOADS.glob(f"{name}*.json")
    return json.loads(found.read_text())


def recorded(gateway: str, *, kind: str) -> list[str]:
    """Return the names of all recordings of a kind."""
    return sorted(
        f"{gateway}/{path.stem}"
        for path in (PAYLOADS / gateway).glob("*.json")
        if json.loads(path.read_text())["kind"] == kind
    )


def received(name: str, **changes: object) -> tuple[dict[str, str], bytes]:
    """Return a recorded notification as the web server hands it over: headers and body."""
    request = recording(name)["request"]
    headers = {key.lower(): value for key, value in request["headers"].items()}
    return headers, json.dumps(request["json"] | changes).encode()
