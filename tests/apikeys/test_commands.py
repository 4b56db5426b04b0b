import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from apikeys.audit import seals
from apikeys.audit.recording import Caller
from apikeys.keys import services
from apikeys.models import ApiKey, ApiKeyAuditEntry, Tenant
from tests.apikeys.factories import NOON, api_key
from tests.staff import member

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: str) -> str:
    output = io.StringIO()
    call_command(name, *arguments, stdout=output)
    return output.getvalue()


def answer(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    def reply(_question: str) -> str:
        if text is None:
            raise EOFError
        return text

    monkeypatch.setattr("builtins.input", reply)


class TestCreateApiKey:
    def test_prints_a_key_that_works(self) -> None:
        output = run("create_api_key", "web shop", "--tenant-name", "Toko")

        row = services.authenticate(key=output.splitlines()[-1], now=NOON)
        assert (row.description, row.tenant.name) == ("web shop", "Toko")
        assert ApiKeyAuditEntry.objects.get().actor_identifier.startswith("command line: ")

    def test_prints_json_for_programs(self) -> None:
        made = json.loads(run("create_api_key", "web shop", "--json"))

        assert services.authenticate(key=made["api_key"], now=NOON).pk == made["id"]

    def test_refuses_an_unknown_tenant(self) -> None:
        with pytest.raises(CommandError, match="There is no tenant 404"):
            run("create_api_key", "web shop", "--tenant-id", "404")

        assert not ApiKey.objects.exists()

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([""], "description: .*may not be blank"),
            (["x" * 256], "description: .*255"),
            (["a\nb"], "description: "),
            (["web shop", "--tenant-name", "  "], "tenant_name: .*may not be blank"),
            (["web shop", "--tenant-name", "x" * 141], "tenant_name: .*140"),
            (["web shop", "--tenant-id", "0"], "tenant_id: "),
        ],
    )
    def test_refuses_what_the_api_refuses(self, arguments: list[str], said: str) -> None:
        with pytest.raises(CommandError, match=said):
            run("create_api_key", *arguments)

        assert not Tenant.objects.exists()


class TestResetSignIn:
    def test_takes_the_second_factor_away(self) -> None:
        siti, budi = member(username="siti"), member(username="budi")
        for user in (siti, budi):
            TOTPDevice.objects.create(user=user, name="phone")

        output = run("reset_sign_in", "siti", "--yes")

        assert output == "siti sets up a new second factor at the next sign-in.\n"
        assert [device.user for device in TOTPDevice.objects.all()] == [budi]

    @pytest.mark.parametrize("reply", ["n", "", None])
    def test_asks_first(self, monkeypatch: pytest.MonkeyPatch, reply: str | None) -> None:
        TOTPDevice.objects.create(user=member(username="siti"), name="phone")
        answer(monkeypatch, reply)

        with pytest.raises(CommandError, match=r"Nothing was changed|Nobody answers"):
            run("reset_sign_in", "siti")

        assert TOTPDevice.objects.count() == 1

    def test_knows_nobody_else(self) -> None:
        member(username="nobody", is_staff=False)

        with pytest.raises(CommandError, match="There is no member of staff 'nobody'"):
            run("reset_sign_in", "nobody", "--yes")


class TestListApiKeys:
    def test_shows_keys_but_no_secret(self) -> None:
        (first, key), (second, _) = api_key(description="shop"), api_key(description="till")

        text, shown = run("list_api_keys"), json.loads(run("list_api_keys", "--json"))

        assert "shop" in text
        assert "till" in text
        assert [one["id"] for one in shown] == [second.pk, first.pk]
        for secret in (key, first.key_hash, first.key_digest):
            assert secret not in text + str(shown)

    def test_narrows_down(self) -> None:
        row, _ = api_key()
        api_key(status="revoked", revoked_at=NOON)

        active = json.loads(run("list_api_keys", "--json", "--status", "active"))

        assert [one["id"] for one in active] == [row.pk]


class TestRotateApiKey:
    def test_prints_the_new_key_once_it_is_asked_to(self, monkeypatch: pytest.MonkeyPatch) -> None:
        row, _ = api_key()
        answer(monkeypatch, "y")

        output = run("rotate_api_key", str(row.pk))

        assert services.authenticate(key=output.splitlines()[-1], now=NOON) == row

    @pytest.mark.parametrize("reply", ["", "n", None])
    def test_changes_nothing_unless_asked_to(
        self, monkeypatch: pytest.MonkeyPatch, reply: str | None
    ) -> None:
        row, key = api_key()
        answer(monkeypatch, reply)

        with pytest.raises(CommandError):
            run("rotate_api_key", str(row.pk))

        assert services.authenticate(key=key, now=NOON) == row

    def test_rotates_every_old_key(self) -> None:
        now = timezone.now()
        old, _ = api_key(created_at=now - timedelta(days=91))
        renewed = now - timedelta(days=1)
        api_key(created_at=now - timedelta(days=91), rotated_at=renewed)
        api_key(created_at=now)

        rotated = json.loads(run("rotate_api_key", "--older-than", "90", "--yes", "--json"))

        assert [one["id"] for one in rotated] == [old.pk]
        assert run("rotate_api_key", "--older-than", "90", "--yes") == "No key is that old.\n"

    @pytest.mark.parametrize("days", ["-5", "0", "99999999999"])
    def test_refuses_an_age_that_is_none(self, days: str) -> None:
        row, key = api_key()

        with pytest.raises(CommandError, match="--older-than takes 1 to 36500 days"):
            run("rotate_api_key", f"--older-than={days}", "--yes")

        assert services.authenticate(key=key, now=NOON) == row

    @pytest.mark.parametrize("status", ["rotated", "revoked"])
    def test_refuses_a_dead_key(self, status: str) -> None:
        row, _ = api_key(status=status, **{f"{status}_at": NOON})

        with pytest.raises(CommandError, match="rotated or revoked already"):
            run("rotate_api_key", str(row.pk), "--yes")


class TestRevokeApiKey:
    def test_ends_the_key(self) -> None:
        row, key = api_key()

        output = run("revoke_api_key", str(row.pk), "--yes")

        assert output.startswith(f"Revoked key {row.pk} ({key[:4]}...")
        with pytest.raises(services.InvalidApiKey):
            services.authenticate(key=key, now=NOON)

    def test_asks_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        row, key = api_key()
        answer(monkeypatch, "n")

        with pytest.raises(CommandError, match="Nothing was changed"):
            run("revoke_api_key", str(row.pk))

        assert services.authenticate(key=key, now=NOON) == row

    def test_refuses_an_unknown_key(self) -> None:
        with pytest.raises(CommandError, match="There is no key 404"):
            run("revoke_api_key", "404", "--yes")


class TestPurgeExpired:
    def test_says_what_it_dropped(self) -> None:
        assert run("purge_expired", "--yes") == (
            "Dropped no month of the audit log and 0 idempotency records.\n"
        )


@pytest.fixture
def sealed() -> ApiKeyAuditEntry:
    row, _ = api_key()
    services.revoke_key(key_id=row.pk, caller=Caller(actor="x"), now=NOON)
    seals.seal(now=NOON + timedelta(minutes=5))
    return ApiKeyAuditEntry.objects.get()


class TestVerifyAudit:
    def test_says_that_all_is_well(self, sealed: ApiKeyAuditEntry) -> None:
        assert run("verify_audit") == "1 entries are sealed, 0 not yet.\n"

    def test_names_the_row_that_breaks_the_chain(self, sealed: ApiKeyAuditEntry) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE apikeys_apikeyauditentry DISABLE TRIGGER USER")
            cursor.execute("UPDATE apikeys_apikeyauditentry SET actor_identifier = 'nobody'")
        output = io.StringIO()

        with pytest.raises(CommandError, match="1 breaks"):
            call_command("verify_audit", stdout=output)

        assert f"entry {sealed.pk}: the entry was changed" in output.getvalue()
