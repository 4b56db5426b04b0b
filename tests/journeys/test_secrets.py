"""No secret lies around."""

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
