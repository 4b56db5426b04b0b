from datetime import datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries
from structlog.testing import capture_logs

from apikeys.audit.recording import Caller
from apikeys.keys import hashing, services
from apikeys.models import ApiKey, ApiKeyAuditEntry, Tenant
from tests.apikeys.factories import NOON, TenantFactory, api_key

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=1)
CALLER = Caller(
    actor="admin", ip_address="192.0.2.1", method="PUT", path="/api-keys/1", request_id="r1"
)


class TestCreateTenant:
    def test_makes_one_tenant_per_name(self) -> None:
        made = services.create_tenant(name="Toko", now=NOON)
        again = services.create_tenant(name="Toko", now=NOON + timedelta(days=1))

        assert made == again
        assert (again.name, again.created_at) == ("Toko", NOON)


class TestCreateKey:
    def test_stores_what_recognizes_the_key_but_not_the_key(self) -> None:
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
            caller=CALLER,
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
            found = services.authenticate(key=key, now=NOON)
            tenant = found.tenant

        assert (found, tenant) == (row, row.tenant)
        assert not ApiKeyAuditEntry.objects.exists()

    @pytest.mark.parametrize("key", ["x", "0" * 63, "0" * 65, "g" * 64, "0" * 64 + "\n", "é" * 64])
    def test_refuses_what_is_no_key_without_a_query(
        self, key: str, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(0), pytest.raises(services.MalformedApiKey):
            services.authenticate(key=key, now=NOON)

    def test_refuses_an_unknown_key_without_running_argon2(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hashing, "_matches", None)

        with pytest.raises(services.InvalidApiKey):
            services.authenticate(key="0" * 64, now=NOON)

    @pytest.mark.parametrize("status", ["rotated", "revoked"])
    def test_refuses_a_dead_key_at_once_and_knows_whose_it_was(self, status: str) -> None:
        row, key = api_key()
        services.authenticate(key=key, now=NOON)
        ApiKey.objects.update(status=status, **{f"{status}_at": NOON})

        with pytest.raises(services.InvalidApiKey) as refusal:
            services.authenticate(key=key, now=NOON)

        assert (refusal.value.known, refusal.value.reason) == (row, f"the key is {status}")

    def test_refuses_a_key_whose_hash_is_anothers(self) -> None:
        row, key = api_key()
        ApiKey.objects.update(key_hash=hashing.hash_of("another"))

        with pytest.raises(services.InvalidApiKey) as refusal:
            services.authenticate(key=key, now=NOON)

        assert refusal.value.known == row
        assert refusal.value.reason == "the key does not match its hash"


class TestRotateKey:
    def test_gives_the_same_key_a_new_secret(self) -> None:
        row, old = api_key(description="shop")

        rotated, new = services.rotate_key(key_id=row.pk, caller=CALLER, now=LATER)

        assert (rotated.pk, rotated.tenant_id, rotated.status) == (row.pk, row.tenant_id, "active")
        assert (rotated.created_at, rotated.rotated_at) == (NOON, LATER)
        assert services.authenticate(key=new, now=NOON) == row
        assert new != old

    def test_refuses_the_old_secret_at_once_and_still_knows_it(self) -> None:
        row, old = api_key(description="shop")
        services.authenticate(key=old, now=NOON)

        services.rotate_key(key_id=row.pk, caller=CALLER, now=LATER)

        with pytest.raises(services.InvalidApiKey) as refusal:
            services.authenticate(key=old, now=NOON)
        retired = ApiKey.objects.exclude(pk=row.pk).get()
        assert refusal.value.known == retired
        assert (retired.status, retired.rotated_at) == ("rotated", LATER)
        assert (retired.tenant_id, retired.description) == (row.tenant_id, "shop")

    def test_writes_the_audit_log_with_the_old_hash(self) -> None:
        row, _ = api_key()

        services.rotate_key(key_id=row.pk, caller=CALLER, now=LATER)

        entry = ApiKeyAuditEntry.objects.get()
        assert (entry.operation_type, entry.api_key) == ("rotated", row)
        assert (entry.old_key_hash, entry.created_at) == (row.key_hash, LATER)
        assert (entry.actor_identifier, entry.path, entry.request_id) == (
            "admin",
            "/api-keys/1",
            "r1",
        )

    @pytest.mark.parametrize("status", ["rotated", "revoked"])
    def test_refuses_a_dead_key_and_changes_nothing(self, status: str) -> None:
        row, _ = api_key(status=status, **{f"{status}_at": NOON})
        before = list(ApiKey.objects.values())

        with pytest.raises(services.ApiKeyNotActive):
            services.rotate_key(key_id=row.pk, caller=CALLER, now=LATER)

        assert list(ApiKey.objects.values()) == before
        assert not ApiKeyAuditEntry.objects.exists()


HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


def accepted(key: str, now: datetime) -> bool:
    try:
        services.authenticate(key=key, now=now)
    except services.InvalidApiKey:
        return False
    return True


def rotate(row: ApiKey, *, hours: int, now: datetime) -> str:
    return services.rotate_key(key_id=row.pk, caller=CALLER, now=now, grace=hours * HOUR)[1]


class TestGrace:
    def test_ends_at_its_moment_and_not_later(self) -> None:
        row, old = api_key()

        new = rotate(row, hours=24, now=LATER)

        end = LATER + 24 * HOUR
        assert [accepted(old, now) for now in (LATER, end - MOMENT, end, end + HOUR)] == [
            *(True, True, False, False)
        ]
        assert accepted(new, LATER)
        assert accepted(new, end)

    def test_keeps_the_tenant_and_names_the_key(self) -> None:
        row, old = api_key()

        rotate(row, hours=1, now=LATER)

        known = services.authenticate(key=old, now=LATER)
        assert (known.tenant_id, known.key_id, known.status) == (row.tenant_id, row.pk, "rotated")
        assert known.pk != row.pk
        assert known.grace_ends_at == LATER + HOUR

    def test_ends_with_the_key(self) -> None:
        row, old = api_key()
        new = rotate(row, hours=72, now=LATER)

        services.revoke_key(key_id=row.pk, caller=CALLER, now=LATER + HOUR)

        assert not accepted(old, LATER + HOUR)
        assert not accepted(new, LATER + HOUR)
        said = ApiKeyAuditEntry.objects.filter(operation_type="revoked")
        assert {entry.api_key_id for entry in said} == {
            *ApiKey.objects.values_list("pk", flat=True)
        }

    def test_of_an_earlier_secret_lasts_as_promised_when_rotated_again_with_grace(self) -> None:
        row, first = api_key()
        second = rotate(row, hours=10, now=LATER)

        third = rotate(row, hours=2, now=LATER + HOUR)

        assert [accepted(key, LATER + 2 * HOUR) for key in (first, second, third)] == [True] * 3
        assert [accepted(key, LATER + 3 * HOUR) for key in (first, second, third)] == [
            *(True, False, True)
        ]
        assert not accepted(first, LATER + 10 * HOUR)

    def test_of_all_earlier_secrets_ends_when_rotated_again_without(self) -> None:
        row, first = api_key()
        second = rotate(row, hours=10, now=LATER)

        third = rotate(row, hours=0, now=LATER + HOUR)

        assert [accepted(key, LATER + HOUR) for key in (first, second, third)] == [
            *(False, False, True)
        ]
        kinds = list(ApiKeyAuditEntry.objects.order_by("pk").values_list("operation_type"))
        assert kinds == [("rotated",), ("revoked",), ("rotated",)]

    def test_of_one_secret_can_be_ended_alone(self) -> None:
        row, old = api_key()
        new = rotate(row, hours=10, now=LATER)
        retired = ApiKey.objects.get(successor=row)

        services.revoke_key(key_id=retired.pk, caller=CALLER, now=LATER)

        assert (accepted(old, LATER), accepted(new, LATER)) == (False, True)

    def test_is_read_afresh_by_a_process_that_knows_the_secret(self) -> None:
        row, old = api_key()
        services.authenticate(key=old, now=NOON)
        rotate(row, hours=1, now=LATER)

        assert accepted(old, LATER)
        assert not accepted(old, LATER + HOUR)


class TestRevokeKey:
    def test_ends_the_key_at_once(self) -> None:
        row, key = api_key()
        services.authenticate(key=key, now=NOON)

        services.revoke_key(key_id=row.pk, caller=CALLER, now=LATER)

        with pytest.raises(services.InvalidApiKey):
            services.authenticate(key=key, now=NOON)
        row.refresh_from_db()
        assert (row.status, row.revoked_at) == ("revoked", LATER)

    def test_writes_the_audit_log_once_however_often_it_is_called(self) -> None:
        row, _ = api_key()

        for moment in (NOON, LATER):
            revoked = services.revoke_key(key_id=row.pk, caller=CALLER, now=moment)

        entry = ApiKeyAuditEntry.objects.get()
        assert (entry.operation_type, entry.created_at) == ("revoked", NOON)
        assert revoked.revoked_at == NOON
