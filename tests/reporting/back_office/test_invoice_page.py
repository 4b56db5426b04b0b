from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from lxml import etree

from gateways.adapter import PaymentState
from invoices.models import Invoice, PaymentRequest, Transaction
from payments.booking import settling
from paytrust.staff import roles
from reporting.back_office import timeline
from tests.apikeys.factories import NOON
from tests.invoices.factories import (
    InstallmentFactory,
    InvoiceFactory,
    LineItemFactory,
    PaymentRequestFactory,
    invoice,
)
from tests.payments.changes.test_proposals import propose
from tests.payments.reports import report
from tests.reporting.back_office.conftest import SignIn

pytestmark = pytest.mark.django_db


def page_of(client: Client, invoice: Invoice) -> str:
    return client.get(f"/admin/invoices/invoice/{invoice.pk}/change/").text


class TestHistory:
    def test_tells_everything_in_order(self, paid_invoice: Invoice) -> None:
        shown = [
            (entry.what, entry.detail) for entry in timeline.history(invoice=paid_invoice).entries
        ]

        assert shown == [
            ("Invoice created", "RM\N{NO-BREAK SPACE}100.00"),
            ("Payment request made", "PT-77-1-1-ABCDEF, instalment 1: RM\N{NO-BREAK SPACE}60.00"),
            ("Payment page opened at Xendit", "xendit-charge"),
            ("Customer paid, as Xendit says", "RM\N{NO-BREAK SPACE}60.50"),
            ("The merchant asked for the payment", ""),
            ("Notification received from Xendit", "event-1"),
            (
                "Notification not processed",
                "The gateway did not answer in time when it was asked about it.",
            ),
            ("Payment request paid", "PT-77-1-1-ABCDEF"),
            ("Payment booked", "RM\N{NO-BREAK SPACE}60.50, xendit-charge"),
            ("Allocated to instalment 1", "RM\N{NO-BREAK SPACE}60.00"),
            ("Allocated to instalment 2", "RM\N{NO-BREAK SPACE}0.50"),
        ]

    def test_names_refunds_reversals_and_overpayments_as_what_they_are(self) -> None:
        payment = PaymentRequestFactory.create(gateway_payment_id="charge")
        for after, shown in enumerate(
            (
                report(payment, paid=10_050, charge="charge"),
                report(payment, paid=10_050, charge="charge", refunds={"goodwill": 150}),
                report(payment, PaymentState.REVERSED, paid=10_050, charge="charge"),
            )
        ):
            settling.settle(
                payment_request_id=payment.pk,
                report=shown,
                event=None,
                now=NOON + timedelta(hours=after),
            )

        entries = timeline.history(invoice=payment.invoice).entries

        assert [
            (entry.what, entry.detail.partition(",")[0], entry.tone)
            for entry in entries
            if entry.at >= NOON
            and entry.detail.lstrip("-").startswith("RM")
            and "created" not in entry.what
        ] == [
            ("Customer paid, as Xendit says", "RM\N{NO-BREAK SPACE}100.50", "good"),
            ("Payment booked", "RM\N{NO-BREAK SPACE}100.50", "good"),
            ("Allocated to instalment 1", "RM\N{NO-BREAK SPACE}100.00", "plain"),
            ("Overpaid", "RM\N{NO-BREAK SPACE}0.50", "warn"),
            ("Refund booked", "-RM\N{NO-BREAK SPACE}1.50", "plain"),
            ("Refunded from instalment 1", "-RM\N{NO-BREAK SPACE}1.00", "plain"),
            ("Overpayment given back", "-RM\N{NO-BREAK SPACE}0.50", "plain"),
            ("Reversal booked", "-RM\N{NO-BREAK SPACE}99.00", "bad"),
            ("Taken out of instalment 1", "-RM\N{NO-BREAK SPACE}99.00", "plain"),
        ]

    def test_names_who_and_by_which_request(self, paid_invoice: Invoice) -> None:
        tenant = paid_invoice.tenant.name

        entries = timeline.history(invoice=paid_invoice).entries

        assert [(entry.who, entry.request_id) for entry in entries if entry.request_id] == [
            (f"{tenant}, key ab12...", "request-that-made-it"),
            (f"{tenant}, key ab12...", "request-for-payment"),
        ]


class TestInvoicePage:
    def test_masks_secrets_in_what_the_gateway_sent(
        self, viewer: Client, paid_invoice: Invoice
    ) -> None:
        page = page_of(viewer, paid_invoice)

        assert "charge" in page
        assert "very-secret" not in page

    def test_shows_amounts_with_currency_and_decimals(
        self, viewer: Client, paid_invoice: Invoice
    ) -> None:
        page = page_of(viewer, paid_invoice)

        assert '<span class="money" translate="no">RM\N{NO-BREAK SPACE}100.00</span>' in page
        assert '<span class="money" translate="no">RM\N{NO-BREAK SPACE}0.50</span>' in page

    def test_shows_fractions_of_a_unit_and_discounts(self, viewer: Client) -> None:
        with transaction.atomic():
            made = InvoiceFactory.create(subtotal_amount=1_000)
            LineItemFactory.create(
                invoice=made, quantity=Decimal("1.500"), unit_price_amount=999, discount_amount=499
            )
            InstallmentFactory.create(invoice=made, net_amount=1_000)

        page = page_of(viewer, made)

        assert '<td class="staff-number">1.5</td>' in page
        assert '<span class="money" translate="no">RM\N{NO-BREAK SPACE}4.99</span>' in page

    def test_shows_a_whole_quantity_without_decimals(
        self, viewer: Client, paid_invoice: Invoice
    ) -> None:
        assert '<td class="staff-number">1</td>' in page_of(viewer, paid_invoice)

    def test_shows_times_in_the_readers_zone_with_utc_on_hover(
        self, viewer: Client, paid_invoice: Invoice
    ) -> None:
        assert 'title="2026-11-22 12:00:00 UTC">22 Nov 2026, 19:00</time>' in page_of(
            viewer, paid_invoice
        )

    def test_changes_nothing_when_posted_to(self, viewer: Client, paid_invoice: Invoice) -> None:
        answer = viewer.post(f"/admin/invoices/invoice/{paid_invoice.pk}/change/", {"status": "x"})

        assert answer.status_code == HTTPStatus.FORBIDDEN
        paid_invoice.refresh_from_db()
        assert paid_invoice.status == "partially_paid"

    def test_offers_acts_to_operators_only(self, sign_in: SignIn, paid_invoice: Invoice) -> None:
        assert "Propose" not in page_of(sign_in(roles.VIEWER), paid_invoice)

    @pytest.mark.parametrize(
        ("values", "offered"),
        [
            ({}, ["adjust", "cancel"]),
            ({"totals": (10_000,)}, ["cancel"]),
            ({"paid_amount": 1, "status": "partially_paid"}, ["adjust"]),
            ({"status": "cancelled", "ended_as": "cancelled", "ended_at": NOON}, []),
        ],
    )
    def test_offers_what_can_be_done(
        self, sign_in: SignIn, values: dict[str, Any], offered: list[str]
    ) -> None:
        later = timezone.now() + timedelta(days=1)
        filled: dict[str, Any] = {"totals": (6_000, 4_000), "expires_at": later} | values
        of = invoice(**filled)

        page = page_of(sign_in(roles.OPERATOR), of)

        acts = ("adjust", "cancel")
        assert [act for act in acts if f"/payments/proposal/{act}/{of.pk}/" in page] == offered

    def test_shows_the_change_that_waits_and_offers_no_second_one(self, sign_in: SignIn) -> None:
        of = invoice(totals=(6_000, 4_000), expires_at=timezone.now() + timedelta(days=1))
        proposal = propose(of)

        page = page_of(sign_in(roles.OPERATOR), of)

        assert f'href="/admin/payments/proposal/{proposal.pk}/change/">Adjust instalments' in page
        assert f"/payments/proposal/adjust/{of.pk}/" not in page
        assert f"/payments/proposal/cancel/{of.pk}/" not in page

    def test_leads_back_from_an_invoice_that_is_none(self, viewer: Client) -> None:
        answer = viewer.get("/admin/invoices/invoice/999/change/")

        assert (answer.status_code, answer.headers["Location"]) == (HTTPStatus.FOUND, "/admin/")


class TestDocuments:
    @pytest.mark.parametrize("kind", ["pain001", "pain002"])
    def test_are_downloaded(self, viewer: Client, paid_invoice: Invoice, kind: str) -> None:
        answer = viewer.get(f"/admin/invoices/invoice/{paid_invoice.pk}/{kind}.xml")

        name = f'attachment; filename="{kind}-{paid_invoice.pk}.xml"'
        assert answer.headers["Content-Disposition"] == name
        assert b"pain.00" in etree.tostring(etree.fromstring(answer.content))

    def test_of_a_transaction_is_downloaded(self, viewer: Client, paid_invoice: Invoice) -> None:
        row = Transaction.objects.get()

        answer = viewer.get(f"/admin/invoices/invoice/transactions/{row.pk}/pain002.xml")

        assert b"pain.002" in answer.content

    def test_of_a_draft_is_refused_in_words(self, viewer: Client) -> None:
        draft = invoice(status="draft", payment_initiated_at=None)

        page = viewer.get(f"/admin/invoices/invoice/{draft.pk}/pain001.xml", follow=True)

        assert "The document cannot be made: invoice_not_initiated." in page.text

    def test_are_for_those_who_may_see_invoices(self, paid_invoice: Invoice) -> None:
        answer = Client().get(f"/admin/invoices/invoice/{paid_invoice.pk}/pain001.xml")

        assert answer.status_code == HTTPStatus.FOUND
        assert answer.headers["Location"].startswith("/admin/login/")


class TestHead:
    def test_tells_what_is_left_and_where_to_pay(self, viewer: Client) -> None:
        of = invoice(
            totals=(6_000, 4_000),
            customer={"name": "Siti Aminah", "email": None, "phone": None},
            expires_at=timezone.now() + timedelta(days=9),
        )
        demand = PaymentRequestFactory.create(invoice=of)

        page = page_of(viewer, of)
        head = page[: page.index("What happened")]

        assert "Left to pay</dt><dd>" in head
        assert "Next due</dt><dd>" in head
        assert "Siti Aminah" in head
        assert f'data-copy="{demand.payment_url}"' in head
        assert head.index("Schedule") < head.index("Transactions and where they went")

    def test_asks_for_nothing_that_has_ended(self, viewer: Client) -> None:
        of = invoice(status="cancelled", ended_as="cancelled", ended_at=NOON)

        history = timeline.history(invoice=of)

        assert (history.left_amount, history.due_at, history.payment_url) == (0, None, None)


class TestStretches:
    def test_fold_what_passed_between_programs(self, paid_invoice: Invoice) -> None:
        stretches = timeline.history(invoice=paid_invoice).stretches

        folded = [entry.what for one in stretches if one.is_folded for entry in one.entries]
        assert folded == [
            "Payment request made",
            "Notification received from Xendit",
            "Payment request paid",
        ]

    def test_never_show_a_payment_before_its_page(self) -> None:
        demand = PaymentRequestFactory.create(gateway_payment_id="charge")
        opened_at = NOON + timedelta(seconds=1, milliseconds=700)
        PaymentRequest.objects.filter(pk=demand.pk).update(opened_at=opened_at)
        settling.settle(
            payment_request_id=demand.pk,
            report=report(demand, charge="charge", paid_at=NOON + timedelta(seconds=1)),
            event=None,
            now=NOON + timedelta(seconds=3),
        )

        shown = [entry.what for entry in timeline.history(invoice=demand.invoice).entries]

        assert shown.index("Payment page opened at Xendit") < shown.index(
            "Customer paid, as Xendit says"
        )
