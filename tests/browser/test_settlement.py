"""A settlement file goes through the back office in a browser, whose script sends it in pieces."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from payments.models import SettlementImport
from payments.settlement import files, uploads
from tests.browser.conftest import MIDDLE, OpenWindow, operator
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
