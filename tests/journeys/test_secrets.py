"""No secret is readable in the database, in Valkey, in the logs, in a page or an export."""

import json
import os
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
from django.conf import settings
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone

from gateways.accounts import credentials
from paytrust.localstack.ports import free_port
from tests.conftest import Merchant, Sandbox
from tests.paytrust.localstack.test_stack import starter

INVOICE = {
    "gateway_id": 1,
    "currency_code": "MYR",
    "line_items": [
        {"product_name": "Phone", "quantity": 2, "unit_price": "999.99", "tax_rate": "0.06"}
    ],
}
OUR_SECRETS = ("SECRET_KEY", "ADMIN_API_KEY", "API_KEY_PEPPER")
TENANTS = {"server_key": "Mid-server-OFTHETENANT", "client_key": "Mid-client-OFTHETENANT"}


def play(merchant: Merchant, sandbox: Sandbox) -> dict[str, Any]:
    """Use each secret: in headers, in notifications, at the gateways."""
    credentials.store(
        gateway_code="midtrans",
        tenant_id=merchant.tenant.pk,
        credentials=TENANTS,
        now=timezone.now(),
    )
    invoice = merchant.post("/invoices", json=INVOICE).json()
    sandbox.pay(invoice["payment_url"])
    requests.get(
        f"{merchant.url}/api-keys", headers={"X-Admin-Key": settings.ADMIN_API_KEY}, timeout=5
    )
    requests.post(
        f"{merchant.url}/webhooks/xendit",
        json={"id": "unknown", "status": "PAID"},
        headers={"x-callback-token": settings.GATEWAY_CONNECTIONS["xendit"]["callback_token"]},
        timeout=5,
    )
    return merchant.wait_for(invoice["id"], status="fully_paid")


def secrets(merchant: Merchant) -> list[str]:
    own = [getattr(settings, name) for name in OUR_SECRETS]
    gateways = [
        settings.GATEWAY_CONNECTIONS["xendit"]["secret_key"],
        settings.GATEWAY_CONNECTIONS["xendit"]["callback_token"],
    ]
    gateways += [settings.GATEWAY_CONNECTIONS["midtrans"]["server_key"], *TENANTS.values()]
    return [merchant.key, *own, *settings.CREDENTIAL_KEYS, *gateways]


def spellings(secret: str) -> set[str]:
    """Return how a secret may be written: plain, as bytes in a dump, as a user of Basic auth."""
    basic = b64encode(f"{secret}:".encode()).decode()
    return {secret, secret.encode().hex(), basic, b64encode(secret.encode()).decode()}


def shown_in(text: str, hidden: list[str]) -> list[str]:
    return [secret for secret in hidden if any(one in text for one in spellings(secret))]


def dump() -> str:
    """Return every row of every table as text; bytes are in hex."""
    texts = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{table}" t')  # noqa: S608  # a table
            texts += [text for (text,) in cursor.fetchall()]
    return "\n".join(texts)


def valkey() -> str:
    """Return every name and value that is kept there."""
    kept = []
    with redis.Redis.from_url(settings.REDIS_URL) as server:
        for name in server.scan_iter("*"):
            kept += [name, server.dump(name) or b""]
    return b"\n".join(kept).decode("latin-1")


def admin_pages() -> dict[str, str]:
    """Return each page of the back office: those without a row, and each model's first rows."""
    client = Client()
    client.force_login(User.objects.create_superuser("secrets-test"))
    paths = [reverse(f"admin:{name}") for name in _names_without_arguments()]
    for model, pages in site._registry.items():
        names = (model._meta.app_label, model._meta.model_name)
        rows = pages.get_queryset(_request(client)).order_by("pk")[:3]
        for row in rows:
            paths += [reverse("admin:{}_{}_change".format(*names), args=[row.pk])]
    shown = {}
    for path in paths:
        answer = client.get(path)
        if answer.status_code == 200 and not answer.streaming:
            shown[path] = answer.text
    return shown


def _request(client: Client) -> Any:
    return client.get(reverse("admin:index")).wsgi_request


def _names_without_arguments() -> list[str]:
    found = []

    def walk(patterns: list[URLPattern | URLResolver]) -> None:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns)
            elif pattern.name and not pattern.pattern.regex.groups and pattern.name != "logout":
                found.append(pattern.name)

    walk(site.get_urls())
    return sorted(set(found))


class TestAJourney:
    def test_leaves_no_secret_in_a_row_a_page_or_a_log(
        self, merchant: Merchant, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
    ) -> None:
        paid = play(merchant, sandbox)  # here, so that its log is caught
        try:
            pages = admin_pages()
            found = {"database": dump(), "valkey": valkey(), "admin": "\n".join(pages.values())}
        finally:
            User.objects.filter(username="secrets-test").delete()
        written = capfd.readouterr()
        found["log"] = written.out + written.err

        # The search would find what is there, in a dump's bytes too, and has seen every page.
        assert merchant.key[:4] in found["database"]
        assert shown_in(found["database"], ["payment_channel"]) == ["payment_channel"]
        assert f'"invoice_id":{paid["id"]}' in found["log"]
        lists = {
            reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            for model in site._registry
        }
        assert lists <= pages.keys()
        hidden = secrets(merchant)
        shown = {place: shown_in(text, hidden) for place, text in found.items()}
        assert shown == {"database": [], "valkey": [], "admin": [], "log": []}


@pytest.mark.slow
class TestTheDemo:
    def test_leaves_no_secret_in_its_logs(self, tmp_path: Path) -> None:
        environment = os.environ | {
            "PAYTRUST_STATE": str(tmp_path),
            "PORT": str(free_port()),
            "SANDBOX_PORT": str(free_port()),
            "DATABASE_URL": "",
            "REDIS_URL": "",
        }
        try:
            played = starter("demo", environment)
            assert played.returncode == 0, played.stderr
            stack = json.loads((tmp_path / "stack.json").read_text())
        finally:
            starter("down", environment)
        lines = (tmp_path / "stack.env").read_text().splitlines()

        hidden = [stack["api_key"], stack["admin_key"], stack["admin_user"]["password"]]
        hidden += [line.partition("=")[2] for line in lines]
        logs = {log.name: log.read_text() for log in (tmp_path / "logs").glob("*.log")}
        assert "money booked" in logs["worker.log"]
        assert len(hidden) > 8
        shown = {name: shown_in(text, hidden) for name, text in logs.items()}
        assert shown == {name: [] for name in logs}
