"""A refund is asked for while other money of the same invoice moves."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from gateways.refunds import RefundExceedsPayment, RefundInProgress, RefundState
from invoices.ledger import posting
from invoices.models import Invoice, PaymentRequest, Transaction
from invoices.payment_requests.leases import PaymentInProgress
from payments.booking import settling
from payments.models import Refund
from payments.refunds import services
from payments.refunds.request import RefundRequest
from paytrust.money import Money
from paytrust.operations.database import violated_constraint
from tests.concurrency.test_changes import (
    HEAD_STARTS_SECONDS,
    Interleaving,
    _unlocked,
    race,
)
from tests.payments.refunds.conftest import gateway
from tests.payments.refunds.gateway import RefundingGateway
from tests.payments.refunds.paid import paid_invoice
from tests.payments.reports import refund as reversal
from tests.payments.reports import report

__all__ = ["_unlocked", "gateway"]
pytestmark = pytest.mark.usefixtures("committed")

Call = Callable[[], Any]


def asking(of: Invoice, amount: int | None = None) -> Call:
    payment = Transaction.objects.get(invoice=of, kind="payment")
    request = RefundRequest(reason="other", amount=amount, transaction_id=payment.pk)
    return lambda: (
        services.create_refund(
            tenant=of.tenant,
            invoice_id=of.pk,
            request=request,
            now=timezone.now(),
        )[0].status
    )


def notified(of: Invoice, **fields: Any) -> Call:
    """Return the call that books what a gateway says of the invoice's first charge."""
    asked = PaymentRequest.objects.get(invoice=of)
    paid = Transaction.objects.get(invoice=of, kind="payment")
    fields = {"charge": paid.gateway_transaction_id, "paid": paid.amount, **fields}
    said = report(asked, **fields)
    return lambda: (
        settling.settle(
            payment_request_id=asked.pk, report=said, event=None, now=timezone.now()
        ).outcome
    )


def charged_back(of: Invoice) -> Call:
    whole = Money(of.total_amount, "MYR")
    return notified(of, reversals=(reversal("cb", whole.minor, kind="chargeback"),))


def held_amount(of: Invoice) -> int:
    """Check that rows and columns agree, and return what the invoice still holds."""
    of.refresh_from_db()
    booked = sum(Transaction.objects.filter(invoice=of).values_list("amount", flat=True))
    assert booked == of.paid_amount - of.refunded_amount
    assert booked >= 0
    return booked


class TestRefundAgainstRefund:
    def test_gives_back_once_whoever_is_first(self, gateway: RefundingGateway) -> None:
        for head_start in HEAD_STARTS_SECONDS:
            of = paid_invoice()

            ends = race(asking(of), asking(of), head_start)

            refused = [type(end) for end in ends if isinstance(end, Exception)]
            assert set(refused) <= {PaymentInProgress, RefundInProgress, RefundExceedsPayment}
            assert len(refused) == 1
            assert held_amount(of) == 0
            assert Refund.objects.filter(invoice=of).count() == 1

    @pytest.mark.usefixtures("_unlocked")
    def test_control_without_the_lock_only_the_constraint_stops_the_second(
        self, gateway: RefundingGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        of = paid_invoice()
        gateway.answer = RefundState.PENDING
        chosen = services._chosen
        first_is_done: list[Any] = []

        def second_comes(*arguments: Any) -> Transaction:
            monkeypatch.setattr(services, "_chosen", chosen)
            if not first_is_done:
                first_is_done.append(True)
                race(asking(of, 100), lambda: None, 0)
            return chosen(*arguments)

        monkeypatch.setattr(services, "_chosen", second_comes)

        with pytest.raises(IntegrityError) as refused:
            asking(of, 100)()

        assert violated_constraint(refused.value) == "refund_one_active_per_payment"


class TestRefundAgainstChargeback:
    def test_never_gives_back_more_than_came_whoever_is_first(
        self, gateway: RefundingGateway
    ) -> None:
        for head_start in HEAD_STARTS_SECONDS:
            of = paid_invoice()

            race(asking(of, 4_000), charged_back(of), head_start)

            assert held_amount(of) == 0

    def test_books_what_is_left_if_the_bank_was_faster_than_the_gateway(
        self, gateway: RefundingGateway
    ) -> None:
        of = paid_invoice()
        gateway.meanwhile = charged_back(of)

        status = asking(of, 4_000)()

        assert (status, held_amount(of)) == ("succeeded", 0)
        assert of.paid_amount == 0
        assert Refund.objects.get().booked_as is None

    @pytest.mark.usefixtures("_unlocked")
    def test_control_without_the_lock_the_books_would_be_wrong(
        self, gateway: RefundingGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        of = paid_invoice()
        bank, refund, script = charged_back(of), asking(of, 4_000), Interleaving()
        monkeypatch.setattr(posting, "account_of", script.account_of)

        taken, refunded = script.of(bank, refund)

        assert refunded == "succeeded"
        assert isinstance(taken, IntegrityError)
        assert violated_constraint(taken) in {
            "invoice_balance",
            "invoice_refunds_what_was_paid",
        }


class TestRefundAgainstLatePayment:
    def test_books_both_whoever_is_first(self, gateway: RefundingGateway) -> None:
        for head_start in HEAD_STARTS_SECONDS:
            of = paid_invoice()

            refunded, booked = race(
                asking(of, 4_000), notified(of, charge="late", paid=10_000), head_start
            )

            assert booked == "booked"
            gone = 0 if isinstance(refunded, PaymentInProgress) else 4_000
            assert held_amount(of) == 20_000 - gone

    def test_is_refused_while_a_payment_is_being_booked(
        self, gateway: RefundingGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        of = paid_invoice()

        booked, refunded = interleaved(of, monkeypatch)

        assert (booked, type(refunded)) == ("booked", PaymentInProgress)
        assert held_amount(of) == 20_000

    @pytest.mark.usefixtures("_unlocked")
    def test_control_without_the_lock_the_books_would_be_wrong(
        self, gateway: RefundingGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        of = paid_invoice()

        booked, refunded = interleaved(of, monkeypatch)

        assert refunded == "succeeded"
        assert isinstance(booked, IntegrityError)
        assert violated_constraint(booked) == "invoice_balance"  # the database's last word


def interleaved(of: Invoice, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Stop the booking of a late payment once it has read the invoice, and ask for a refund."""
    late, refund = notified(of, charge="late", paid=10_000), asking(of, 4_000)
    script = Interleaving()
    monkeypatch.setattr(posting, "account_of", script.account_of)
    return script.of(late, refund)
