"""Nobody gets in where they do not belong, and no secret lies around."""

import json
import re
from typing import Any

import pytest
import requests
from django.conf import settings
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gateways import credentials
from tests.conftest import Merchant

INVOICE = {
    "gateway_id": 1,
    "currency_code": "MYR",
    "line_items": [
        {"product_name": "Phone", "quantity": 2, "unit_price": "999.99", "tax_rate": "0.06"}
    ],
}
OUR_SECRETS = ("SECRET_KEY", "ADMIN_API_KEY", "API_KEY_PEPPER")


@pytest.fixture
def paid(merchant: Merchant, sandbox: Any) -> dict[str, Any]:
    credentials.store(
        gateway_code="midtrans",
        tenant_id=merchant.tenant.pk,
        credentials={"server_key": "Mid-server-OFTHETENANT", "client_key": "Mid-client-X"},
        now=timezone.now(),
    )
    invoice = merchant.post("/invoices", json=INVOICE).json()
    sandbox.pay(invoice["payment_url"])
    return merchant.wait_for(invoice["id"], status="fully_paid")


def secrets(merchant: Merchant) -> list[str]:
    own = [getattr(settings, name) for name in OUR_SECRETS]
    gateways = [settings.XENDIT["secret_key"], settings.XENDIT["callback_token"]]
    gateways += [settings.MIDTRANS["server_key"], "Mid-server-OFTHETENANT"]
    return [merchant.key, *own, *settings.CREDENTIAL_KEYS, *gateways]


def dump() -> str:
    """Return every row of every table as text."""
    texts = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{table}" t')  # noqa: S608  # a table
            texts += [text for (text,) in cursor.fetchall()]
    return "\n".join(texts)


def admin_pages() -> list[str]:
    """Return the list and one row's page of each model in the admin."""
    client = Client()
    client.force_login(User.objects.create_superuser("secrets-test"))
    pages = []
    for model in site._registry:
        names = (model._meta.app_label, model._meta.model_name)
        pages.append(client.get(reverse("admin:{}_{}_changelist".format(*names))).text)
        for row in model._default_manager.all()[:3]:
            change = reverse("admin:{}_{}_change".format(*names), args=[row.pk])
            pages.append(client.get(change).text)
    return pages


class TestSecrets:
    def test_lie_in_no_row_page_or_log(
        self, merchant: Merchant, paid: dict[str, Any], capfd: pytest.CaptureFixture[str]
    ) -> None:
        requests.get(
            f"{merchant.url}/api-keys", headers={"X-Admin-Key": settings.ADMIN_API_KEY}, timeout=5
        )
        try:
            found = {"database": dump(), "admin": "\n".join(admin_pages())}
        finally:
            User.objects.filter(username="secrets-test").delete()
        written = capfd.readouterr()
        found["log"] = written.out + written.err

        assert merchant.key[:4] in found["database"]  # the search would find what is there
        shown = {
            place: [secret for secret in secrets(merchant) if secret in text]
            for place, text in found.items()
        }
        assert shown == {"database": [], "admin": [], "log": []}


def document(url: str) -> dict[str, Any]:
    body: dict[str, Any] = requests.get(f"{url}/openapi.json", timeout=20).json()
    return body


def is_merchants(operation: dict[str, Any]) -> bool:
    return any("ApiKey" in requirement for requirement in operation.get("security", []))


class TestTheWallBetweenTenants:
    def test_answers_anothers_id_like_one_that_does_not_exist(
        self, merchant: Merchant, stranger: Merchant, paid: dict[str, Any]
    ) -> None:
        walked, leaks = 0, []
        for path, methods in document(merchant.url)["paths"].items():
            if not re.search(r"\{[^}]*id\}", path):
                continue
            for method, operation in methods.items():
                if not is_merchants(operation):
                    continue
                answers = [
                    stranger.send(method.upper(), re.sub(r"\{[^}]+\}", str(number), path), json={})
                    if method != "get"
                    else stranger.get(re.sub(r"\{[^}]+\}", str(number), path))
                    for number in (paid["id"], 999_999_999)
                ]
                walked += 1
                bodies = [told(answer) for answer in answers]
                if bodies[0] != bodies[1] or answers[0].status_code < 400:
                    leaks.append((method, path, bodies))
        assert leaks == []
        assert walked >= 8

        assert merchant.get(f"/invoices/{paid['id']}").json() == paid

    def test_lists_nothing_of_another(self, stranger: Merchant, paid: dict[str, Any]) -> None:
        assert stranger.get("/invoices").json()["results"] == []


def told(answer: requests.Response) -> tuple[int, object]:
    """Return what an answer says, but for what differs from request to request."""
    body = json.loads(answer.text)
    return answer.status_code, {name: body.get(name) for name in ("error", "message", "details")}
