"""A drill: a base backup and the log that was received bring the database back to a second."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
from django.db import connection

from paytrust.localstack import cluster, embedded
from tests.conftest import ROOT, Merchant, Sandbox
from tests.factories import invoice_body

SECONDS = 240  # a machine may be busy


class Archive:
    """A folder with a base backup and the log that follows it, as Barman keeps them."""

    def __init__(self, home: Path, server: str) -> None:
        self.home, self.server = home, server
        self.base, self.log = home / "base", home / "log"
        self._account = embedded._account()
        self._programs = embedded.programs(home)
        for folder in (home, self.log):
            folder.mkdir(exist_ok=True)
            cluster._give(folder, self._account)

    def take_base(self) -> None:
        command = [str(self._programs / "pg_basebackup"), "--pgdata", str(self.base)]
        account = self._account
        subprocess.run(
            [*command, "--wal-method=none", "--checkpoint=fast", "--dbname", self.server],
            check=True,
            cwd=self.home,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Receive the log as long as the block lasts, and what was committed in it whole."""
        program = str(self._programs / "pg_receivewal")
        receiver = self._run([program, "--directory", str(self.log), "--dbname", self.server])
        _wait_until(lambda: any(self.log.iterdir()))
        try:
            yield
            with psycopg.connect(self.server, autocommit=True) as own:
                end = own.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
            assert end is not None
            _wait_until((self.log / str(end[0])).exists)
        finally:
            receiver.terminate()
            receiver.wait(timeout=SECONDS)

    @contextmanager
    def restored(self, moment: str) -> Iterator[str]:
        """Run the database as it was at a moment; yield its address."""
        port = cluster._free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "200",  # not fewer than the primary's
            "restore_command": f'cp "{self.log}/%f" "%p"',
            "recovery_target_time": moment,
            "recovery_target_action": "promote",
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        (self.base / "recovery.signal").touch()
        cluster._give(self.base / "recovery.signal", self._account)
        running = self._run([str(self._programs / "postgres"), "-D", str(self.base), *words])
        server = urlsplit(self.server)
        address = server._replace(netloc=cluster._at(server, port)).geturl()
        try:
            _wait_until(lambda: _is_promoted(address))
            yield address
        finally:
            running.kill()
            running.wait()

    def _run(self, command: list[str]) -> psutil.Process:
        log = self.home / f"{Path(command[0]).name}.log"
        return cluster._spawn(command, log, self._account)


def _wait_until(done: Callable[[], bool]) -> None:
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


@pytest.fixture
def archive(committed: None) -> Iterator[Archive]:
    own = connection.settings_dict
    home = Path(tempfile.mkdtemp(prefix="archive-"))
    who = f"{own['USER']}:{own['PASSWORD']}"
    yield Archive(home, f"postgresql://{who}@{own['HOST']}:{own['PORT']}/{own['NAME']}")
    shutil.rmtree(home)


def test_a_database_comes_back_as_it_was_at_a_second(
    archive: Archive, merchant: Merchant, sandbox: Sandbox
) -> None:
    def paid() -> int:
        invoice = merchant.post("/invoices", json=invoice_body()).json()
        sandbox.pay(invoice["payment_url"])
        return int(merchant.wait_for(invoice["id"], status="fully_paid")["id"])

    with archive.receiving():
        archive.take_base()
        before = paid()
        time.sleep(1)
        with psycopg.connect(archive.server) as own:
            moment = str(own.execute("SELECT clock_timestamp()").fetchone()[0])  # type: ignore[index]
        time.sleep(1)
        after = paid()

    with archive.restored(moment) as address:
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

    assert after > before
    assert found == [(before, "fully_paid")]
    assert [audit.returncode for audit in audits] == [0, 0], audits
