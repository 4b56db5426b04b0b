"""Real parts: a database that commits, this project over HTTP, the sandbox as a process."""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Condition
from typing import Any

import pytest
import redis
import requests
from argon2 import PasswordHasher
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.wsgi import get_wsgi_application
from django.db import OperationalError, connection, connections, transaction
from django.db.models import ForeignObjectRel
from django.test.testcases import LiveServerThread
from django.test.utils import setup_databases, teardown_databases
from django.utils import timezone

from apikeys.keys import hashing
from apikeys.keys import services as apikeys
from apikeys.models import ApiKeyAuditEntry, Tenant
from gateways import registry
from payments.models import WebhookEvent
from paytrust.celery import app as celery_app
from paytrust.localstack.ports import free_port
from reporting.models import AuditRun, ClosedDay

ROOT = Path(__file__).resolve().parent.parent
TRUE_ARGON2 = hashing._ARGON2


@dataclass(frozen=True)
class Sandbox:
    """The simulator of both gateways, as a process of its own."""

    url: str

    def fault(self, gateway: str, name: str, *, times: int = 1, delay_s: float = 12) -> None:
        self._post("faults", gateway=gateway, fault=name, times=times, delay_s=delay_s)

    def charges(self) -> list[dict[str, Any]]:
        return requests.get(f"{self.url}/control/charges", timeout=5).json()

    def reset(self) -> None:
        self._post("reset")

    def pay(self, payment_url: str, action: str = "pay", **fields: str) -> None:
        """Do what a customer's button does; the webhook follows."""
        answer = requests.post(payment_url, data={"action": action, **fields}, timeout=10)
        assert answer.ok, f"{action} {fields}: {re.sub('<[^>]*>', ' ', answer.text)[:900]}"

    def _post(self, path: str, **body: object) -> None:
        requests.post(f"{self.url}/control/{path}", json=body, timeout=5).raise_for_status()


@dataclass(frozen=True)
class Merchant:
    """A merchant's developer: a tenant's key and the API over HTTP."""

    url: str
    tenant: Tenant
    key: str

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        return self.send("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> requests.Response:
        return self.send("POST", path, **kwargs)

    def patch(self, path: str, **kwargs: Any) -> requests.Response:
        return self.send("PATCH", path, **kwargs)

    def send(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        headers = {"X-API-Key": self.key, **kwargs.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, timeout=40, **kwargs)

    def wait_for(self, invoice_id: int, **expected: object) -> dict[str, Any]:
        """Return the invoice once its fields are as expected; fail after 10 s, showing it."""
        return self.wait_until(
            invoice_id, lambda invoice: all(invoice[f] == value for f, value in expected.items())
        )

    def wait_until(
        self, invoice_id: int, fits: Callable[[dict[str, Any]], object]
    ) -> dict[str, Any]:
        """Return the invoice once it fits; fail after 10 s, showing it."""
        deadline = time.monotonic() + 10
        while not fits(invoice := self.get(f"/invoices/{invoice_id}").json()):
            assert time.monotonic() < deadline, f"waited in vain, have {invoice}"
            time.sleep(0.05)
        return invoice


@pytest.fixture(autouse=True)
def _empty_valkey() -> None:
    """No test meets another one's rate windows or a gateway's bad health."""
    redis.Redis.from_url(settings.REDIS_URL).flushdb()


@pytest.fixture(scope="session", autouse=True)
def _quick_argon2() -> None:
    """Nearly every test makes a key, and its true cost is a good part of a test's time."""
    hashing._ARGON2 = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_looked_up() -> None:
    """Each test client has middleware of its own, which would read every static file's name."""
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(scope="session", autouse=True)
def _tasks_run_at_once() -> None:
    """Tasks run where they are published; the journeys over the whole stack have real workers."""
    celery_app.conf.task_always_eager = True
    celery_app.conf.task_eager_propagates = True


class PatientServer(ThreadedWSGIServer):
    """Lets as many callers queue as gunicorn does."""

    request_queue_size = 2048


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: Any, django_db_modify_db_settings: None
) -> Iterator[None]:
    """Make the test database for `committed` too, which pytest-django's own does not know."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases=["default"])  # type: ignore[arg-type]  # any container does
    yield
    with django_db_blocker.unblock():
        _end_other_sessions()
        teardown_databases(made, verbosity=0)


def _end_other_sessions() -> None:
    """Refuse new sessions and end the open ones: a late request of the live server."""
    name = str(connection.settings_dict["NAME"])
    connections.close_all()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has it
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {connection.ops.quote_name(name)} ALLOW_CONNECTIONS false")
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )


class LiveApplication:
    """The project as it is, without the static and media files Django would add."""

    def __init__(self) -> None:
        self._application = get_wsgi_application()
        self._under_way = 0
        self._ended = Condition()

    def __call__(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        with self._ended:
            self._under_way += 1
        try:
            with closing(self._application(environ, start_response)) as response:
                yield from response
        finally:
            with self._ended:
                self._under_way -= 1
                self._ended.notify_all()

    def wait_for_the_last(self) -> None:
        """Return when no request is under way, so that none reaches into the next test."""
        with self._ended:
            self._ended.wait_for(lambda: not self._under_way, timeout=10)


@pytest.fixture(scope="session")
def live_application() -> LiveApplication:
    return LiveApplication()


@pytest.fixture(scope="session")
def live_url(
    django_db_setup: None, django_db_blocker: Any, live_application: LiveApplication
) -> Iterator[str]:
    with django_db_blocker.unblock():
        server = LiveServerThread("127.0.0.1", lambda _: live_application, connections_override={})  # type: ignore[arg-type]  # any callable does
        server.server_class = PatientServer
        server.daemon = True
        server.start()
        server.is_ready.wait()
        if server.error:
            raise server.error
        yield f"http://127.0.0.1:{server.port}"
        server.terminate()


@pytest.fixture(scope="session")
def sandbox_process(live_url: str) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, str(ROOT / "manage.py"), "sandbox"),
            *("--port", str(port), "--webhook-base-url", live_url, "--xendit-rate-limit", "0"),
        ],
        env=os.environ.copy(),
        stdout=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for_sandbox(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for_sandbox(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return when it answers; a busy machine may take a while to start it."""
    deadline = time.monotonic() + 90
    while True:
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            requests.get(f"{url}/control/state", timeout=5)
            return
        assert time.monotonic() < deadline, "the sandbox did not start"
        assert process.poll() is None, "the sandbox ended at once"
        time.sleep(0.05)


@pytest.fixture
def sandbox(sandbox_process: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setitem(
        settings.GATEWAY_CONNECTIONS["xendit"], "base_url", f"{sandbox_process}/xendit"
    )
    monkeypatch.setitem(
        settings.GATEWAY_CONNECTIONS["midtrans"], "core_base_url", f"{sandbox_process}/midtrans"
    )
    monkeypatch.setitem(
        settings.GATEWAY_CONNECTIONS["midtrans"],
        "snap_base_url",
        f"{sandbox_process}/midtrans/snap/v1",
    )
    registry.reset_adapters()
    simulator = Sandbox(sandbox_process)
    yield simulator
    simulator.reset()
    registry.reset_adapters()


@pytest.fixture
def committed(
    django_db_setup: None, django_db_blocker: Any, live_application: LiveApplication
) -> Iterator[None]:
    """A database in which transactions really commit; emptied afterwards."""
    with django_db_blocker.unblock():
        yield
        live_application.wait_for_the_last()
        _empty_database()
        connections.close_all()


def _empty_database() -> None:
    """Remove every tenant and all that hangs on one; gateways stay.

    As a replica does it, without triggers: TRUNCATE takes six times as long.
    What is referred to goes first, so that a late thread is waited for and its rows are seen.
    """
    deletions = [f"DELETE FROM {connection.ops.quote_name(table)}" for table in emptied_tables()]  # noqa: S608  # our own names
    for _ in range(5):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "; ".join(["SET LOCAL session_replication_role = replica", *deletions])
                )
        except OperationalError:  # a late thread still holds rows
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the database could not be emptied: something still holds locks")


@cache
def emptied_tables() -> list[str]:
    staff = [User, User.groups.through, User.user_permissions.through]
    found: list[Any] = [
        Tenant,
        ApiKeyAuditEntry,
        AuditRun,
        ClosedDay,
        WebhookEvent,
        *(Session, AccessAttempt, AccessFailureLog, AccessLog),  # of who signed in
        *staff,
    ]
    for parent in found:  # grows meanwhile
        relations = parent._meta.get_fields(include_hidden=True)  # also those named "+"
        found += dict.fromkeys(
            relation.related_model
            for relation in relations
            if isinstance(relation, ForeignObjectRel) and relation.related_model not in found
        )
    return [model._meta.db_table for model in found]


@pytest.fixture
def merchant(committed: None, live_url: str, sandbox: Sandbox) -> Merchant:
    return _merchant(live_url, "Kopi Gayo")


@pytest.fixture
def stranger(committed: None, live_url: str, sandbox: Sandbox) -> Merchant:
    """Another tenant, who must never see the first one's rows."""
    return _merchant(live_url, "Somebody Else")


def _merchant(live_url: str, name: str) -> Merchant:
    now = timezone.now()
    tenant = Tenant.objects.create(name=name, created_at=now)
    _, key = apikeys.create_key(
        tenant=tenant, description="tests", actor="tests", ip_address=None, now=now
    )
    return Merchant(live_url, tenant, key)
