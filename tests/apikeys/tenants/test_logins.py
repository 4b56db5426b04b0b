"""The rights that the serving roles must not have, tried with their own logins."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone
from psycopg import errors

from apikeys.audit import retention
from apikeys.models import ApiKeyAuditEntry, Tenant
from apikeys.tenants import logins, wall
from apikeys.tenants.tenancy import TenantQuerySet
from invoices.models import Invoice
from tests.apikeys.factories import api_key
from tests.faults.targets import wait_until
from tests.invoices.factories import PaymentRequestFactory

pytestmark = pytest.mark.usefixtures("committed")
PASSWORD = "only-in-tests"


@pytest.fixture
def _roles(committed: None) -> None:
    with connection.cursor() as cursor:
        logins.make_login(cursor, "test_web", PASSWORD, group=logins.APPLICATION)
        logins.make_login(cursor, "test_web", PASSWORD, group=wall.STAFF_ROLE)
        logins.make_login(cursor, "test_merchant", PASSWORD, group=wall.ROLE)


def connect(role: str) -> psycopg.Connection[Any]:
    own = connection.settings_dict
    return psycopg.connect(
        host=own["HOST"],
        port=own["PORT"],
        dbname=own["NAME"],
        user=role,
        password=PASSWORD,
        autocommit=True,
    )


@pytest.fixture
def web(_roles: None) -> Iterator[psycopg.Connection[Any]]:
    with connect("test_web") as own:
        yield own


@pytest.fixture
def merchants(_roles: None) -> Iterator[psycopg.Connection[Any]]:
    with connect("test_merchant") as own:
        yield own


@pytest.fixture
def two() -> list[int]:
    return [PaymentRequestFactory.create().tenant_id for _ in range(2)]


class TestApplication:
    @pytest.mark.parametrize(
        "statement",
        [
            "COPY (SELECT 1) TO PROGRAM 'cat'",
            "SELECT pg_read_file('/etc/passwd')",
            "ALTER TABLE invoices_transaction DISABLE TRIGGER ALL",
            "ALTER TABLE invoices_invoice DISABLE ROW LEVEL SECURITY",
            "DROP TABLE invoices_transaction",
            "TRUNCATE apikeys_staffact",
            "SET session_replication_role = replica",
            "CREATE TABLE mine (id int)",
            "CREATE OR REPLACE FUNCTION paytrust_refuse_truncate() RETURNS trigger LANGUAGE sql",
            "CREATE ROLE mine",
            "SET ROLE paytrust",
            "DELETE FROM django_migrations",
        ],
    )
    def test_may_do_rows_and_no_more(self, web: psycopg.Connection[Any], statement: str) -> None:
        with pytest.raises((errors.InsufficientPrivilege, errors.InvalidParameterValue)) as refused:
            web.execute(statement)

        assert refused.value.sqlstate in {"42501", "22023"}

    def test_drops_no_trigger(self, web: psycopg.Connection[Any]) -> None:
        triggers = connection.cursor()
        triggers.execute(
            "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
        )
        every = triggers.fetchall()

        for name, table in every:
            with pytest.raises(errors.InsufficientPrivilege):
                web.execute(f'DROP TRIGGER "{name}" ON {table}')

        assert len(every) > 20

    def test_passes_no_trigger_by_a_setting(self, web: psycopg.Connection[Any]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'pgtrigger%'")
            names = ",".join(name for (name,) in cursor.fetchall())

        web.execute("SELECT set_config('pgtrigger.ignore', %s, false)", [f"{{{names}}}"])

        for name in names.split(","):
            ignored = web.execute("SELECT _pgtrigger_should_ignore(%s)", [name]).fetchone()
            assert ignored == (False,)

    def test_reads_every_table(self, web: psycopg.Connection[Any], two: list[int]) -> None:
        with connection.cursor() as cursor:
            tables = connection.introspection.table_names(cursor)

        for table in tables:
            web.execute(f'SELECT count(*) FROM "{table}"')  # noqa: S608
        counted = web.execute("SELECT count(*) FROM invoices_invoice").fetchone()

        assert counted == (2,)

    def test_takes_the_role_of_bound_staff(
        self, web: psycopg.Connection[Any], two: list[int]
    ) -> None:
        statement = "SELECT array_agg(tenant_id) FROM invoices_invoice"

        with web.transaction():
            web.execute(f"SET LOCAL ROLE {wall.STAFF_ROLE}")
            nothing = web.execute(statement).fetchone()
            web.execute(f"SET LOCAL {wall.TENANTS} = '{two[0]}'")
            own = web.execute(statement).fetchone()
            web.execute(f"SET LOCAL {wall.TENANTS} = '{two[0]},{two[1]}'")
            both = web.execute(statement).fetchone()

        assert (nothing, own) == ((None,), ([two[0]],))
        assert both is not None
        assert sorted(both[0]) == sorted(two)

    def test_makes_audit_months(self, web: psycopg.Connection[Any]) -> None:
        made = web.execute("SELECT apikeys_make_audit_month('2031-05-01')").fetchone()
        read = web.execute("SELECT count(*) FROM apikeys_audit_2031_05").fetchone()
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE apikeys_audit_2031_05")

        assert (made, read) == ((True,), (0,))

    def test_drops_no_month_of_the_last_year(self, web: psycopg.Connection[Any]) -> None:
        now = timezone.now()

        with pytest.raises(errors.RestrictViolation, match="kept for a year"):
            web.execute("SELECT apikeys_drop_audit_month(%s)", [now.date()])
        with pytest.raises(errors.RestrictViolation):
            web.execute("SELECT apikeys_drop_audit_month(%s)", [(now - timedelta(days=366)).date()])

        assert web.execute(f"SELECT count(*) FROM apikeys_audit_{now:%Y_%m}").fetchone() == (0,)  # noqa: S608  # our own name
        assert retention.expired(now=now).audit_months == ()


class TestMerchant:
    def seen(self, own: psycopg.Connection[Any]) -> list[int]:
        rows = own.execute("SELECT tenant_id FROM invoices_invoice ORDER BY 1").fetchall()
        return [tenant_id for (tenant_id,) in rows]

    def test_sees_nothing_without_a_tenant(
        self, merchants: psycopg.Connection[Any], two: list[int]
    ) -> None:
        assert self.seen(merchants) == []

    @pytest.mark.parametrize(
        "way_out",
        ["RESET ROLE", "SET ROLE NONE", "RESET SESSION AUTHORIZATION", "RESET ALL"],
    )
    def test_finds_no_way_out(
        self, merchants: psycopg.Connection[Any], two: list[int], way_out: str
    ) -> None:
        with merchants.transaction():
            merchants.execute(f"SET LOCAL {wall.TENANT} = '{two[0]}'")
            before = self.seen(merchants)
            merchants.execute(way_out)
            after = self.seen(merchants)

        assert before == [two[0]]
        assert two[1] not in after

    def test_becomes_nobody_else(self, merchants: psycopg.Connection[Any]) -> None:
        for role in (logins.APPLICATION, "test_web", "paytrust"):
            with pytest.raises(errors.InsufficientPrivilege):
                merchants.execute(f"SET ROLE {role}")

    def test_is_the_control_that_the_role_alone_can_be_left(self, two: list[int]) -> None:
        wall.raise_for(two[0])
        with transaction.atomic(), connection.cursor() as cursor:
            before = Invoice.objects.count()
            cursor.execute("RESET ROLE")
            after = Invoice.objects.count()
        wall.lower()

        assert (before, after) == (1, 2)


@pytest.mark.usefixtures("_roles")
class TestARequest:
    @pytest.fixture(autouse=True)
    def _login(self, monkeypatch: pytest.MonkeyPatch) -> None:
        own = connection.settings_dict
        login = {"USER": "test_merchant", "PASSWORD": PASSWORD}
        login |= {"HOST": own["HOST"], "PORT": own["PORT"]}
        monkeypatch.setattr(settings, "MERCHANT_LOGIN", login)

    def test_cannot_leave_the_wall(self, two: list[int]) -> None:
        own = connections["default"]
        wall.raise_for(two[0])
        with transaction.atomic(), connection.cursor() as cursor:
            before = Invoice.objects.count()
            cursor.execute("RESET ROLE")
            after = Invoice.objects.count()
            cursor.execute("SELECT session_user")
            who = cursor.fetchone()
            alias = connection.alias  # by which rows and relations know where they are from
        wall.lower()

        assert (before, after, who) == (1, 1, ("test_merchant",))
        assert connections["default"] is own
        assert {"default"} == {Invoice.objects.first()._state.db, alias}  # type: ignore[union-attr]
        assert Invoice.objects.count() == 2

    def test_that_raises_the_wall_again_ends_as_it_began(self, two: list[int]) -> None:
        own = connections["default"]
        wall.raise_for(two[0])
        wall.raise_for(two[1])  # as an export does for each of its pages
        seen = list(Invoice.objects.values_list("tenant_id", flat=True))
        wall.lower()

        assert seen == [two[1]]
        assert connections["default"] is own
        assert Invoice.objects.count() == 2

    def test_is_served_and_written_down(
        self, two: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row, key = api_key(tenant=Tenant.objects.get(pk=two[0]))
        stranger = Invoice.objects.get(tenant_id=two[1])
        monkeypatch.setattr(TenantQuerySet, "for_tenant", lambda rows, _tenant: rows.all())

        answers = [
            Client().get(path, headers={"x-api-key": key})
            for path in (f"/invoices/{stranger.pk}", "/invoices")
        ]

        assert answers[0].status_code == 404
        assert len(answers[1].json()["results"]) == 1
        assert ApiKeyAuditEntry.objects.filter(api_key=row, operation_type="used").count() == 2


class TestAProcessThatIsKilled:
    """Celery kills a task that takes too long; its statement is of no use then."""

    @pytest.mark.usefixtures("_roles")
    @pytest.mark.parametrize(("interval", "goes_on"), [("100ms", False), ("0", True)])
    def test_takes_its_statement_with_it(self, interval: str, goes_on: bool) -> None:
        with connection.cursor() as cursor:
            logins.limit(cursor, "test_web", {"client_connection_check_interval": interval})
        sleeper = "import psycopg, sys; psycopg.connect(sys.argv[1]).execute('SELECT pg_sleep(20)')"
        with connect("test_web") as own:
            address = psycopg.conninfo.make_conninfo(own.info.dsn, password=PASSWORD)
        killed = subprocess.Popen([sys.executable, "-c", sleeper, address])
        assert wait_until(lambda: asleep("test_web") != [], seconds=10)
        [backend] = asleep("test_web")

        killed.kill()
        killed.wait()

        try:
            if goes_on:  # the control
                time.sleep(1)
                assert asleep("test_web") == [backend]
            else:
                assert wait_until(lambda: asleep("test_web") == [], seconds=10)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s)", [backend])


def asleep(role: str) -> list[int]:
    """The backends of a login that run `pg_sleep`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE usename = %s AND state = 'active'"
            " AND query LIKE %s",
            [role, "SELECT pg_sleep%"],
        )
        return [pid for (pid,) in cursor.fetchall()]
