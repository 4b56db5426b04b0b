import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from apikeys.models import Tenant
from invoices.models import Installment, Invoice, LineItem, PaymentRequest

pytestmark = pytest.mark.django_db

TOKEN = "kTx0dYv2Qm-S_7uZ1c9bRw3eHnJpLfGa"
PATH = f"/pay/{TOKEN}"
ACCOUNT = {"type": "bank_transfer", "va_number": "812345600000012", "bank": "bca"}
QRIS = {
    "type": "qris",
    "qr_string": "00020101021226TEST-NOT-A-REAL-EMV-STRING6304ABCD",
    "qr_image_url": "https://api.gateway.test/v4/qris/1/qr-code",
}
GOPAY = {
    "type": "gopay",
    "qr_image_url": "https://api.gateway.test/v4/qris/gopay/1/qr-code",
    "deeplink_url": "gojek://gopay/merchanttransfer?tref=1",
}


def payment(**changes: Any) -> PaymentRequest:
    """Return an open payment of 155 400 rupiah that lives an hour, with its invoice."""
    now = timezone.now()
    of_invoice = {
        name.removeprefix("invoice__"): changes.pop(name)
        for name in list(changes)
        if name.startswith("invoice__")
    }
    invoice = Invoice.objects.create(
        **{
            "tenant": Tenant.objects.create(name="Kopi Gayo", created_at=now),
            "gateway_id": 2,
            "content_fingerprint": "0" * 64,
            "status": "pending",
            "currency_code": "IDR",
            "subtotal_amount": 155_400,
            "total_tax_amount": 0,
            "total_service_fee_amount": 0,
            "total_amount": 155_400,
            "fee_percentage": 0,
            "fee_fixed_amount": 0,
            "payment_method": {"type": "bank_transfer", "bank": "bca", "store": None},
            "created_at": now,
            "updated_at": now,
            "expires_at": now + timedelta(hours=1),
        }
        | of_invoice
    )
    LineItem.objects.create(
        invoice=invoice,
        position=1,
        product_name="Kopi Gayo",
        quantity=1,
        unit_price_amount=155_400,
        tax_rate=0,
        subtotal_amount=155_400,
        tax_amount=0,
    )
    installment = Installment.objects.create(
        invoice=invoice,
        number=1,
        due_at=now,
        net_amount=155_400,
        tax_amount=0,
        service_fee_amount=0,
        total_amount=155_400,
    )
    fields = {
        "tenant": invoice.tenant,
        "invoice": invoice,
        "installment": installment,
        "gateway_id": 2,
        "sequence": 1,
        "reference": f"PT-{invoice.pk}-1-1-ABCDEF",
        "amount": 155_400,
        "currency_code": "IDR",
        "status": "open",
        "payment_url": f"https://pay.example.test{PATH}",
        "page_token": TOKEN,
        "instructions": ACCOUNT,
        "created_at": now,
        "expires_at": now + timedelta(hours=1),
    }
    return PaymentRequest.objects.create(**fields | changes)


def text_of(client: Client, path: str = PATH, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


class TestShow:
    def test_tells_who_is_paid_how_much_until_when_and_how(self, client: Client) -> None:
        payment(invoice__external_id="order-77", invoice__description="Two bags of beans")

        page = text_of(client)

        assert '<h1 id="title">Pay Kopi Gayo</h1>' in page
        assert "Rp\N{NO-BREAK SPACE}155,400" in page
        assert "order-77" in page
        assert "Two bags of beans" in page
        assert "BCA virtual account" in page
        assert 'data-copy="812345600000012"' in page
        assert re.search(r'<time datetime="\S+">\d+ \w+ \d{4}, \d\d:\d\d WIB</time>', page)
        assert "m-Transfer &gt; BCA Virtual Account" in page
        assert "Payment handled by Midtrans" in page

    def test_costs_one_query_and_no_cookie(
        self, client: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        payment()

        with django_assert_num_queries(1):
            answer = client.get(PATH)

        assert not answer.cookies

    def test_nobody_else_keeps_or_frames_it_or_learns_its_address(self, client: Client) -> None:
        payment()

        headers = client.get(PATH).headers

        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Robots-Tag"] == "noindex, nofollow, noarchive"
        assert headers["Vary"] == "Accept-Language"
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
            " img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    def test_keeps_to_its_own_policy(self, client: Client) -> None:
        payment(instructions=QRIS)

        page = text_of(client)

        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=\"/static/)", page)
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)

    def test_draws_the_code_itself(self, client: Client) -> None:
        payment(instructions=QRIS)

        page = text_of(client)

        assert 'role="img" aria-label="QR code to pay with"><svg viewBox="0 0' in page
        assert "api.gateway.test" not in page

    def test_shows_the_gateways_picture_where_only_it_knows_the_code(self, client: Client) -> None:
        payment(instructions=GOPAY)

        answer = client.get(PATH)
        page = answer.content.decode()

        assert 'src="https://api.gateway.test/v4/qris/gopay/1/qr-code"' in page
        assert 'href="gojek://gopay/merchanttransfer?tref=1"' in page
        assert (
            " img-src 'self' https://api.gateway.test;"
            in (answer.headers["Content-Security-Policy"])
        )

    def test_draws_a_link_into_an_app_for_phones_to_scan(self, client: Client) -> None:
        link = "https://app.gateway.test/pay?token=1"
        payment(instructions={"type": "shopeepay", "deeplink_url": link})

        page = text_of(client)

        assert f'href="{link}"' in page
        assert "<svg viewBox" in page
        assert "Open ShopeePay" in page

    @pytest.mark.parametrize(
        "link", ["javascript:alert(1)", "JavaScript://%0aalert(1)", "data:text/html,x", "//x", ""]
    )
    def test_a_link_never_runs_anything(self, client: Client, link: str) -> None:
        payment(instructions={"type": "gopay", "deeplink_url": link, "qr_image_url": link})

        page = text_of(client)

        assert "button primary" not in page
        assert "<img" not in page

    def test_what_merchants_write_is_text(self, client: Client) -> None:
        payment(invoice__description="<script>alert(1)</script>{page.merchant}{texts}")

        page = text_of(client)

        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{page.merchant}{texts}" in page

    def test_names_the_shop(self, client: Client) -> None:
        payment(
            instructions={"type": "cstore", "payment_code": "25700000000012"},
            invoice__payment_method={"type": "cstore", "bank": None, "store": "alfamart"},
        )

        assert "Go to any Alfamart shop" in text_of(client)

    def test_works_without_javascript(self, client: Client) -> None:
        payment()

        page = text_of(client)

        assert '<noscript><p><a class="button" href="?lang=en">' in page
        assert '<div id="time-left" hidden>' in page
        assert '<p class="waiting" id="waiting" hidden>' in page

    @pytest.mark.parametrize(
        ("path", "accepted", "language"),
        [
            (PATH, "", "en"),
            (PATH, "en-GB,en;q=0.9,id;q=0.5", "en"),
            (PATH, "id-ID,id;q=0.9,en;q=0.8", "id"),
            (PATH, "in", "id"),
            (PATH, "fr-FR,id;q=0.4", "id"),
            (PATH, "fr", "en"),
            (PATH, ";;q=x", "en"),
            (f"{PATH}?lang=id", "en", "id"),
            (f"{PATH}?lang=en", "id", "en"),
            (f"{PATH}?lang=xx", "id", "id"),
        ],
    )
    def test_speaks_the_customers_language(
        self, client: Client, path: str, accepted: str, language: str
    ) -> None:
        payment()

        page = text_of(client, path, **{"Accept-Language": accepted})

        assert f'<html lang="{language}">' in page
        amount = {"en": "155,400", "id": "155.400"}[language]
        assert f"Rp\N{NO-BREAK SPACE}{amount}" in page

    def test_a_paid_one_leads_back_to_the_shop(self, client: Client) -> None:
        payment(
            status="paid",
            invoice__success_redirect_url="https://shop.example.test/thanks?a=1&b=2",
            invoice__failure_redirect_url="https://shop.example.test/sorry",
        )

        page = text_of(client)

        assert "Payment received" in page
        assert 'href="https://shop.example.test/thanks?a=1&amp;b=2"' in page
        assert ">Back to Kopi Gayo</a>" in page
        assert "sorry" not in page
        assert "812345600000012" not in page
        assert "data-status-path" not in page

    def test_a_paid_one_leads_back_into_the_app(self, client: Client) -> None:
        payment(status="paid", invoice__success_redirect_url="myshop://order/1?a=1&b=2")

        assert 'href="myshop://order/1?a=1&amp;b=2"' in text_of(client)

    @pytest.mark.parametrize(
        ("changes", "title"),
        [
            ({"status": "expired"}, "The time to pay is over"),
            ({"expires_at": timezone.now() - timedelta(seconds=1)}, "The time to pay is over"),
            ({"status": "cancelled"}, "This payment was cancelled"),
            ({"status": "failed"}, "This payment was cancelled"),
            ({"status": "closing"}, "This payment was cancelled"),
        ],
    )
    def test_an_ended_one_shows_nothing_to_pay_with(
        self, client: Client, changes: dict[str, Any], title: str
    ) -> None:
        payment(invoice__failure_redirect_url="https://shop.example.test/sorry", **changes)

        page = text_of(client)

        assert title in page
        assert "812345600000012" not in page
        if changes.get("status"):
            assert 'href="https://shop.example.test/sorry"' in page

    def test_an_ended_one_leads_to_the_one_that_took_its_place(
        self, client: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        old = payment(status="expired")
        now = timezone.now()
        PaymentRequest.objects.create(
            tenant=old.tenant,
            invoice=old.invoice,
            installment=old.installment,
            gateway_id=2,
            sequence=2,
            reference="PT-1-1-2-ABCDEF",
            amount=155_400,
            currency_code="IDR",
            status="open",
            payment_url="https://pay.example.test/pay/newer",
            created_at=now,
            expires_at=now + timedelta(hours=1),
        )

        with django_assert_num_queries(2):
            page = text_of(client)

        assert 'href="https://pay.example.test/pay/newer"' in page

    @pytest.mark.parametrize(
        "token", ["short", TOKEN[:-1] + "b", "é" * 32, "x" * 65, TOKEN.lower(), "%00" * 30]
    )
    def test_an_unknown_token_is_a_friendly_page(self, client: Client, token: str) -> None:
        payment()

        answer = client.get(f"/pay/{token}", headers={"Accept-Language": "id"})

        assert answer.status_code == 404
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow, noarchive"
        assert "Halaman pembayaran ini tidak ada" in answer.content.decode()

    @pytest.mark.parametrize("path", [PATH, f"{PATH}/status"])
    def test_takes_nothing(self, path: str) -> None:
        payment()
        client = Client(enforce_csrf_checks=True)

        assert client.post(path).status_code == 405
        assert client.head(path).status_code == 200


class TestStatus:
    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({}, "pending"),
            ({"status": "paid"}, "paid"),
            ({"status": "expired"}, "expired"),
            ({"status": "cancelled"}, "cancelled"),
            ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expired"),
            (
                {
                    "invoice__status": "fully_paid",
                    "invoice__paid_amount": 155_400,
                    "invoice__paid_at": timezone.now(),
                },
                "paid",
            ),
        ],
    )
    def test_tells_how_it_stands(
        self,
        client: Client,
        django_assert_num_queries: DjangoAssertNumQueries,
        changes: dict[str, Any],
        status: str,
    ) -> None:
        expires_at = payment(**changes).expires_at

        with django_assert_num_queries(1):
            answer = client.get(f"{PATH}/status")

        assert answer.json()["status"] == status
        assert answer.json().keys() == {"status", "expires_at"}
        assert answer.json()["expires_at"].startswith(f"{expires_at:%Y-%m-%dT%H:%M:%S}")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow, noarchive"

    def test_an_unknown_token_is_not_found(self, client: Client) -> None:
        answer = client.get(f"/pay/{TOKEN}/status")

        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


class TestAssets:
    @pytest.mark.parametrize("name", ["pay.css", "pay.js", "icon.svg"])
    def test_are_served_by_us(self, client: Client, name: str) -> None:
        answer = client.get(f"/static/pay/{name}")
        answer.close()

        assert answer.status_code == 200
