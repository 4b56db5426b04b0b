"""The process that makes invoices and books their payments, with events and without, in turns.

Arguments: a tenant's name, and the number of turns. No gateway is asked: this module gives
the gateways' answers itself, so that the difference comes only from the events.
"""

import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from statistics import median
from typing import Any

import psutil
from django.db import connection
from django.utils import timezone

from apikeys.idempotency.once import Once
from apikeys.keys.services import create_tenant
from apikeys.models import Tenant
from gateways.adapter import PaymentPage, PaymentReport, PaymentState
from gateways.fees.services import fee_on
from invoices.invoices import recording
from invoices.invoices.request import InvoiceRequest, LineRequest
from invoices.models import PaymentRequest
from invoices.payment_requests import pages
from invoices.telling import services as telling
from payments.booking import settling
from payments.booking import telling as movements
from paytrust.money import Money
from paytrust.operations.trips import Statement

EACH = 60  # invoices of one turn: the kernel counts CPU time in ticks of 10 ms
LINE = LineRequest(
    product_name="Phone",
    quantity=Decimal(2),
    unit_price=Decimal("999.99"),
    tax_rate=Decimal("0.06"),
)
NOTHING = Statement("SELECT WHERE false")
WRITERS: dict[str, tuple[Any, Callable[..., object]]] = {
    "sight_of": (telling, lambda *_: telling.Sight({}, {}, ())),
    "look_without_page": (telling, lambda **_: {}),
    "tell": (telling, lambda **_: []),
    "paid": (telling, lambda **_: NOTHING),
    "page_events": (telling, lambda **_: NOTHING),
    "created": (telling, lambda **_: NOTHING),
    "movement": (movements, lambda **_: None),
}


def main(name: str, turns: int) -> list[dict[str, float]]:
    """Return the CPU, in milliseconds, that events add to a new invoice and to a booking."""
    tenant = create_tenant(name=name, now=timezone.now())
    backend = backend_of_connection()
    turn(tenant, backend)  # warms up
    taken: list[tuple[list[float], list[float]]] = []
    for _ in range(turns):
        with_events = turn(tenant, backend)
        with unnotified():
            taken.append((with_events, turn(tenant, backend)))
    return [
        {
            "with_ms": median(with_events[step] for with_events, _ in taken),
            "more_ms": median(with_events[step] - silent[step] for with_events, silent in taken),
        }
        for step in (0, 1)
    ]


def turn(tenant: Tenant, backend: psutil.Process) -> list[float]:
    """Make invoices and book them; return the CPU milliseconds of one of each."""
    started = cpu_ms(backend)
    made = [create(tenant) for _ in range(EACH)]
    between = cpu_ms(backend)
    for request in made:
        book(request)
    return [(between - started) / EACH, (cpu_ms(backend) - between) / EACH]


def backend_of_connection() -> psutil.Process:
    """Return PostgreSQL's process for this thread's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return psutil.Process(cursor.fetchone()[0])


def cpu_ms(backend: psutil.Process) -> float:
    served = backend.cpu_times()
    return (time.process_time() + served.user + served.system) * 1000


def create(tenant: Tenant) -> PaymentRequest:
    """Do what POST /invoices does, without HTTP and the gateway."""
    now = timezone.now()
    document, request = recording.record_invoice(
        tenant=tenant,
        request=InvoiceRequest(line_items=(LINE,), gateway_id=1, currency_code="MYR"),
        fee=fee_on(gateway_id=1, currency_code="MYR"),
        once=Once(now=now),
        request_id=None,
        now=now,
    )
    page = PaymentPage(
        gateway_id=secrets.token_hex(12),
        url=f"https://gateway.example/{secrets.token_hex(12)}",
        expires_at=now + timedelta(days=1),
    )
    pages.record_page_of(document=document, payment_request=request, page=page, now=now)
    return request


def book(request: PaymentRequest) -> None:
    now = timezone.now()
    amount = Money(request.amount, request.currency_code)
    settling.settle(
        payment_request_id=request.pk,
        report=PaymentReport(
            reference=request.reference,
            gateway_id=str(request.gateway_payment_id),
            state=PaymentState.PAID,
            raw_status="PAID",
            amount=amount,
            paid_amount=amount,
            paid_at=now,
            method="BANK_TRANSFER",
        ),
        event=None,
        now=now,
    )


@contextmanager
def unnotified() -> Iterator[None]:
    """Switch off reading and writing of events, as if there were none."""
    before = {name: getattr(owner, name) for name, (owner, _) in WRITERS.items()}
    for name, (owner, nothing) in WRITERS.items():
        setattr(owner, name, nothing)
    try:
        yield
    finally:
        for name, (owner, _) in WRITERS.items():
            setattr(owner, name, before[name])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
