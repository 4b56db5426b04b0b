"""Money that comes and goes in any order: never more back than in, and all books agree."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db.models import Sum
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from gateways.adapter import GatewayTimeout, PaymentReport, PaymentState, Reversal
from gateways.refunds import InsufficientGatewayBalance, RefundRefused, RefundState
from invoices.models import Invoice, LedgerEntry, PaymentRequest, Transaction
from payments.booking import settling
from payments.models import Refund
from payments.refunds import sending, services
from payments.refunds.request import RefundRequest
from payments.refunds.states import Status
from paytrust.money import Money
from tests.invoices.factories import invoice
from tests.payments.refunds.gateway import RefundingGateway
from tests.payments.refunds.paid import pay

NORMAL = settings(
    max_examples=8,
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
LONG = settings(NORMAL, max_examples=150, stateful_step_count=40)
GATEWAY = RefundingGateway()
ANSWERS = (
    RefundState.SUCCEEDED,
    RefundState.PENDING,
    RefundState.FAILED,
    GatewayTimeout("xendit", "no answer"),
    InsufficientGatewayBalance(),
)


class RefundMachine(RuleBasedStateMachine):
    """One invoice in two instalments, its customer, its merchant and a bank."""

    @initialize()
    def open(self) -> None:
        GATEWAY.made.clear()
        self.of = invoice(totals=(4_000, 6_000))
        self.now: datetime = timezone.now()

    @rule(over_amount=st.sampled_from([0, 0, 50]))
    def pay(self, over_amount: int) -> None:
        if Transaction.objects.filter(invoice=self.of, kind="payment").count() < 4:
            pay(self.of, over_amount=over_amount)

    @rule(
        place=st.integers(0, 3),
        amount=st.sampled_from([None, 1, 1_000, 6_001]),
        answer=st.sampled_from(ANSWERS),
    )
    def refund(self, place: int, amount: int | None, answer: RefundState | Exception) -> None:
        GATEWAY.answer = answer
        for payment in self._payments()[place : place + 1]:
            with contextlib.suppress(RefundRefused):
                services.create_refund(
                    tenant=self.of.tenant,
                    invoice_id=self.of.pk,
                    request=RefundRequest(reason="other", amount=amount, transaction_id=payment.pk),
                    now=self.now,
                )

    @rule(succeeds=st.booleans())
    def time_passes(self, succeeds: bool) -> None:
        """The gateway ends what is pending, and the job asks about all that has not ended."""
        end = RefundState.SUCCEEDED if succeeds else RefundState.FAILED
        GATEWAY.answer = RefundState.SUCCEEDED
        for reference, report in GATEWAY.made.items():
            if report.state == RefundState.PENDING:
                GATEWAY.made[reference] = replace(report, state=end, raw_status=end.upper())
        self.now += timedelta(hours=3)
        for refund_id in sending.claim_due(now=self.now, limit=20):
            sending.check(refund_id=refund_id, now=self.now)

    @rule(place=st.integers(0, 3), amount=st.sampled_from([1_000, 10_000]))
    def charge_back(self, place: int, amount: int) -> None:
        for payment in self._payments()[place : place + 1]:
            kind = "partial_chargeback" if amount < payment.amount else "chargeback"
            self._notified(
                payment,
                Reversal(
                    id=f"{kind}-{payment.pk}",
                    amount=Money(min(amount, payment.amount), "MYR"),
                    kind=kind,
                    at=None,
                    confirmed=True,
                ),
            )

    @rule(place=st.integers(0, 3))
    def refund_at_the_dashboard(self, place: int) -> None:
        for payment in self._payments()[place : place + 1]:
            self._notified(
                payment,
                Reversal(
                    id=f"dashboard-{payment.pk}",
                    amount=Money(500, "MYR"),
                    kind="refund",
                    at=None,
                    confirmed=True,
                ),
            )

    @invariant()
    def no_payment_gives_back_more_than_it_brought(self) -> None:
        for payment in self._payments():
            back = payment.reversals.aggregate(sum=Sum("amount"))["sum"] or 0
            assert payment.amount + back >= 0

    @invariant()
    def ledger_and_balances_agree(self) -> None:
        of = Invoice.objects.get(pk=self.of.pk)
        rows = Transaction.objects.filter(invoice=of).aggregate(sum=Sum("amount"))["sum"] or 0
        entries = LedgerEntry.objects.filter(invoice=of).aggregate(sum=Sum("amount"))["sum"] or 0
        assert rows == entries == of.paid_amount - of.refunded_amount
        installments = sum(
            installment.paid_amount - installment.refunded_amount
            for installment in of.installments.all()
        )
        assert installments + of.overpayment_amount == rows

    @invariant()
    def what_the_gateway_gave_back_is_what_is_booked(self) -> None:
        ended = Refund.objects.filter(invoice=self.of, status=Status.SUCCEEDED)
        for refund in ended.exclude(booked_as=None):
            assert refund.booked_as is not None
            assert -refund.booked_as.amount <= refund.amount
        for refund in Refund.objects.filter(reference__in=GATEWAY.made):
            made = GATEWAY.made[refund.reference]
            if refund.status == Status.SUCCEEDED:
                assert made.state == RefundState.SUCCEEDED
        booked = Transaction.objects.filter(invoice=self.of, kind="refund")
        assert booked.count() == ended.exclude(booked_as=None).count()

    def _payments(self) -> list[Transaction]:
        return list(Transaction.objects.filter(invoice=self.of, kind="payment").order_by("pk"))

    def _notified(self, payment: Transaction, reversal: Reversal) -> None:
        asked = PaymentRequest.objects.get(pk=payment.payment_request_id)
        paid = Money(payment.amount, "MYR")
        report = PaymentReport(
            reference=asked.reference,
            gateway_id=payment.gateway_transaction_id,
            state=PaymentState.PAID,
            raw_status="PAID",
            amount=paid,
            paid_amount=paid,
            paid_at=payment.paid_at,
            reversals=(reversal,),
        )
        settling.settle(payment_request_id=asked.pk, report=report, event=None, now=timezone.now())


@pytest.fixture
def _gateway(committed: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("payments.refunds.sending.registry.adapter_for", GATEWAY)
    yield
    GATEWAY.made.clear()


@pytest.mark.usefixtures("_gateway")
def test_never_more_goes_back_than_came() -> None:
    run_state_machine_as_test(RefundMachine, settings=NORMAL)


@pytest.mark.slow
@pytest.mark.usefixtures("_gateway")
def test_never_more_goes_back_than_came_in_a_long_run_too() -> None:
    run_state_machine_as_test(RefundMachine, settings=LONG)
