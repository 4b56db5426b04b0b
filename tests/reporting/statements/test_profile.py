"""What statements say about a merchant is set by staff and by the merchant."""

import pytest
from django.test import Client

from apikeys.models import StaffAct, Tenant
from paytrust.staff import roles
from reporting.models import StatementProfile
from tests.apikeys.factories import TenantFactory
from tests.conftest import Merchant
from tests.staff import member

PATH = "/account/statement-profile"
FIELDS = {
    "legal_name": "PT Kopi Gayo",
    "registration_number": "9120001234567",
    "tax_number": "01.234.567.8-901.000",
    "address": "Jl. Takengon 1\nAceh",
    "language": "id",
    "zone": "Asia/Jakarta",
    "email": "finance@example.com",
}


def page_of(tenant: Tenant) -> str:
    return f"/admin/apikeys/tenant/{tenant.pk}/statement-profile/"


class TestTheApi:
    def test_shows_the_usual_where_nothing_was_said(self, merchant: Merchant) -> None:
        shown = merchant.get(PATH).json()

        assert shown == {
            **dict.fromkeys(FIELDS, ""),
            "legal_name": merchant.tenant.name,
            "language": "en",
            "zone": "UTC",
            "email": None,
        }
        assert not StatementProfile.objects.exists()

    def test_changes_what_is_named(self, merchant: Merchant, stranger: Merchant) -> None:
        assert merchant.patch(PATH, json=FIELDS).json() == FIELDS

        changed = merchant.patch(PATH, json={"tax_number": "", "email": None})

        assert changed.json() == FIELDS | {"tax_number": "", "email": None}
        assert merchant.get(PATH).json() == changed.json()
        assert stranger.get(PATH).json()["legal_name"] == stranger.tenant.name

    @pytest.mark.parametrize(
        "body",
        [
            {"language": "fr"},
            {"zone": "Europe/Berlin"},
            {"email": "nothing"},
            {"legal_name": "x" * 141},
            {"tenant": 1},
        ],
    )
    def test_refuses_what_no_statement_can_say(
        self, merchant: Merchant, body: dict[str, object]
    ) -> None:
        assert merchant.patch(PATH, json=body).status_code == 400
        assert not StatementProfile.objects.exists()


@pytest.mark.django_db
class TestThePage:
    def test_is_filled_in_by_staff(self) -> None:
        tenant = TenantFactory.create()
        client = Client()
        client.force_login(member(roles.OPERATOR))
        assert tenant.name in client.get(page_of(tenant)).text

        answer = client.post(page_of(tenant), FIELDS)

        assert answer.status_code == 302
        profile = StatementProfile.objects.get(tenant=tenant)
        assert {name: getattr(profile, name) for name in FIELDS} == FIELDS | {
            "address": "Jl. Takengon 1\nAceh"
        }
        act = StaffAct.objects.get()
        assert (act.act, act.outcome, act.tenant) == ("statement_profile_set", "done", tenant)
        assert "finance@example.com" not in act.message

    def test_says_what_is_wrong(self) -> None:
        tenant = TenantFactory.create()
        client = Client()
        client.force_login(member(roles.OPERATOR))

        answer = client.post(page_of(tenant), FIELDS | {"email": "nothing"})

        assert "Enter a valid email address." in answer.text
        assert not StatementProfile.objects.exists()

    def test_is_not_for_those_who_only_look(self) -> None:
        client = Client()
        client.force_login(member(roles.VIEWER))

        assert client.post(page_of(TenantFactory.create()), FIELDS).status_code == 403
