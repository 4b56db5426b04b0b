"""Debian's PgBouncer in transaction mode before the tests' PostgreSQL."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from paytrust.localstack import cluster
from paytrust.localstack.ports import free_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
PREPARES = PROGRAM is not None and cluster.knows_prepared_statements(PROGRAM)
CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {pool}
max_client_conn = 200
server_tls_sslmode = disable
"""


@contextmanager
def started(*, host: str, port: int, users: Mapping[str, str], pool: int = 4) -> Iterator[int]:
    """Run it as long as the block lasts; yield its port.

    Args:
        host: of PostgreSQL.
        port: of PostgreSQL.
        users: the passwords of those who may log in, by name.
        pool: connections to PostgreSQL for each database and user.
    """
    assert PROGRAM is not None, "the caller skips where PgBouncer is not installed"
    listen = free_port()
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    try:
        known, settings = folder / "users", folder / "pgbouncer.ini"
        known.write_text("".join(f'"{name}" "{word}"\n' for name, word in users.items()))
        text = CONFIGURATION.format(host=host, port=port, listen=listen, users=known, pool=pool)
        settings.write_text(text + ("max_prepared_statements = 500\n" if PREPARES else ""))
        account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None  # it refuses to be root
        for path in (folder, known, settings):
            if account:
                os.chown(path, account.pw_uid, account.pw_gid)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [PROGRAM, "--quiet", str(settings)],
                stdout=log,
                stderr=log,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
        try:
            _wait_for(listen, process, folder / "log")
            yield listen
        finally:
            process.terminate()
            process.wait(timeout=30)
    finally:
        shutil.rmtree(folder)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, "PgBouncer does not listen"
        time.sleep(0.02)
