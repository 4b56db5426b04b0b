"""A tenant with its own account at a gateway: only that account takes and proves its payments."""

from dataclasses import dataclass
from typing import Any

import pytest
import requests
from django.conf import settings
from django.utils import timezone

from gateways import registry
from gateways.accounts import credentials
from invoices.models import PaymentRequest, Transaction
from payments.changes import closing
from payments.models import WebhookEvent
from payments.reconciliation import asking
from tests.conftest import Merchant, Sandbox

INVOICE = {
    "gateway_id": 1,
    "currency_code": "MYR",
    "line_items": [{"product_name": "Tea", "quantity": 1, "unit_price": "12.50", "tax_rate": "0"}],
}
PLATFORMS = {
    name: settings.GATEWAY_CONNECTIONS["xendit"][name] for name in ("secret_key", "callback_token")
}
OWN = {"secret_key": "xnd_development_OWN", "callback_token": "TOKEN-OF-THEIR-OWN"}
NEXT = {"secret_key": "xnd_development_NEXT", "callback_token": "TOKEN-OF-THEIR-NEXT"}


@dataclass
class Xendit:
    """The simulated gateway, which takes the key of one account at a time and no other."""

    sandbox: Sandbox

    def is_account(self, account: dict[str, str]) -> None:
        requests.post(
            f"{self.sandbox.url}/control/config", json={"xendit": account}, timeout=5
        ).raise_for_status()


@pytest.fixture
def xendit(sandbox: Sandbox) -> Any:
    xendit = Xendit(sandbox)
    yield xendit
    xendit.is_account(PLATFORMS)


def give_account(merchant: Merchant, account: dict[str, str], *, another: bool = False) -> int:
    keep = credentials.replace if another else credentials.store
    kept = keep(
        gateway_code="xendit",
        tenant_id=merchant.tenant.pk,
        credentials=account,
        now=timezone.now(),
    )
    registry.reset_adapters()
    return kept.pk


def opened(merchant: Merchant) -> tuple[dict[str, Any], PaymentRequest]:
    answer = merchant.post("/invoices", json=INVOICE)
    assert answer.status_code == 201, answer.text
    invoice = answer.json()
    return invoice, PaymentRequest.objects.get(invoice_id=invoice["id"])


def tell(merchant: Merchant, payment: PaymentRequest, token: str, **fields: object) -> int:
    """Say, as the holder of a token, that a payment was paid; return the answer's status."""
    message = {
        "id": payment.gateway_payment_id,
        "external_id": payment.reference,
        "status": "PAID",
        "amount": 12.5,
        "paid_amount": 12.5,
        "currency": "MYR",
        "updated": "2026-11-22T09:00:00.000Z",
        "paid_at": "2026-11-22T09:00:00.000Z",
        "payment_method": "BANK_TRANSFER",
    }
    return requests.post(
        f"{merchant.url}/webhooks/xendit",
        json=message | fields,
        headers={"x-callback-token": token},
        timeout=10,
    ).status_code


class TestOwnAccount:
    def test_is_opened_notified_and_confirmed_with_its_own_credentials(
        self, merchant: Merchant, xendit: Xendit
    ) -> None:
        account_id = give_account(merchant, OWN)
        xendit.is_account(OWN)

        invoice, payment = opened(merchant)
        xendit.sandbox.pay(invoice["payment_url"])

        merchant.wait_for(invoice["id"], status="fully_paid")
        assert payment.account_id == account_id
        event = WebhookEvent.objects.get()
        assert (event.account_id, event.tenant_id) == (account_id, merchant.tenant.pk)
        assert event.outcome == "booked"

    def test_leaves_other_tenants_with_the_platforms(
        self, merchant: Merchant, stranger: Merchant, xendit: Xendit
    ) -> None:
        give_account(merchant, OWN)

        invoice, payment = opened(stranger)  # the gateway takes the platform's key alone
        xendit.sandbox.pay(invoice["payment_url"])

        stranger.wait_for(invoice["id"], status="fully_paid")
        assert payment.account_id is None
        assert merchant.post("/invoices", json=INVOICE).status_code == 422

    def test_is_asked_and_closed_with_the_credentials_that_opened_it(
        self, merchant: Merchant, xendit: Xendit
    ) -> None:
        first = give_account(merchant, OWN)
        xendit.is_account(OWN)
        paid, lost = opened(merchant)
        other, open_payment = opened(merchant)
        xendit.sandbox.fault("xendit", "webhook_lost", times=9)
        xendit.sandbox.pay(paid["payment_url"])

        second = give_account(merchant, NEXT, another=True)

        now = timezone.now()
        assert asking.check(payment_request_id=lost.pk, now=now) == "booked"
        closing.cancel_invoice(tenant=merchant.tenant, invoice_id=other["id"], now=now)
        open_payment.refresh_from_db()
        assert (open_payment.status, open_payment.account_id) == ("cancelled", first)
        xendit.is_account(NEXT)
        assert opened(merchant)[1].account_id == second


class TestForgery:
    """With CONFIRM_WITH_GATEWAY off, nothing but the proof stands between a token and money."""

    @pytest.fixture(autouse=True)
    def _unconfirmed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "CONFIRM_WITH_GATEWAY", False)

    def nothing_has_happened(self) -> bool:
        return not WebhookEvent.objects.exists() and not Transaction.objects.exists()

    def test_by_a_tenants_token_pays_no_invoice_of_another(
        self, merchant: Merchant, stranger: Merchant
    ) -> None:
        _, payment = opened(stranger)
        give_account(merchant, OWN)

        assert tell(merchant, payment, OWN["callback_token"]) == 401
        assert tell(merchant, payment, OWN["callback_token"], external_id="nobody") == 401

        assert self.nothing_has_happened()
        assert tell(stranger, payment, PLATFORMS["callback_token"]) == 200
        assert Transaction.objects.get().tenant_id == stranger.tenant.pk

    def test_by_the_platforms_token_pays_no_invoice_of_an_own_account(
        self, merchant: Merchant, xendit: Xendit
    ) -> None:
        give_account(merchant, OWN)
        xendit.is_account(OWN)
        _, payment = opened(merchant)

        assert tell(merchant, payment, PLATFORMS["callback_token"]) == 401

        assert self.nothing_has_happened()

    def test_by_the_token_of_the_tenants_next_account_pays_nothing_opened_before(
        self, merchant: Merchant, xendit: Xendit
    ) -> None:
        give_account(merchant, OWN)
        xendit.is_account(OWN)
        _, payment = opened(merchant)
        give_account(merchant, NEXT, another=True)

        assert tell(merchant, payment, NEXT["callback_token"]) == 401

        assert self.nothing_has_happened()
        assert tell(merchant, payment, OWN["callback_token"]) == 200
        assert Transaction.objects.get().amount == 1250

    def test_of_a_payment_that_is_not_there_yet_is_not_booked_when_it_is(
        self, merchant: Merchant, stranger: Merchant
    ) -> None:
        give_account(merchant, OWN)
        announced = PaymentRequest(reference="PT-LATER", gateway_payment_id="later")

        assert tell(merchant, announced, OWN["callback_token"]) == 200

        event = WebhookEvent.objects.get()
        assert (event.tenant_id, event.outcome) == (merchant.tenant.pk, "unknown_reference")
        _, payment = opened(stranger)
        PaymentRequest.objects.filter(pk=payment.pk).update(gateway_payment_id="later")
        replayed = requests.post(
            f"{merchant.url}/webhooks/{event.pk}/retry",
            headers={"X-Admin-Key": settings.ADMIN_API_KEY},
            timeout=10,
        )
        assert replayed.status_code < 300, replayed.text
        event.refresh_from_db()
        assert event.outcome == "unknown_reference"
        assert not Transaction.objects.exists()
