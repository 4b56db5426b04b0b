"""The process that delivers events to a server on this machine, which is a process of its own.

Arguments: a tenant's name, and the number of rounds.
"""

import json
import multiprocessing
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median

import psutil
from django.db import transaction
from django.utils import timezone

from apikeys.keys.services import create_tenant
from bench.events_process import backend_of_connection, cpu_ms
from events.deliveries import services
from events.endpoints import secrets
from events.models import Event, WebhookEndpoint
from events.outbox.services import record_all
from events.outbox.types import Change

EACH = 200  # deliveries of one round
INVOICES = 100  # that they are about
DATA = {"id": 1, "status": "paid", "lines": [{"product_name": "Phone", "total": 2246.73}] * 12}


class Server(BaseHTTPRequestHandler):
    """A merchant's server that answers at once."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its own name for it
        return


def main(name: str, rounds: int) -> float:
    """Return the CPU milliseconds of one delivery: the median of the rounds."""
    with served() as url:
        now = timezone.now()
        endpoint, _ = WebhookEndpoint.objects.update_or_create(
            tenant=create_tenant(name=name, now=now),
            slot=1,
            defaults={"url": url},
            create_defaults={
                "url": url,
                "event_types": ["*"],
                "sealed_secret": secrets.seal("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
                "key_name": secrets.newest_key_name(),
                "created_at": now,
                "updated_at": now,
            },
        )
        backend = backend_of_connection()
        delivered(endpoint, backend)  # warms up
        return median(delivered(endpoint, backend) for _ in range(rounds))


def delivered(endpoint: WebhookEndpoint, backend: psutil.Process) -> float:
    """Write events and deliver them; return the CPU milliseconds of one delivery."""
    now, lease = timezone.now(), str(uuid.uuid4())
    # The stack's own worker must not take them.
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        lease=lease, leased_until=now + timedelta(hours=1)
    )
    for number in range(EACH):
        with transaction.atomic():
            record_all(
                tenant_id=endpoint.tenant_id,
                changes=[Change(type="invoice.paid", object=DATA, previous={})],
                invoice_id=1 + number % INVOICES,
                now=now,
            )
    before = cpu_ms(backend)
    while services.deliver(endpoint_id=endpoint.pk, lease=lease, now=now):
        pass
    taken = cpu_ms(backend) - before
    waiting = Event.objects.filter(deliveries__status="pending", tenant=endpoint.tenant_id).count()
    if waiting:
        sys.exit(f"{waiting} deliveries did not come through.")
    return taken / EACH


@contextmanager
def served() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    process = multiprocessing.get_context("fork").Process(target=server.serve_forever, daemon=True)
    process.start()
    server.server_close()  # the process has it
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        process.terminate()
        process.join()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
