"""Which refunds are allowed, which are refused before a gateway is asked, and who decides."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from gateways.adapter import GatewayRejected, GatewayTimeout
from gateways.refunds import RefundRefused, RefundState
from invoices.models import Invoice, LedgerEntry, Transaction
from payments.booking import pain002_reports
from payments.models import Refund, RefundLimit
from payments.refunds import selectors, sending, services
from payments.refunds.request import RefundRequest
from payments.refunds.states import ACTIVE, LEGAL_CHANGES, Status
from paytrust.errors import PayTrustError
from paytrust.operations.database import violated_constraint
from reporting.financial.selectors import financial_report
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.refunds.gateway import RefundingGateway
from tests.payments.refunds.paid import paid_invoice, pay
from tests.payments.reports import refund as reported

pytestmark = pytest.mark.usefixtures("committed")


def refund(of: Invoice, **asked: Any) -> Refund:
    now = asked.pop("now", None) or timezone.now()
    made, _ = services.create_refund(
        tenant=of.tenant,
        invoice_id=of.pk,
        request=RefundRequest(**{"reason": "other", **asked}),
        now=now,
    )
    return made


def rows() -> list[Any]:
    """Return all that a refund could change."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Refund, Transaction, LedgerEntry, Invoice)
    ]


class TestCreateRefund:
    def test_books_what_went_back_and_the_installment_stays_paid(
        self, gateway: RefundingGateway
    ) -> None:
        of = paid_invoice()

        made = refund(of, amount=2_500)

        of.refresh_from_db()
        installment = of.installments.get()
        assert (made.status, made.booked_as.amount if made.booked_as else 0) == (
            "succeeded",
            -2_500,
        )
        assert (of.status, of.refunded_amount, installment.status) == ("fully_paid", 2_500, "paid")
        assert gateway.asked[0].charge_id == made.transaction.gateway_transaction_id
        assert gateway.asked[0].is_whole is False

    def test_takes_what_nobody_asked_for_first(self, gateway: RefundingGateway) -> None:
        of = paid_invoice(over_amount=50)

        refund(of, amount=60)

        of.refresh_from_db()
        assert (of.overpayment_amount, of.refunded_amount) == (0, 60)
        assert of.review_flags == []
        moved = LedgerEntry.objects.filter(kind="refund").values_list("installment", "amount")
        assert sorted(amount for _, amount in moved) == [-50, -10]

    def test_a_plan_goes_on_after_a_goodwill_refund_of_its_first_installment(
        self, gateway: RefundingGateway
    ) -> None:
        of, began = paid_invoice(totals=(4_000, 6_000)), timezone.now()
        page = PaymentRequestFactory.create(
            invoice=of, installment=of.installments.get(number=2), sequence=2
        )

        refund(of, amount=1_000)

        of.refresh_from_db()
        page.refresh_from_db()
        first, second = of.installments.order_by("number")
        assert (first.status, first.refunded_amount, second.status) == ("paid", 1_000, "unpaid")
        assert (of.status, of.refund_status, page.status) == ("partially_paid", "partial", "open")
        (report,) = financial_report(
            tenant=of.tenant, start=began - timedelta(hours=1), end=began + timedelta(hours=1)
        )
        assert (report.refunds.total_amount, report.refunds.transaction_count) == (1_000, 1)
        assert (report.received.total_amount, report.net_amount) == (4_000, 3_000)

    def test_has_a_pain002_of_its_own(self, gateway: RefundingGateway) -> None:
        made = refund(paid_invoice(), amount=100)

        assert made.booked_as is not None
        document = pain002_reports.transaction_status(
            tenant=made.tenant, transaction_id=made.booked_as.pk
        )
        assert made.booked_as.gateway_transaction_id.encode()[:20] in document

    def test_an_unknown_outcome_stays_sending_until_the_gateway_was_asked(
        self, gateway: RefundingGateway
    ) -> None:
        of, now = paid_invoice(), timezone.now()
        gateway.answer = GatewayTimeout("xendit", "no answer")
        made = refund(of, amount=100, now=now)
        gateway.answer = RefundState.PENDING
        soon, later = now + timedelta(minutes=3), now + timedelta(hours=2)

        due = sending.claim_due(now=soon, limit=5)
        again = sending.claim_due(now=soon, limit=5)
        checked = sending.check(refund_id=made.pk, now=soon)
        gateway.made = {
            made.reference: gateway.made[made.reference].__class__(
                id="rfd-1",
                amount=gateway.made[made.reference].amount,
                state=RefundState.SUCCEEDED,
                raw_status="SUCCEEDED",
            )
        }
        ended = [
            sending.check(refund_id=pk, now=later) for pk in sending.claim_due(now=later, limit=5)
        ]

        assert made.status == "sending"
        assert (due, again, checked, ended) == ([made.pk], [], "pending", ["succeeded"])
        assert len({order.reference for order in gateway.asked}) == 1
        assert Transaction.objects.filter(kind="refund").count() == 1

    @pytest.mark.parametrize("known_by", ["its id", "our reference"])
    def test_is_asked_about_soon_once_it_is_said_to_have_failed(
        self, gateway: RefundingGateway, known_by: str
    ) -> None:
        now = timezone.now()
        unknown = GatewayTimeout("xendit", "no answer")
        gateway.answer = RefundState.PENDING if known_by == "its id" else unknown
        made, other = (refund(paid_invoice(), amount=100, now=now) for _ in range(2))
        failed = replace(
            reported(made.gateway_refund_id or "rfd-unknown", 100),
            reference=made.reference if known_by == "our reference" else None,
        )

        sending.ask_soon(about=other.transaction.payment_request, failed=failed, now=now)
        before = sending.claim_due(now=now, limit=5)
        sending.ask_soon(about=made.transaction.payment_request, failed=failed, now=now)

        assert before == []
        assert sending.claim_due(now=now, limit=5) == [made.pk]

    def test_fails_after_a_day_without_the_gateway(self, gateway: RefundingGateway) -> None:
        of, now = paid_invoice(), timezone.now()
        gateway.answer = GatewayTimeout("xendit", "no answer")
        made = refund(of, now=now)
        later = now + timedelta(hours=25)

        for pk in sending.claim_due(now=later, limit=5):
            sending.check(refund_id=pk, now=later)

        made.refresh_from_db()
        assert (made.status, made.failure_code) == ("failed", "gateway_unavailable")
        assert len(gateway.asked) == 1

    def test_a_refusal_of_the_gateway_is_kept_and_answered(self, gateway: RefundingGateway) -> None:
        of = paid_invoice()
        gateway.answer = GatewayRejected("xendit", gateway_code="X", gateway_message="no")

        with pytest.raises(GatewayRejected) as refused:
            refund(of)

        made = Refund.objects.get()
        assert (made.status, made.failure_code) == ("failed", "X")
        assert refused.value.details["refund_id"] == made.pk
        assert not Transaction.objects.filter(kind="refund").exists()

    def test_the_same_external_id_is_the_same_refund(self, gateway: RefundingGateway) -> None:
        of = paid_invoice()
        first = refund(of, amount=100, external_id="r-1")

        again = refund(of, amount=100, external_id="r-1")

        assert (again.pk, len(gateway.asked)) == (first.pk, 1)
        with pytest.raises(services.ExternalIdConflict):
            refund(of, amount=200, external_id="r-1")


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "one unit too much": ({}, {"amount": 10_001}, "refund_exceeds_payment"),
    "a virtual account": (
        {"method": "BANK_TRANSFER", "channel": "BCA"},
        {},
        "refund_not_supported",
    ),
    "a part of what goes back as a whole": (
        {"channel": "WECHATPAY"},
        {"amount": 1},
        "partial_refund_not_supported",
    ),
    "after the window": ({}, {"now": timezone.now() + timedelta(days=181)}, "refund_window_closed"),
}


class TestRefused:
    @pytest.mark.parametrize("case", REFUSED)
    def test_before_the_gateway_is_asked(self, gateway: RefundingGateway, case: str) -> None:
        paid, asked, code = REFUSED[case]
        of = paid_invoice(**paid)
        before = rows()

        with pytest.raises(RefundRefused) as refused:
            refund(of, **asked)

        assert refused.value.code == code
        assert (rows(), gateway.asked) == (before, [])

    def test_an_unpaid_invoice_has_nothing_to_give(self, gateway: RefundingGateway) -> None:
        of = invoice()

        with pytest.raises(services.NothingToRefund):
            refund(of)

        assert not Refund.objects.exists()

    def test_several_payments_must_differ(self, gateway: RefundingGateway) -> None:
        of = paid_invoice(totals=(4_000, 6_000))
        second = pay(of)

        with pytest.raises(services.AmbiguousPayment) as refused:
            refund(of)

        shown = refused.value.details["payments"]
        assert [row["refundable_amount"] for row in shown] == [4_000, 6_000]
        assert all(row["refundable_in_part"] and row["refundable_until"] for row in shown)
        assert not Refund.objects.exists()
        assert refund(of, transaction_id=second.pk).amount == 6_000

    def test_one_at_a_time(self, gateway: RefundingGateway) -> None:
        of = paid_invoice()
        gateway.answer = RefundState.PENDING
        refund(of, amount=100)
        before = rows()

        with pytest.raises(PayTrustError) as refused:
            refund(of, amount=100)

        assert refused.value.code == "refund_in_progress"
        assert (rows(), len(gateway.asked)) == (before, 1)

    def test_another_invoice_has_not_this_payment(self, gateway: RefundingGateway) -> None:
        of, other = paid_invoice(), paid_invoice()
        theirs = Transaction.objects.get(invoice=other)

        with pytest.raises(Transaction.DoesNotExist):
            refund(of, transaction_id=theirs.pk)

        assert not Refund.objects.exists()


class TestLimit:
    def test_above_it_a_refund_waits_and_several_count_together(
        self, gateway: RefundingGateway
    ) -> None:
        of = paid_invoice()
        RefundLimit.objects.create(
            tenant=of.tenant, currency_code="MYR", amount=300, updated_at=timezone.now()
        )

        first, second = refund(of, amount=300), refund(of, amount=1)

        assert (first.status, second.status) == ("succeeded", "requested")
        assert len(gateway.asked) == 1


class TestDatabase:
    def test_refuses_what_the_state_machine_does_not_know(self, gateway: RefundingGateway) -> None:
        made = refund(paid_invoice(), amount=1)

        for status in set(Status) - LEGAL_CHANGES[Status(made.status)] - {made.status}:
            with pytest.raises(IntegrityError) as refused, transaction.atomic():
                Refund.objects.filter(pk=made.pk).update(
                    status=status, next_check_at=timezone.now() if status in ACTIVE[1:] else None
                )
            assert violated_constraint(refused.value) == "refund_state_change"

    def test_refuses_more_than_the_payment_can_give(self, gateway: RefundingGateway) -> None:
        of = paid_invoice()
        made = refund(of, amount=9_000)

        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            Refund.objects.create(
                tenant=of.tenant,
                invoice=of,
                transaction=made.transaction,
                amount=1_001,
                currency_code="MYR",
                reason="other",
                reference="PT-1-R-X",
                status="requested",
                created_at=timezone.now(),
                updated_at=timezone.now(),
            )
        assert violated_constraint(refused.value) == "refund_within_payment"

    def test_keeps_what_was_asked_for(self, gateway: RefundingGateway) -> None:
        made = refund(paid_invoice(), amount=1)

        for change in ({"amount": 2}, {"reference": "PT-1-R-Y"}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Refund.objects.filter(pk=made.pk).update(**change)


class TestRefundable:
    def test_says_what_each_payment_can_give(self, gateway: RefundingGateway) -> None:
        of, now = paid_invoice(), timezone.now()
        payments = selectors.payments_of(invoice=of)

        before = selectors.refundable_of(payments, now=now)[payments[0].pk]
        refund(of, amount=4_000)
        after = selectors.refundable_of(payments, now=now)[payments[0].pk]
        later = selectors.refundable_of(payments, now=now + timedelta(days=181))

        assert (before.amount, before.in_part, after.amount) == (10_000, True, 6_000)
        assert before.until == payments[0].paid_at + timedelta(days=180)
        assert (later[payments[0].pk].amount, later[payments[0].pk].in_part) == (0, False)
