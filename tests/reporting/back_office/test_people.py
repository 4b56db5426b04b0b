"""What platform administrators do for colleagues who cannot sign in."""

from http import HTTPStatus

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from apikeys.models import StaffAct
from paytrust.staff import roles, second_factor
from tests.staff import member

pytestmark = pytest.mark.django_db


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def locked_out() -> User:
    """Return an operator with a second factor and recovery codes, who guessed too often."""
    user = member(roles.OPERATOR, username="siti")
    TOTPDevice.objects.create(user=user, name="phone")
    second_factor.new_recovery_codes(user)
    AccessAttempt.objects.create(
        username="siti",
        ip_address="127.0.0.1",
        failures_since_start=5,
        attempt_time=timezone.now(),
    )
    return user


def left_of(user: User) -> tuple[int, int, int]:
    return (
        TOTPDevice.objects.filter(user=user).count(),
        StaticDevice.objects.filter(user=user).count(),
        AccessAttempt.objects.filter(username=user.username).count(),
    )


def address(user: User) -> str:
    return f"/admin/auth/user/{user.pk}/reset-sign-in/"


class TestNewColleague:
    PASSWORD = "kopi tubruk tanpa gula 1945"

    def make(self, client: Client) -> User:
        filled = {"username": "siti", "usable_password": "true"}
        filled |= {"password1": self.PASSWORD, "password2": self.PASSWORD}
        page = client.get("/admin/auth/user/add/")
        made = client.post("/admin/auth/user/add/", filled)

        assert set(filled) <= set(page.context["adminform"].form.fields)
        assert all(f'name="{field}"' in page.text for field in filled)
        assert made.status_code == HTTPStatus.FOUND, made.context["errors"]
        return User.objects.get(username="siti")

    def test_is_made_with_a_password_and_then_given_a_role(self) -> None:
        client = client_of(member(roles.ADMINISTRATOR))
        siti = self.make(client)
        address = f"/admin/auth/user/{siti.pk}/change/"
        operator = Group.objects.get(name=roles.OPERATOR)

        said = client.post(
            address,
            {"username": "siti", "is_active": "on", "is_staff": "on", "groups": [operator.pk]},
        )

        siti.refresh_from_db()
        assert said.status_code == HTTPStatus.FOUND, said.context["errors"]
        assert siti.check_password(self.PASSWORD)
        assert (siti.is_staff, list(siti.groups.all())) == (True, [operator])

    def test_may_do_nothing_before(self) -> None:
        siti = self.make(client_of(member(roles.ADMINISTRATOR)))

        assert not siti.is_staff
        assert client_of(siti).get("/admin/").status_code == HTTPStatus.FOUND


class TestResetSignIn:
    def test_takes_second_factor_and_lock_out_away(self, locked_out: User) -> None:
        administrator = member(roles.ADMINISTRATOR)
        client = client_of(administrator)

        page = client.get(f"/admin/auth/user/{locked_out.pk}/change/")
        asked = client.get(address(locked_out))
        before = left_of(locked_out)
        client.post(address(locked_out), {"reason": "lost the phone, called back"})

        assert address(locked_out) in page.text
        assert "siti" in asked.text
        assert before == (1, 1, 1)
        assert left_of(locked_out) == (0, 0, 0)
        act = StaffAct.objects.get()
        assert (act.act, act.staff, act.object_id) == (
            "sign_in_reset",
            administrator,
            locked_out.pk,
        )
        assert (act.reason, act.outcome) == ("lost the phone, called back", "done")

    def test_wants_a_reason(self, locked_out: User) -> None:
        answer = client_of(member(roles.ADMINISTRATOR)).post(address(locked_out), {"reason": " "})

        assert answer.status_code == 200
        assert left_of(locked_out) == (1, 1, 1)

    @pytest.mark.parametrize("role", [roles.VIEWER, roles.OPERATOR])
    def test_is_for_administrators(self, locked_out: User, role: str) -> None:
        answer = client_of(member(role)).post(address(locked_out), {"reason": "because"})

        assert answer.status_code == 403
        assert left_of(locked_out) == (1, 1, 1)

    def test_is_not_for_oneself(self) -> None:
        who = member(roles.ADMINISTRATOR)
        TOTPDevice.objects.create(user=who, name="phone")
        client = client_of(who)

        page = client.get(f"/admin/auth/user/{who.pk}/change/")
        answer = client.post(address(who), {"reason": "because"})

        assert address(who) not in page.text
        assert answer.status_code == 403
        assert "a colleague has to do this" in answer.text
        assert left_of(who)[0] == 1

    def test_of_a_superuser_is_for_superusers(self, locked_out: User) -> None:
        User.objects.filter(pk=locked_out.pk).update(is_superuser=True)

        refused = client_of(member(roles.ADMINISTRATOR)).post(
            address(locked_out), {"reason": "because"}
        )
        before = left_of(locked_out)
        client_of(member(is_superuser=True)).post(address(locked_out), {"reason": "because"})

        assert refused.status_code == 403
        assert before == (1, 1, 1)
        assert left_of(locked_out) == (0, 0, 0)

    def test_of_nobody_is_not_found(self) -> None:
        answer = client_of(member(roles.ADMINISTRATOR)).get("/admin/auth/user/404/reset-sign-in/")

        assert answer.status_code == 404
