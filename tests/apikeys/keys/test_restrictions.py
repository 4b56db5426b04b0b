"""What a key may do, until when, and from where."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from apikeys.audit.recording import Caller
from apikeys.keys import services
from apikeys.keys.authentication import ApiKeyAuthentication
from apikeys.keys.restrictions import ALL_SCOPES, Restrictions, Scope, covers, scope_of
from apikeys.models import ApiKey, ApiKeyAuditEntry
from tests.apikeys.factories import NOON, ApiKeyFactory, api_key

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def send(key: str, method: str, path: str, **extra: Any) -> Any:
    return Client().generic(
        method, path, b"{}", content_type="application/json", headers={"x-api-key": key}, **extra
    )


def views(resolver: Any = None) -> dict[str, Any]:
    """Return the classes of the merchants' views by their names."""
    found: dict[str, Any] = {}
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            found |= views(entry)
            continue
        kind = getattr(entry.callback, "cls", None) if isinstance(entry, URLPattern) else None
        if ApiKeyAuthentication in getattr(kind, "authentication_classes", ()):
            found[getattr(kind, "__name__", "")] = kind
    return found


class TestScopes:
    CALLS = (
        ("GET", "/invoices", "read"),
        ("GET", "/invoices/1", "read"),
        ("GET", "/transactions", "read"),
        ("GET", "/refunds", "read"),
        ("GET", "/account/api-keys", "read"),
        ("GET", "/account/requests", "read"),
        ("POST", "/invoices", "write"),
        ("POST", "/invoices/1/cancel", "write"),
        ("PATCH", "/invoices/1/installments", "write"),
        ("POST", "/webhook-endpoints", "write"),
        ("POST", "/invoices/1/refunds", "refund"),
        ("GET", "/invoices/1/refunds", "read"),
        ("GET", "/reports/financial", "reports"),
        ("GET", "/reports/statement.csv", "reports"),
        ("GET", "/reports/discrepancies", "reports"),
    )

    @pytest.mark.parametrize(("method", "path", "scope"), CALLS)
    def test_let_a_call_pass_or_not(self, method: str, path: str, scope: str) -> None:
        _, able = api_key(scopes=[scope])
        _, lacking = api_key(scopes=[one for one in ALL_SCOPES if one != scope])

        refused = send(lacking, method, path)

        assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")
        assert refused.json()["details"]["required"] == [scope]
        assert send(able, method, path).status_code in {200, 400, 404}

    def test_are_those_of_the_whole_api(self) -> None:
        named = {
            (name, method): scope_of(kind, method)
            for name, kind in views().items()
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
            if hasattr(kind, method.lower())
        }

        assert len(named) > 30
        assert {name for name, scope in named.items() if scope == Scope.REFUND} == {
            ("InvoiceRefunds", "POST")
        }
        assert {name for (name, _), scope in named.items() if scope == Scope.REPORTS} == {
            *("FinancialReport", "FinancialReportCSV", "FinancialReportXLSX"),
            *("StatementCSV", "StatementPDF"),
            *("MovementsCSV", "MovementsXLSX", "DiscrepancyReport"),
        }
        assert {
            name
            for (name, method), scope in named.items()
            if scope == Scope.READ and method != "GET"
        } <= {"Quotes"}

    def test_of_a_refused_call_are_in_the_log(self) -> None:
        row, key = api_key(scopes=["read"])

        send(key, "POST", "/invoices")

        entry = ApiKeyAuditEntry.objects.get(api_key=row)
        assert (entry.status_code, entry.error_message) == (403, "insufficient_scope")

    def test_do_not_bind_operators(self) -> None:
        answer = Client().get("/api-keys", headers={"x-admin-key": settings.ADMIN_API_KEY})

        assert answer.status_code == 200


class TestExpiry:
    def test_ends_a_key_at_its_moment(self) -> None:
        row, key = api_key(expires_at=NOON + HOUR)

        services.authenticate(key=key, now=NOON + HOUR - timedelta(microseconds=1))
        with pytest.raises(services.InvalidApiKey) as refused:
            services.authenticate(key=key, now=NOON + HOUR)

        assert (refused.value.known, refused.value.reason) == (row, "the key has expired")

    def test_ends_an_old_secret_before_its_grace(self) -> None:
        row, key = api_key(expires_at=NOON + HOUR)
        caller = Caller(actor="test")
        services.rotate_key(key_id=row.pk, caller=caller, now=NOON, grace=2 * HOUR)

        services.authenticate(key=key, now=NOON)
        with pytest.raises(services.InvalidApiKey):
            services.authenticate(key=key, now=NOON + HOUR)

    def test_is_401_and_in_the_log(self) -> None:
        row, key = api_key(expires_at=timezone.now())

        answer = send(key, "GET", "/invoices")

        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_api_key")
        assert ApiKeyAuditEntry.objects.get(api_key=row).error_message == "the key has expired"


class TestAddresses:
    @pytest.mark.parametrize(
        ("allowed", "address", "status"),
        [
            ([], "192.0.2.1", 200),
            (["192.0.2.0/24"], "192.0.2.255", 200),
            (["192.0.2.0/24"], "192.0.3.0", 403),
            (["198.51.100.7/32", "192.0.2.1/32"], "192.0.2.1", 200),
            (["192.0.2.1/32"], "192.0.2.2", 403),
            (["192.0.2.1/32"], "::ffff:192.0.2.1", 200),
            (["2001:db8::/32"], "2001:db8::7", 200),
            (["2001:db8::/32"], "2001:db9::7", 403),
            (["0.0.0.0/0"], "2001:db8::7", 403),
        ],
    )
    def test_let_a_call_pass_or_not(self, allowed: list[str], address: str, status: int) -> None:
        row, key = api_key(allowed_addresses=allowed)

        answer = send(key, "GET", "/gateways", REMOTE_ADDR=address)

        assert answer.status_code == status
        entry = ApiKeyAuditEntry.objects.get(api_key=row)
        assert (entry.status_code, entry.success) == (status, status == 200)
        if status == 403:
            assert answer.json()["error"] == "address_not_allowed"
            assert entry.error_message == "the address is not allowed"

    def test_are_none_for_a_caller_without_one(self) -> None:
        _, key = api_key(allowed_addresses=["0.0.0.0/0", "::/0"])

        assert send(key, "GET", "/gateways", REMOTE_ADDR="").status_code == 403


def own(**fields: Any) -> ApiKey:
    made: ApiKey = ApiKeyFactory.build(**fields)
    return made


@pytest.mark.parametrize(
    ("mine", "other", "covered"),
    [
        ({}, {}, True),
        ({"scopes": ["read"]}, {"scopes": ["read"]}, True),
        ({"scopes": ["read"]}, {"scopes": ["read", "write"]}, False),
        ({"expires_at": NOON}, {"expires_at": NOON}, True),
        ({"expires_at": NOON}, {"expires_at": NOON + HOUR}, False),
        ({"expires_at": NOON}, {}, False),
        ({}, {"expires_at": NOON}, True),
        ({"allowed_addresses": ["10.0.0.0/8"]}, {}, False),
        ({"allowed_addresses": ["10.0.0.0/8"]}, {"allowed_addresses": ["10.1.0.0/16"]}, True),
        ({"allowed_addresses": ["10.0.0.0/8"]}, {"allowed_addresses": ["11.0.0.0/16"]}, False),
        ({"allowed_addresses": ["10.0.0.0/8"]}, {"allowed_addresses": ["::/0"]}, False),
        ({}, {"allowed_addresses": ["10.0.0.0/8"]}, True),
    ],
)
def test_a_key_covers_what_may_no_more(
    mine: dict[str, Any], other: dict[str, Any], covered: bool
) -> None:
    assert covers(own(**mine), Restrictions(**other)) is covered


def make(body: dict[str, Any], key: str | None = None) -> Any:
    """Make a key as an operator, or with a merchant's key."""
    path = "/account/api-keys" if key else "/api-keys"
    headers = {"x-api-key": key} if key else {"x-admin-key": settings.ADMIN_API_KEY}
    return Client().post(path, body, content_type="application/json", headers=headers)


@pytest.mark.parametrize("by", ["an operator", "a merchant"])
class TestNewKey:
    def key(self, by: str) -> str | None:
        return api_key()[1] if by == "a merchant" else None

    def test_is_made_with_what_is_asked_for_and_keeps_it_when_rotated(self, by: str) -> None:
        until = timezone.now() + HOUR
        key = self.key(by)

        made = make(
            {
                "description": "report",
                "scopes": ["reports", "read", "read"],
                "expires_at": until.isoformat(),
                "allowed_addresses": ["203.0.113.7", "2001:DB8::/32"],
                "format": "prefixed",
            },
            key,
        ).json()

        assert made["scopes"] == ["read", "reports"]
        assert datetime.fromisoformat(made["expires_at"]) == until
        assert made["allowed_addresses"] == ["203.0.113.7/32", "2001:db8::/32"]
        assert made["api_key"].startswith(f"{made['key_prefix']}") is True
        assert made["key_prefix"].startswith("ptk_live_")
        row, again = services.rotate_key(
            key_id=made["id"], caller=Caller(actor="test"), now=timezone.now()
        )
        assert again.startswith("ptk_live_")
        assert (row.scopes, row.allowed_addresses) == (made["scopes"], made["allowed_addresses"])
        old = ApiKey.objects.get(successor=row)
        assert (old.scopes, old.expires_at) == (row.scopes, row.expires_at)
        answer = send(again, "GET", "/reports/discrepancies", REMOTE_ADDR="203.0.113.7")
        assert answer.status_code == 200

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *(("scopes", value) for value in [[], ["all"], "read", None, [1], ["read"] * 5]),
            *(("expires_at", value) for value in ["2026-01-01T00:00:00Z", "soon", 7]),
            *(
                ("allowed_addresses", value)
                for value in [["x"], ["10.0.0.1/8"], "10.0.0.1", [7], ["10.0.0.0/33"], ["1"] * 51]
            ),
            *(("format", value) for value in ["HEX", None, ""]),
        ],
    )
    def test_is_not_made_of_what_is_none(self, by: str, field: str, value: object) -> None:
        key = self.key(by)
        before = ApiKey.objects.count()

        answer = make({"description": "x", field: value}, key)

        assert (answer.status_code, list(answer.json()["details"])) == (400, [field])
        assert ApiKey.objects.count() == before

    def test_is_64_hexadecimal_characters_that_may_do_all_unless_asked(self, by: str) -> None:
        made = make({"description": "x"}, self.key(by)).json()

        assert len(bytes.fromhex(made["api_key"])) == 32
        assert (made["scopes"], made["allowed_addresses"]) == (
            ["read", "write", "refund", "reports"],
            [],
        )
        assert made["expires_at"] is None


class TestManaging:
    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", ""), ("PATCH", "/{}"), ("PUT", "/{}/rotate"), ("DELETE", "/{}")],
    )
    def test_takes_every_scope(self, method: str, path: str) -> None:
        row, key = api_key(scopes=["read", "write", "refund"])
        other, _ = api_key(tenant=row.tenant)

        answer = Client().generic(
            method,
            f"/account/api-keys{path.format(other.pk)}",
            json.dumps({"description": "x"} if method in {"POST", "PATCH"} else {}),
            content_type="application/json",
            headers={"x-api-key": key},
        )

        assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
        assert answer.json()["details"]["required"] == ["reports"]
        other.refresh_from_db()
        assert (other.status, ApiKey.objects.count()) == ("active", 2)

    def test_hands_out_nothing_that_may_more(self) -> None:
        until = timezone.now() + HOUR
        row, key = api_key(expires_at=until, allowed_addresses=["127.0.0.0/8"])
        free, _ = api_key(tenant=row.tenant)

        made = make({"description": "x"}, key).json()
        later = make({"description": "x", "expires_at": (until + HOUR).isoformat()}, key)
        anywhere = make({"description": "x", "allowed_addresses": ["0.0.0.0/0"]}, key)
        rotated = send(key, "PUT", f"/account/api-keys/{free.pk}/rotate")

        assert datetime.fromisoformat(made["expires_at"]) == until
        assert made["allowed_addresses"] == ["127.0.0.0/8"]
        for refused in (later, anywhere, rotated):
            assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")
        assert send(key, "PUT", f"/account/api-keys/{row.pk}/rotate").status_code == 200
