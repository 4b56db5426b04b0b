"""The demo's shop: it receives webhooks, verifies their sender, and marks its orders as paid."""

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Final, Self

from standardwebhooks import Webhook, WebhookVerificationError

PAID: Final = "invoice.paid"


class Shop:
    """A merchant's server on a free port of this machine, written as a merchant would write it."""

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Receiver)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/paytrust"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def trust(self, secret: str) -> None:
        """Accept webhooks that are signed with this secret, and no others."""
        self._server.webhook = Webhook(secret)

    def wait_until_paid(self, order: str, *, seconds: float) -> bool:
        """Return whether the shop hears, within some seconds, that an order is paid."""
        with self._server.changed:
            return self._server.changed.wait_for(lambda: order in self._server.paid, seconds)


class _Server(ThreadingHTTPServer):
    webhook: Webhook | None = None

    def __init__(self, address: tuple[str, int], receiver: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, receiver)
        self.changed = Condition()
        self.worked_on: set[str] = set()  # ids of webhooks, because one may come again
        self.paid: set[str] = set()  # orders

    def take(self, headers: dict[str, str], body: bytes) -> HTTPStatus:
        """Work on one webhook, once, if it is PayTrust's."""
        if self.webhook is None:
            return HTTPStatus.UNAUTHORIZED
        try:
            self.webhook.verify(body, headers)
        except WebhookVerificationError:
            return HTTPStatus.UNAUTHORIZED
        event = json.loads(body)
        with self.changed:
            if event["id"] not in self.worked_on and event["type"] == PAID:
                self.paid.add(event["data"]["object"]["external_id"])
            self.worked_on.add(event["id"])
            self.changed.notify_all()
        return HTTPStatus.NO_CONTENT


class _Receiver(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.take(dict(self.headers), body))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its own name
        """Print no requests, so that the story stays readable."""
