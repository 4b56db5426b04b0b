"""An overpayment is moved while the same money goes back, or moves elsewhere."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from gateways.refunds import RefundExceedsPayment, RefundInProgress, RefundState
from invoices.ledger import posting
from invoices.models import Invoice, Transaction
from invoices.payment_requests.leases import PaymentInProgress
from invoices.schedule.adjusting import InvoiceChanged
from payments.changes import transferring
from payments.changes.transferring import TransferExceedsOverpayment
from payments.models import Refund
from paytrust.operations.database import violated_constraint
from tests.concurrency.test_changes import HEAD_STARTS_SECONDS, Interleaving, _unlocked, race
from tests.concurrency.test_refunds import asking, charged_back
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.journeys import books
from tests.payments.refunds.conftest import gateway
from tests.payments.refunds.gateway import RefundingGateway
from tests.payments.refunds.paid import paid_invoice

__all__ = ["_unlocked", "gateway"]
pytestmark = pytest.mark.usefixtures("committed")

Call = Callable[[], Any]
OVER = 2_500


def waiting_for_money(source: Invoice) -> Invoice:
    later = timezone.now() + timedelta(days=9)
    made = invoice(tenant=source.tenant, totals=(6_000, 4_000), expires_at=later)
    PaymentRequestFactory.create(invoice=made)
    return made


def moving(source: Invoice, target: Invoice, amount: int = OVER) -> Call:
    """Return the call that makes a transfer, as it was seen before."""
    seen = transferring.effect_of(
        source_id=source.pk, target_id=target.pk, amount=amount, now=timezone.now()
    ).stored()
    return lambda: transferring.transfer(
        source_id=source.pk,
        target_id=target.pk,
        amount=amount,
        seen=seen,
        name=f"transfer-{source.pk}-{target.pk}",
        now=timezone.now(),
    )


def money_of(*invoices: Invoice) -> list[int]:
    """Check all the books, and return what each invoice holds."""
    books.check(books.read([invoices[0].tenant]))
    for one in invoices:
        one.refresh_from_db()
    return [one.paid_amount - one.refunded_amount for one in invoices]


class TestTransferAgainstRefund:
    def test_gives_the_money_once_whoever_is_first(self, gateway: RefundingGateway) -> None:
        for head_start in HEAD_STARTS_SECONDS:
            source = paid_invoice(over_amount=OVER)
            target = waiting_for_money(source)

            moved, refunded = race(
                moving(source, target), asking(source, 10_000 + OVER), head_start
            )

            assert (moved is None) != (refunded == "succeeded")
            if moved is None:
                assert isinstance(refunded, PaymentInProgress | RefundExceedsPayment)
                assert money_of(source, target) == [10_000, OVER]
            else:
                refusals = RefundInProgress | TransferExceedsOverpayment | PaymentInProgress
                assert isinstance(moved, refusals)
                assert money_of(source, target) == [0, 0]

    @pytest.mark.usefixtures("_unlocked")
    def test_control_without_the_lock_only_the_database_refuses(
        self, gateway: RefundingGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = paid_invoice(over_amount=OVER)
        target = waiting_for_money(source)
        gateway.answer = RefundState.PENDING
        move, ask = moving(source, target), asking(source, 10_000 + OVER)
        script = Interleaving()
        monkeypatch.setattr(posting, "account_of", script.account_of)

        moved, refunded = script.of(move, ask)

        assert refunded == "pending"
        assert isinstance(moved, IntegrityError)
        assert violated_constraint(moved) == "transfer_leaves_refunds"
        assert Refund.objects.count() == 1
        assert money_of(source, target) == [10_000 + OVER, 0]


class TestTransferAgainstTransfer:
    def test_moves_once_whoever_is_first(self) -> None:
        for head_start in HEAD_STARTS_SECONDS:
            source = paid_invoice(over_amount=OVER)
            one, other = waiting_for_money(source), waiting_for_money(source)

            ends = race(moving(source, one), moving(source, other), head_start)

            refused = [type(end) for end in ends if end is not None]
            assert refused in ([TransferExceedsOverpayment], [InvoiceChanged], [PaymentInProgress])
            held, *there = money_of(source, one, other)
            assert (held, sorted(there)) == (10_000, [0, OVER])

    def test_two_ways_at_once_do_not_lock_each_other_out(self) -> None:
        for head_start in HEAD_STARTS_SECONDS:
            source = paid_invoice(over_amount=OVER)
            target = waiting_for_money(source)
            other = paid_invoice(tenant=source.tenant, over_amount=OVER)

            ends = race(moving(source, target, 100), moving(other, target, 100), head_start)

            refused = [type(end) for end in ends if end is not None]
            assert refused in ([], [InvoiceChanged], [PaymentInProgress])
            assert money_of(source, target, other)[1] == 200 - 100 * len(refused)


class TestTransferAgainstChargeback:
    def test_the_bank_gets_all_of_it_whoever_is_first(self) -> None:
        for head_start in HEAD_STARTS_SECONDS:
            source = paid_invoice(over_amount=OVER)
            target = waiting_for_money(source)

            race(moving(source, target), charged_back(source), head_start)

            assert money_of(source, target) == [0, 0]
            gone = Transaction.objects.filter(invoice=source, kind="reversal")
            assert sum(row.amount for row in gone) == -10_000 - OVER

    @pytest.mark.usefixtures("_unlocked")
    def test_control_without_the_lock_the_books_would_be_wrong(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = paid_invoice(over_amount=OVER)
        move, bank = moving(source, waiting_for_money(source)), charged_back(source)
        script = Interleaving()
        monkeypatch.setattr(posting, "account_of", script.account_of)

        moved, taken = script.of(move, bank)

        assert taken == "reversed"
        assert isinstance(moved, IntegrityError)
        assert violated_constraint(moved) in {
            "invoice_balance",
            "invoice_paid_amount_not_negative",
        }
