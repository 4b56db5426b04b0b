"""A person at the sandbox: each button of each page, by the keyboard alone."""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import NARROW, OpenWindow, Window
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body

BODIES = {"xendit": invoice_body, "midtrans": rupiah_body}
ALSO = {
    "xendit": {"Pay again", "Pay late", "Refund", "Refund that fails", "Settle"},
    "midtrans": {"Approve (challenge)", "Charge back", "Deny (challenge)", "Refund", "Reverse"},
}
GATEWAYS = pytest.mark.parametrize("gateway", BODIES)
# A refusal is what it is for, or the method that was chosen knows no such thing, or there is
# nothing yet that it could change.
REFUSING = {
    *("Fail", "Settle (card)", "Approve (challenge)", "Deny (challenge)", "Reverse", "Charge back"),
    *("Dispute (card, QRIS)", "Dispute under review", "Dispute due soon"),
    *("Dispute won", "Dispute lost"),
    *("Leave the card's check unfinished", "Tell what was charged back"),
}
MOST_STEPS = 3  # pay, settle, refund
REACH = 60  # controls at most, from the top of a page to the last button


def press(page: Page, label: str) -> None:
    """Go from control to control with Tab as far as the button, and press it."""
    for _ in range(REACH):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText?.trim()") == label:
            with page.expect_navigation():
                page.keyboard.press("Enter")
            return
    raise AssertionError(f"Tab does not lead to {label!r}")


def buttons(page: Page) -> list[str]:
    return [text.strip() for text in page.get_by_role("button").all_inner_texts()]


def payment_page(merchant: Merchant, gateway: str) -> str:
    return str(merchant.post("/invoices", json=BODIES[gateway]()).json()["payment_url"])


class TestPaymentPage:
    @GATEWAYS
    def test_is_paid_with_the_keyboard(
        self, window: OpenWindow, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        invoice = merchant.post("/invoices", json=BODIES[gateway]()).json()
        shown = window(size=NARROW)
        shown.page.goto(invoice["payment_url"])

        press(shown.page, "Pay")

        merchant.wait_for(invoice["id"], status="fully_paid")
        assert shown.grave_violations() == []

    @GATEWAYS
    def test_shows_lines_tax_fee_and_order_number_in_full(
        self, window: OpenWindow, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        number = "ORDER-2026-11-28-0000001"
        body = BODIES[gateway](external_id=number)
        body["line_items"][0] |= {"product_name": "Phone case with a lid", "tax_rate": "0.06"}
        page = merchant.post("/invoices", json=body).json()["payment_url"]
        shown = window()

        shown.page.goto(page)

        text = shown.page.locator("main").inner_text()
        for text_of_line in (number, "Phone case with a lid", "Tax", "Service fee", "Total"):
            assert text_of_line in text
        assert "Not told by the lines" not in text
        widths = "(table) => [table.scrollWidth, table.clientWidth]"
        needed, seen = shown.page.locator(".table").evaluate(widths)
        assert needed <= seen

    @pytest.mark.slow
    @GATEWAYS
    def test_bears_out_every_button_and_every_button_after_it(
        self, window: OpenWindow, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        shown = window(size=NARROW)
        pressed: set[str] = set()
        ways: list[list[str]] = [[]]
        for way in ways:  # grows meanwhile
            shown.page.goto(payment_page(merchant, gateway))
            for label in way:
                press(shown.page, label)
                alerts = shown.page.get_by_role("alert").all_inner_texts()
                assert alerts == [] or label in REFUSING, (way, alerts)
            after = buttons(shown.page) if on_the_sandbox(shown, sandbox) else []
            new = [label for label in after if label not in pressed]
            pressed.update(new)
            ways += [[*way, label] for label in new if len(way) < MOST_STEPS]

        shown.complaints.clear()  # the browser notes each refusal's 409
        assert {"Pay", "Pay partially", "Overpay", "Pay twice", "Fail", "Expire"} < pressed
        assert ALSO[gateway] <= pressed


def on_the_sandbox(shown: Window, sandbox: Sandbox) -> bool:
    """Tell whether the last button has not led back to the shop."""
    return shown.page.url.startswith(sandbox.url)


class TestConsole:
    def test_bears_out_every_button(
        self, window: OpenWindow, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        sandbox.pay(payment_page(merchant, "xendit"))
        invoice_id = merchant.get("/invoices").json()["results"][0]["id"]
        shown = window()
        labels = (
            "Set the fault",
            "Advance",
            "Set the limit",
            "Make it happen",
            "Test webhook (Xendit)",
            "Test notification (Midtrans)",
            "Resend",
            "Forget everything",
        )
        shown.page.goto(f"{sandbox.url}/control")
        assert set(buttons(shown.page)) == set(labels)

        for label in labels:
            shown.page.goto(f"{sandbox.url}/control")
            if label == "Make it happen":
                shown.page.fill("#invoice", str(invoice_id))
                shown.page.select_option("#event", "refunded")
            press(shown.page, label)
            assert shown.page.get_by_role("alert").count() == 0

        assert sandbox.charges() == []
        assert shown.grave_violations() == []
