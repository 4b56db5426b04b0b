"""The servers and processes of `make cluster`: two of each, as on several machines.

HAProxy before two web processes, PgBouncer in transaction mode before the primary, a streaming
replica. A second Valkey follows the first; HAProxy leads to the one that is primary. PgBouncer and
HAProxy are those of the system (Debian's packages of these names).
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

import psutil
import psycopg
import redis

from paytrust.localstack import embedded
from paytrust.localstack.embedded import PROJECT, Account
from paytrust.localstack.ports import free_port

PLACES: Final = f"{os.defpath}:/usr/sbin:/usr/local/sbin"
TWO: Final = (1, 2)
PGBOUNCER_SETTINGS: Final = "pgbouncer.ini"
PROMOTED: Final = "promoted"  # a file that says whose data is the truth
_PGBOUNCER: Final = """
[databases]
* = host=127.0.0.1 port={primary}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = 25
max_client_conn = 1000
query_wait_timeout = 20
server_login_retry = 1
server_tls_sslmode = disable
"""
_PREPARED: Final = "max_prepared_statements = 500\n"  # more than a connection of ours prepares
_VALKEY: Final = """
bind 127.0.0.1
port {port}
dir {folder}
requirepass {password}
primaryauth {password}
replicaof 127.0.0.1 {primary}
save ""
databases 64
"""
_VALKEY_PROXY: Final = """
listen valkey
    mode tcp
    bind 127.0.0.1:{port}
    timeout client 1h
    timeout server 1h
    option tcplog
    option tcp-check
    tcp-check send AUTH\\ {password}\\r\\n
    tcp-check expect string +OK
    tcp-check send INFO\\ replication\\r\\n
    tcp-check expect string role:master
    server valkey1 127.0.0.1:{primary} check inter 1s on-marked-down shutdown-sessions
    server valkey2 127.0.0.1:{replica} check inter 1s on-marked-down shutdown-sessions
"""


class ProgramMissing(Exception):
    """PgBouncer or HAProxy is not installed; the message is for the person at the keyboard."""


def require_programs() -> dict[str, str]:
    """Return where the programs are that no wheel brings.

    Raises:
        ProgramMissing: one is not installed.
    """
    found = {name: shutil.which(name, path=PLACES) for name in ("pgbouncer", "haproxy")}
    for name, path in found.items():
        if path is None:
            raise ProgramMissing(f"`make cluster` needs {name}: apt-get install {name}")
    return {name: str(path) for name, path in found.items()}


def start_servers(
    state: Path, port: int, environment: Mapping[str, str]
) -> tuple[dict[str, psutil.Process], dict[str, str]]:
    """Start the replica, PgBouncer and HAProxy beside the primary that runs.

    Args:
        state: the stack's folder.
        port: where HAProxy listens.
        environment: of the stack, with the primary's addresses.

    Returns:
        The servers by name, and the environment of the processes: through PgBouncer, behind a
        proxy, with the ports of web in WEB_PORTS.
    """
    programs = require_programs()
    account = embedded._account()  # noqa: SLF001  # one package
    owner = urlsplit(environment["DATABASE_OWNER_URL"])
    home = embedded.postgres_home(state) / "cluster"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700)
    _give(home, account)
    logs = state / "logs"
    ports = [free_port() for _ in range(4)]
    running = {"replica": _start_replica(home, environment, ports[0], account, logs)}
    valkey, ways = urlsplit(environment["REDIS_URL"]), [free_port() for _ in TWO]
    running["valkey-replica"] = _start_valkey_replica(home, valkey, ways[0], account, logs)
    if environment.get("CLUSTER_SYNCHRONOUS", "true") == "true":
        _wait_for_the_replica(environment["DATABASE_OWNER_URL"])
    embedded.write_secret(
        home / "replica.url", owner._replace(netloc=_at(owner, ports[0])).geturl()
    )
    running["pgbouncer"], through = start_pgbouncer(home, environment, ports[1], logs)
    haproxy = state / "haproxy.cfg"
    embedded.write_secret(
        haproxy,
        _haproxy_settings(ports[2:])
        + _VALKEY_PROXY.format(
            port=ways[1], password=valkey.password, primary=valkey.port, replica=ways[0]
        ),
    )
    running["haproxy"] = _spawn(
        [programs["haproxy"], "-db", "-f", str(haproxy)],
        logs / "haproxy.log",
        None,
        PAYTRUST_BIND=f"127.0.0.1:{port}",
        PAYTRUST_WEB="",
    )
    login = urlsplit(environment["DATABASE_URL"])
    return (
        running,
        {
            **environment,
            **through,
            "DATABASE_REPLICA_URL": login._replace(netloc=_at(login, ports[0])).geturl(),
            "REDIS_URL": valkey._replace(netloc=_at(valkey, ways[1])).geturl(),
            "TRUSTED_PROXIES": "1",
            "WEB_PORTS": " ".join(map(str, ports[2:])),
            "WEB_CONCURRENCY": "1",
        },
    )


def start_pgbouncer(
    home: Path, environment: Mapping[str, str], port: int, logs: Path
) -> tuple[psutil.Process, dict[str, str]]:
    """Start PgBouncer before the database that the environment names.

    Args:
        home: an empty folder, for its settings.
        environment: of the processes that will go through it.
        port: where it listens.
        logs: a folder.

    Returns:
        Its process, and what a process needs in its environment to go through it.
    """
    account = embedded._account()  # noqa: SLF001  # one package
    names = ("DATABASE_URL", "DATABASE_MERCHANT_URL")
    logins = {name: urlsplit(environment[name]) for name in names}
    primary = logins["DATABASE_URL"].port
    users, settings = home / "users", home / PGBOUNCER_SETTINGS
    embedded.write_secret(
        users, "".join(f'"{one.username}" "{one.password}"\n' for one in logins.values())
    )
    program = require_programs()["pgbouncer"]
    text = _PGBOUNCER.format(primary=primary, port=port, users=users)
    prepares = knows_prepared_statements(program)
    settings.write_text(text + (_PREPARED if prepares else ""))
    for path in (home, users, settings):
        _give(path, account)
    command = [program, "--quiet", str(settings)]
    through = {name: one._replace(netloc=_at(one, port)).geturl() for name, one in logins.items()}
    through["DATABASE_PREPARED_STATEMENTS"] = str(prepares).lower()
    return _spawn(command, logs / "pgbouncer.log", account), through


def knows_prepared_statements(pgbouncer: str) -> bool:
    """Say whether a PgBouncer can pool connections with prepared statements: from 1.21 on."""
    said = subprocess.run([pgbouncer, "--version"], capture_output=True, text=True, check=True)
    numbers = re.search(r"PgBouncer (\d+)\.(\d+)", said.stdout)
    return numbers is not None and tuple(map(int, numbers.groups())) >= (1, 21)


def commands(
    single: Mapping[str, list[str]], state: Path, environment: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return two of each process of a stack, and its sandbox."""
    made: dict[str, list[str]] = {}
    for number, port in zip(TWO, environment["WEB_PORTS"].split(), strict=True):
        made[f"web-{number}"] = [*single["web"][:-1], f"127.0.0.1:{port}"]
        made[f"worker-{number}"] = [*single["worker"], "--hostname", f"worker{number}@%h"]
        made[f"deliveries-{number}"] = [
            word.replace("deliveries@", f"deliveries{number}@") for word in single["deliveries"]
        ]
        made[f"beat-{number}"] = [
            *single["beat"][:-1],
            str(state / f"celerybeat-schedule-{number}"),
        ]
    return {**made, "sandbox": single["sandbox"]}


def _start_replica(
    home: Path, environment: Mapping[str, str], port: int, account: Account | None, logs: Path
) -> psutil.Process:
    """Copy the primary and follow it."""
    owner = urlsplit(environment["DATABASE_OWNER_URL"])
    programs = embedded.programs(home.parent)
    data = home / "replica"
    copied = subprocess.run(
        [
            *(str(programs / "pg_basebackup"), "--pgdata", str(data), "--write-recovery-conf"),
            *("--wal-method=stream", "--checkpoint=fast", "--no-password", "--host=127.0.0.1"),
            *(f"--port={owner.port}", f"--username={owner.username}"),
        ],
        env={"PATH": os.defpath, "PGPASSWORD": owner.password or ""},
        cwd=home,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if copied.returncode:
        raise embedded.ServerFailed(f"The replica could not be made: {copied.stderr.strip()}")
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",  # not fewer than the primary's
    }
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = [str(programs / "postgres"), "-D", str(data), *words]
    return _spawn(command, logs / "replica.log", account)


def _start_valkey_replica(
    home: Path, primary: SplitResult, port: int, account: Account | None, logs: Path
) -> psutil.Process:
    settings = home / "valkey.conf"
    text = _VALKEY.format(port=port, folder=home, password=primary.password, primary=primary.port)
    embedded.write_secret(settings, text)
    embedded.write_secret(home / "valkey.url", primary._replace(netloc=_at(primary, port)).geturl())
    _give(settings, account)
    program = str(embedded._valkey_program())  # noqa: SLF001  # one package
    return _spawn([program, str(settings)], logs / "valkey-replica.log", account)


def promote(state: Path, pgbouncer: psutil.Process) -> float:
    """Kill both primaries, let their replicas take over, and lead PgBouncer to PostgreSQL's.

    HAProxy finds Valkey's by itself. The web processes are not asked: their connections fail, and
    the next ones lead to the new primaries. Returns the seconds from the kill until PostgreSQL
    takes writes again.

    Raises:
        ServerFailed: the stack is no cluster, or the replica does not take over.
    """
    home = embedded.postgres_home(state) / "cluster"
    if not (home / "replica.url").exists() or (home / PROMOTED).exists():
        raise embedded.ServerFailed("There is no replica that could take over.")
    replica = (home / "replica.url").read_text()
    primary = int((home.parent / "data" / "postmaster.pid").read_text().split()[0])
    began = time.monotonic()
    for pid in (primary, int((state / "valkey" / "valkey.pid").read_text())):
        psutil.Process(pid).kill()
    (home / PROMOTED).touch()  # its data is the truth from here on
    with psycopg.connect(replica, autocommit=True) as own:
        if own.execute("SELECT pg_promote(true, 60)").fetchone() != (True,):
            raise embedded.ServerFailed("The replica does not take over; see logs/replica.log.")
        own.execute("ALTER SYSTEM RESET synchronous_standby_names")
        own.execute("SELECT pg_reload_conf()")
    settings = home / PGBOUNCER_SETTINGS
    text = re.sub(
        r"(host=127\.0\.0\.1 port=)\d+", rf"\g<1>{urlsplit(replica).port}", settings.read_text()
    )
    settings.write_text(text)
    pgbouncer.send_signal(signal.SIGHUP)
    with redis.Redis.from_url((home / "valkey.url").read_text()) as valkey:
        valkey.replicaof("NO", "ONE")
    return time.monotonic() - began


def keep_what_was_promoted(state: Path) -> None:
    """Make a promoted replica's data the stack's own, once its servers are stopped."""
    try:
        home = embedded.postgres_home(state)
    except embedded.ServerFailed:
        return
    if (home / "cluster" / PROMOTED).exists():
        shutil.rmtree(home / "data")
        (home / "cluster" / "replica").rename(home / "data")
        (home / "cluster" / PROMOTED).unlink()


def _wait_for_the_replica(owner_url: str) -> None:
    """From now on no commit is answered before the replica has it."""
    deadline = time.monotonic() + embedded.START_SECONDS
    with psycopg.connect(owner_url, autocommit=True) as own:
        following = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
        while own.execute(following).fetchone() == (0,):
            if time.monotonic() > deadline:
                raise embedded.ServerFailed("The replica does not follow; see logs/replica.log.")
            time.sleep(0.1)
        own.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        own.execute("SELECT pg_reload_conf()")


def _at(address: SplitResult, port: int) -> str:
    return f"{address.username}:{address.password}@127.0.0.1:{port}"


def _haproxy_settings(ports: list[int]) -> str:
    """Return the proxy's settings that we ship, with two web processes behind it."""
    folder = PROJECT / "deploy"
    lines = []
    for line in (folder / "haproxy.cfg").read_text().splitlines():
        if line.strip().startswith("default-path"):
            lines.append(f'    default-path origin "{folder}"')
        elif line.strip().startswith("server web1"):
            lines += [
                f"    server web{number} 127.0.0.1:{port} maxconn 500 check inter 1s"
                for number, port in zip(TWO, ports, strict=True)
            ]
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _spawn(
    command: list[str], log: Path, account: Account | None, **environment: str
) -> psutil.Process:
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", **environment},
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    child.returncode = 0  # it outlives us
    return psutil.Process(child.pid)


def _give(path: Path, account: Account | None) -> None:
    if account:
        os.chown(path, account.uid, account.gid)
