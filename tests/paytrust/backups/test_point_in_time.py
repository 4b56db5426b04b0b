"""A drill: a base backup and the log that was received bring the database back to a second."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest

from paytrust.localstack import cluster, embedded
from tests.conftest import Merchant, Sandbox
from tests.paytrust.backups import drill


class Archive:
    """A folder with a base backup and the log that follows it, as Barman keeps them."""

    def __init__(self, home: Path, server: str) -> None:
        self.home, self.server = home, server
        self.base, self.log = home / "base", home / "log"
        self._programs = embedded.programs(home)
        self.log.mkdir()

    def take_base(self) -> None:
        words = ["--pgdata", str(self.base), "--wal-method=none", "--checkpoint=fast"]
        subprocess.run(self._command("pg_basebackup", *words), check=True)

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Receive the log as long as the block lasts, and what was committed in it whole.

        The slot keeps what is not received yet: the base backup's checkpoint would remove it.
        """
        slot = self._command("pg_receivewal", "--slot=drill")
        subprocess.run([*slot, "--create-slot"], check=True)
        log = self.home / "pg_receivewal.log"
        receiver = cluster._spawn([*slot, "--directory", str(self.log)], log, None)
        drill.wait_until(lambda: any(self.log.iterdir()))
        try:
            yield
            with psycopg.connect(self.server, autocommit=True) as own:
                end = own.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
            assert end is not None
            drill.wait_until((self.log / str(end[0])).exists)
        finally:
            receiver.terminate()
            receiver.wait(timeout=drill.SECONDS)
            subprocess.run([*slot, "--drop-slot"], check=True)

    def restored(self, moment: str) -> AbstractContextManager[str]:
        """Run the database as it was at a moment; give its address."""
        (self.base / "recovery.signal").touch()
        if account := embedded._account():
            embedded._give(self.log, account)
        return drill.running(
            self.base,
            self.home / "restored.log",
            restore_command=f'cp "{self.log}/%f" "%p"',
            recovery_target_time=moment,
            recovery_target_action="promote",
        )

    def _command(self, program: str, *words: str) -> list[str]:
        return [str(self._programs / program), "--dbname", self.server, *words]


@pytest.fixture
def archive(committed: None) -> Iterator[Archive]:
    home = Path(tempfile.mkdtemp(prefix="archive-"))
    home.chmod(0o711)  # PostgreSQL's user passes through to what is restored
    yield Archive(home, drill.server())
    shutil.rmtree(home)


def test_a_database_comes_back_as_it_was_at_a_second(
    archive: Archive, merchant: Merchant, sandbox: Sandbox
) -> None:
    with archive.receiving():
        archive.take_base()
        moment = drill.moment_between_payments(merchant, sandbox)

    with archive.restored(moment.time) as address:
        drill.assert_books_are_of(moment, address)
