"""Everything works through PgBouncer in transaction mode: time-outs, the wall, the main job.

A session's connection there is another one after each transaction.
"""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import Client
from psycopg import errors

from apikeys.tenants import logins, wall
from invoices.models import Invoice
from paytrust.operations import health
from tests import pgbouncer
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body
from tests.invoices.factories import PaymentRequestFactory

pytestmark = [
    pytest.mark.skipif(pgbouncer.PROGRAM is None, reason="PgBouncer is not installed"),
    pytest.mark.usefixtures("committed"),
]
PASSWORD = "only-in-tests"
SHORT = {
    "lock_timeout": "50ms",
    "statement_timeout": "150ms",
    "idle_in_transaction_session_timeout": "100ms",
}
Connect = Callable[[], psycopg.Connection[Any]]


def _reset_pools() -> None:
    connections.close_all()
    for kind in (DatabaseWrapper, wall._MerchantsConnection):
        pools: dict[str, Any] = getattr(kind, "_connection_pools")  # noqa: B009  # not in the stubs
        for pool in list(pools.values()):
            pool.close()
        pools.clear()


@pytest.fixture
def pooler(committed: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """All connections of this process go through PgBouncer, merchants' by a login of their own."""
    own = connection.settings_dict
    with connection.cursor() as cursor:
        logins.make_login(cursor, "test_short", PASSWORD, group=logins.APPLICATION)
        logins.limit(cursor, "test_short", SHORT)
        logins.make_login(cursor, "test_unlimited", PASSWORD, group=logins.APPLICATION)
        logins.make_login(cursor, "test_merchant", PASSWORD, group=wall.ROLE)
        logins.limit(cursor, "test_merchant", settings.MERCHANT_TIME_OUTS)
    users = dict.fromkeys(("test_short", "test_unlimited", "test_merchant"), PASSWORD)
    users[own["USER"]] = own["PASSWORD"]
    with pgbouncer.started(host=own["HOST"], port=own["PORT"], users=users) as port:
        _reset_pools()
        try:
            with monkeypatch.context() as through:
                through.setitem(connection.settings_dict, "PORT", port)
                login = {"USER": "test_merchant", "PASSWORD": PASSWORD, "HOST": own["HOST"]}
                login["PORT"] = str(port)
                through.setattr(settings, "MERCHANT_LOGIN", login)
                through.setattr(settings, "DATABASE_PREPARED_STATEMENTS", pgbouncer.PREPARES)
                yield port
        finally:
            _reset_pools()


@pytest.fixture
def short(pooler: int) -> Connect:
    """Log in through the pooler as a login whose time-outs are short."""
    return lambda: psycopg.connect(
        host="127.0.0.1",
        port=pooler,
        dbname=connection.settings_dict["NAME"],
        user="test_short",
        password=PASSWORD,
        prepare_threshold=None,
    )


class TestTimeOuts:
    def test_is_the_control_that_start_up_options_do_not_pass(self, pooler: int) -> None:
        own = connection.settings_dict
        with pytest.raises(psycopg.OperationalError, match="unsupported startup parameter"):
            psycopg.connect(
                host="127.0.0.1",
                port=pooler,
                dbname=own["NAME"],
                user=own["USER"],
                password=own["PASSWORD"],
                options="-c lock_timeout=5000",
            )

    def test_of_the_logins_are_those_of_the_settings(self, pooler: int) -> None:
        with connection.cursor() as cursor:
            for name, value in settings.APPLICATION_TIME_OUTS.items():
                cursor.execute("SELECT current_setting(%s)", [name])
                assert cursor.fetchone() == (value,), name

    def test_end_the_wait_for_a_lock(self, short: Connect) -> None:
        invoice = PaymentRequestFactory.create().invoice
        with transaction.atomic():
            Invoice.objects.locked().get(pk=invoice.pk)
            with short() as other, pytest.raises(errors.LockNotAvailable):
                other.execute("SELECT FROM invoices_invoice FOR UPDATE")

    def test_end_a_long_statement(self, short: Connect) -> None:
        with short() as other, pytest.raises(errors.QueryCanceled):
            other.execute("SELECT pg_sleep(20)")

    def test_end_a_transaction_that_does_nothing(self, short: Connect) -> None:
        with short() as other:
            other.execute("SELECT 1")
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(0.5)")
            with pytest.raises(errors.IdleInTransactionSessionTimeout):
                other.execute("SELECT 1")


@pytest.mark.usefixtures("pooler")
class TestReadiness:
    @pytest.fixture(autouse=True)
    def _nothing_remembered(self) -> Iterator[None]:
        health.require_migrations.cache_clear()
        yield
        health.require_migrations.cache_clear()

    def test_is_there(self) -> None:
        assert Client().get("/readyz").status_code == 200

    def test_names_missing_time_outs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as as_another:
            as_another.setitem(connection.settings_dict, "USER", "test_unlimited")
            as_another.setitem(connection.settings_dict, "PASSWORD", PASSWORD)
            answer = Client().get("/readyz")
        _reset_pools()

        assert answer.status_code == 503
        assert answer.json()["checks"]["database"] == (
            "no idle_in_transaction_session_timeout, lock_timeout, statement_timeout: run migrate"
        )


class TestTheWall:
    def test_stands(self, pooler: int) -> None:
        two = [PaymentRequestFactory.create().tenant_id for _ in range(2)]
        seen = {}
        for tenant_id in two:
            wall.raise_for(tenant_id)
            seen[tenant_id] = list(Invoice.objects.values_list("tenant_id", flat=True))
            with transaction.atomic():
                seen[tenant_id] += Invoice.objects.values_list("tenant_id", flat=True)
            wall.lower()

        assert seen == {tenant_id: [tenant_id] * 2 for tenant_id in two}
        assert Invoice.objects.count() == 2

    def test_leaves_nothing_on_a_connection_for_the_next_one(self, pooler: int) -> None:
        tenant_id = PaymentRequestFactory.create().tenant_id
        wall.raise_for(tenant_id)
        Invoice.objects.count()
        wall.lower()

        login = settings.MERCHANT_LOGIN
        assert login is not None
        with psycopg.connect(
            host="127.0.0.1",
            port=pooler,
            dbname=connection.settings_dict["NAME"],
            user=login["USER"],
            password=login["PASSWORD"],
        ) as next_one:
            assert next_one.execute("SELECT count(*) FROM invoices_invoice").fetchone() == (0,)


@pytest.mark.usefixtures("pooler")
def test_the_main_job(merchant: Merchant, sandbox: Sandbox) -> None:
    created = merchant.post("/invoices", json=invoice_body())
    assert created.status_code == 201, created.text

    sandbox.pay(created.json()["payment_url"])

    paid = merchant.wait_for(created.json()["id"], status="fully_paid")
    assert paid["paid_amount"] == paid["total_amount"]
