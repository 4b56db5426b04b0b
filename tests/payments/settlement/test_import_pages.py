"""A file goes through the back office: uploaded, looked at, imported, withdrawn."""

import json

import pytest
from django.test import Client, RequestFactory

from apikeys.models import StaffAct
from payments.models import SettlementImport, SettlementLine, SettlementMismatch, SettlementTerms
from payments.settlement import files, uploads
from paytrust.staff import roles
from reporting.back_office import navigation
from tests.payments.changes.test_back_office import client_of
from tests.payments.settlement.test_services import NOW, csv, paid, take
from tests.payments.webhooks.test_back_office import said
from tests.staff import member

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/settlementimport/"


def upload(client: Client, content: bytes, **changed: object) -> str:
    """Send a file as the page's script does; return the page that it leads to."""
    asked = {"account": "1:", "currency": "MYR", "name": "a.csv", "size": len(content)}
    opened = client.post(
        f"{LIST}upload/begin/", json.dumps(asked | changed), content_type="application/json"
    )
    assert opened.status_code == 201, opened.text
    assert opened.json()["piece_bytes"] == files.PIECE_BYTES
    answer = client.post(
        opened.json()["pieces"] + "0/", content, content_type="application/octet-stream"
    )
    assert answer.status_code == 200, answer.text
    return str(opened.json()["next"])


def act(page: str, name: str) -> str:
    return f"{LIST}{page.split('/')[-3]}/{name}/"


class TestUploading:
    def test_goes_from_the_preview_to_the_import_and_back(self) -> None:
        client, payment = client_of(), paid()
        page = upload(client, csv(payment, payment))

        preview = client.get(act(page, "start")).text
        assert "duplicate: 1" in preview
        assert payment.payment_request.reference in preview
        assert not SettlementLine.objects.exists()

        assert said(client, act(page, "start")) == [
            "A worker imports the file now. This page shows how far it is."
        ]
        [import_id] = uploads.claim_due(now=NOW.replace(year=2100))
        assert "data-reload" in client.get(page).text
        uploads.run(import_id=import_id, now=NOW)
        assert SettlementMismatch.objects.get(ended_at=None).state == "duplicate"
        assert "data-reload" not in client.get(page).text

        assert said(client, act(page, "withdraw"), reason="wrong month") == [
            "The import was withdrawn."
        ]
        assert not SettlementMismatch.objects.filter(ended_at=None).exists()
        assert client.get(act(page, "withdraw")).status_code == 200
        assert list(StaffAct.objects.order_by("pk").values_list("act", "outcome")) == [
            ("settlement_uploaded", "done"),
            ("settlement_imported", "done"),
            ("settlement_withdrawn", "done"),
        ]

    def test_says_which_columns_are_missing_and_keeps_their_names(self) -> None:
        client, payment = client_of(), paid()
        content = csv(payment).replace(b"Amount", b"Jumlah")
        page = upload(client, content)

        refused = client.get(act(page, "start")).text
        assert "gross (Amount or Gross Amount" in refused
        assert said(client, act(page, "columns"), gross="Jumlah, Total") == [
            "Kept. Every file of this account is read so from now on."
        ]

        assert SettlementTerms.objects.get().columns == {"gross": ["Jumlah", "Total"]}
        assert "matched: 1" in client.get(act(page, "start")).text

    @pytest.mark.parametrize(
        "changed",
        [{"account": "9:"}, {"account": "x"}, {"currency": "EUR"}, {"size": 0}, {"size": "x"}],
    )
    def test_refuses_what_is_no_upload(self, changed: dict[str, object]) -> None:
        asked = {"account": "1:", "currency": "MYR", "name": "a.csv", "size": 5} | changed

        answer = client_of().post(
            f"{LIST}upload/begin/", json.dumps(asked), content_type="application/json"
        )

        assert answer.status_code == 400
        assert not SettlementImport.objects.exists()

    def test_is_for_operators(self) -> None:
        client = client_of(member(roles.VIEWER))
        made = take(csv(paid()))

        for address in (f"{LIST}upload/begin/", f"{LIST}{made.pk}/pieces/0/"):
            answer = client.post(address, b"{}", content_type="application/json")
            assert answer.status_code == 403, address
        assert client.get(LIST).status_code == 200
        assert client.get(act(f"{LIST}{made.pk}/change/", "withdraw")).status_code == 403


class TestTheOtherPages:
    def test_show_payouts_lines_and_what_a_payment_brought(self) -> None:
        client, payment = client_of(), paid()
        take(csv(payment, payment, payout="W-77"))

        payouts = client.get("/admin/payments/settlementline/payouts/").text
        lines = client.get("/admin/payments/settlementline/?q=W-77").text
        own = client.get(f"/admin/invoices/transaction/{payment.pk}/change/").text

        assert "W-77" in payouts
        assert lines.count("W-77") >= 2
        assert "W-77" in own

    def test_only_the_page_itself_is_marked_in_the_menu(self) -> None:
        request = RequestFactory().get("/admin/payments/settlementline/payouts/")
        request.user = member(roles.OPERATOR)

        marked = [
            item["link"]
            for section in navigation.sections(request)
            for item in section["items"]
            if item["active"]
        ]

        assert marked == ["/admin/payments/settlementline/payouts/"]

    def test_resolve_a_mismatch_once(self) -> None:
        client, payment = client_of(), paid()
        take(csv(payment, payment))
        mismatch = SettlementMismatch.objects.get()
        address = f"/admin/payments/settlementmismatch/{mismatch.pk}/resolve/"

        assert said(client, address, reason="the gateway paid twice") == [
            "The mismatch was resolved."
        ]

        mismatch.refresh_from_db()
        assert mismatch.ended_at is not None
        assert mismatch.reason == "the gateway paid twice"
        take(csv(payment, payment, paid()))
        assert not SettlementMismatch.objects.filter(ended_at=None).exists()
