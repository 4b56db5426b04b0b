"""Our own payment page, as a customer's browser shows it."""

import pytest
from django.conf import settings
from django.utils import timezone

from invoices.models import Invoice
from payments.booking import settling
from tests.browser.conftest import MIDDLE, NARROW, WIDE, OpenWindow
from tests.conftest import Merchant, Sandbox
from tests.factories import rupiah_body
from tests.payments.reports import report

METHODS = {"qris": {"type": "qris"}, "virtual-account": {"type": "bank_transfer", "bank": "bca"}}


@pytest.fixture(autouse=True)
def _our_pages_are_on_the_live_server(monkeypatch: pytest.MonkeyPatch, live_url: str) -> None:
    monkeypatch.setattr(settings, "PUBLIC_BASE_URL", live_url)


@pytest.mark.parametrize("name", METHODS)
def test_tells_how_to_pay_and_is_clean(merchant: Merchant, window: OpenWindow, name: str) -> None:
    invoice = merchant.post("/invoices", json=rupiah_body(payment_method=METHODS[name])).json()

    for size in (WIDE, NARROW):
        shown = window(size=size)
        shown.page.goto(invoice["payment_url"])
        shown.picture(f"payment-page-{name}-{size[0]}")
        assert shown.reads("Rp\N{NO-BREAK SPACE}160,700")
        assert shown.grave_violations() == []


LONGEST = "Rp\N{NO-BREAK SPACE}9,007,199,254,740,991"


@pytest.mark.parametrize("width", [1440, 820, 390, 320])
@pytest.mark.parametrize("amount", ["Rp\N{NO-BREAK SPACE}14,466,500", LONGEST])
def test_keeps_an_amount_on_one_line(
    merchant: Merchant, window: OpenWindow, width: int, amount: str
) -> None:
    body = rupiah_body(payment_method=METHODS["virtual-account"])
    invoice = merchant.post("/invoices", json=body).json()
    shown = window(size=(width, 900))
    shown.page.goto(invoice["payment_url"])

    fits = shown.page.locator(".amount").evaluate(
        """(element, amount) => {
            element.lastChild.textContent = amount
            element.className = amount.length > 18 ? 'amount longest' : 'amount'
            const lines = new Set(), range = document.createRange()
            range.selectNodeContents(element.lastChild)
            for (const box of range.getClientRects()) lines.add(box.top)
            return lines.size === 1 && element.scrollWidth <= element.clientWidth
        }""",
        amount,
    )
    shown.picture(f"payment-page-amount-{len(amount)}-{width}")

    assert fits


@pytest.mark.parametrize("language", ["en", "id"])
def test_has_the_receipt_once_it_is_paid(
    merchant: Merchant, window: OpenWindow, sandbox: Sandbox, language: str
) -> None:
    invoice = merchant.post("/invoices", json=rupiah_body(payment_method=METHODS["qris"])).json()
    made = Invoice.objects.get(pk=invoice["id"])
    settling.settle(
        payment_request_id=made.payment_requests.get().pk,
        report=report(made.payment_requests.get(), paid=made.total_amount),
        event=None,
        now=timezone.now(),
    )

    for size in (WIDE, MIDDLE, NARROW):
        shown = window(size=size)
        shown.page.goto(f"{invoice['payment_url']}?lang={language}")
        shown.picture(f"payment-page-paid-{language}-{size[0]}")
        link = shown.page.get_by_role("link", name="Bahasa Melayu")
        assert shown.grave_violations() == []
        answer = shown.page.request.get(shown.url + str(link.get_attribute("href")))
        assert answer.headers["content-type"] == "application/pdf"
