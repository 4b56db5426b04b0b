import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, OperationalError
from pytest_django import Settings

from gateways import descriptors, registry
from gateways.accounts import credentials
from gateways.adapter import NotificationNotAuthentic
from gateways.models import Gateway, GatewayAccount
from tests.apikeys.factories import TenantFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
OLD, NEW = "old-key-of-at-least-thirty-two-characters", "new-key-of-at-least-thirty-two-characters"
XENDIT = {"secret_key": "xnd_production_SECRET", "callback_token": "TOKEN-OF-OURS"}


@pytest.fixture(autouse=True)
def _reset() -> Iterator[None]:
    registry.reset_adapters()
    yield
    registry.reset_adapters()


def store(tenant_id: int | None = None, **changed: str) -> GatewayAccount:
    return credentials.store(
        gateway_code="xendit", tenant_id=tenant_id, credentials={**XENDIT, **changed}, now=NOON
    )


def takes(token: str, *, tenant_id: int | None = None) -> bool:
    account_id = None
    if tenant_id is not None:
        account_id = registry.account_for("xendit", tenant_id=tenant_id)
    adapter = registry.adapter_for("xendit", account_id=account_id)
    try:
        adapter.authenticate(headers={"x-callback-token": token}, body=b"{}")
    except NotificationNotAuthentic:
        return False
    return True


class TestStore:
    def test_keeps_nothing_that_can_be_read(self) -> None:
        account = store()

        row = str(GatewayAccount.objects.values().get())
        assert "SECRET" not in row
        assert "TOKEN" not in row
        assert credentials.opened() == [
            credentials.Account(account.pk, "xendit", None, XENDIT, in_use=True)
        ]

    def test_replaces_what_was_there(self) -> None:
        first, second = store(), store(secret_key="another")

        assert first.pk == second.pk
        assert credentials.opened()[0].credentials["secret_key"] == "another"

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"secret_key": "x"},
            {**XENDIT, "server_key": "x"},
            {"secret_key": "x", "callback_token": ""},
        ],
    )
    def test_refuses_what_the_adapter_cannot_use(self, given: dict[str, str]) -> None:
        with pytest.raises(credentials.WrongCredentials, match="callback_token, secret_key"):
            credentials.store(gateway_code="xendit", tenant_id=None, credentials=given, now=NOON)

        assert not GatewayAccount.objects.exists()

    def test_shows_them_in_no_repr(self) -> None:
        store()

        assert "SECRET" not in repr(credentials.opened())
        assert "SECRET" not in repr(GatewayAccount.objects.get())


class TestGatewayAccount:
    def test_cannot_hold_plain_text(self) -> None:
        account = store()
        account.sealed_credentials = "xnd_production_SECRET"

        with pytest.raises(IntegrityError, match="gateway_account_is_sealed"):
            account.save()

    def test_is_one_per_gateway_and_tenant_the_platform_included(self) -> None:
        account = store()

        with pytest.raises(IntegrityError, match="gateway_account_per_tenant"):
            GatewayAccount.objects.create(
                gateway=account.gateway,
                sealed_credentials=account.sealed_credentials,
                key_name="x",
                created_at=NOON,
                updated_at=NOON,
            )

    def test_may_be_another_once_one_has_ended(self) -> None:
        tenant_id = TenantFactory.create().pk
        first = store(tenant_id)
        credentials.end(gateway_code="xendit", tenant_id=tenant_id, now=NOON)

        assert store(tenant_id).pk != first.pk


class TestReplace:
    def test_keeps_the_account_before_for_what_it_has_opened(self) -> None:
        first = store()

        second = credentials.replace(
            gateway_code="xendit",
            tenant_id=None,
            credentials={**XENDIT, "secret_key": "another"},
            now=NOON,
        )

        assert [
            (account.id, account.credentials["secret_key"], account.in_use)
            for account in credentials.opened()
        ] == [(first.pk, XENDIT["secret_key"], False), (second.pk, "another", True)]

    def test_refuses_what_the_adapter_cannot_use_and_ends_nothing(self) -> None:
        store()

        with pytest.raises(credentials.WrongCredentials):
            credentials.replace(gateway_code="xendit", tenant_id=None, credentials={}, now=NOON)

        assert [account.in_use for account in credentials.opened()] == [True]


class TestEnd:
    def test_ends_the_tenants_own_account_only(self) -> None:
        mine, theirs = TenantFactory.create().pk, TenantFactory.create().pk
        for tenant_id in (None, mine, theirs):
            store(tenant_id)

        credentials.end(gateway_code="xendit", tenant_id=mine, now=NOON)

        in_use = {account.tenant_id: account.in_use for account in credentials.opened()}
        assert in_use == {None: True, mine: False, theirs: True}

    def test_refuses_where_there_is_none(self) -> None:
        store()

        with pytest.raises(credentials.NoSuchAccount, match="has no account of its own"):
            credentials.end(gateway_code="xendit", tenant_id=7, now=NOON)

        assert [account.in_use for account in credentials.opened()] == [True]


class TestOpened:
    def test_opens_no_token_copied_from_another_account(self) -> None:
        mine = store(TenantFactory.create().pk)
        theirs = store(TenantFactory.create().pk, secret_key="theirs")
        GatewayAccount.objects.filter(pk=mine.pk).update(
            sealed_credentials=theirs.sealed_credentials
        )

        with pytest.raises(credentials.CredentialsUnreadable, match="another account's token"):
            credentials.opened()

    def test_opens_nothing_without_the_key(self, settings: Settings) -> None:
        settings.CREDENTIAL_KEYS = [OLD]
        store()
        settings.CREDENTIAL_KEYS = [NEW]

        with pytest.raises(credentials.CredentialsUnreadable, match="cannot be opened"):
            credentials.opened()


class TestAdapterFor:
    def test_speaks_for_the_environments_account_while_there_is_no_other(self) -> None:
        assert takes("TESTCALLBACKTOKEN0123456789abcdef")

    def test_speaks_for_the_platforms_account(self) -> None:
        store()

        assert takes("TOKEN-OF-OURS")
        assert not takes("TESTCALLBACKTOKEN0123456789abcdef")

    def test_speaks_for_the_tenants_own_account_for_that_tenant_only(self) -> None:
        tenant, other = TenantFactory.create(), TenantFactory.create()
        store()
        store(tenant.pk, callback_token="TOKEN-OF-THEIRS")

        assert takes("TOKEN-OF-THEIRS", tenant_id=tenant.pk)
        assert takes("TOKEN-OF-OURS", tenant_id=other.pk)
        assert not takes("TOKEN-OF-THEIRS")

    def test_sees_new_credentials_after_a_while(self, monkeypatch: pytest.MonkeyPatch) -> None:
        takes("x")
        store()

        assert not takes("TOKEN-OF-OURS")
        monkeypatch.setattr(registry._Accounts, "read_at", -1e9)
        assert takes("TOKEN-OF-OURS")

    def test_goes_on_with_the_last_known_while_the_database_is_away(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store()
        takes("x")
        monkeypatch.setattr(registry._Accounts, "read_at", -1e9)

        def fail() -> None:
            raise OperationalError("away")

        monkeypatch.setattr(credentials, "opened", fail)
        assert takes("TOKEN-OF-OURS")


class TestRotateCredentialKey:
    def rotate(self, *arguments: str) -> str:
        output = io.StringIO()
        call_command(
            "rotate_credential_key", "--yes", *arguments, stdout=output, stderr=io.StringIO()
        )
        return output.getvalue()

    def test_seals_everything_under_the_newest_key(self, settings: Settings) -> None:
        settings.CREDENTIAL_KEYS = [OLD]
        for tenant_id in (None, TenantFactory.create().pk, TenantFactory.create().pk):
            store(tenant_id)
        settings.CREDENTIAL_KEYS = [NEW, OLD]

        assert json.loads(self.rotate("--json"))["sealed"] == 3

        settings.CREDENTIAL_KEYS = [NEW]
        assert [account.credentials for account in credentials.opened()] == [XENDIT] * 3
        assert self.rotate().startswith("Sealed 0 secrets")

    def test_goes_on_where_it_was_interrupted(self, settings: Settings) -> None:
        settings.CREDENTIAL_KEYS = [OLD]
        for tenant_id in (None, TenantFactory.create().pk):
            store(tenant_id)
        settings.CREDENTIAL_KEYS = [NEW, OLD]

        next(credentials.seal_anew(now=NOON))

        assert credentials.sealed_under_older_keys() == 1
        assert json.loads(self.rotate("--json"))["sealed"] == 1

    def test_says_which_key_is_missing_and_changes_nothing(self, settings: Settings) -> None:
        settings.CREDENTIAL_KEYS = [OLD]
        before = store()
        settings.CREDENTIAL_KEYS = [NEW]

        with pytest.raises(CommandError, match="Add the key that sealed it"):
            self.rotate()

        assert GatewayAccount.objects.get().sealed_credentials == before.sealed_credentials


class TestSetGatewayCredentials:
    def run(self, monkeypatch: pytest.MonkeyPatch, given: str, *arguments: str) -> str:
        output = io.StringIO()
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        call_command("set_gateway_credentials", "xendit", *arguments, stdout=output)
        return output.getvalue()

    def test_stores_them_and_repeats_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        output = self.run(monkeypatch, json.dumps(XENDIT))

        assert takes("TOKEN-OF-OURS")
        assert output.startswith("Stored the credentials of Xendit of the platform")
        assert "SECRET" not in output

    def test_keeps_what_was_there_for_another_account(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = store()

        self.run(monkeypatch, json.dumps({**XENDIT, "secret_key": "new"}))
        self.run(monkeypatch, json.dumps({**XENDIT, "secret_key": "other"}), "--another-account")

        kept = [(one.id, one.credentials["secret_key"]) for one in credentials.opened()]
        assert kept[0] == (before.pk, "new")
        assert [secret_key for _, secret_key in kept] == ["new", "other"]

    @pytest.mark.parametrize(
        ("given", "complaint"),
        [("", "not JSON"), ("[]", "a JSON object"), ('{"secret_key": "x"}', "xendit needs")],
    )
    def test_refuses_anything_else(
        self, monkeypatch: pytest.MonkeyPatch, given: str, complaint: str
    ) -> None:
        with pytest.raises(CommandError, match=complaint):
            self.run(monkeypatch, given)

        assert not GatewayAccount.objects.exists()


class TestEndGatewayAccount:
    def test_ends_it(self) -> None:
        tenant_id = TenantFactory.create().pk
        store(tenant_id)
        output = io.StringIO()

        call_command("end_gateway_account", "xendit", "--tenant-id", tenant_id, stdout=output)

        assert output.getvalue().startswith("Ended.")
        assert [account.in_use for account in credentials.opened()] == [False]

    def test_says_where_there_is_none(self) -> None:
        with pytest.raises(CommandError, match="has no account of its own"):
            call_command("end_gateway_account", "xendit", "--tenant-id", 7)


def test_each_gateway_that_is_served_has_its_row() -> None:
    assert set(Gateway.objects.values_list("code", flat=True)) == set(descriptors.codes())
