"""A settlement file goes through the back office in a browser, whose script sends it in pieces."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from payments.bank import uploads as bank_uploads
from payments.models import (
    BankUpload,
    SettlementControl,
    SettlementImport,
    SettlementReport,
    SettlementTerms,
)
from payments.settlement import files, services, uploads
from paytrust.staff import roles
from tests.browser.conftest import MIDDLE, NARROW, WIDE, OpenWindow, operator
from tests.invoices.factories import invoice
from tests.payments.bank.test_uploads import long_file
from tests.payments.refunds.paid import pay
from tests.payments.settlement.test_services import NOW, csv, paid, take
from tests.staff import member

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


def test_reports_and_control_totals_at_any_width(window: OpenWindow) -> None:
    payment = paid()
    done = take(csv(payment, payment, fee="1.00"))
    SettlementControl.objects.create(
        imported_in=done,
        currency_code="MYR",
        lines_amount=19_800,
        gateway_amount=9_900,
        checked_at=NOW,
    )
    month: dict[str, Any] = {"gateway": payment.gateway, "currency_code": "MYR", "created_at": NOW}
    states: list[dict[str, Any]] = [
        {"status": "done", "imported_in": done, "absent_count": 2},
        {"status": "failed", "problem": "The gateway could not make the report."},
        {"status": "asked", "gateway_report_id": "report_0e0e0e0e-0000-4000", "due_at": NOW},
    ]
    for number, more in enumerate(states):
        start = NOW - timedelta(days=40 * (number + 1))
        SettlementReport.objects.create(
            starts_at=start, ends_at=start + timedelta(days=30), **month, **more
        )
    shown = window(operator())

    for size in (WIDE, MIDDLE, NARROW):
        shown.resize(size)
        shown.open(f"/admin/payments/settlementimport/{done.pk}/change/")
        expect(shown.page.get_by_text("The file sums up to RM 198.00.")).to_be_visible()
        shown.picture(f"settlement-control-{size[0]}")
        assert shown.violations() == []
        shown.open("/admin/payments/settlementreport/")
        expect(shown.page.get_by_text("Asked for", exact=True).first).to_be_visible()
        shown.picture(f"settlement-reports-{size[0]}")
        assert shown.violations() == []
        report = SettlementReport.objects.get(status="failed")
        shown.open(f"/admin/payments/settlementreport/{report.pk}/change/")
        shown.picture(f"settlement-report-{size[0]}")
        assert shown.violations() == []


def test_a_long_bank_statement_is_sent_and_imported(window: OpenWindow, tmp_path: Path) -> None:
    content = long_file()
    file = tmp_path / "bank.xml"
    file.write_bytes(content)
    shown = window(operator())

    for size in (NARROW, MIDDLE, WIDE):
        shown.resize(size)
        shown.open("/admin/payments/bankfile/import/")
        shown.picture(f"bank-import-{size[0]}")
        assert shown.violations() == []
    shown.page.locator("input[type=file]").set_input_files(file)
    shown.press("Import")
    expect(shown.page.get_by_text("Waiting", exact=True)).to_be_visible()
    made = BankUpload.objects.get()
    assert (made.status, made.size_bytes, made.pieces.count()) == ("waiting", len(content), 3)
    shown.picture("bank-upload-waiting")
    assert shown.violations() == []

    bank_uploads.run(upload_id=made.pk, now=NOW)
    for size in (NARROW, MIDDLE, WIDE):
        shown.resize(size)
        shown.open(f"/admin/payments/bankupload/{made.pk}/change/")
        expect(shown.page.get_by_text("Done", exact=True)).to_be_visible()
        shown.picture(f"bank-upload-{size[0]}")
        assert shown.violations() == []
    shown.open("/admin/payments/bankupload/")
    shown.picture("bank-uploads")
    assert shown.violations() == []


def test_terms_are_shown_and_proposed_at_any_width(window: OpenWindow) -> None:
    term = {"currency": "IDR", "fixed_amount": 4_000, "basis_points": 70, "settlement_days": 2}
    fees = [term | {"channel": name, "vat_basis_points": 1_100} for name in ("QRIS", None)]
    row = SettlementTerms.objects.create(gateway_id=1, fees=fees, updated_at=NOW)
    shown = window(member(roles.ADMINISTRATOR))

    for size in (WIDE, MIDDLE, NARROW):
        shown.resize(size)
        for name, address in (("list", ""), ("form", "set/"), ("row", f"{row.pk}/change/")):
            shown.open(f"/admin/payments/settlementterms/{address}")
            shown.picture(f"terms-{name}-{size[0]}")
            assert shown.violations() == []
