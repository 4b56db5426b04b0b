"""Many wrong keys, passwords or tokens are refused before any costly work is done for them."""

import threading
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import hashers
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from apikeys import tasks
from payments.models import WebhookEvent
from paytrust.staff import hashing, sign_in

pytestmark = pytest.mark.django_db


def try_to_sign_in(name: str, address: str = "192.0.2.1") -> Any:
    form = {"username": name, "password": "guess"}
    return Client(REMOTE_ADDR=address).post("/admin/login/", form)


class TestSignIn:
    def test_of_random_names_ends_before_a_password_is_hashed(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.SIGN_IN_LIMIT = 3
        hashed: list[str] = []
        encode = hashing.FewAtOnce.encode

        def counted(hasher: Any, password: str, salt: str) -> str:
            hashed.append(password)
            return encode(hasher, password, salt)

        monkeypatch.setattr(hashing.FewAtOnce, "encode", counted)

        statuses = [try_to_sign_in(f"nobody{i}").status_code for i in range(6)]

        assert statuses == [200] * 3 + [429] * 3
        assert len(hashed) == 3
        assert AccessAttempt.objects.count() == 3

    def test_from_elsewhere_goes_on(self, settings: Settings) -> None:
        settings.SIGN_IN_LIMIT = 1
        assert try_to_sign_in("nobody").status_code == 200

        refused = try_to_sign_in("nobody")
        elsewhere = try_to_sign_in("nobody", "192.0.2.2")

        assert (refused.status_code, elsewhere.status_code) == (429, 200)
        assert 0 < int(refused.headers["Retry-After"]) <= 60

    def test_hashes_two_passwords_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        running, most = [0], [0]
        both = threading.Barrier(2, timeout=5)

        def slow(_hasher: Any, _password: str, _salt: str) -> str:
            running[0] += 1
            most[0] = max(most[0], running[0])
            both.wait()
            running[0] -= 1
            return "argon2$hash"

        monkeypatch.setattr(hashers.Argon2PasswordHasher, "encode", slow)
        threads = [
            threading.Thread(target=lambda: hashing.FewAtOnce().encode("x", "salt"))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert most == [2]

    def test_tries_are_purged_after_a_month(self) -> None:
        try_to_sign_in("nobody")
        try_to_sign_in("somebody")
        old = timezone.now() - sign_in.KEPT_FOR - timedelta(hours=1)
        AccessAttempt.objects.filter(username="nobody").update(attempt_time=old)

        tasks.purge_sign_in_attempts()

        assert [one.username for one in AccessAttempt.objects.all()] == ["somebody"]
        assert User.objects.count() == 0


class TestWebhooks:
    def test_without_proof_end_before_the_database_is_asked(self, settings: Settings) -> None:
        settings.FAILED_AUTHENTICATION_LIMIT = 3
        forged = {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_CALLBACK_TOKEN": "guess"}

        def post() -> Any:
            return Client(**forged).post(  # type: ignore[arg-type]  # any META
                "/webhooks/xendit", b"{}", content_type="application/json"
            )

        statuses = [post().status_code for _ in range(4)]
        with CaptureQueriesContext(connection) as asked:
            refused = post()

        assert statuses[:3] == [HTTPStatus.UNAUTHORIZED] * 3
        assert (refused.status_code, refused.json()["error"]) == (429, "rate_limited")
        assert len(asked) == 0
        assert WebhookEvent.objects.count() == 0

    def test_above_their_size_are_refused(self) -> None:
        answer = Client().post("/webhooks/xendit", b" " * 70_000, content_type="application/json")

        assert (answer.status_code, answer.json()["error"]) == (413, "payload_too_large")
        assert WebhookEvent.objects.count() == 0
