from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.test import Client
from structlog.testing import capture_logs

from apikeys.models import ApiKey, ApiKeyAuditEntry, IdempotencyRecord, Tenant
from apikeys.tenants import policies, wall
from apikeys.tenants.tenancy import TenantQuerySet
from gateways.models import Gateway
from invoices.models import Installment, Invoice, LedgerTax, LineItem, PaymentRequest
from tests.apikeys.factories import api_key
from tests.invoices.factories import PaymentRequestFactory

WITHOUT_FILTER = (Tenant, Invoice, LineItem, Installment, PaymentRequest)


@pytest.fixture
def _down() -> Iterator[None]:
    yield
    wall.lower()


@pytest.fixture
def _two_tenants() -> None:
    for _ in range(2):
        PaymentRequestFactory.create()


def seen() -> dict[str, int]:
    return {model.__name__: model._default_manager.count() for model in WITHOUT_FILTER}


def mine() -> Tenant:
    tenant = Tenant.objects.order_by("pk").first()
    assert tenant is not None
    return tenant


@pytest.mark.usefixtures("committed", "_two_tenants", "_down")
class TestRaiseFor:
    def test_shows_a_query_without_a_filter_nothing_of_another_tenant(self) -> None:
        whole, tenant = seen(), mine()

        wall.raise_for(tenant.pk)

        assert seen() == {name: number // 2 for name, number in whole.items()}
        assert set(Invoice.objects.values_list("tenant_id", flat=True)) == {tenant.pk}
        assert set(LineItem.objects.values_list("invoice__tenant_id", flat=True)) == {tenant.pk}
        assert whole["LineItem"] == 2

    def test_does_so_in_a_transaction_too_after_a_savepoint_was_undone(self) -> None:
        tenant = mine()
        wall.raise_for(tenant.pk)

        with transaction.atomic():
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
            assert Invoice.objects.get().tenant_id == tenant.pk
        assert Invoice.objects.get().tenant_id == tenant.pk

    def test_changes_nothing_of_another_tenant(self) -> None:
        before = list(Invoice.objects.order_by("pk").values())
        wall.raise_for(mine().pk)

        assert Invoice.objects.update(updated_at=before[0]["expires_at"]) == 1
        with pytest.raises(DatabaseError, match="row-level security"):
            PaymentRequest.objects.update(tenant_id=before[1]["tenant_id"])
        with pytest.raises(DatabaseError, match="row-level security"):
            IdempotencyRecord.objects.create(
                tenant_id=before[1]["tenant_id"],
                key="k",
                fingerprint="f",
                created_at=before[0]["created_at"],
                leased_until=before[0]["created_at"],
            )

        wall.lower()
        assert Invoice.objects.values().get(pk=before[1]["id"]) == before[1]
        assert not IdempotencyRecord.objects.exists()

    def test_follows_an_installment_whose_tenant_nobody_wrote_or_somebody_wrote_wrong(self) -> None:
        stranger = Tenant.objects.exclude(pk=mine().pk).get()
        installment = Installment.objects.get(invoice__tenant=mine())
        Installment.objects.filter(pk=installment.pk).update(tenant=stranger)
        wall.raise_for(mine().pk)

        assert Installment.objects.values_list("pk", "tenant_id").get() == (
            installment.pk,
            mine().pk,
        )

    def test_hides_the_audit_log_and_staff_altogether(self) -> None:
        wall.raise_for(mine().pk)

        for table in ("apikeys_apikeyauditentry", "apikeys_auditseal", "auth_user"):
            with (
                pytest.raises(DatabaseError, match="permission denied"),
                connection.cursor() as cursor,
            ):
                cursor.execute(f"SELECT * FROM {table}")  # noqa: S608  # one of these

    def test_lets_everybody_see_what_is_nobodys(self) -> None:
        wall.raise_for(mine().pk)

        assert Gateway.objects.count() == 2
        with pytest.raises(DatabaseError, match="permission denied"):
            Gateway.objects.update(name="mine")

    def test_leaves_nothing_on_a_connection_that_others_get(self) -> None:
        wall.raise_for(mine().pk)
        assert Invoice.objects.count() == 1
        wall.lower()

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_user = session_user, current_setting(%s, true)",
                [wall.TENANT],
            )
            assert cursor.fetchone() in [(True, ""), (True, None)]
        assert Invoice.objects.count() == 2

    def test_does_nothing_where_it_is_switched_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "ROW_LEVEL_SECURITY", False)

        wall.raise_for(mine().pk)

        assert Invoice.objects.count() == 2

    def test_says_so_and_does_nothing_where_there_is_no_role(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wall, "ROLE", "nobody_made_this_one")
        monkeypatch.setattr(wall._Wall, "available", {})

        with capture_logs() as logs:
            wall.raise_for(mine().pk)
            wall.raise_for(mine().pk)

        assert [entry["event"] for entry in logs] == [
            "row-level security is off: this database has no role for it"
        ]
        assert Invoice.objects.count() == 2


@pytest.mark.usefixtures("committed", "_two_tenants")
class TestARequest:
    def test_missing_filter_leaks_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        row, key = api_key(tenant=mine())
        stranger = Invoice.objects.exclude(tenant=row.tenant).get()
        monkeypatch.setattr(TenantQuerySet, "for_tenant", lambda rows, _tenant: rows.all())

        answers = [
            Client().get(path, headers={"x-api-key": key})
            for path in (f"/invoices/{stranger.pk}", "/invoices")
        ]

        assert answers[0].status_code == 404
        assert [invoice["id"] for invoice in answers[1].json()["results"]] == [
            Invoice.objects.get(tenant=row.tenant).pk
        ]

    def test_is_written_down_and_leaves_the_wall_down(self) -> None:
        _, key = api_key(tenant=mine())

        Client().get("/invoices", headers={"x-api-key": key})

        assert ApiKeyAuditEntry.objects.filter(operation_type="used").count() == 1
        assert ApiKey.objects.filter(last_used_at__isnull=False).count() == 1
        assert Invoice.objects.count() == 2


class TestTables:
    def test_bind_every_table_that_belongs_to_a_tenant(self) -> None:
        conditions = {table.name: table.condition for table in policies.tables()}

        assert {name for name, condition in conditions.items() if condition is None} == {
            "gateways_gateway",
            "gateways_gatewayfee",
            "gateways_gatewayaccount",
            "reporting_closedday",
        }
        assert conditions["invoices_invoice"] == (
            f'"invoices_invoice".tenant_id = {policies.CURRENT}'
        )
        assert conditions["invoices_lineitem"] == (
            'merchant_sees_own_invoices_invoice("invoices_lineitem".invoice_id)'
        )
        assert not any(table.startswith("auth_") for table in conditions)
        assert LedgerTax._meta.db_table in conditions


@pytest.mark.django_db
class TestInstall:
    def state(self) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT tablename, qual FROM pg_policies WHERE policyname = %s ORDER BY 1",
                [policies.POLICY],
            )
            return cursor.fetchall()

    def test_has_run_and_changes_nothing_when_repeated(self) -> None:
        before = self.state()

        assert policies.install()

        assert self.state() == before
        bound = {table.name for table in policies.tables() if table.condition}
        assert {name for name, _ in before} == bound

    def test_binds_a_table_that_is_not_bound_yet(self) -> None:
        before = self.state()
        with connection.cursor() as cursor:
            cursor.execute(f"DROP POLICY {policies.POLICY} ON invoices_lineitem")

        assert policies.install()

        assert self.state() == before

    def test_does_nothing_where_it_may_not_make_the_role(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(policies, "ROLE", "nobody_made_this_one")
        with connection.cursor() as cursor:
            cursor.execute("CREATE ROLE a_plain_user")
            cursor.execute("SET LOCAL ROLE a_plain_user")

            with capture_logs() as logs:
                assert not policies.install()

            assert "no right to make a role" in logs[0]["event"]
            cursor.execute("SET LOCAL ROLE NONE")
            cursor.execute("SELECT FROM pg_roles WHERE rolname = 'nobody_made_this_one'")
            assert cursor.fetchone() is None
