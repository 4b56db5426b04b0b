"""Reads that go to a streaming replica of the tests' PostgreSQL."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings
from django.db import InternalError, connection, connections, transaction
from django.utils import timezone

from apikeys.audit.recording import Caller
from apikeys.keys import services as keys
from apikeys.models import ApiKey, Tenant
from apikeys.tenants import wall
from invoices.models import Invoice
from paytrust.localstack import cluster, embedded
from paytrust.localstack.ports import free_port
from paytrust.operations import replica
from tests.apikeys.tenants.merchants import log_merchants_in
from tests.conftest import ROOT, Merchant, Sandbox
from tests.factories import invoice_body
from tests.invoices.factories import PaymentRequestFactory

READ_THE_REPLICA = {
    "payments/settlement/views.py",
    "reporting/back_office/costs_page.py",
    "reporting/back_office/merchant_page.py",
    "reporting/back_office/report_page.py",
    "reporting/back_office/site.py",
    "reporting/exports/movements.py",
    "reporting/financial/views.py",
    "reporting/statements/views.py",
}
pytestmark = pytest.mark.usefixtures("committed")


def connect(host: str, port: int) -> psycopg.Connection[tuple[object, ...]]:
    own = connection.settings_dict
    return psycopg.connect(
        host=host,
        port=port,
        dbname="postgres",
        user=own["USER"],
        password=own["PASSWORD"],
        autocommit=True,
    )


class Following:
    """A replica whose replay can be held back."""

    def __init__(self, host: str, port: int) -> None:
        self.address = {"HOST": host, "PORT": port}
        self._own = connect(host, port)

    def hold(self) -> None:
        """Show from now on what was committed up to now."""
        self._own.execute("SELECT pg_wal_replay_pause()")
        self._wait("SELECT pg_get_wal_replay_pause_state() = 'paused'")

    def go_on(self) -> None:
        self._own.execute("SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Wait until it shows what is committed now."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_wal_insert_lsn()::text")
            (there,) = cursor.fetchone()
        self._wait("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", there)

    def _wait(self, question: str, *values: str) -> None:
        deadline = time.monotonic() + 30
        while self._own.execute(question, values).fetchone() != (True,):
            assert time.monotonic() < deadline, question
            time.sleep(0.02)

    def close(self) -> None:
        self._own.close()


@pytest.fixture(scope="module")
def copied() -> Iterator[int]:
    """Run a replica of the tests' server as long as this module's tests; yield its port."""
    own = settings.DATABASES["default"]
    account = embedded._account()
    folder = Path(tempfile.mkdtemp(prefix="replica-"))
    home = folder / "home"
    home.mkdir()
    for path in (folder, home):
        cluster._give(path, account)
    who = f"{quote(own['USER'])}:{quote(own['PASSWORD'])}"
    owner = f"postgresql://{who}@{own['HOST']}:{own['PORT']}/postgres"
    port = free_port()
    made = cluster._start_replica(home, {"DATABASE_OWNER_URL": owner}, port, account, folder)
    deadline = time.monotonic() + 60
    while True:
        try:
            connect("127.0.0.1", port).close()
            break
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, (folder / "replica.log").read_text()
            time.sleep(0.1)
    yield port
    made.kill()
    made.wait()
    shutil.rmtree(folder)


@pytest.fixture
def following(committed: None, copied: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Following]:
    made = Following("127.0.0.1", copied)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")  # a replica knows its age by a commit
    made.catch_up()
    monkeypatch.setattr(settings, "REPLICA", made.address)
    monkeypatch.setattr(settings, "DATABASE_REPLICA_MAX_LAG_SECONDS", 3600.0)
    monkeypatch.setattr(replica._Watch, "again_at", 0.0)
    kinds = (replica._OfApplication, replica._OfMerchants)
    pools: list[dict[str, Any]] = [{} for _ in kinds]
    for kind, own in zip(kinds, pools, strict=True):
        monkeypatch.setattr(kind, "_connection_pools", own)
    deadline = time.monotonic() + 60
    while not replica._is_near():
        assert time.monotonic() < deadline
        replica._Watch.again_at = 0.0
    yield made
    for pool in (pool for own in pools for pool in own.values()):
        pool.close()
    made.go_on()
    made.close()


def seen() -> int:
    with replica.reading():
        return Invoice.objects.count()


class TestReading:
    def test_shows_what_the_replica_has(self, following: Following) -> None:
        following.hold()
        PaymentRequestFactory.create()

        assert (seen(), Invoice.objects.count()) == (0, 1)
        following.go_on()
        following.catch_up()
        assert seen() == 1

    def test_leaves_the_connection_as_it_was(self, following: Following) -> None:
        own = connections["default"]

        with replica.reading():
            inside = connections["default"]
        with pytest.raises(ZeroDivisionError), replica.reading():
            Tenant.objects.get(pk=1 // 0)

        assert inside is not own
        assert connections["default"] is own

    def test_can_write_nothing(self, following: Following) -> None:
        with pytest.raises(InternalError, match="read-only transaction"), replica.reading():
            Tenant.objects.create(name="nowhere")

        assert not Tenant.objects.filter(name="nowhere").exists()

    def test_changes_nothing_inside_a_transaction(self, following: Following) -> None:
        following.hold()

        with transaction.atomic():
            PaymentRequestFactory.create()
            assert seen() == 1

    def test_may_be_inside_another(self, following: Following) -> None:
        following.hold()
        PaymentRequestFactory.create()

        with replica.reading():
            assert seen() == 0
            assert Invoice.objects.count() == 0

    def test_reads_the_primary_where_the_replica_is_far_behind(
        self, following: Following, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        following.hold()
        PaymentRequestFactory.create()
        monkeypatch.setattr(settings, "DATABASE_REPLICA_MAX_LAG_SECONDS", 0.0)

        assert seen() == 1
        figures = {metric.name: metric.value for metric in replica.collect(timezone.now())}
        assert figures["replica_read"] == 0
        assert figures["replica_lag_seconds"] > 0

    def test_reads_the_primary_where_the_replica_is_away(
        self, following: Following, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(settings, "REPLICA", {**following.address, "PORT": 9})
        monkeypatch.setattr(replica._OfApplication, "_connection_pools", {})
        replica._Watch.again_at = 0.0
        PaymentRequestFactory.create()

        assert seen() == 1
        left_alone_until = replica._Watch.again_at
        assert seen() == 1
        assert replica._Watch.again_at == left_alone_until > time.monotonic()
        figures = {metric.name: metric.value for metric in replica.collect(timezone.now())}
        assert figures == {"replica_read": 0}

    def test_keeps_the_tenants_wall(self, following: Following) -> None:
        two = [PaymentRequestFactory.create().tenant_id for _ in range(2)]
        following.catch_up()

        wall.raise_for(two[0])
        with replica.reading():
            found = list(Invoice.objects.values_list("tenant_id", flat=True))
        wall.lower()

        assert found == [two[0]]
        assert seen() == 2

    def test_keeps_the_wall_of_the_merchants_login(
        self, following: Following, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log_merchants_in(monkeypatch)
        two = [PaymentRequestFactory.create().tenant_id for _ in range(2)]
        following.catch_up()

        wall.raise_for(two[0])
        with replica.reading(), connection.cursor() as cursor:
            cursor.execute("RESET ROLE; SELECT session_user, pg_is_in_recovery()")
            session = cursor.fetchone()
            found = list(Invoice.objects.values_list("tenant_id", flat=True))
        wall.lower()

        assert session == ("test_merchant", True)
        assert found == [two[0]]


class TestWhoReadsIt:
    def test_reports_do_and_money_does_not(
        self, following: Following, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        """The replica stands still: what decides about money notices nothing."""
        following.catch_up()
        following.hold()
        made = merchant.post("/invoices", json=invoice_body()).json()
        sandbox.pay(made["payment_url"])
        merchant.wait_for(made["id"], status="fully_paid")

        reports = [
            "/reports/financial?start_date=2020-01-01&end_date=2040-01-01",
            "/reports/transactions.csv?start_date=2020-01-01&end_date=2040-01-01",
        ]
        before = [merchant.get(path).text for path in reports]
        following.go_on()
        following.catch_up()
        after = [merchant.get(path).text for path in reports]

        assert all(old != new for old, new in zip(before, after, strict=True))

    def test_a_caller_whose_key_has_ended_does_not(
        self, following: Following, merchant: Merchant
    ) -> None:
        """The replica still has the key as the process remembers it; the primary is asked."""
        report = "/reports/financial?start_date=2026-01-01&end_date=2026-02-01"
        assert merchant.get(report).status_code == 200
        following.catch_up()
        following.hold()
        row = ApiKey.objects.get(tenant=merchant.tenant)
        keys.revoke_key(key_id=row.pk, caller=Caller(actor="operator"), now=timezone.now())

        refused = merchant.get(report)
        following.go_on()

        assert refused.status_code == 401

    def test_only_those_that_say_so(self) -> None:
        """Nothing that writes money's rows names the replica."""
        users = {
            str(path.relative_to(ROOT))
            for app in ("apikeys", "events", "gateways", "invoices", "payments", "reporting")
            for path in (ROOT / app).rglob("*.py")
            if "replica" in path.read_text()
        }

        assert users == READ_THE_REPLICA
