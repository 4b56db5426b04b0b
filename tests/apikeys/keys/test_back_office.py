import pytest
from django.contrib.auth.models import User
from django.test import Client

from apikeys.keys import services
from apikeys.models import ApiKey, ApiKeyAuditEntry, StaffAct, Tenant
from paytrust.staff import roles
from tests.apikeys.factories import NOON, TenantFactory, api_key
from tests.staff import member

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


class TestKeys:
    """The acts of platform administrators on keys and tenants."""

    @pytest.fixture
    def administrator(self) -> Client:
        client = Client()
        client.force_login(member(roles.ADMINISTRATOR))
        return client

    def test_are_issued_and_shown_once(self, administrator: Client) -> None:
        tenant = TenantFactory.create()

        page = administrator.post(
            f"/admin/apikeys/tenant/{tenant.pk}/issue-key/", {"description": "web shop"}
        )

        row = ApiKey.objects.get()
        key = page.context["key"]
        assert services.authenticate(key=key, now=NOON) == row
        assert page.text.count(key) == 2  # to read, and in the button that copies it
        assert "no-store" in page.headers["Cache-Control"]
        assert (row.tenant, row.description) == (tenant, "web shop")
        assert key not in administrator.get(f"/admin/apikeys/apikey/{row.pk}/change/").text
        act, entry = StaffAct.objects.get(), ApiKeyAuditEntry.objects.get()
        assert (act.act, act.object_id, act.outcome) == ("key_issued", row.pk, "done")
        assert entry.actor_identifier == f"staff: {act.staff.username}"

    def test_are_rotated(self, administrator: Client) -> None:
        row, old = api_key()

        page = administrator.post(f"/admin/apikeys/apikey/{row.pk}/rotate/", {"reason": "leaked"})

        assert services.authenticate(key=page.context["key"], now=NOON) == row
        with pytest.raises(services.InvalidApiKey):
            services.authenticate(key=old, now=NOON)
        assert StaffAct.objects.get().reason == "leaked"

    def test_are_not_rotated_again_by_a_reload(self, administrator: Client) -> None:
        row, _ = api_key()
        page = f"/admin/apikeys/apikey/{row.pk}/rotate/"
        filled = {"reason": "leaked", "once": administrator.get(page).context["once"]}
        key = administrator.post(page, filled).context["key"]

        again = administrator.post(page, filled, follow=True)

        assert services.authenticate(key=key, now=NOON) == row
        assert again.redirect_chain == [(f"/admin/apikeys/apikey/{row.pk}/change/", 302)]
        assert "This was done already, and is not done again." in again.text
        assert StaffAct.objects.count() == 1

    def test_are_not_issued_again_by_a_reload(self, administrator: Client) -> None:
        page = f"/admin/apikeys/tenant/{TenantFactory.create().pk}/issue-key/"
        forms = [administrator.get(page).context["once"] for _ in range(2)]

        for once in (forms[0], forms[0], forms[1], forms[1]):
            administrator.post(page, {"description": "web shop", "once": once})

        assert ApiKey.objects.count() == 2

    def test_are_revoked(self, administrator: Client) -> None:
        row, key = api_key()

        administrator.post(f"/admin/apikeys/apikey/{row.pk}/revoke/", {"reason": "shop closed"})

        row.refresh_from_db()
        assert row.status == "revoked"
        with pytest.raises(services.InvalidApiKey):
            services.authenticate(key=key, now=NOON)

    def test_are_not_rotated_after_their_end(self, administrator: Client) -> None:
        row, _ = api_key(status="revoked", revoked_at=NOON)

        page = administrator.post(f"/admin/apikeys/apikey/{row.pk}/rotate/", {"reason": "leaked"})

        assert page.status_code == 409
        assert "This key was rotated or revoked already." in page.text
        assert ApiKey.objects.count() == 1

    def test_need_a_tenant_which_is_made_here(self, administrator: Client) -> None:
        administrator.post("/admin/apikeys/tenant/make/", {"name": "Kopi Gayo"})

        assert Tenant.objects.get().name == "Kopi Gayo"
        assert StaffAct.objects.get().act == "tenant_created"
