"""What platform administrators do for colleagues who cannot sign in."""

from datetime import timedelta
from http import HTTPStatus

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from apikeys.models import StaffAct, StaffProposal
from paytrust.staff import roles, second_factor
from tests.staff import member, shown_now

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


class TestTwoAdministrators:
    @pytest.fixture
    def ani(self) -> Client:
        return client_of(member(roles.ADMINISTRATOR, username="ani"))

    @pytest.fixture
    def budi(self) -> Client:
        return client_of(member(roles.ADMINISTRATOR, username="budi"))

    def rights(self, username: str) -> tuple[bool, list[str]]:
        user = User.objects.get(username=username)
        return user.is_staff, [role.name for role in user.groups.all()]

    def ask(self, client: Client, username: str, role: str) -> User:
        user = User.objects.get(username=username)
        answer = client.post(
            f"/admin/auth/user/{user.pk}/change/",
            {
                "username": username,
                "is_active": "on",
                "groups": [Group.objects.get(name=role).pk],
                "reason": "new colleague",
            },
        )
        assert answer.status_code == HTTPStatus.FOUND, answer.context["errors"]
        return user

    def test_give_a_colleague_a_role(self, ani: Client, budi: Client) -> None:
        member(username="siti", is_staff=False)
        self.ask(ani, "siti", roles.OPERATOR)
        waiting = StaffProposal.objects.get()
        listed = ani.get("/admin/auth/user/").text
        before = self.rights("siti")
        own = ani.post(f"/admin/apikeys/staffproposal/{waiting.pk}/approve/")

        page = budi.get(f"/admin/apikeys/staffproposal/{waiting.pk}/approve/")
        done = budi.post(f"/admin/apikeys/staffproposal/{waiting.pk}/approve/")

        assert "Another administrator must approve it." in listed
        assert "changed successfully" not in listed
        assert before == (False, [])
        assert own.status_code == HTTPStatus.FORBIDDEN
        assert "siti gets the role Finance operator." in page.text
        assert done.status_code == HTTPStatus.FOUND
        assert self.rights("siti") == (True, [roles.OPERATOR])

    def test_change_no_rights_of_their_own(self, ani: Client, budi: Client) -> None:
        page = ani.get(f"/admin/auth/user/{User.objects.get(username='ani').pk}/change/")

        self.ask(ani, "ani", roles.OPERATOR)

        assert 'name="groups"' not in page.text
        assert self.rights("ani") == (True, [roles.ADMINISTRATOR])
        assert not StaffProposal.objects.exists()

    def test_approve_nothing_of_a_puppets(self, ani: Client, budi: Client) -> None:
        filled = {"username": "puppet", "usable_password": "true"}
        secret = "kopi tubruk tanpa gula 1945"
        ani.post("/admin/auth/user/add/", filled | {"password1": secret, "password2": secret})
        puppet = User.objects.get(username="puppet")
        puppet.groups.add(Group.objects.get(name=roles.ADMINISTRATOR))
        User.objects.filter(pk=puppet.pk).update(is_staff=True)
        member(username="siti", is_staff=False)
        self.ask(ani, "siti", roles.OPERATOR)
        waiting = StaffProposal.objects.get()

        answer = client_of(User.objects.get(pk=puppet.pk)).post(
            f"/admin/apikeys/staffproposal/{waiting.pk}/approve/"
        )

        assert answer.status_code == HTTPStatus.FORBIDDEN
        assert "ani made, changed or reset the account puppet" in answer.text
        until = shown_now() + timedelta(days=30)
        assert f"two people until {until:%-d %b %Y}, " in answer.text
        assert self.rights("siti") == (False, [])

    def test_set_a_password_that_no_page_shows(self, ani: Client, budi: Client) -> None:
        siti = member(username="siti")
        way = ani.get(f"/admin/auth/user/{siti.pk}/password/")
        filled = {"password1": "kopi tubruk 1945", "password2": "kopi tubruk 1945"}
        ani.post(way["Location"], filled | {"reason": "forgot it"})
        waiting = StaffProposal.objects.get()

        pages = [
            budi.get(f"/admin/apikeys/staffproposal/{waiting.pk}/{page}/").text
            for page in ("change", "approve")
        ]
        budi.post(f"/admin/apikeys/staffproposal/{waiting.pk}/approve/")

        siti.refresh_from_db()
        assert waiting.sealed
        assert not any(waiting.sealed in page or "argon2" in page for page in pages)
        assert siti.check_password("kopi tubruk 1945")


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
        before = StaffProposal.objects.count()
        client_of(member(is_superuser=True)).post(address(locked_out), {"reason": "because"})

        assert refused.status_code == 403
        assert before == 0
        assert StaffProposal.objects.get().subject == "siti"
        assert left_of(locked_out) == (1, 1, 1)

    def test_of_nobody_is_not_found(self) -> None:
        answer = client_of(member(roles.ADMINISTRATOR)).get("/admin/auth/user/404/reset-sign-in/")

        assert answer.status_code == 404
