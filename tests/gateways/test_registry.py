import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.conf import settings

from gateways import descriptors, registry
from gateways.accounts import credentials
from gateways.adapter import NotificationNotAuthentic
from gateways.budgets.watching import WatchedAdapter
from tests.apikeys.factories import TenantFactory

pytestmark = pytest.mark.django_db  # an account may be there

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENVIRONMENTS = "TESTCALLBACKTOKEN0123456789abcdef"


@pytest.fixture(autouse=True)
def _reset() -> Iterator[None]:
    registry.reset_adapters()
    yield
    registry.reset_adapters()


def seal(
    tenant_id: int | None = None,
    *,
    token: str = "OURS",  # noqa: S107  # invented
    another: bool = False,
) -> int:
    """Seal an account at Xendit, seen at once; return its id."""
    keep = credentials.replace if another else credentials.store
    account = keep(
        gateway_code="xendit",
        tenant_id=tenant_id,
        credentials={"secret_key": f"xnd_{token}", "callback_token": token},
        now=NOON,
    )
    registry.reset_adapters()
    return account.pk


def signing(token: str) -> list[int | None]:
    found = registry.signing_accounts("xendit", headers={"x-callback-token": token}, body=b"{}")
    return [account.id for account in found]


class TestAdapterFor:
    @pytest.mark.parametrize("code", descriptors.codes())
    def test_returns_the_gateways_own_watched(self, code: str) -> None:
        adapter = registry.adapter_for(code)

        assert isinstance(adapter, WatchedAdapter)
        assert adapter.code == code

    def test_keeps_one_with_one_session(self) -> None:
        assert registry.adapter_for("xendit")._adapter is registry.adapter_for("xendit")._adapter

    def test_knows_no_other(self) -> None:
        with pytest.raises(KeyError, match="paypal"):
            registry.adapter_for("paypal")

    def test_knows_no_account_of_another_gateway(self) -> None:
        with pytest.raises(LookupError, match="midtrans has no account"):
            registry.adapter_for("midtrans", account_id=seal())

    def test_speaks_for_an_account_after_it_has_ended(self) -> None:
        tenant_id = TenantFactory.create().pk
        old = seal(tenant_id, token="OLD")
        seal(tenant_id, token="NEW", another=True)

        registry.adapter_for("xendit", account_id=old).authenticate(
            headers={"x-callback-token": "OLD"}, body=b"{}"
        )

    def test_sees_an_account_that_was_made_elsewhere(self) -> None:
        registry.adapter_for("xendit")
        made = credentials.store(
            gateway_code="xendit",
            tenant_id=None,
            credentials={"secret_key": "x", "callback_token": "ELSEWHERE"},
            now=NOON,
        )

        registry.adapter_for("xendit", account_id=made.pk).authenticate(
            headers={"x-callback-token": "ELSEWHERE"}, body=b"{}"
        )


class TestAccountFor:
    def test_is_the_environments_while_there_is_no_other(self) -> None:
        assert registry.account_for("xendit", tenant_id=1) is None

    def test_is_the_tenants_own_or_the_platforms(self) -> None:
        tenant_id = TenantFactory.create().pk
        platforms, own = seal(), seal(tenant_id, token="THEIRS")

        assert registry.account_for("xendit", tenant_id=tenant_id) == own
        assert registry.account_for("xendit", tenant_id=tenant_id + 1) == platforms
        assert registry.account_for("midtrans", tenant_id=tenant_id) is None

    def test_is_the_platforms_again_when_the_tenants_own_has_ended(self) -> None:
        tenant_id = TenantFactory.create().pk
        seal(tenant_id)
        credentials.end(gateway_code="xendit", tenant_id=tenant_id, now=NOON)
        registry.reset_adapters()

        assert registry.account_for("xendit", tenant_id=tenant_id) is None


class TestSigningAccounts:
    def test_knows_the_environments_account_beside_tenants_own(self) -> None:
        own = seal(TenantFactory.create().pk, token="THEIRS")

        assert signing(ENVIRONMENTS) == [None]
        assert signing("THEIRS") == [own]

    def test_replaces_the_environments_by_the_platforms(self) -> None:
        platforms = seal()

        assert signing("OURS") == [platforms]
        with pytest.raises(NotificationNotAuthentic):
            signing(ENVIRONMENTS)

    def test_returns_all_that_share_a_secret(self) -> None:
        ids = [seal(TenantFactory.create().pk, token="SAME") for _ in range(2)]

        assert signing("SAME") == ids

    def test_refuses_what_no_secret_fits(self) -> None:
        seal(TenantFactory.create().pk)

        with pytest.raises(NotificationNotAuthentic):
            signing("")

    def test_sees_an_account_that_was_made_elsewhere_a_moment_ago(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        signing(ENVIRONMENTS)
        made = credentials.store(
            gateway_code="xendit",
            tenant_id=TenantFactory.create().pk,
            credentials={"secret_key": "x", "callback_token": "ELSEWHERE"},
            now=NOON,
        )
        monkeypatch.setattr(registry._Accounts, "read_at", registry._Accounts.read_at - 1)

        assert signing("ELSEWHERE") == [made.pk]

    def test_tells_midtrans_accounts_by_whose_key_signed(self) -> None:
        made = credentials.store(
            gateway_code="midtrans",
            tenant_id=TenantFactory.create().pk,
            credentials={"server_key": "THEIR-KEY", "client_key": "x"},
            now=NOON,
        )
        registry.reset_adapters()
        said = {"order_id": "PT-1", "status_code": "200", "gross_amount": "10000.00"}
        by = {
            key: json.dumps(said | {"signature_key": signature(said, key)}).encode()
            for key in (
                "THEIR-KEY",
                settings.GATEWAY_CONNECTIONS["midtrans"]["server_key"],
                "NOBODYS",
            )
        }

        def signing_key_holders(key: str) -> list[int | None]:
            return [
                one.id for one in registry.signing_accounts("midtrans", headers={}, body=by[key])
            ]

        assert signing_key_holders("THEIR-KEY") == [made.pk]
        assert signing_key_holders(settings.GATEWAY_CONNECTIONS["midtrans"]["server_key"]) == [None]
        with pytest.raises(NotificationNotAuthentic):
            signing_key_holders("NOBODYS")


def signature(said: dict[str, str], key: str) -> str:
    return hashlib.sha512(("".join(said.values()) + key).encode()).hexdigest()


class TestIsSameAccount:
    def test_takes_the_first_the_platform_sealed_for_the_environments(self) -> None:
        first = seal()
        second = seal(another=True, token="SECOND")

        assert registry.is_same_account("xendit", None, first)
        assert not registry.is_same_account("xendit", None, second)
        assert not registry.is_same_account("xendit", first, second)

    def test_takes_no_tenants_own_for_the_environments(self) -> None:
        own = seal(TenantFactory.create().pk)

        assert not registry.is_same_account("xendit", None, own)
        assert registry.is_same_account("xendit", None, None)


class TestResetAdapters:
    def test_makes_the_settings_count_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = registry.adapter_for("xendit")
        monkeypatch.setitem(settings.GATEWAY_CONNECTIONS["xendit"], "callback_token", "another")

        assert registry.adapter_for("xendit")._adapter is before._adapter
        registry.reset_adapters()

        registry.adapter_for("xendit").authenticate(
            headers={"x-callback-token": "another"}, body=b"{}"
        )
