"""The stack that is measured: PayTrust's own, with the lean references beside it."""

import fcntl
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

from bench import sandbox
from paytrust.localstack import embedded
from paytrust.localstack.embedded import PROJECT
from paytrust.localstack.ports import free_port


class CannotMeasure(Exception):
    """The benchmarks cannot run; the message is for the person at the keyboard."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: where it answers and which processes it is."""

    port: int
    sandbox_port: int
    api_key: str
    admin_key: str
    callback_token: str
    database_url: str
    redis_url: str
    state: Path
    servers: dict[str, psutil.Process]  # web, postgres, valkey, worker

    def valkey(self) -> psutil.Process:
        """Find the Valkey that serves now."""
        return _valkey(self.redis_url)


@contextmanager
def running(state: Path) -> Iterator[Stack]:
    """Run a stack on free ports with its data under `state`, where the next run finds it again.

    Raises:
        CannotMeasure: it did not start, or benchmarks are already running there.
    """
    environment = _environment(state)
    with _alone(state):
        _manage("down", environment)  # the rest of an interrupted run
        try:
            _manage("up", environment)
            stack = _described(json.loads((state / "stack.json").read_text()), environment)
            sandbox.command(stack.sandbox_port, "config", {"xendit": {"rate_limit_per_minute": 0}})
            _delete_open_payments(stack.database_url)
            yield stack
        finally:
            _manage("down", environment)


def made_key(stack: Stack, tenant: str) -> str:
    """Return a new API key of a tenant, which is made if there is none of that name."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{stack.port}/api-keys",
        data=json.dumps({"description": "bench", "tenant_name": tenant}).encode(),
        headers={"Content-Type": "application/json", "X-Admin-Key": stack.admin_key},
    )
    loopback = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never by a proxy
    with loopback.open(request, timeout=30) as answer:
        return str(json.load(answer)["api_key"])


def _delete_open_payments(database_url: str) -> None:
    """End the checks of payments from an earlier run, because this sandbox does not know them."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE invoices_paymentrequest SET next_check_at = NULL"
            " WHERE next_check_at IS NOT NULL AND status IN ('opening', 'open')"
        )


def _environment(state: Path) -> dict[str, str]:
    return os.environ | {
        "PAYTRUST_STATE": str(state),
        "PORT": str(free_port()),
        "SANDBOX_PORT": str(free_port()),
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "MIDTRANS_CALLS_PER_MINUTE": "600",  # it says no figure of its own
        "RATE_LIMIT_REQUESTS": "1000000000",  # counted, but never reached
        "DATABASE_URL": "",  # empty: servers of our own, whose processes we can see
        "REDIS_URL": "",
    }


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    state.mkdir(parents=True, exist_ok=True)
    with (state / "bench.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotMeasure(f"Benchmarks are already running in {state}.") from None
        yield


def _manage(action: str, environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "paytrust.localstack.stack", action],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise CannotMeasure(ended.stderr.strip())


def _described(stack: dict[str, Any], environment: dict[str, str]) -> Stack:
    state = Path(environment["PAYTRUST_STATE"])
    # The owner's login, because the triggers must not stop the code that writes the rows.
    database_url, redis_url = embedded.start(state).database_url, stack["redis_url"]
    return Stack(
        port=int(environment["PORT"]),
        sandbox_port=int(environment["SANDBOX_PORT"]),
        api_key=stack["api_key"],
        admin_key=stack["admin_key"],
        callback_token=stack["credentials"]["xendit"]["callback_token"],
        database_url=database_url,
        redis_url=redis_url,
        state=state,
        servers={
            "web": psutil.Process(stack["processes"]["web"]),
            "postgres": _postgres(database_url),
            "valkey": _valkey(redis_url),
            "worker": psutil.Process(stack["processes"]["worker"]),
        },
    )


def _postgres(database_url: str) -> psutil.Process:
    with psycopg.connect(database_url) as connection:
        return psutil.Process(psutil.Process(connection.info.backend_pid).ppid())


def _valkey(redis_url: str) -> psutil.Process:
    with redis.Redis.from_url(redis_url) as server:
        return psutil.Process(server.info("server")["process_id"])
