"""Overpayments that two members of staff move to another invoice."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from apikeys.models import Tenant
from apikeys.staff_acts.recording import Actor
from apikeys.two_people.independence import OwnProposal
from events.models import Event
from gateways.refunds import RefundState
from invoices.invoices import selectors as invoice_selectors
from invoices.ledger import states
from invoices.models import Invoice, InvoiceStatus, LedgerEntry, PaymentRequest, Transaction
from invoices.schedule.adjusting import InvoiceChanged
from payments.booking import pain002_reports, settling
from payments.changes import proposals, transferring
from payments.changes.descriptions import changes_of
from payments.models import Proposal
from paytrust.errors import PayTrustError
from paytrust.operations.database import violated_constraint
from paytrust.operations.trips import join
from reporting.back_office import timeline
from reporting.financial.selectors import financial_report
from reporting.statements.selectors import monthly_statements
from tests.apikeys.factories import TenantFactory
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.journeys import books
from tests.payments.changes.test_back_office import client_of
from tests.payments.refunds.conftest import gateway
from tests.payments.refunds.gateway import RefundingGateway
from tests.payments.refunds.paid import paid_invoice, pay
from tests.payments.refunds.test_services import refund
from tests.payments.reports import refund as reversal
from tests.payments.reports import report
from tests.payments.webhooks.test_back_office import said
from tests.staff import actor, as_shown

__all__ = ["gateway"]
pytestmark = pytest.mark.usefixtures("committed")


def unpaid_invoice(of: Invoice, **fields: Any) -> Invoice:
    """Return a pending invoice of the same tenant, for MYR 100 in two instalments."""
    asked: dict[str, Any] = {
        "tenant": of.tenant,
        "totals": (6_000, 4_000),
        "expires_at": timezone.now() + timedelta(days=9),
    }
    return invoice(**asked | fields)


def propose(source: Invoice, target: Invoice, amount: int, by: Actor | None = None) -> Proposal:
    return proposals.propose_transfer(
        actor=by or actor(),
        invoice_id=source.pk,
        target_id=target.pk,
        amount=amount,
        reason="the customer wrote",
        now=timezone.now(),
    )


def approve(proposal: Proposal, by: Actor | None = None) -> Proposal:
    return proposals.approve(actor=by or actor(), proposal_id=proposal.pk, now=timezone.now())


def moved(source: Invoice, target: Invoice, amount: int) -> None:
    approve(propose(source, target, amount))
    source.refresh_from_db()
    target.refresh_from_db()


def money_of(*invoices: Invoice) -> list[tuple[int, int, str]]:
    for one in invoices:
        one.refresh_from_db()
    return [(one.paid_amount, one.overpayment_amount, one.status) for one in invoices]


def rows() -> list[Any]:
    models = (Transaction, LedgerEntry, Invoice, Event, PaymentRequest)
    return [list(model.objects.order_by("pk").values()) for model in models]


def sound(tenant: Tenant) -> bool:
    books.check(books.read([tenant]))
    call_command("audit_books", verbosity=0)
    return True


@transaction.atomic
def take_out_alone(source: Invoice, amount: int) -> None:
    """Write one side of a transfer, whose balances are right."""
    payment = Transaction.objects.get(invoice=source)
    same = {
        name: getattr(payment, name)
        for name in ("tenant_id", "gateway_id", "invoice_id", "currency_code")
    }
    row = Transaction.objects.create(
        **same,
        payment_request=payment.payment_request,
        gateway_transaction_id="alone",
        kind="transfer",
        amount=-amount,
        reverses=payment,
        paid_at=payment.paid_at,
        created_at=payment.created_at,
    )
    LedgerEntry.objects.create(
        **same,
        transaction=row,
        kind="transfer",
        amount=-amount,
        net_amount=0,
        tax_amount=0,
        service_fee_amount=0,
        booked_at=row.created_at,
    )
    Invoice.objects.filter(pk=source.pk).update(
        paid_amount=source.paid_amount - amount,
        overpayment_amount=source.overpayment_amount - amount,
    )


class TestTwoPeople:
    def test_nothing_moves_before_the_second_says_yes(self) -> None:
        source, one = paid_invoice(over_amount=2_500), actor()
        target = unpaid_invoice(source)
        proposal = propose(source, target, 2_000, one)
        before = rows()

        with pytest.raises(OwnProposal):
            approve(proposal, one)
        said, unmoved = changes_of(proposal), rows()
        approve(proposal)

        assert unmoved == before
        assert said == [
            f"RM\N{NO-BREAK SPACE}20.00 moves from invoice {source.pk} to invoice {target.pk}.",
            as_shown(f"Overpayment of invoice {source.pk}: RM 25.00 becomes RM 5.00."),
            as_shown(f"Left to pay on invoice {target.pk}: RM 100.00 becomes RM 80.00."),
            as_shown("Instalment 1: RM 20.00 arrives, of it RM 0.00 tax and RM 0.00 fee."),
        ]
        assert money_of(source, target) == [
            (10_500, 500, "fully_paid"),
            (2_000, 0, "partially_paid"),
        ]
        assert sound(source.tenant)

    def test_a_pair_of_rows_sums_to_zero_and_names_the_charge(self) -> None:
        source = paid_invoice(over_amount=2_500)
        target = unpaid_invoice(source)

        moved(source, target, 2_500)

        left, arrived = Transaction.objects.filter(kind="transfer").order_by("amount")
        payment = Transaction.objects.get(kind="payment")
        assert (left.amount, arrived.amount) == (-2_500, 2_500)
        assert (left.invoice, arrived.invoice) == (source, target)
        assert (left.reverses, arrived.moved_from) == (payment, left)
        assert left.payment_request == arrived.payment_request == payment.payment_request
        for row in (left, arrived):
            assert pain002_reports.transaction_status(tenant=source.tenant, transaction_id=row.pk)
            assert row.iso20022_transaction_status

    def test_both_invoices_have_events(self) -> None:
        source = paid_invoice(over_amount=10_500)
        target = unpaid_invoice(source)
        known = set(Event.objects.values_list("pk", flat=True))

        moved(source, target, 10_000)

        written = Event.objects.exclude(pk__in=known).order_by("pk")
        assert [(event.invoice_id, event.type) for event in written] == [
            (source.pk, "payment.reversed"),
            (target.pk, "payment.succeeded"),
            (target.pk, "installment.paid"),
            (target.pk, "installment.paid"),
            (target.pk, "invoice.paid"),
        ]
        first, second = written[0].data["object"], written[1].data["object"]
        assert (first["type"], first["amount"], first["overpayment_amount"]) == (
            "transfer",
            -10_000,
            -10_000,
        )
        assert (
            second["type"],
            [installment["amount"] for installment in second["allocations"]],
        ) == (
            "transfer",
            [6_000, 4_000],
        )

    def test_an_open_page_that_asks_for_too_much_is_closed_and_the_rest_is_opened(self) -> None:
        source = paid_invoice(over_amount=2_500)
        target = unpaid_invoice(source)
        page = PaymentRequestFactory.create(invoice=target)

        moved(source, target, 2_500)

        page.refresh_from_db()
        assert page.status == "closing"
        assert target.open_payment_at is not None
        assert sound(source.tenant)

    def test_two_payments_give_what_both_brought_too_much(self) -> None:
        source = paid_invoice(over_amount=300)
        pay(source, over_amount=-9_900)  # a second charge of what is paid: 100 more
        target = unpaid_invoice(source)

        moved(source, target, 400)

        sums = sorted(
            Transaction.objects.filter(invoice=source, kind="transfer").values_list(
                "amount", flat=True
            )
        )
        assert sums == [-300, -100]
        assert money_of(source, target) == [
            (10_000, 0, "fully_paid"),
            (400, 0, "partially_paid"),
        ]
        assert sound(source.tenant)

    def test_an_approval_that_was_cut_short_moves_nothing_twice(self) -> None:
        source = paid_invoice(over_amount=2_500)
        target = unpaid_invoice(source)
        proposal = propose(source, target, 1_000)
        for _ in range(2):
            transferring.transfer(
                source_id=source.pk,
                target_id=target.pk,
                amount=1_000,
                seen=proposal.after or {},
                name=f"transfer-{proposal.pk}",
                now=timezone.now(),
            )

        approve(proposal)

        assert Proposal.objects.get().status == "applied"
        assert money_of(source, target)[1] == (1_000, 0, "partially_paid")

    def test_what_nobody_saw_is_not_approved(self) -> None:
        source = paid_invoice(over_amount=2_500)
        target = unpaid_invoice(source)
        proposal = propose(source, target, 1_000)
        pay(source, over_amount=-9_000)
        before = rows()

        with pytest.raises(InvoiceChanged):
            approve(proposal)

        assert rows() == before
        assert Proposal.objects.get().status == "stale"


class TestRefused:
    @pytest.mark.parametrize(
        ("amount", "target", "code"),
        [
            (0, {}, "transfer_exceeds_overpayment"),
            (-1, {}, "transfer_exceeds_overpayment"),
            (2_501, {}, "transfer_exceeds_overpayment"),
            (2_001, {"totals": (2_000,)}, "transfer_exceeds_due"),
            (1, {"other_tenant": True}, "unknown_transfer_target"),
            (1, {"currency_code": "USD"}, "unknown_transfer_target"),
            (1, {"same": True}, "unknown_transfer_target"),
            (1, {"status": "draft", "payment_initiated_at": None}, "transfer_target_not_payable"),
            (1, {"end": "cancelled"}, "transfer_target_not_payable"),
            (1, {"end": "expired"}, "transfer_target_not_payable"),
            (1, {"expires_at": timezone.now() - timedelta(days=1)}, "transfer_target_not_payable"),
            (1, {"paid": True, "totals": (4_000,)}, "transfer_target_not_payable"),
        ],
    )
    def test_changes_nothing(self, amount: int, target: dict[str, Any], code: str) -> None:
        source = paid_invoice(over_amount=2_500)
        to = self._target(source, **target)
        before = rows()

        with pytest.raises(PayTrustError) as refused:
            propose(source, to, amount)

        assert refused.value.code == code
        assert rows() == before
        assert not Proposal.objects.exists()

    def test_while_a_refund_may_give_the_same_money_back(self, gateway: RefundingGateway) -> None:
        source = paid_invoice(over_amount=2_500)
        target = unpaid_invoice(source)
        gateway.answer = RefundState.PENDING
        refund(source, amount=100)

        with pytest.raises(PayTrustError) as refused:
            propose(source, target, 1)

        assert refused.value.code == "refund_in_progress"

    def test_the_database_refuses_one_side_alone(self) -> None:
        source = paid_invoice(over_amount=2_500)

        with pytest.raises(IntegrityError) as refused:
            take_out_alone(source, 500)

        assert violated_constraint(refused.value) == "transfer_sums_to_zero"

    @staticmethod
    def _target(source: Invoice, **of: Any) -> Invoice:
        if of.pop("same", False):
            return source
        if of.pop("other_tenant", False):
            of["tenant"] = TenantFactory.create()
        end, is_paid = of.pop("end", None), of.pop("paid", False)
        made = unpaid_invoice(source, **of)
        if end:
            join(states.ended(invoice=made, ended_as=InvoiceStatus(end), now=timezone.now()))
        if is_paid:
            pay(made)
        return made


class TestBackOffice:
    def test_from_the_queue_to_the_page_of_both_invoices(self) -> None:
        source = paid_invoice(over_amount=2_500)
        target = unpaid_invoice(source)
        client, queue = client_of(), f"/admin/reporting/discrepancy/{source.pk}/"
        form = {"target": str(target.pk), "amount": "20.00", "reason": "asked for by phone"}

        offered = client.get(f"{queue}change/", follow=True).content.decode()
        page = client.get(f"{queue}transfer/").content.decode()
        done = said(client, f"{queue}transfer/", **form)
        approve(Proposal.objects.get())

        assert "Propose to move the overpayment" in offered
        assert as_shown("RM 25.00") in page
        assert done == ["Proposed. Another person must approve it."]
        (left,) = (entry.detail for entry in booked(source))
        (arrived,) = (entry.detail for entry in booked(target))
        assert left == f"-RM\N{NO-BREAK SPACE}20.00, to invoice {target.pk}"
        assert arrived == f"RM\N{NO-BREAK SPACE}20.00, from invoice {source.pk}"
        for one in (source, target):
            shown = client.get(f"/admin/invoices/invoice/{one.pk}/change/").content.decode()
            assert "Transfer booked" in shown

    @pytest.mark.parametrize(
        ("amount", "error"),
        [
            ("20.001", {"amount": ["MYR has 2 decimals, and this has more."]}),
            (
                "99",
                {"__all__": ["More than the overpayment that the invoice holds cannot be moved."]},
            ),
        ],
    )
    def test_a_form_that_is_wrong_proposes_nothing(self, amount: str, error: Any) -> None:
        source = paid_invoice(over_amount=2_500)
        target = unpaid_invoice(source)
        form = {"target": target.pk, "amount": amount, "reason": "asked for by phone"}

        answer = client_of().post(f"/admin/payments/proposal/transfer/{source.pk}/", form)

        assert answer.context["form"].errors == error
        assert not Proposal.objects.exists()


def booked(of: Invoice) -> list[timeline.Entry]:
    of.refresh_from_db()
    entries = timeline.history(invoice=of).entries
    return [entry for entry in entries if entry.what == "Transfer booked"]


class TestTakenBack:
    """The gateway takes the whole payment, also what was moved away."""

    def taken(self, source: Invoice, *amounts: int, kind: str) -> None:
        asked = PaymentRequest.objects.get(invoice=source)
        paid = Transaction.objects.get(invoice=source, kind="payment")
        said = report(
            asked,
            charge=paid.gateway_transaction_id,
            paid=paid.amount,
            reversals=tuple(
                reversal(f"cb{number}", amount, kind=kind) for number, amount in enumerate(amounts)
            ),
        )
        settling.settle(payment_request_id=asked.pk, report=said, event=None, now=timezone.now())

    @pytest.mark.parametrize("kind", ["chargeback", "refund"])
    def test_the_other_invoice_owes_it_again(self, kind: str) -> None:
        source = paid_invoice(over_amount=2_500)
        target = unpaid_invoice(source, totals=(2_500,))
        moved(source, target, 2_500)

        self.taken(source, 12_500, kind=kind)

        assert Transaction.objects.filter(reverses__kind="payment", kind__in=["refund", "reversal"])
        (_, over, _), (owed, _, status) = money_of(source, target)
        assert (over, owed, status) == (0, 0, "pending")
        assert "reversed" in target.review_flags
        back = -Transaction.objects.exclude(kind__in=["payment", "transfer"]).get().amount
        assert back == 12_500
        assert sound(source.tenant)
        types = Event.objects.filter(invoice_id=target.pk).order_by("pk")
        assert [event.type for event in types][-1] == "payment.reversed"

    def test_only_as_much_as_is_lacking(self) -> None:
        source = paid_invoice(over_amount=2_500)
        target = unpaid_invoice(source)
        moved(source, target, 2_500)

        self.taken(source, 10_400, kind="refund")

        assert money_of(source, target) == [
            (10_400, 0, "fully_paid"),
            (2_100, 0, "partially_paid"),
        ]
        assert source.refunded_amount == 10_400
        assert sound(source.tenant)

    def test_two_times_in_one_report_the_other_merchant_learns_of_each_once(self) -> None:
        source = paid_invoice(over_amount=2_500)
        target = unpaid_invoice(source)
        moved(source, target, 2_500)

        self.taken(source, 10_400, 1_000, kind="refund")

        sent = Event.objects.filter(invoice_id=target.pk, type="payment.reversed").order_by("pk")
        assert [event.data["object"]["amount"] for event in sent] == [-400, -1_000]
        assert sound(source.tenant)


class TestReports:
    def test_a_period_adds_up_to_the_transactions_and_the_month_to_its_receipts(self) -> None:
        source = paid_invoice(over_amount=2_500)
        target = unpaid_invoice(source)
        moved(source, target, 2_000)
        now = timezone.now()

        (report_,) = financial_report(
            tenant=source.tenant, start=now - timedelta(days=1), end=now + timedelta(days=1)
        )
        (month,) = monthly_statements(
            tenant=source.tenant,
            first=now.date().replace(day=1),
            zone=timezone.get_default_timezone(),
            now=now,
        )

        sums = Transaction.objects.values_list("amount", flat=True)
        assert report_.net_amount == sum(sums) == 12_500
        assert (report_.received.total_amount, report_.received.transaction_count) == (12_000, 2)
        assert (report_.overpayments.total_amount, report_.overpayments.transaction_count) == (
            500,
            1,
        )
        assert sum(share.total_amount for share in report_.gateways.values()) == 12_000
        assert (month.month.receipt_amount, month.month.overpayment_amount) == (12_500, 500)
        assert month.closing_amount == 12_500

    def test_the_invoice_shows_what_is_left(self) -> None:
        source = paid_invoice(over_amount=2_500)
        target = unpaid_invoice(source)

        moved(source, target, 2_500)

        documents = invoice_selectors.documents_of([source, target])
        assert [one.invoice.overpayment_amount for one in documents] == [0, 0]
        assert [installment.paid_amount for installment in documents[1].installments] == [2_500, 0]
