"""What each drill of a restore to a second does before and after its own program."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg
from django.db import connection

from paytrust.localstack import cluster, embedded
from paytrust.localstack.ports import free_port
from tests.conftest import ROOT, Merchant, Sandbox
from tests.factories import invoice_body

SECONDS: Final = 240  # a machine may be busy


@dataclass(frozen=True)
class Moment:
    """A second between two payments: what was paid before it, and after."""

    time: str  # with its zone
    before: int
    after: int


def server() -> str:
    """Return the address of the tests' database."""
    own = connection.settings_dict
    who = f"{own['USER']}:{own['PASSWORD']}"
    return f"postgresql://{who}@{own['HOST']}:{own['PORT']}/{own['NAME']}"


def moment_between_payments(merchant: Merchant, sandbox: Sandbox) -> Moment:
    """Book a payment, note the time, book another one."""

    def paid() -> int:
        invoice = merchant.post("/invoices", json=invoice_body()).json()
        sandbox.pay(invoice["payment_url"])
        return int(merchant.wait_for(invoice["id"], status="fully_paid")["id"])

    before = paid()
    time.sleep(1)  # as far apart as what a person names: a second
    with psycopg.connect(server()) as own:
        noted = str(own.execute("SELECT clock_timestamp()").fetchone()[0])  # type: ignore[index]
    time.sleep(1)
    return Moment(noted, before, paid())


@contextmanager
def running(data: Path, log: Path, **settings: str) -> Iterator[str]:
    """Run PostgreSQL on restored files; yield its address once it is a primary.

    Args:
        data: the files; they are given to the user that PostgreSQL runs as.
        log: of this server.
        settings: beside those of the restored files.
    """
    account = embedded._account()
    if account:
        embedded._give(data, account)
    port = free_port()
    settings |= {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",  # not fewer than the primary's
    }
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    program = str(embedded.programs(data.parent) / "postgres")
    process = cluster._spawn([program, "-D", str(data), *words], log, account)
    own = urlsplit(server())
    address = own._replace(netloc=cluster._at(own, port)).geturl()
    try:
        wait_until(lambda: _is_promoted(address))
        yield address
    finally:
        process.kill()
        process.wait()


def assert_books_are_of(moment: Moment, address: str) -> None:
    """Hold a restored database to what was there at a moment, and to both audits."""
    with psycopg.connect(address) as own:
        found = own.execute("SELECT id, status FROM invoices_invoice ORDER BY id").fetchall()
    environment = {**os.environ, "DATABASE_URL": address}
    audits = [
        subprocess.run(
            [sys.executable, "manage.py", command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        for command in ("audit_books", "verify_audit")
    ]
    assert moment.after > moment.before
    assert found == [(moment.before, "fully_paid")]
    assert [audit.returncode for audit in audits] == [0, 0], audits


def wait_until(done: Callable[[], bool]) -> None:
    """Return once it is so; fail after SECONDS."""
    deadline = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _is_promoted(address: str) -> bool:
    try:
        with closing(psycopg.connect(address)) as own:
            return own.execute("SELECT NOT pg_is_in_recovery()").fetchone() == (True,)
    except psycopg.OperationalError:
        return False
