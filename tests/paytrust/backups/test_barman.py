"""The drill to a second by Barman with the settings of `deploy/barman`.

Barman has an environment of its own (`make barman-tools`), and restores by rsync.
"""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import psycopg
import pytest
from psycopg import sql

from paytrust.localstack import embedded
from paytrust.localstack.embedded import PROJECT
from tests.conftest import Merchant, Sandbox
from tests.paytrust.backups import drill

SETTINGS = PROJECT / "deploy" / "barman"
PROGRAM = PROJECT / "build" / "barman-tools" / "bin" / "barman"
LOGINS = ("barman", "streaming_barman")
PASSWORD = "barman-drill"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed"),
]


class Barman:
    """Barman's own machine: its home, its settings and its program."""

    def __init__(self, home: Path) -> None:
        self.home = home
        own = urlsplit(drill.server())
        programs = embedded.programs(home)
        (home / "barman.d").mkdir()
        (home / ".pgpass").write_text(f"*:*:*:*:{PASSWORD}\n")
        (home / ".pgpass").chmod(0o600)
        (home / "barman.conf").write_text(
            _replaced(
                (SETTINGS / "barman.conf").read_text(),
                barman_user=_own_name(),
                barman_home=str(home),
                configuration_files_directory=str(home / "barman.d"),
                log_file=str(home / "barman.log"),
            )
        )
        text = _replaced((SETTINGS / "paytrust.conf").read_text(), path_prefix=str(programs))
        (home / "barman.d" / "paytrust.conf").write_text(_led_to(own, text))

    def run(self, command: str, *words: str) -> str:
        ended = subprocess.run(
            [str(PROGRAM), "--config", str(self.home / "barman.conf"), command, *words],
            cwd=self.home,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
            timeout=drill.SECONDS,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def receive(self) -> None:
        """Begin to receive the log, as the minute's `barman cron` does."""
        self.run("cron")
        drill.wait_until(_is_streaming)
        self.run("switch-wal", "--force", "--archive", "paytrust")

    def restored(self, moment: str) -> AbstractContextManager[str]:
        """Run the database as it was at a moment; give its address."""
        data = self.home / "restored"
        target = ("--target-time", moment, "--target-action", "promote")
        self.run("restore", *target, "paytrust", "latest", str(data))
        return drill.running(data, self.home / "restored.log")


def _replaced(text: str, **values: str) -> str:
    for name, value in values.items():
        text, count = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
        assert count == 1, name
    return text


def _led_to(own: SplitResult, text: str) -> str:
    """Return the settings with the tests' database in place of the one they name."""
    there = "host=postgres.internal port=5432"
    assert text.count(there) == text.count(" dbname=paytrust") == 2
    text = text.replace(there, f"host={own.hostname} port={own.port}")
    return text.replace(" dbname=paytrust", f" dbname={own.path[1:]}")


def _own_name() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _is_streaming() -> bool:
    query = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'barman' AND active"
    with psycopg.connect(drill.server()) as own:
        return own.execute(query).fetchone() == (1,)


@pytest.fixture
def logins(committed: None) -> Iterator[None]:
    with psycopg.connect(drill.server(), autocommit=True) as own:
        own.execute((SETTINGS / "roles.sql").read_bytes())
        for name in LOGINS:
            own.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                    sql.Identifier(name), sql.Literal(PASSWORD)
                )
            )
        yield
        own.execute(
            "SELECT pg_drop_replication_slot(slot_name)"
            " FROM pg_replication_slots WHERE slot_name = 'barman'"
        )
        for name in LOGINS:
            own.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


@pytest.fixture
def barman(logins: None) -> Iterator[Barman]:
    subprocess.run(["/bin/sh", "-c", "make barman-tools"], cwd=PROJECT, check=True)
    home = Path(tempfile.mkdtemp(prefix="barman-"))
    home.chmod(0o711)  # PostgreSQL's user passes through to what was restored
    made = Barman(home)
    yield made
    made.run("receive-wal", "--stop", "paytrust")
    drill.wait_until(lambda: not _is_streaming())
    shutil.rmtree(home)


def test_barman_brings_the_books_back_as_they_were_at_a_second(
    barman: Barman, merchant: Merchant, sandbox: Sandbox
) -> None:
    barman.receive()
    barman.run("backup", "--wait", "paytrust")
    moment = drill.moment_between_payments(merchant, sandbox)
    barman.run("switch-wal", "--force", "--archive", "paytrust")

    assert "FAILED" not in barman.run("check", "paytrust")
    with barman.restored(moment.time) as address:
        drill.assert_books_are_of(moment, address)
        with psycopg.connect(address) as own:
            own.execute("SET ROLE barman")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                own.execute("SELECT * FROM invoices_invoice")
