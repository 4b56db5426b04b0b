import pytest
from django.contrib.auth.models import User
from django.test import Client

from apikeys import services
from apikeys.models import ApiKeyAuditEntry
from tests.apikeys.factories import NOON, TenantFactory

pytestmark = pytest.mark.django_db

PAGES = ["apikeys/apikey/", "apikeys/apikeyauditentry/", "apikeys/tenant/"]


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("finance"))
    return client


@pytest.mark.parametrize("page", PAGES)
class TestAdminPages:
    def test_show_rows_but_no_secret(self, operator: Client, page: str) -> None:
        row, key = services.create_key(
            tenant=TenantFactory.create(),
            description="shop",
            actor="admin",
            ip_address=None,
            now=NOON,
        )
        ids = {
            "apikeys/apikey/": row.pk,
            "apikeys/apikeyauditentry/": ApiKeyAuditEntry.objects.get().pk,
            "apikeys/tenant/": row.tenant_id,
        }

        for url in (f"/admin/{page}", f"/admin/{page}{ids[page]}/change/"):
            response = operator.get(url)
            assert response.status_code == 200
            for secret in (key, row.key_hash, row.key_digest):
                assert secret not in response.text

    def test_make_change_and_delete_nothing(self, operator: Client, page: str) -> None:
        assert operator.get(f"/admin/{page}add/").status_code == 403
