"""The third gateway's own side: orders kept in memory, behind a port."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Desk:
    """What the third gateway knows."""

    def __init__(self) -> None:
        self.url = ""
        self.orders: dict[str, dict[str, Any]] = {}

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if (method, path) == ("POST", "/orders"):
            number = f"no-{len(self.orders) + 1}"
            self.orders[body["for"]] = {
                **body,
                "number": number,
                "state": "waiting",
                "at": int(time.time()),
                "page": f"{self.url}/pay/{number}",
            }
            return 200, self.orders[body["for"]]
        order = self.orders.get(path.split("/")[2])
        if order is None:
            return 404, {}
        if path.endswith("/end") and order["state"] == "waiting":
            order["state"] = "over"
        return 200, order


@contextmanager
def open_desk() -> Iterator[Desk]:
    """Listen on a free port."""
    desk = Desk()

    class Requests(BaseHTTPRequestHandler):
        def take(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = desk.answer(self.command, self.path, json.loads(raw or b"{}"))
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = take  # noqa: N815  # http.server's name
        do_GET = take  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    desk.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
