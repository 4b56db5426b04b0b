from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from paytrust.staff import second_factor

pytestmark = pytest.mark.django_db

PASSWORD = "kopi-gayo-in-the-morning"
LOGIN = "/admin/login/"


@pytest.fixture
def user() -> User:
    return User.objects.create_superuser("siti", password=PASSWORD)


@pytest.fixture
def device(user: User) -> TOTPDevice:
    return TOTPDevice.objects.create(user=user, name="phone")


@pytest.fixture
def required(settings: Settings) -> None:
    settings.SECOND_FACTOR_REQUIRED = True


Submit = Callable[..., Client]


@pytest.fixture
def submit() -> Submit:
    def send(**fields: str) -> Client:
        client = Client()
        client.post(LOGIN, {"username": "siti", "password": PASSWORD, **fields})
        return client

    return send


def code_of(device: TOTPDevice) -> str:
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    totp.time = timezone.now().timestamp()
    return f"{totp.token():06}"


def is_in(client: Client) -> bool:
    return client.get("/admin/password_change/").status_code == HTTPStatus.OK


@pytest.mark.usefixtures("required")
class TestSignInWhereASecondFactorIsRequired:
    def test_takes_password_and_code(self, device: TOTPDevice, submit: Submit) -> None:
        assert is_in(submit(otp_token=code_of(device)))

    def test_refuses_a_password_without_the_code(self, device: TOTPDevice, submit: Submit) -> None:
        client = submit()

        assert not is_in(client)
        assert "_auth_user_id" not in client.session

    def test_refuses_a_wrong_code(self, device: TOTPDevice, submit: Submit) -> None:
        wrong = f"{(int(code_of(device)) + 1) % 1_000_000:06}"

        assert not is_in(submit(otp_token=wrong))

    def test_refuses_a_code_the_second_time(self, device: TOTPDevice, submit: Submit) -> None:
        code = code_of(device)
        submit(otp_token=code)

        assert not is_in(submit(otp_token=code))

    def test_takes_a_recovery_code_once(
        self, user: User, device: TOTPDevice, submit: Submit
    ) -> None:
        code = second_factor.new_recovery_codes(user)[0]

        assert is_in(submit(otp_token=code))
        assert not is_in(submit(otp_token=code))

    def test_leads_those_without_one_to_make_one_and_nowhere_else(
        self, user: User, submit: Submit
    ) -> None:
        client = submit()

        assert not is_in(client)
        page = client.get("/admin/", follow=True)
        assert page.request["PATH_INFO"] == "/admin/second-factor/"
        device = TOTPDevice.objects.get(user=user, confirmed=False)

        answer = client.post("/admin/second-factor/", {"otp_token": code_of(device)})

        assert is_in(client)
        assert answer.context["codes_left"] == 8
        assert "data:image/svg+xml" in page.text

    def test_keeps_its_key_to_itself_once_it_is_on(
        self, device: TOTPDevice, submit: Submit
    ) -> None:
        client = submit(otp_token=code_of(device))

        page = client.get("/admin/second-factor/")

        assert "data:image/svg+xml" not in page.text

    def test_shows_no_key_to_those_signed_in_by_password_alone(
        self, user: User, submit: Submit
    ) -> None:
        client = submit()
        device = TOTPDevice.objects.create(user=user, name="phone")

        for page in (
            client.get("/admin/second-factor/"),
            client.post("/admin/second-factor/"),
            client.post("/admin/second-factor/", {"otp_token": "000000"}),
        ):
            assert page.context["asks"]
            assert "data:image/svg+xml" not in page.text
        assert not StaticDevice.objects.exists()
        assert not is_in(client)

        TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
        client.post("/admin/second-factor/", {"otp_token": code_of(device)})

        assert is_in(client)


class TestSignInForDevelopment:
    def test_needs_no_code(self, device: TOTPDevice, submit: Submit) -> None:
        assert is_in(submit())

    def test_refuses_a_wrong_code(self, device: TOTPDevice, submit: Submit) -> None:
        wrong = f"{(int(code_of(device)) + 1) % 1_000_000:06}"

        assert not is_in(submit(otp_token=wrong))

    def test_takes_a_code_twice_for_programs(self, device: TOTPDevice, submit: Submit) -> None:
        code = code_of(device)

        assert is_in(submit(otp_token=code))
        assert is_in(submit(otp_token=code))

    def test_refuses_those_who_are_not_staff(self, user: User, submit: Submit) -> None:
        User.objects.update(is_staff=False, is_superuser=False)

        assert not is_in(submit())

    @pytest.mark.parametrize(
        ("language", "refusal"),
        [
            ("en", "No account of the back office has this user name and password."),
            ("id", "Tidak ada akun kantor belakang dengan nama pengguna dan kata sandi ini."),
            ("ms", "Tiada akaun pejabat belakang dengan nama pengguna dan kata laluan ini."),
        ],
    )
    def test_says_in_the_readers_language_that_a_name_is_unknown(
        self, client: Client, language: str, refusal: str
    ) -> None:
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language

        answer = client.post(LOGIN, {"username": "nobody", "password": PASSWORD})

        assert refusal in answer.text


class TestLockOut:
    @pytest.mark.usefixtures("user")
    def test_refuses_even_the_right_password_after_five_wrong_ones(self, submit: Submit) -> None:
        for _ in range(5):
            submit(password="wrong")

        assert not is_in(submit())

    @pytest.mark.usefixtures("user")
    def test_says_when_to_come_back(self) -> None:
        client = Client()
        for _ in range(5):
            answer = client.post(LOGIN, {"username": "siti", "password": "wrong"})

        assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
        assert "Try again in 15 minutes." in answer.text

    @pytest.mark.usefixtures("required")
    def test_counts_wrong_codes_too(self, device: TOTPDevice, submit: Submit) -> None:
        for _ in range(5):
            submit(otp_token="000000")
        TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)

        assert not is_in(submit(otp_token=code_of(device)))

    @pytest.mark.usefixtures("user")
    def test_locks_nobody_out_from_another_address(
        self, submit: Submit, settings: Settings
    ) -> None:
        settings.TRUSTED_PROXIES = 1
        for _ in range(5):
            Client().post(
                LOGIN,
                {"username": "siti", "password": "wrong"},
                headers={"X-Forwarded-For": "203.0.113.9"},
            )

        client = Client()
        client.post(
            LOGIN,
            {"username": "siti", "password": PASSWORD},
            headers={"X-Forwarded-For": "203.0.113.10"},
        )

        assert is_in(client)


@pytest.mark.usefixtures("user")
class TestSessions:
    def test_end_when_left_alone(self, submit: Submit, settings: Settings) -> None:
        client = submit()
        assert is_in(client)

        settings.STAFF_IDLE_SECONDS = -1

        assert not is_in(client)

    def test_end_with_the_working_day(self, submit: Submit, settings: Settings) -> None:
        client = submit()
        assert is_in(client)
        session = client.session
        session["signed_in_at"] -= settings.STAFF_SESSION_SECONDS
        session.save()

        assert not is_in(client)

    def test_note_once_a_minute_that_somebody_is_there(self, submit: Submit) -> None:
        client = submit()
        assert is_in(client)
        session = client.session
        long_ago = (timezone.now() - timedelta(minutes=2)).timestamp()
        session["seen_at"] = long_ago
        session.save()

        assert is_in(client)

        assert client.session["seen_at"] > long_ago


class TestPasswords:
    @pytest.mark.parametrize("password", ["short-one", "123456789012", "administrator"])
    def test_are_refused_when_weak(self, user: User, submit: Submit, password: str) -> None:
        client = submit()

        answer = client.post(
            "/admin/password_change/",
            {"old_password": PASSWORD, "new_password1": password, "new_password2": password},
        )

        assert answer.status_code == HTTPStatus.OK
        user.refresh_from_db()
        assert user.check_password(PASSWORD)

    def test_are_kept_as_argon2(self, user: User) -> None:
        assert user.password.startswith("argon2$argon2id$")
