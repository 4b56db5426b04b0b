from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries
from structlog.testing import capture_logs

from apikeys import hashing, services
from apikeys.models import ApiKey, ApiKeyAuditEntry, Tenant
from tests.apikeys.factories import NOON, TenantFactory, api_key

pytestmark = pytest.mark.django_db

CALLER = services.Caller(ip_address="192.0.2.1", method="GET", path="/invoices", request_id="r1")


class TestCreateTenant:
    def test_makes_one_tenant_per_name(self) -> None:
        made = services.create_tenant(name="Toko", now=NOON)
        again = services.create_tenant(name="Toko", now=NOON + timedelta(days=1))

        assert made == again
        assert (again.name, again.created_at) == ("Toko", NOON)


class TestCreateKey:
    def test_stores_what_recognises_the_key_but_not_the_key(self) -> None:
        tenant = TenantFactory.create()

        made, key = services.create_key(
            tenant=tenant, description="shop", actor="admin", ip_address="192.0.2.1", now=NOON
        )

        row = ApiKey.objects.values().get()
        assert row["key_digest"] == hashing.digest_of(key)
        assert row["key_hash"].startswith("$argon2id$")
        assert (row["key_prefix"], row["status"], row["id"]) == (key[:4], "active", made.pk)
        assert key not in str(row)

    def test_writes_the_audit_log(self) -> None:
        made, key = services.create_key(
            tenant=TenantFactory.create(),
            description="shop",
            actor="admin",
            ip_address="192.0.2.1",
            now=NOON,
        )

        entry = ApiKeyAuditEntry.objects.get()
        assert (entry.api_key, entry.tenant) == (made, made.tenant)
        assert (entry.operation_type, entry.actor_identifier) == ("created", "admin")
        assert (entry.ip_address, entry.success, entry.created_at) == ("192.0.2.1", True, NOON)
        assert key not in str(ApiKeyAuditEntry.objects.values())

    def test_logs_no_key(self) -> None:
        with capture_logs() as logs:
            _, key = services.create_key(
                tenant=TenantFactory.create(),
                description="shop",
                actor="admin",
                ip_address=None,
                now=NOON,
            )

        assert [entry["event"] for entry in logs] == ["api key created"]
        assert key not in str(logs)


class TestIssueKey:
    def issue(self, tenant_id: int | None = None, tenant_name: str | None = None) -> Tenant:
        made, _ = services.issue_key(
            tenant_id=tenant_id,
            tenant_name=tenant_name,
            description="shop",
            actor="admin",
            ip_address=None,
            now=NOON,
        )
        return made.tenant

    def test_takes_the_tenant_with_the_id(self) -> None:
        tenant = TenantFactory.create()

        assert self.issue(tenant_id=tenant.pk) == tenant

    def test_takes_the_tenant_of_the_name_or_makes_it(self) -> None:
        tenant = self.issue(tenant_name="Toko")

        assert tenant.name == "Toko"
        assert self.issue(tenant_name="Toko") == tenant

    def test_makes_a_new_tenant_otherwise(self) -> None:
        assert self.issue() != self.issue()

    def test_refuses_an_unknown_tenant_and_makes_nothing(self) -> None:
        with pytest.raises(services.UnknownTenant):
            self.issue(tenant_id=404)

        assert (Tenant.objects.count(), ApiKey.objects.count()) == (0, 0)


class TestAuthenticate:
    def test_returns_the_key_and_its_tenant_in_one_query(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        row, key = api_key()

        with django_assert_num_queries(1):
            found = services.authenticate(key=key, caller=CALLER, now=NOON)
            tenant = found.tenant

        assert (found, tenant) == (row, row.tenant)
        assert not ApiKeyAuditEntry.objects.exists()

    @pytest.mark.parametrize("key", ["x", "0" * 63, "0" * 65, "g" * 64, "0" * 64 + "\n", "é" * 64])
    def test_refuses_what_is_no_key_without_a_query(
        self, key: str, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(0), pytest.raises(services.MalformedApiKey):
            services.authenticate(key=key, caller=CALLER, now=NOON)

    def test_refuses_an_unknown_key_without_running_argon2(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hashing, "_matches", None)

        with pytest.raises(services.InvalidApiKey):
            services.authenticate(key="0" * 64, caller=CALLER, now=NOON)

    @pytest.mark.parametrize("status", ["rotated", "revoked"])
    def test_refuses_a_dead_key_at_once_and_writes_it_down(self, status: str) -> None:
        row, key = api_key()
        services.authenticate(key=key, caller=CALLER, now=NOON)
        ApiKey.objects.update(status=status, **{f"{status}_at": NOON})

        with pytest.raises(services.InvalidApiKey):
            services.authenticate(key=key, caller=CALLER, now=NOON)

        entry = ApiKeyAuditEntry.objects.get()
        assert (entry.api_key, entry.tenant_id) == (row, row.tenant_id)
        assert (entry.operation_type, entry.success) == ("used", False)
        assert (entry.status_code, entry.error_message) == (401, f"the key is {status}")
        assert (entry.ip_address, entry.method, entry.path) == ("192.0.2.1", "GET", "/invoices")
        assert (entry.actor_identifier, entry.request_id) == (f"{key[:4]}...", "r1")

    def test_refuses_a_key_whose_hash_is_anothers(self) -> None:
        _, key = api_key()
        ApiKey.objects.update(key_hash=hashing.hash_of("another"))

        with pytest.raises(services.InvalidApiKey):
            services.authenticate(key=key, caller=CALLER, now=NOON)

        assert ApiKeyAuditEntry.objects.get().error_message == "the key does not match its hash"
