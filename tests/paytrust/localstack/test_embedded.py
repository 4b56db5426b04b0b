import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from paytrust.localstack import embedded

start = functools.partial(embedded.start, durable=False)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "a clone"
    folder.mkdir()
    yield folder
    embedded.remove(folder)  # also what lies in the temporary folder because root's is closed


def server_processes(marker: str) -> list[psutil.Process]:
    """The servers that run in a folder: their arguments name it."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(marker in word for word in process.info["cmdline"] or ())
        and process.info["cmdline"][0].endswith(("postgres", "valkey-server"))
    ]


def postgres_folder(home: Path) -> Path:
    return Path(json.loads((home / "embedded.json").read_text())["postgres_home"])


class TestStart:
    def test_serves_below_a_path_with_a_space_and_keeps_data_and_addresses(
        self, home: Path
    ) -> None:
        first = start(home)
        with psycopg.connect(first.database_url) as connection:
            connection.execute("CREATE TABLE note AS SELECT 7 AS n")
        assert redis.Redis.from_url(first.redis_url).ping() is True

        embedded.stop(home)
        second = start(home)

        assert second == first
        with psycopg.connect(second.database_url) as connection:
            assert connection.execute("SELECT n FROM note").fetchall() == [(7,)]

    def test_leaves_running_servers_alone(self, home: Path) -> None:
        start(home)
        before = sorted(process.pid for process in server_processes(str(home)))

        start(home)

        assert sorted(process.pid for process in server_processes(str(home))) == before

    def test_recovers_from_a_killed_server_and_half_made_data(self, home: Path) -> None:
        start(home)
        data = postgres_folder(home) / "data"
        server = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
        children = server.children()
        server.kill()
        psutil.wait_procs([server, *children], timeout=10)
        (data.parent / "data.unfinished").mkdir()
        # The old id now belongs to another program: this one.
        stale = (data / "postmaster.pid").read_text().split("\n", 1)[1]
        (data / "postmaster.pid").write_text(f"{os.getpid()}\n{stale}")

        servers = start(home)

        with psycopg.connect(servers.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)

    def test_takes_another_port_when_its_own_is_taken(self, home: Path) -> None:
        first = start(home)
        embedded.stop(home)
        known = json.loads((home / "embedded.json").read_text())

        with (
            socket.create_server(("127.0.0.1", known["postgres_port"])),
            socket.create_server(("127.0.0.1", known["valkey_port"])),
        ):
            second = start(home)

        assert second.redis_url != first.redis_url
        assert redis.Redis.from_url(second.redis_url).ping() is True
        with psycopg.connect(second.database_url) as connection:
            assert connection.info.port != known["postgres_port"]

    def test_says_why_a_server_does_not_start(self, home: Path) -> None:
        start(home)
        embedded.stop(home)
        (postgres_folder(home) / "data" / "PG_VERSION").write_text("9.1\n")

        with pytest.raises(
            embedded.ServerFailed, match=r"PostgreSQL did not start(?s:.*)version 9\.1"
        ):
            start(home)

    def test_keeps_passwords_from_other_users(self, home: Path) -> None:
        servers = start(home)

        assert (home / "embedded.json").stat().st_mode & 0o777 == 0o600
        for folder in (home / "logs", home / "valkey"):
            assert folder.stat().st_mode & 0o777 == 0o700
        password = servers.redis_url.split(":")[2].split("@")[0]
        assert not any(
            password in word
            for process in server_processes(str(home))
            for word in process.cmdline()
        )
        owners = servers.database_url.split(":")[2].split("@")[0]
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(servers.database_url.replace(owners, "guess"))

    def test_writes_no_value_of_a_failing_statement_into_its_log(self, home: Path) -> None:
        servers = start(home)

        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE keys (hash text UNIQUE)")
            for _ in range(2):
                with suppress(psycopg.errors.UniqueViolation):
                    connection.execute("INSERT INTO keys VALUES ('argon2id-of-a-key')")

        log = (home / "logs" / "postgres.log").read_text()
        assert "duplicate key value" in log
        assert "argon2id-of-a-key" not in log


class TestStop:
    def test_leaves_no_process(self, home: Path) -> None:
        start(home)

        embedded.stop(home)

        assert server_processes(str(home)) == []

    def test_is_no_error_where_nothing_runs(self, home: Path) -> None:
        embedded.stop(home)

        assert list(home.iterdir()) == []

    def test_spares_a_program_that_got_the_id_of_a_server_that_crashed(self, home: Path) -> None:
        start(home)
        embedded.stop(home)
        bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

        with bystander:
            (home / "valkey" / "valkey.pid").write_text(str(bystander.pid))
            embedded.stop(home)

            assert bystander.poll() is None


class TestRemove:
    def test_leaves_neither_process_nor_data(self, home: Path) -> None:
        start(home)
        folder = postgres_folder(home)

        embedded.remove(home)

        assert server_processes(str(home)) == []
        assert (folder.exists(), list(home.iterdir())) == (False, [])


class TestTemporary:
    def test_ends_the_servers_and_removes_their_data_with_the_block(self) -> None:
        with embedded.temporary() as servers, psycopg.connect(servers.database_url) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        home = Path(row[0]).parent.parent

        assert (home.exists(), server_processes(str(home))) == (False, [])

    def test_ends_them_also_when_their_user_is_killed(self) -> None:
        program = (
            "from paytrust.localstack import embedded\n"
            "with embedded.temporary() as servers: print(servers.database_url, flush=True); input()"
        )
        user = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=embedded.PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with user:
            assert user.stdout is not None
            with psycopg.connect(user.stdout.readline().strip()) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
            assert row is not None
            user.send_signal(signal.SIGKILL)

        home = Path(row[0]).parent.parent
        deadline = time.monotonic() + 20
        while home.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert (home.exists(), server_processes(str(home))) == (False, [])


class TestRun:
    def test_gives_a_command_servers_and_answers_its_exit_code(self) -> None:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "paytrust.localstack.embedded", "run", "--"),
                *("sh", "-c", 'echo "$DATABASE_URL $REDIS_URL"; exit 3'),
            ],
            cwd=embedded.PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 3
        database_url, redis_url = done.stdout.split()
        assert (database_url[:11], redis_url[:8]) == ("postgres://", "redis://")
