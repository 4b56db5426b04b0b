"""A settlement file goes through the back office in a browser, whose script sends it in pieces."""

import io
from pathlib import Path

import pytest
from playwright.sync_api import expect

from payments.models import SettlementImport, SettlementTerms
from payments.settlement import files, services, uploads
from tests.browser.conftest import MIDDLE, NARROW, WIDE, OpenWindow, operator
from tests.invoices.factories import invoice
from tests.payments.refunds.paid import pay
from tests.payments.settlement.test_services import NOW, csv, paid

pytestmark = pytest.mark.usefixtures("sandbox")


def test_a_file_is_sent_looked_at_imported_and_paid_out(window: OpenWindow, tmp_path: Path) -> None:
    payment = paid()
    content = csv(payment, payment).decode()
    unknown = "\nPT-unknown,2026-11-01,Payment,X,5,1,MYR,W-1"
    content += unknown * (2 * files.PIECE_BYTES // len(unknown))
    file = tmp_path / "statement.csv"
    file.write_text(content)
    shown = window(operator())

    shown.open("/admin/payments/settlementimport/")
    shown.page.get_by_text("Upload a settlement file").first.click()
    shown.picture("settlement-upload")
    assert shown.violations() == []
    shown.page.get_by_label("Account").select_option("Xendit, the platform's")
    shown.page.get_by_label("Currency").select_option("MYR")
    shown.page.locator("input[type=file]").set_input_files(file)
    shown.press("Upload")
    expect(shown.page.get_by_text("Look at the preview").first).to_be_visible()
    made = SettlementImport.objects.get()
    assert (made.status, made.size_bytes, made.pieces.count()) == (
        "uploaded",
        len(content),
        3,
    )

    shown.press("Look at the preview")
    expect(shown.page.get_by_text("matched: 1")).to_be_visible()
    shown.picture("settlement-preview")
    assert shown.violations() == []
    shown.press("Import")
    uploads.run(import_id=made.pk, now=NOW)
    shown.open(f"/admin/payments/settlementimport/{made.pk}/change/")
    expect(shown.page.get_by_text("duplicate: 1")).to_be_visible()
    shown.picture("settlement-import")
    shown.open("/admin/payments/settlementline/payouts/")
    expect(shown.page.get_by_role("link", name="W-1")).to_be_visible()
    shown.picture("settlement-payouts")
    assert shown.violations() == []
    shown.resize(MIDDLE)
    shown.picture("settlement-payouts-narrow")


def test_what_gateways_take_is_compared_at_a_desk_and_on_a_phone(window: OpenWindow) -> None:
    term = {"currency": "IDR", "channel": None, "fixed_amount": 500, "basis_points": 70}
    for gateway, fee in ((1, "777"), (2, "1200")):
        SettlementTerms.objects.create(
            gateway_id=gateway, fees=[term | {"vat_basis_points": 1_100}], updated_at=NOW
        )
        made = invoice(gateway_id=gateway, currency_code="IDR", totals=(100_000,))
        payment = pay(made, method="QRIS", channel="qris")
        text = (
            "Order ID,Date & Time,Transaction Type,Amount,Fee\n"
            f"{payment.payment_request.reference},2026-11-01,Payment,100000,{fee}"
        )
        upload = services.Upload(
            gateway=payment.gateway,
            account=None,
            file=io.BytesIO(text.encode()),
            file_name="statement.csv",
            currency="IDR",
        )
        services.import_file(upload=upload, now=NOW)
    shown = window(operator())

    for size in (WIDE, NARROW):
        shown.resize(size)
        shown.open("/admin/costs/")
        expect(shown.page.get_by_role("row", name="Xendit cheapest")).to_be_visible()
        expect(shown.page.get_by_role("img", name="Taken of QRIS in IDR")).to_be_visible()
        shown.picture(f"costs-{size[0]}")
        assert shown.violations() == []
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= size[0]
