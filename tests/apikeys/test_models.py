import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Model

from apikeys.models import ApiKey, ApiKeyAuditEntry, IdempotencyRecord, Tenant
from tests.apikeys.factories import NOON, ApiKeyFactory, TenantFactory

pytestmark = pytest.mark.django_db


def audit_entry() -> ApiKeyAuditEntry:
    key = ApiKeyFactory.create()
    return ApiKeyAuditEntry.objects.create(
        tenant=key.tenant,
        api_key=key,
        operation_type="created",
        actor_identifier="admin",
        success=True,
        created_at=NOON,
    )


class TestForTenant:
    def test_shows_a_tenants_own_rows_only(self) -> None:
        mine, _ = ApiKeyFactory.create(), ApiKeyFactory.create()

        assert list(ApiKey.objects.for_tenant(mine.tenant)) == [mine]


class TestApiKeyAuditEntry:
    def test_cannot_be_changed(self) -> None:
        entry = audit_entry()

        with pytest.raises(IntegrityError, match="append_only: UPDATE"), transaction.atomic():
            ApiKeyAuditEntry.objects.update(actor_identifier="nobody")

        entry.refresh_from_db()
        assert entry.actor_identifier == "admin"

    def test_cannot_be_deleted(self) -> None:
        entry = audit_entry()

        with (
            pytest.raises(IntegrityError, match="append_only: DELETE"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("DELETE FROM apikeys_apikeyauditentry")

        assert ApiKeyAuditEntry.objects.get() == entry


@pytest.mark.parametrize(
    ("model", "changes", "constraint"),
    [
        (ApiKey, {"status": "lost"}, "api_key_status_known"),
        (ApiKey, {"status": "rotated"}, "api_key_rotated_has_time"),
        (ApiKey, {"status": "revoked"}, "api_key_revoked_has_time"),
        (IdempotencyRecord, {"state": "completed"}, "idempotency_completed_has_answer"),
        (IdempotencyRecord, {"state": "lost"}, "idempotency_completed_has_answer"),
    ],
)
def test_the_database_refuses(model: type[Model], changes: dict[str, str], constraint: str) -> None:
    key = ApiKeyFactory.create()
    IdempotencyRecord.objects.create(
        tenant=key.tenant, key="k", fingerprint="f", created_at=NOON, leased_until=NOON
    )

    with pytest.raises(IntegrityError, match=constraint):
        model._default_manager.update(**changes)


def test_the_database_refuses_two_tenants_of_one_name() -> None:
    TenantFactory.create(name="Toko")

    with pytest.raises(IntegrityError, match="tenant_name"):
        Tenant.objects.create(name="Toko", created_at=NOON)
