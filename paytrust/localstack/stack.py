"""Start and stop PayTrust here: `python -m paytrust.localstack.stack up | down | demo ...`.

This is a plain module, because it makes the environment that Django's settings need. The gateways
are always the sandbox: a stack for trying must never move money.
"""

import argparse
import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import environ
import psutil

from paytrust.localstack import cluster, embedded, ports, processes
from paytrust.localstack.embedded import PROJECT

READY_SECONDS = 90
NOTICED_SECONDS = 5  # HAProxy asks every 2 s, and uses a process again after two good answers
NO_CLUSTER = "No cluster runs here: `make cluster` starts one."

# compose.yaml has the same commands; a test compares them.
WEB = ("gunicorn", "--config", "python:paytrust.web.gunicorn", "paytrust.wsgi")
WORKER = (
    *("celery", "--app", "paytrust", "worker", "--concurrency", "2", "--loglevel", "INFO"),
    *("--without-gossip", "--without-mingle"),  # workers need not know each other
)
# These wait for merchants' servers, so they are threads.
DELIVERIES = (
    *("celery", "--app", "paytrust", "worker", "--queues", "deliveries", "--pool", "threads"),
    *("--concurrency", "16", "--hostname", "deliveries@%h", "--loglevel", "INFO"),
    *("--without-gossip", "--without-mingle"),
)
BEAT = ("celery", "--app", "paytrust", "beat", "--loglevel", "INFO", "--pidfile", "")
SANDBOX = ("manage.py", "sandbox")

# Each is made once and kept. The environment may set the first four. The others have the form of
# the gateways' own test credentials; only the adapters and the sandbox use them.
OWN_SECRETS = {"SECRET_KEY": "", "ADMIN_API_KEY": "", "API_KEY_PEPPER": "", "CREDENTIAL_KEYS": ""}
SANDBOX_SECRETS = {
    "XENDIT_SECRET_KEY": "xnd_development_",
    "XENDIT_CALLBACK_TOKEN": "",
    "MIDTRANS_SERVER_KEY": "SB-Mid-server-",
    "MIDTRANS_CLIENT_KEY": "SB-Mid-client-",
}


class StackFailed(Exception):
    """The stack cannot do what was asked; a person at the keyboard reads the message."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack: its state folder and its two ports."""

    state: Path
    port: int
    sandbox_port: int

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def record(self) -> Path:
        return self.state / "processes.json"

    @property
    def description(self) -> Path:
        return self.state / "stack.json"

    @property
    def clock(self) -> Path:
        return self.state / "clock"

    @property
    def schedule(self) -> Path:
        return self.state / "celerybeat-schedule"


def stack_of(environment: Mapping[str, str]) -> Stack:
    """Read PAYTRUST_STATE, PORT and SANDBOX_PORT.

    Raises:
        StackFailed: a port is not a number from 1 to 65535, or both are the same.
    """
    port = _port_number("PORT", environment.get("PORT") or "8000")
    sandbox_port = _port_number("SANDBOX_PORT", environment.get("SANDBOX_PORT") or "8001")
    if port == sandbox_port:
        raise StackFailed(f"PORT and SANDBOX_PORT are both {port}; they must differ.")
    state = PROJECT / (environment.get("PAYTRUST_STATE") or ".paytrust")
    return Stack(state.resolve(), port, sandbox_port)


def up(stack: Stack, *, clustered: bool = False) -> None:
    """Start everything that is not running and return when it answers.

    Raises:
        StackFailed: a port is taken or a process ended; nothing keeps running.
    """
    began = time.monotonic()
    if url := serving_url(stack):
        if url != stack.base_url:
            raise StackFailed(
                f"This stack already runs at {url}: `make down` first, or give the second one "
                "a folder of its own with PAYTRUST_STATE=..."
            )
        _say(f"PayTrust is already up at {url} (`make down` stops it).")
        return
    try:
        processes.stop(processes.recorded(stack.record))  # the rest of a stack that failed
        _require_free_ports(stack)
        _start(stack, clustered=clustered)
    except BaseException:  # Ctrl-C too
        down(stack)
        raise
    _say(f"PayTrust is up at {stack.base_url} after {time.monotonic() - began:.0f} s.")
    _say(f"Keys and passwords: {stack.description}. The API: {stack.base_url}/docs")
    _say("`make down` stops it.")


def cluster_up(stack: Stack) -> None:
    """Start two of each process, behind HAProxy and PgBouncer, with a replica.

    Raises:
        StackFailed: a program is missing, or servers of your own are named; see also `up`.
    """
    if os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL"):
        raise StackFailed("`make cluster` has servers of its own: unset DATABASE_URL, REDIS_URL.")
    try:
        cluster.require_programs()
    except cluster.ProgramMissing as missing:
        raise StackFailed(str(missing)) from None
    up(stack, clustered=True)


def promote(stack: Stack) -> None:
    """Try the loss of the primary: kill it, and go on with the replica."""
    running = processes.recorded(stack.record)
    if "pgbouncer" not in running:
        raise StackFailed(NO_CLUSTER)
    seconds = cluster.promote(stack.state, running["pgbouncer"])
    _say(f"The replica takes writes {seconds:.1f} s after the primary was killed.")


def restart(stack: Stack) -> None:
    """Replace a cluster's web processes one after the other, as a new version is rolled out.

    Raises:
        StackFailed: no cluster runs, or a new process does not answer.
    """
    running = processes.recorded(stack.record)
    names = sorted(name for name in running if name.startswith("web-"))
    if not names:
        raise StackFailed(NO_CLUSTER)
    described = json.loads(stack.description.read_text())
    for name in names:
        command, environment = running[name].cmdline()[1:], running[name].environ()
        processes.stop({name: running[name]})
        with _undisturbed():
            log = stack.logs / f"{name}.log"
            running[name] = processes.spawn(command, log=log, environment=environment)
            processes.record(stack.record, running)
        described["processes"][name] = running[name].pid
        _write(stack.description, described)
        _wait_until_ready(stack, {name: running[name]}, {f"http://{command[-1]}/readyz": name})
        time.sleep(NOTICED_SECONDS)
        _say(f"{name} was replaced.")


def down(stack: Stack) -> None:
    """Stop all processes of this state folder's stack; it is not an error if none runs."""
    with _undisturbed():
        processes.stop(processes.recorded(stack.record))
        embedded.stop(stack.state)
        cluster.keep_what_was_promoted(stack.state)
        stack.record.unlink(missing_ok=True)
        stack.description.unlink(missing_ok=True)


def demo(stack: Stack, *, once: bool) -> int:
    """Start the stack, run the story over real HTTP and return its exit code."""
    with _lock(stack):
        up(stack)
    try:
        return subprocess.run(
            [sys.executable, "manage.py", "demo", "--stack", str(stack.description)],
            cwd=PROJECT,
            env=environment_of(stack),
            check=False,
        ).returncode
    finally:
        if once:
            with _lock(stack):
                down(stack)
            _say("PayTrust is stopped.")


def serving_url(stack: Stack) -> str | None:
    """Return the stack's address if all of it runs."""
    if not stack.description.exists():
        return None
    described = json.loads(stack.description.read_text())
    url = str(described["base_url"])
    complete = processes.recorded(stack.record).keys() == described["processes"].keys()
    return url if complete and processes.answers(f"{url}/readyz") else None


def reset(stack: Stack) -> None:
    """Stop the stack and delete its data, keys and passwords."""
    down(stack)
    embedded.remove(stack.state)
    shutil.rmtree(stack.state)


# The steps of `up`


def _start(stack: Stack, *, clustered: bool) -> None:
    stack.logs.mkdir(mode=0o700, exist_ok=True)
    _say("Starting PostgreSQL and Valkey, bringing the database up to date ...")
    with _undisturbed():
        environment = environment_of(stack)
    _migrate(stack, environment)
    owner_url = environment.pop("DATABASE_OWNER_URL", "")  # no process that serves has it
    _say("Starting web, worker, deliveries, beat and sandbox ...")
    for file in stack.state.glob(f"{stack.schedule.name}*"):  # dbm chooses the suffix
        file.unlink()  # a killed beat may leave a file that cannot be read
    running: dict[str, psutil.Process] = {}
    wanted = commands(stack)
    if clustered:
        with _undisturbed():
            running, environment = cluster.start_servers(
                stack.state, stack.port, {**environment, "DATABASE_OWNER_URL": owner_url}
            )
            processes.record(stack.record, running)
        environment.pop("DATABASE_OWNER_URL")
        wanted = cluster.commands(wanted, stack.state, environment)
    for name, command in wanted.items():
        log = stack.logs / f"{name}.log"
        with _undisturbed():
            running[name] = processes.spawn(command, log=log, environment=environment)
            processes.record(stack.record, running)
    web = next(name for name in running if name.startswith("web"))
    urls = {f"{stack.sandbox_url}/control/charges": "sandbox", f"{stack.base_url}/readyz": web}
    _wait_until_ready(stack, running, urls)
    accounts = _accounts(stack, environment)
    _write(stack.description, _describe(stack, environment, accounts, running))


def environment_of(stack: Stack) -> dict[str, str]:
    environment = {**os.environ, **_secrets(stack)}
    if not (environment.get("DATABASE_URL") and environment.get("REDIS_URL")):
        servers = embedded.start(stack.state)
        if not environment.get("DATABASE_URL"):
            environment["DATABASE_URL"] = servers.application_url
            environment["DATABASE_MERCHANT_URL"] = servers.merchant_url
            environment["DATABASE_OWNER_URL"] = servers.database_url
        environment["REDIS_URL"] = environment.get("REDIS_URL") or servers.redis_url
    return environment | {
        "PORT": str(stack.port),
        "SANDBOX_PORT": str(stack.sandbox_port),
        "PAYTRUST_STATE": str(stack.state),
        "PUBLIC_BASE_URL": stack.base_url,
        "ENVIRONMENT": "development",
        "DEVELOPMENT_CLOCK": str(stack.clock),
        "XENDIT_BASE_URL": f"{stack.sandbox_url}/xendit",
        "MIDTRANS_CORE_BASE_URL": f"{stack.sandbox_url}/midtrans",
        "MIDTRANS_SNAP_BASE_URL": f"{stack.sandbox_url}/midtrans/snap/v1",
        # The sandbox says in its headers how many calls it takes; without them it takes any number.
        "XENDIT_CALLS_PER_MINUTE": environment.get("XENDIT_CALLS_PER_MINUTE") or "0",
        "MIDTRANS_CALLS_PER_MINUTE": environment.get("MIDTRANS_CALLS_PER_MINUTE") or "0",
    }


def _secrets(stack: Stack) -> dict[str, str]:
    file = stack.state / "stack.env"
    lines = file.read_text().splitlines() if file.exists() else []
    kept = dict(line.split("=", 1) for line in lines)
    for name, prefix in {**OWN_SECRETS, **SANDBOX_SECRETS}.items():
        kept.setdefault(name, prefix + secrets.token_hex(24))
    embedded.write_secret(file, "".join(f"{name}={value}\n" for name, value in kept.items()))
    return kept | {name: os.environ[name] for name in OWN_SECRETS if os.environ.get(name)}


def _migrate(stack: Stack, environment: Mapping[str, str]) -> None:
    log = stack.logs / "migrate.log"
    with log.open("wb") as output:
        migrated = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--no-input"],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if migrated.returncode:
        raise StackFailed(f"The migrations failed; {log} ends:\n{embedded.log_tail(log)}")


def commands(stack: Stack) -> dict[str, list[str]]:
    """Return the Python arguments of each process, in the order in which they start."""
    return {
        "web": ["-m", *WEB, "--bind", f"127.0.0.1:{stack.port}"],
        "worker": ["-m", *WORKER],
        "deliveries": ["-m", *DELIVERIES],
        "beat": ["-m", *BEAT, "--schedule", str(stack.schedule)],
        "sandbox": [
            *SANDBOX,
            *("--port", str(stack.sandbox_port), "--webhook-base-url", stack.base_url),
            *("--store", str(stack.state / "sandbox.sqlite3")),
        ],
    }


def _wait_until_ready(
    stack: Stack, running: Mapping[str, psutil.Process], urls: Mapping[str, str]
) -> None:
    """Return when each URL answers; what it belongs to is named if it does not."""
    deadline = time.monotonic() + READY_SECONDS
    while silent := [url for url in urls if not processes.answers(url)]:
        sys.stdout.write(".")
        sys.stdout.flush()
        for name, process in running.items():
            if (code := processes.exit_code(process)) is not None:
                raise _not_ready(stack, name, f"{name} ended with code {code}")
        if time.monotonic() > deadline:
            what = f"{silent[0]} does not answer after {READY_SECONDS} s"
            raise _not_ready(stack, urls[silent[0]], what)
        time.sleep(0.5)
    _say("")


def _not_ready(stack: Stack, name: str, what: str) -> StackFailed:
    log = stack.logs / f"{name}.log"
    return StackFailed(f"\nPayTrust did not start: {what}; {log} ends:\n{embedded.log_tail(log)}")


def _accounts(stack: Stack, environment: Mapping[str, str]) -> dict[str, str]:
    # The database keeps hashes of the keys; this file, which only we can read, keeps the keys.
    file = stack.state / "accounts.json"
    accounts: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    if accounts and processes.answers(f"{stack.base_url}/invoices", api_key=accounts["api_key"]):
        return accounts
    made = subprocess.run(
        [sys.executable, "manage.py", "create_demo_accounts"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise StackFailed(f"The demo accounts could not be made:\n{made.stderr.strip()}")
    accounts = json.loads(made.stdout)
    _write(file, accounts)
    return accounts


def _describe(
    stack: Stack,
    environment: Mapping[str, str],
    accounts: Mapping[str, str],
    running: Mapping[str, psutil.Process],
) -> dict[str, object]:
    sandbox_paths = ("xendit", "midtrans", "control")
    return {
        "base_url": stack.base_url,
        "api_key": accounts["api_key"],
        "admin_key": environment["ADMIN_API_KEY"],
        "admin_user": {
            "username": accounts["username"],
            "password": accounts["password"],
            "totp_secret": accounts.get("totp_secret"),
        },
        "sandbox": {path: f"{stack.sandbox_url}/{path}" for path in sandbox_paths},
        "credentials": {
            "xendit": {
                "secret_key": environment["XENDIT_SECRET_KEY"],
                "callback_token": environment["XENDIT_CALLBACK_TOKEN"],
            },
            "midtrans": {
                "server_key": environment["MIDTRANS_SERVER_KEY"],
                "client_key": environment["MIDTRANS_CLIENT_KEY"],
            },
        },
        "database_url": environment["DATABASE_URL"],
        "redis_url": environment["REDIS_URL"],
        "processes": {name: process.pid for name, process in running.items()},
    }


def _port_number(name: str, value: str) -> int:
    if not (value.isdecimal() and 1 <= int(value) <= 65535):
        raise StackFailed(f"{name} must be a number from 1 to 65535, not {value!r}.")
    return int(value)


def _require_free_ports(stack: Stack) -> None:
    for name, port in (("PORT", stack.port), ("SANDBOX_PORT", stack.sandbox_port)):
        try:
            ports.require_free_port(port)
        except ports.PortTaken as taken:
            raise StackFailed(
                f"Port {port} cannot be used ({taken}); name another one with {name}=..."
            ) from None


@contextmanager
def _lock(stack: Stack) -> Iterator[None]:
    stack.state.mkdir(mode=0o711, parents=True, exist_ok=True)
    with (stack.state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackFailed("Another start or stop of this stack is under way.") from None
        yield


@contextmanager
def _undisturbed() -> Iterator[None]:
    # Delay signals until a started process has been recorded, or all are stopped.
    waiting: list[int] = []
    before = {
        number: signal.signal(number, lambda arrived, _: waiting.append(arrived))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
    if waiting:
        signal.raise_signal(waiting[0])


def _write(file: Path, content: object) -> None:
    embedded.write_secret(file, json.dumps(content, indent=2) + "\n")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Start, stop or describe the stack named by PORT, SANDBOX_PORT and PAYTRUST_STATE."""
    parser = argparse.ArgumentParser(
        prog="python -m paytrust.localstack.stack", description=main.__doc__
    )
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("up", help="start everything in the background; return when it serves")
    actions.add_parser("cluster", help="the same with two of each and a replica, behind HAProxy")
    actions.add_parser("promote", help="kill a cluster's primary and go on with the replica")
    actions.add_parser("restart", help="replace a cluster's web processes one after the other")
    actions.add_parser("down", help="stop everything")
    actions.add_parser("status", help="say whether it serves; exit code 0 if it does")
    actions.add_parser("reset", help="stop everything and delete the state folder")
    story = actions.add_parser("demo", help="`up`, then the story of two invoices")
    story.add_argument("--once", action="store_true", help="stop everything at the end")
    arguments = parser.parse_args()
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda number, _: sys.exit(128 + number))  # leaves through `finally`
    environ.Env.read_env(PROJECT / ".env")  # optional; variables already set win
    try:
        return _act(stack_of(os.environ), arguments)
    except (StackFailed, embedded.ServerFailed, PermissionError) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _act(stack: Stack, arguments: argparse.Namespace) -> int:
    match arguments.action:
        case "demo":
            return demo(stack, once=arguments.once)
        case "status":
            url = serving_url(stack)
            _say(f"PayTrust is up at {url}." if url else "PayTrust is not up.")
            return 0 if url else 1
        case action:
            with _lock(stack):
                acts = {
                    "up": up,
                    "down": down,
                    "reset": reset,
                    "cluster": cluster_up,
                    "promote": promote,
                    "restart": restart,
                }
                acts[action](stack)
            return 0


if __name__ == "__main__":
    sys.exit(main())
