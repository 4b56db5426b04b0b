"""A day of finance staff, in a browser."""

import re
from typing import Any, Literal

import pytest
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import expect

from invoices.models import Invoice, PaymentRequest, Transaction
from payments.models import Proposal, WebhookEvent
from paytrust.staff import roles
from tests.browser.conftest import (
    MIDDLE,
    NARROW,
    WIDE,
    ZOOMED,
    OpenWindow,
    Window,
    operator,
)
from tests.browser.scenes import a_busy_day, failed_payment, pay
from tests.conftest import Sandbox
from tests.payments.changes.test_proposals import open_invoice, propose, totals_of
from tests.staff import member, shown_now

pytestmark = pytest.mark.usefixtures("sandbox")
PASS_PHRASE = "kopi gayo tanpa gula"


def sign_in(shown: Window, name: str, code: str) -> None:
    shown.open("/admin/")
    shown.page.get_by_label("Username").fill(name)
    shown.page.get_by_label("Password").fill(PASS_PHRASE)
    shown.page.get_by_label("Code").fill(code)
    shown.page.keyboard.press("Enter")


class TestSigningIn:
    def test_takes_a_password_and_a_code(self, window: OpenWindow, settings: Any) -> None:
        settings.SECOND_FACTOR_REQUIRED = True
        user = operator()
        user.set_password(PASS_PHRASE)
        user.save()
        device = TOTPDevice.objects.create(user=user, name="phone", confirmed=True)
        shown = window()

        sign_in(shown, user.username, "")
        assert shown.reads("Enter the code that your authenticator shows.")
        assert shown.grave_violations() == []
        shown.picture("sign-in-1440")
        sign_in(shown, user.username, f"{totp(device.bin_key):06d}")

        expect(shown.page).to_have_title(re.compile("Overview"))
        assert shown.reads("Failed notifications")


class TestAnInvoice:
    def test_is_found_by_its_gateways_reference_and_tells_its_history(
        self, window: OpenWindow, sandbox: Sandbox
    ) -> None:
        of = open_invoice()
        pay(of, sandbox)
        request = PaymentRequest.objects.earliest("pk")
        shown = window(operator())

        shown.open("/admin/")
        shown.page.get_by_role("searchbox").first.fill(str(request.gateway_payment_id))
        shown.page.keyboard.press("Enter")

        expect(shown.page).to_have_url(re.compile(f"/invoices/invoice/{of.pk}/change/"))
        assert shown.reads(request.reference)
        history = shown.page.locator(".staff-timeline").inner_text()
        assert "RM\N{NO-BREAK SPACE}60.00" in history
        assert Transaction.objects.get().amount == 6_000


class TestFailedWebhooks:
    def test_are_processed_again(self, window: OpenWindow, sandbox: Sandbox) -> None:
        event = failed_payment(sandbox)
        shown = window(operator(), size=NARROW)

        shown.open("/admin/payments/webhookevent/?status__exact=failed")
        shown.page.locator(f'a[href*="/webhookevent/{event.pk}/change/"]').first.click()
        assert shown.reads("Says that RM\N{NO-BREAK SPACE}60.00 was paid.")
        shown.page.get_by_text("Actions", exact=True).click()
        shown.press("Process again")
        assert shown.grave_violations() == []
        shown.picture("process-again-390")
        shown.press("Process again")

        assert shown.reads("The gateway says it is paid, and the money is booked.")
        assert WebhookEvent.objects.get(pk=event.pk).status == "processed"
        assert Invoice.objects.get().paid_amount == 6_000

    def test_are_ticked_and_ignored_together(self, window: OpenWindow, sandbox: Sandbox) -> None:
        event = failed_payment(sandbox)
        shown = window(operator())

        shown.open("/admin/payments/webhookevent/?status__exact=failed")
        shown.page.locator(f'input.action-select[value="{event.pk}"]').check()
        shown.page.get_by_label("Select action to run").select_option("bulk_ignore")
        assert shown.grave_violations() == []
        shown.picture("ticked-1440")
        shown.resize(NARROW)
        shown.picture("ticked-390")
        shown.resize(WIDE)
        shown.press("Run")
        assert shown.reads("Says that RM\N{NO-BREAK SPACE}60.00 was paid.")
        shown.page.get_by_label("Reason").fill("A test of ours")
        shown.press("Ignore")

        assert shown.reads("Proposed to another person: 1.")
        assert Proposal.objects.get().event_id == event.pk


class TestSavedFilters:
    def test_are_kept_used_and_removed(self, window: OpenWindow) -> None:
        open_invoice()
        shown = window(operator())
        shown.open("/admin/invoices/invoice/?currency_code=MYR")

        shown.page.get_by_text("Save this filter").click()
        shown.page.get_by_label("Name of the filter").fill("Ringgit")
        shown.press("Save")
        assert shown.reads("The filter is kept.")
        shown.open("/admin/invoices/invoice/")
        shown.picture("saved-1440")
        shown.press("Ringgit")
        expect(shown.page).to_have_url(re.compile("currency_code=MYR"))
        assert shown.violations() == []
        shown.resize(NARROW)
        shown.picture("saved-390")
        shown.press("Remove the saved filter Ringgit")

        assert shown.reads("The filter is removed.")


class TestMakerChecker:
    def test_needs_two(self, window: OpenWindow) -> None:
        of = open_invoice()
        maker, checker = window(operator()), window(operator())

        maker.open(f"/admin/invoices/invoice/{of.pk}/change/")
        maker.press("Propose an adjustment")
        maker.page.get_by_label("New total of instalment 1").fill("70")
        maker.page.get_by_label("Reason").fill("Asked for by phone")
        maker.picture("propose-1440")
        maker.press("Propose")
        assert maker.reads("Proposed. Another person must approve it.")
        proposal = Proposal.objects.get()
        maker.open(f"/admin/payments/proposal/{proposal.pk}/change/")
        assert maker.page.get_by_role("link", name="Approve").count() == 0
        assert maker.page.get_by_role("link", name="Take back").count() == 1
        maker.picture("own-proposal-1440")
        assert totals_of(of) == [6_000, 4_000]

        checker.open("/admin/payments/proposal/?status__exact=open")
        checker.page.locator(f'a[href*="/proposal/{proposal.pk}/change/"]').first.click()
        checker.press("Approve")
        assert checker.reads(
            "Instalment 1: RM\N{NO-BREAK SPACE}60.00 becomes RM\N{NO-BREAK SPACE}70.00."
        )
        checker.picture("approve-1440")
        checker.press("Approve")

        assert checker.reads("Approved, and the change is made.")
        assert totals_of(of) == [7_000, 3_000]


class TestExport:
    def test_takes_the_filtered_list_away(self, window: OpenWindow) -> None:
        of = open_invoice()
        Invoice.objects.filter(pk=of.pk).update(review_flags=["late"])
        shown = window(operator())

        shown.open("/admin/reporting/discrepancy/?kind=late")
        with shown.page.expect_download() as download:
            shown.page.get_by_role("link", name="CSV").click()

        text = download.value.path().read_text(encoding="utf-8-sig")
        assert f"{of.pk},Late,{of.tenant.name},Xendit,100.00,0.00,-100.00,MYR" in text


class TestNarrowing:
    def test_to_a_month_of_a_merchant_takes_two_clicks(
        self, window: OpenWindow, sandbox: Sandbox
    ) -> None:
        for _ in range(2):
            pay(open_invoice(), sandbox)
        request = PaymentRequest.objects.latest("pk")
        shown = window(operator())
        shown.open("/admin/invoices/transaction/")

        shown.press(request.tenant.name)
        shown.press(f"{shown_now():%B %Y}")

        rows = shown.page.locator("#result_list tbody tr")
        expect(rows).to_have_count(1)
        assert shown.page.locator(".staff-chips li").count() == 2
        assert shown.grave_violations() == []
        shown.picture("narrowed-1440")
        shown.resize(NARROW)
        shown.picture("narrowed-390")
        shown.page.locator(".staff-chips a").first.click()
        expect(rows).to_have_count(2)


class TestLanguage:
    def test_is_switched_in_the_header(self, window: OpenWindow) -> None:
        shown = window(operator())
        shown.open("/admin/")

        shown.page.locator("header").get_by_label("Language").select_option("id")

        expect(shown.page.locator("html")).to_have_attribute("lang", "id")

    def test_is_switched_in_the_menu_of_a_phone(self, window: OpenWindow) -> None:
        user = operator()
        shown = window(user, size=NARROW)
        shown.open("/admin/")
        expect(shown.page.locator("header").get_by_label("Language")).to_be_hidden()

        shown.press("Menu")
        shown.page.get_by_role("button", name=user.username).click()
        shown.picture("menu-of-oneself-390")
        assert shown.violations() == []
        shown.page.locator("#nav-sidebar").get_by_label("Language").select_option("ms")

        expect(shown.page.locator("html")).to_have_attribute("lang", "ms")

    @pytest.mark.parametrize("language", ["en", "id", "ms"])
    def test_of_the_sign_in_page_is_within_a_phone(self, window: OpenWindow, language: str) -> None:
        shown = window(size=NARROW)
        shown.open("/admin/login/")
        shown.page.locator("select[name=language]").select_option(language)
        expect(shown.page.locator("html")).to_have_attribute("lang", language)

        shown.picture(f"sign-in-{language}-390")

        for control in shown.page.locator(".staff-signed-out :is(select, button)").all():
            expect(control).to_be_in_viewport(ratio=1)
        assert shown.violations() == []


class TestFinanceViewer:
    def test_sees_and_does_nothing(self, window: OpenWindow) -> None:
        of = open_invoice()
        propose(of)
        shown = window(member(roles.VIEWER))

        shown.open(f"/admin/invoices/invoice/{of.pk}/change/")
        assert shown.page.get_by_role("link", name="Propose an adjustment").count() == 0
        shown.open(f"/admin/payments/proposal/{Proposal.objects.get().pk}/change/")
        assert shown.page.get_by_role("link", name="Approve").count() == 0
        shown.open("/admin/apikeys/tenant/")
        assert shown.page.get_by_role("link", name="New tenant").count() == 0


class TestKeyboard:
    @pytest.mark.parametrize("size", [NARROW, ZOOMED])
    def test_opens_the_menu_and_leaves_it(self, window: OpenWindow, size: tuple[int, int]) -> None:
        shown = window(operator(), size=size)
        shown.open("/admin/")
        keyboard = shown.page.keyboard

        keyboard.press("Tab")
        assert shown.focused() == "Skip the menu"
        keyboard.press("Tab")
        assert shown.focused() == "Menu"
        keyboard.press("Enter")
        expect(shown.page.get_by_role("button", name="Close the menu")).to_be_focused()
        shown.picture(f"menu-{size[0]}")
        keyboard.press("Escape")
        expect(shown.page.locator("#staff-menu-open")).to_be_focused()
        keyboard.press("Enter")
        for _ in range(12):
            keyboard.press("Tab")
            if shown.focused().endswith("Transactions"):
                break
        keyboard.press("Enter")

        expect(shown.page).to_have_url(re.compile("/admin/invoices/transaction/"))
        expect(shown.page.locator("h1")).to_have_text("Transactions")
        expect(shown.page.locator("h1")).to_be_visible()

    def test_goes_past_the_menu(self, window: OpenWindow) -> None:
        shown = window(operator())
        shown.open("/admin/invoices/invoice/")

        shown.page.keyboard.press("Tab")
        shown.page.keyboard.press("Enter")

        expect(shown.page.get_by_role("main")).to_be_focused()

    def test_finds_from_every_page(self, window: OpenWindow) -> None:
        of = open_invoice()
        shown = window(operator())
        shown.open("/admin/payments/refund/")
        keyboard = shown.page.keyboard

        keyboard.press("Control+k")
        expect(shown.page.locator("#staff-find")).to_be_visible()
        assert shown.violations() == []
        shown.picture("find-1440")
        keyboard.press("Escape")
        expect(shown.page.locator("#staff-find")).to_be_hidden()
        keyboard.press("Control+k")
        keyboard.type(str(of.pk))
        keyboard.press("Enter")

        expect(shown.page).to_have_url(re.compile(f"/invoices/invoice/{of.pk}/change/"))

    def test_opens_the_filters(self, window: OpenWindow) -> None:
        shown = window(operator(), size=NARROW)
        shown.open("/admin/invoices/transaction/")

        shown.page.get_by_role("button", name="Filters").focus()
        shown.page.keyboard.press("Enter")

        expect(shown.page.locator("#changelist-filter :focus")).to_have_count(1)
        shown.picture("filters-390")

    def test_finds_proposes_and_approves(self, window: OpenWindow, sandbox: Sandbox) -> None:
        of = open_invoice()
        pay(of, sandbox)
        maker, checker = window(operator()), window(operator(), size=NARROW)

        maker.open("/admin/")
        maker.page.get_by_role("searchbox").first.focus()
        maker.page.keyboard.type(str(of.pk))
        maker.page.keyboard.press("Enter")
        expect(maker.page).to_have_url(re.compile(f"/invoices/invoice/{of.pk}/change/"))
        maker.by_keyboard("Propose a refund")
        maker.page.get_by_label("Amount").focus()
        maker.page.keyboard.type("20.00")
        maker.page.get_by_label("Reason").focus()
        maker.page.keyboard.type("Asked for by phone")
        maker.by_keyboard("Propose")
        assert maker.reads("Proposed. Another person must approve it.")

        checker.open(f"/admin/payments/proposal/{Proposal.objects.get().pk}/approve/")
        assert checker.reads("RM 20.00 goes back through the gateway.")
        checker.by_keyboard("Approve")
        assert checker.reads("Approved, and the change is made.")


class TestLooks:
    @pytest.mark.parametrize(
        ("scheme", "sizes"),
        [
            ("light", (NARROW, MIDDLE, WIDE)),
            ("dark", (NARROW,)),  # its colours are the same at any width
            pytest.param("dark", (MIDDLE, WIDE), marks=pytest.mark.slow),
        ],
    )
    def test_every_page_is_clean(
        self,
        window: OpenWindow,
        sandbox: Sandbox,
        scheme: Literal["light", "dark"],
        sizes: tuple[Any, ...],
    ) -> None:
        shown = window(a_busy_day(sandbox), size=NARROW)
        shown.page.emulate_media(color_scheme=scheme)
        violations = {}

        for name, path in pages().items():
            shown.open(path)
            for size in sizes:
                shown.resize(size)
                shown.picture(f"{name}-{scheme}-{size[0]}")
                found = shown.violations() if name not in ALIKE else []
                wider = shown.page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                if wider > 0:
                    found.append(f"{wider} px wider than the window")
                if size != WIDE:
                    found += shown.page.evaluate(TOO_WIDE)
                if found:
                    violations[f"{name} at {size[0]} px"] = found

        assert violations == {}

    @pytest.mark.parametrize("language", ["en", "id", "ms"])
    def test_a_list_of_many_columns_fits_a_desk(
        self, window: OpenWindow, sandbox: Sandbox, language: str
    ) -> None:
        shown = window(a_busy_day(sandbox))
        shown.open("/admin/payments/settlementline/")
        shown.page.locator("header").locator("select[name=language]").select_option(language)
        expect(shown.page.locator("html")).to_have_attribute("lang", language)

        wider = shown.page.locator(".simplebar-content-wrapper:has(#result_list)").evaluate(
            "box => box.scrollWidth - box.clientWidth"
        )

        assert wider <= 0


# A table of a card that scrolls sideways, a name of a page that is cut, a label of a row that
# begins each word with a capital, or its first with a small letter.
TOO_WIDE = """async () => {
    await document.fonts.ready
    await new Promise(requestAnimationFrame)  // after the event of the window's new size
    const found = []
    const said = (what, element) => found.push(`${what}: ${element.innerText.slice(0, 40)}`)
    for (const box of document.querySelectorAll('.staff-scroll'))
        if (box.scrollWidth > box.clientWidth) said('scrolls sideways', box)
    for (const name of document.querySelectorAll('.staff-title'))
        if (name.scrollHeight > name.clientHeight + 1) said('is cut', name)
    for (const cell of document.querySelectorAll('[data-label]')) {
        const before = getComputedStyle(cell, '::before')
        const first = getComputedStyle(cell, '::first-letter')
        if (before.textTransform === 'capitalize') said('has a label in title case', cell)
        if (cell.closest('#result_list') && !['none', 'normal'].includes(before.content)
            && /^[a-z]/.test(cell.dataset.label) && first.textTransform !== 'uppercase')
            said('has a label in small letters', cell)
    }
    return found
}"""

# They differ from `transaction` in their words alone, which axe need not look at again.
ALIKE = {"instalment", "payment-request", "ledger-entry", "role"}


def pages() -> dict[str, str]:
    invoice = Invoice.objects.order_by("pk").first()
    event = WebhookEvent.objects.get(status="failed")
    proposal = Proposal.objects.get()
    assert invoice is not None
    late = Invoice.objects.get(needs_review=True)
    installment = invoice.installments.get(number=1)
    request = invoice.payment_requests.get(installment=installment)
    transaction = invoice.transactions.get()
    entry = installment.ledger_entries.get()
    return {
        "overview": "/admin/",
        "report": "/admin/report/",
        "costs": "/admin/costs/",
        "found": "/admin/find/?q=RM+100",
        "payouts": "/admin/payments/settlementline/payouts/",
        "notices": "/admin/notices/",
        "merchant": f"/admin/apikeys/tenant/{invoice.tenant_id}/change/",
        "invoices": "/admin/invoices/invoice/",
        "invoice": f"/admin/invoices/invoice/{invoice.pk}/change/",
        "instalment": f"/admin/invoices/installment/{installment.pk}/change/",
        "payment-request": f"/admin/invoices/paymentrequest/{request.pk}/change/",
        "transaction": f"/admin/invoices/transaction/{transaction.pk}/change/",
        "ledger-entry": f"/admin/invoices/ledgerentry/{entry.pk}/change/",
        "failed-webhooks": "/admin/payments/webhookevent/?status__exact=failed",
        "failed-in-groups": "/admin/payments/webhookevent/groups/",
        "ignore-several": f"/admin/payments/webhookevent/bulk/ignore/?ids={event.pk}",
        "note": f"/admin/invoices/invoice/{invoice.pk}/note/",
        "assign": f"/admin/invoices/invoice/{invoice.pk}/assign/",
        "send-link": f"/admin/invoices/invoice/{late.pk}/send-link/",
        "payable-invoice": f"/admin/invoices/invoice/{late.pk}/change/",
        "saved-filters": "/admin/invoices/invoice/?currency_code=MYR",
        "resolved": "/admin/reporting/discrepancy/?state=resolved",
        "failed-webhook": f"/admin/payments/webhookevent/{event.pk}/change/",
        "proposal": f"/admin/payments/proposal/{proposal.pk}/change/",
        "approve": f"/admin/payments/proposal/{proposal.pk}/approve/",
        "discrepancies": "/admin/reporting/discrepancy/",
        "fee": "/admin/gateways/gatewayfee/1/change/",
        "credentials": "/admin/gateways/gatewayaccount/xendit/",
        "acts": "/admin/apikeys/staffact/",
        "role": "/admin/auth/group/1/change/",
        "colleague": f"/admin/auth/user/{proposal.proposed_by_id}/change/",
        "reset-sign-in": f"/admin/auth/user/{proposal.proposed_by_id}/reset-sign-in/",
    }
