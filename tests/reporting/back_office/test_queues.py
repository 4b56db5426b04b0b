from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apikeys.models import StaffAct
from invoices.models import Installment, Invoice
from payments.models import DiscrepancyEntry
from paytrust.staff import roles
from reporting.back_office import figures
from reporting.back_office.figures import Counted
from tests.apikeys.factories import NOON
from tests.invoices.factories import invoice
from tests.payments.webhooks.test_back_office import said
from tests.reporting.ledger import unguarded
from tests.staff import member

pytestmark = pytest.mark.django_db
QUEUE = "/admin/reporting/discrepancy/"
OVERDUE = "/admin/reporting/overdueinstallment/"


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(member(roles.OPERATOR))
    return client


def shown(client: Client, address: str) -> list[int]:
    return [row.pk for row in client.get(address).context["cl"].result_list]


class TestDiscrepancies:
    def test_are_those_that_nobody_resolved(self, client: Client) -> None:
        late, over = invoice(review_flags=["late"]), invoice(review_flags=["overpaid", "late"])
        invoice()

        assert shown(client, QUEUE) == [over.pk, late.pk]
        assert shown(client, f"{QUEUE}?kind=overpaid") == [over.pk]

        assert said(client, f"{QUEUE}{over.pk}/resolve/", reason="paid back") == ["Resolved."]
        assert shown(client, QUEUE) == [late.pk]

    def test_keep_notes_that_colleagues_read(self, client: Client) -> None:
        late = invoice(review_flags=["late"])

        said(client, f"{QUEUE}{late.pk}/note/", reason="asked the bank")

        assert DiscrepancyEntry.objects.get().text == "asked the bank"
        assert "asked the bank" in client.get(f"{QUEUE}{late.pk}/change/").text
        assert shown(client, QUEUE) == [late.pk]

    def test_that_were_resolved_stay_with_who_when_and_why(self, client: Client) -> None:
        late, other = invoice(review_flags=["late"]), invoice(review_flags=["late"])
        said(client, f"{QUEUE}{late.pk}/resolve/", reason="paid back by hand")

        assert shown(client, f"{QUEUE}?state=resolved") == [late.pk]
        page = client.get(f"{QUEUE}{late.pk}/change/").text
        assert "paid back by hand" in page
        assert f"{QUEUE}{late.pk}/resolve/" not in page
        assert shown(client, QUEUE) == [other.pk]

    def test_that_differ_again_are_open_again(self, client: Client) -> None:
        late = invoice(review_flags=["late"])
        said(client, f"{QUEUE}{late.pk}/resolve/", reason="paid back by hand")
        Invoice.objects.filter(pk=late.pk).update(review_flags=["late", "overpaid"])

        assert shown(client, f"{QUEUE}?state=resolved") == []
        assert shown(client, QUEUE) == [late.pk]

    def test_are_resolved_together_for_one_reason(self, client: Client) -> None:
        late, over, other = (invoice(review_flags=["late"]) for _ in range(3))
        page = f"{QUEUE}bulk/resolve/?ids={late.pk},{over.pk}"

        assert said(client, page, reason="paid back") == ["Resolved: 2."]

        assert shown(client, QUEUE) == [other.pk]
        assert {(entry.invoice_id, entry.text) for entry in DiscrepancyEntry.objects.all()} == {
            (late.pk, "paid back"),
            (over.pk, "paid back"),
        }
        assert StaffAct.objects.filter(act="discrepancy_resolved", outcome="done").count() == 2
        assert said(client, page, reason="again") == [
            "Nothing differs on this invoice, or that was resolved already: 2."
        ]

    def test_are_found_by_their_invoice(self, client: Client) -> None:
        invoice(review_flags=["late"])
        wanted = invoice(review_flags=["late"], external_id="order-7")

        assert shown(client, f"{QUEUE}?q={wanted.pk}") == [wanted.pk]
        assert shown(client, f"{QUEUE}?q=order-7") == [wanted.pk]


class TestOverdueInstallments:
    def test_are_unpaid_past_due_on_invoices_that_wait(self, client: Client) -> None:
        of = invoice(totals=(6_000, 4_000))
        ended = invoice(status="cancelled", ended_as="cancelled", ended_at=timezone.now())
        long_ago = timezone.now() - timedelta(days=3, minutes=1)
        Installment.objects.filter(invoice__in=[of, ended], number=1).update(due_at=long_ago)
        Installment.objects.filter(invoice=of, number=2).update(
            due_at=timezone.now() + timedelta(days=1)
        )

        assert shown(client, OVERDUE) == [of.installments.get(number=1).pk]
        assert "3 days" in client.get(OVERDUE).text

    def test_are_none_of_what_was_refunded_as_a_whole(self, client: Client) -> None:
        refunded = invoice(totals=(6_000, 4_000))
        partly = invoice(totals=(6_000, 4_000))
        long_ago = timezone.now() - timedelta(days=3)
        with unguarded():
            for of, back in ((refunded, 6_000), (partly, 5_999)):
                Invoice.objects.filter(pk=of.pk).update(
                    status="partially_paid", paid_amount=6_000, refunded_amount=back
                )
                Installment.objects.filter(invoice=of, number=1).update(
                    status="paid",
                    paid_amount=6_000,
                    refunded_amount=back,
                    paid_at=NOON,
                    settled_at=NOON,
                )
            Installment.objects.filter(number=2).update(due_at=long_ago)

        assert shown(client, OVERDUE) == [partly.installments.get(number=2).pk]
        assert figures.queues(now=timezone.now()).overdue == Counted(1)
        for of in (refunded, partly):
            page = client.get(f"/admin/invoices/invoice/{of.pk}/change/").text
            assert (">Overdue<" in page) == (of == partly)
