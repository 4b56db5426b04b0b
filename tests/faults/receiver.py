"""A merchant's server that receives events, and checks each signature."""

import hmac
import json
import random
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from standardwebhooks import Webhook

FAILURES: Final = 0.005  # of all deliveries are answered 500, so that they come again


class Receiver:
    """Remembers which events came. Use it as a context manager."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311  # the same each time
        self._webhooks: dict[str, Webhook] = {}
        self._paid: set[int] = set()
        self.events: set[str] = set()
        self.forged = 0
        receiver = self

        class Requests(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(receiver.take(self.path, body, self.headers))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def trust(self, path: str, secret: str) -> None:
        """Believe what comes to a path and is signed with a secret."""
        self._webhooks[path] = Webhook(secret)

    def heard_that_paid(self, invoice_id: int) -> bool:
        return invoice_id in self._paid

    def take(self, path: str, body: bytes, headers: Any) -> int:
        """Take one delivery; return the status to answer."""
        webhook, text = self._webhooks.get(path), body.decode()
        # Not the library's own `verify`: it refuses times that are not now, and a run ends by
        # moving the stack's clock.
        signed_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        event_id = headers["webhook-id"]
        if webhook is None or not hmac.compare_digest(
            webhook.sign(event_id, signed_at, text), headers["webhook-signature"]
        ):
            self.forged += 1
            return 400
        if self._chance.random() < FAILURES:
            return 500
        event = json.loads(text)
        self.events.add(event_id)
        if event["type"] == "invoice.paid":
            self._paid.add(event["data"]["object"]["id"])
        return 200
