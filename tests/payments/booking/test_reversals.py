from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from gateways.adapter import PaymentReport, PaymentState
from invoices.invoices import selectors
from invoices.models import Installment, Invoice, LedgerEntry, PaymentRequest, Transaction
from payments.booking import settling
from payments.booking.reversals import ReversalBeforePayment
from tests.apikeys.factories import NOON
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.reports import refund, report

pytestmark = pytest.mark.django_db


def settle(payment_request: PaymentRequest, said: PaymentReport) -> str:
    settlement = settling.settle(
        payment_request_id=payment_request.pk,
        report=said,
        event=None,
        now=NOON + timedelta(minutes=1),
    )
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    return settlement.outcome


def paid(totals: tuple[int, ...] = (10_000,), **more: Any) -> PaymentRequest:
    """Make an invoice whose first payment is booked."""
    payment_request = PaymentRequestFactory.create(invoice=invoice(totals=totals))
    settle(payment_request, report(payment_request, **more))
    return payment_request


def next_request(payment_request: PaymentRequest, number: int) -> PaymentRequest:
    installment = payment_request.invoice.installments.get(number=number)
    return PaymentRequestFactory.create(invoice=payment_request.invoice, installment=installment)


def balances() -> tuple[str, int, int]:
    row = Invoice.objects.get()
    return row.status, row.paid_amount, row.overpayment_amount


def paid_amounts() -> list[int]:
    return list(Installment.objects.order_by("number").values_list("paid_amount", flat=True))


def rows(kind: str) -> list[tuple[int, int]]:
    """Return the amount of each transaction of a kind, and what of it was overpaid."""
    booked = Transaction.objects.filter(kind=kind).order_by("pk").prefetch_related("entries")
    return [
        (row.amount, sum(e.amount for e in row.entries.all() if e.installment_id is None))
        for row in booked
    ]


def refunded() -> tuple[int, str, list[int]]:
    row = Invoice.objects.get()
    installments = Installment.objects.order_by("number").values_list("refunded_amount", flat=True)
    return row.refunded_amount, str(row.refund_status), list(installments)


def chargeback(payment_request: PaymentRequest, **more: Any) -> PaymentReport:
    """Say that the bank took back all that is left on a charge."""
    amount = more.get("paid") or payment_request.amount
    return report(
        payment_request, reversals=(refund("chargeback", amount, kind="chargeback"),), **more
    )


class TestARefund:
    def test_of_all_leaves_the_invoice_paid_and_tells_what_went_back(self) -> None:
        request = paid()
        before = Invoice.objects.get()

        outcome = settle(request, report(request, refunds={"r1": 10_000}))

        row = Transaction.objects.get(kind="refund")
        installment, after = Installment.objects.get(), Invoice.objects.get()
        assert outcome == "refunded"
        assert balances() == ("fully_paid", 10_000, 0)
        assert refunded() == (10_000, "full", [10_000])
        assert (after.review_flags, after.paid_at) == ([], before.paid_at)
        assert (installment.status, installment.paid_amount, installment.paid_at) == (
            "paid",
            10_000,
            NOON,
        )
        assert row.reverses == Transaction.objects.get(kind="payment")
        assert row.gateway_transaction_id == f"{request.gateway_payment_id}:refund:r1"
        assert [entry.amount for entry in row.entries.all()] == [-10_000]

    def test_of_all_cannot_be_cancelled_and_is_not_due(self) -> None:
        request = paid()

        settle(request, report(request, refunds={"r1": 10_000}))

        invoice = Invoice.objects.get()
        document = selectors.document(tenant=invoice.tenant, invoice_id=invoice.pk)
        assert (invoice.is_cancellable, invoice.is_refundable) == (False, False)
        assert document.amount_due == 0

    def test_is_one_more_version(self) -> None:
        request = paid()
        before = Invoice.objects.get().version

        settling.settle(
            payment_request_id=request.pk,
            report=report(request, refunds={"r1": 1}),
            event=None,
            now=NOON + timedelta(minutes=2),
        )

        after = Invoice.objects.get()
        assert (after.version, after.updated_at) == (before + 1, NOON + timedelta(minutes=2))

    def test_of_some_leaves_the_installment_paid(self) -> None:
        request = paid()

        settle(request, report(request, refunds={"r1": 2_500}))

        assert balances() == ("fully_paid", 10_000, 0)
        assert refunded() == (2_500, "partial", [2_500])

    def test_said_twice_is_booked_once(self) -> None:
        request = paid()
        settle(request, report(request, refunds={"r1": 2_500}))

        again = settle(request, report(request, refunds={"r1": 2_500}))

        assert again == "already_booked"
        assert rows("refund") == [(-2_500, 0)]

    def test_beside_an_older_one_books_only_itself(self) -> None:
        request = paid()
        settle(request, report(request, refunds={"r1": 2_500}))

        settle(request, report(request, refunds={"r1": 2_500, "r2": 500}))

        assert rows("refund") == [(-2_500, 0), (-500, 0)]
        assert refunded() == (3_000, "partial", [3_000])

    def test_said_together_with_its_payment_books_both(self) -> None:
        request = PaymentRequestFactory.create()

        outcome = settle(request, report(request, refunds={"r1": 10_000}))

        assert outcome == "refunded"
        assert sorted(Transaction.objects.values_list("amount", flat=True)) == [-10_000, 10_000]
        assert balances() == ("fully_paid", 10_000, 0)

    def test_takes_the_overpayment_first(self) -> None:
        request = paid(paid=12_000)

        settle(request, report(request, paid=12_000, refunds={"r1": 3_000}))

        assert rows("refund") == [(-3_000, -2_000)]
        assert balances() == ("fully_paid", 12_000, 0)
        assert refunded() == (3_000, "partial", [1_000])
        assert Invoice.objects.get().review_flags == []

    def test_then_the_installment_that_the_payment_filled_last(self) -> None:
        request = paid((1_000, 2_000, 3_000), paid=4_500)

        settle(request, report(request, paid=4_500, refunds={"r1": 2_000}))

        assert paid_amounts() == [1_000, 2_000, 1_500]
        assert refunded() == (2_000, "partial", [0, 500, 1_500])

    def test_leaves_what_other_payments_filled(self) -> None:
        first = paid((1_000, 2_000))
        second = next_request(first, 2)
        settle(second, report(second))

        settle(first, report(first, refunds={"r1": 1_000}))

        assert refunded() == (1_000, "partial", [1_000, 0])

    def test_leaves_the_plan_and_its_open_page_alone(self) -> None:
        first = paid((1_000, 2_000))
        second = next_request(first, 2)

        settle(first, report(first, refunds={"r1": 1_000}))

        second.refresh_from_db()
        assert (second.status, balances()) == ("open", ("partially_paid", 1_000, 0))
        settle(second, report(second))
        assert balances() == ("fully_paid", 3_000, 0)

    def test_of_the_first_of_two_charges_gives_back_what_was_too_much(self) -> None:
        request = paid()
        settle(request, report(request, charge="second"))

        settle(request, report(request, refunds={"r1": 10_000}))

        assert balances() == ("fully_paid", 20_000, 0)
        assert refunded() == (10_000, "partial", [0])
        settle(request, report(request, charge="second", refunds={"r1": 10_000}))
        assert balances() == ("fully_paid", 20_000, 0)
        assert refunded() == (20_000, "full", [10_000])

    def test_larger_than_the_last_payment_of_a_charge_reaches_into_the_one_before(self) -> None:
        request = paid(paid=6_000)
        settle(request, report(request, paid=10_000))

        settle(request, report(request, paid=10_000, refunds={"r1": 5_000}))

        booked = Transaction.objects.filter(kind="refund").order_by("pk")
        assert [(row.amount, row.reverses.amount) for row in booked if row.reverses] == [
            (-4_000, 4_000),
            (-1_000, 6_000),
        ]
        assert settle(request, report(request, paid=10_000, refunds={"r1": 5_000})) == (
            "already_booked"
        )

    def test_of_more_than_was_paid_takes_what_there_is_and_is_critical(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        request = paid()

        settle(request, report(request, refunds={"r1": 10_001}))

        assert refunded() == (10_000, "full", [10_000])
        assert [record.levelname for record in caplog.records if "more than" in record.message] == [
            "CRITICAL"
        ]

    def test_before_its_payment_waits(self) -> None:
        request = PaymentRequestFactory.create()
        said = report(request, PaymentState.UNKNOWN, refunds={"r1": 10_000})

        with pytest.raises(ReversalBeforePayment):
            settle(request, said)

        assert (Transaction.objects.count(), balances()) == (0, ("pending", 0, 0))

    def test_in_another_currency_changes_nothing(self) -> None:
        request = paid()
        said = report(request, reversals=(refund("r1", 1, "USD"),))

        with pytest.raises(settling.CurrencyMismatch):
            settle(request, said)

        assert (balances(), refunded()[0]) == (("fully_paid", 10_000, 0), 0)


class TestAChargeback:
    def test_opens_the_debt_again_and_is_flagged(self) -> None:
        request = paid()

        outcome = settle(request, chargeback(request))

        installment, after = Installment.objects.get(), Invoice.objects.get()
        assert outcome == "reversed"
        assert balances() == ("pending", 0, 0)
        assert (after.review_flags, after.paid_at, after.refunded_amount) == (["reversed"], None, 0)
        assert (
            installment.status,
            installment.paid_amount,
            installment.paid_at,
            installment.settled_at,
        ) == (
            "unpaid",
            0,
            None,
            None,
        )
        assert rows("reversal") == [(-10_000, 0)]

    def test_takes_the_overpayment_first(self) -> None:
        request = paid(paid=12_000)

        settle(request, chargeback(request, paid=12_000))

        assert rows("reversal") == [(-12_000, -2_000)]
        assert balances() == ("pending", 0, 0)

    def test_of_one_installment_leaves_the_others_paid(self) -> None:
        first = paid((1_000, 2_000))
        second = next_request(first, 2)
        settle(second, report(second))

        settle(first, chargeback(first))

        assert paid_amounts() == [0, 2_000]
        assert balances() == ("partially_paid", 2_000, 0)

    def test_closes_a_page_that_would_ask_for_the_wrong_amount(self) -> None:
        first = paid((1_000, 2_000))
        second = next_request(first, 2)

        settle(first, chargeback(first))

        second.refresh_from_db()
        assert second.status == "closing"

    def test_of_an_expired_invoice_leads_back_to_expired(self) -> None:
        request = PaymentRequestFactory.create(
            invoice=invoice(status="expired", ended_as="expired", ended_at=NOON), status="expired"
        )
        settle(request, report(request))

        settle(request, chargeback(request))

        assert balances() == ("expired", 0, 0)
        assert Invoice.objects.get().review_flags == ["late", "reversed"]

    def test_followed_by_a_new_payment_fills_the_installment_again(self) -> None:
        request = paid()
        settle(request, chargeback(request))
        again = PaymentRequestFactory.create(invoice=request.invoice, sequence=2)

        settle(again, report(again))

        assert balances() == ("fully_paid", 10_000, 0)
        assert LedgerEntry.objects.count() == 3

    def test_after_a_refund_takes_no_more_than_what_is_left(self) -> None:
        request = paid()
        settle(request, report(request, refunds={"r1": 4_000}))
        bank = refund("chargeback", 10_000, kind="chargeback")

        settle(request, report(request, reversals=(refund("r1", 4_000), bank)))

        assert (rows("refund"), rows("reversal")) == ([(-4_000, 0)], [(-6_000, 0)])
        assert balances() == ("partially_paid", 4_000, 0)
        assert refunded() == (4_000, "full", [4_000])
        assert Invoice.objects.get().review_flags == ["reversed"]

    def test_after_a_refund_asks_again_for_what_it_took(self) -> None:
        request = paid()
        bank = refund("chargeback", 10_000, kind="chargeback")
        settle(request, report(request, reversals=(refund("r1", 4_000), bank)))
        again = PaymentRequestFactory.create(invoice=request.invoice, sequence=2, amount=6_000)

        settle(again, report(again))

        assert balances() == ("fully_paid", 10_000, 0)
        assert refunded() == (4_000, "partial", [4_000])


class TestAPaymentThatIsUndone:
    @pytest.mark.parametrize("state", [PaymentState.FAILED, PaymentState.CANCELLED])
    def test_by_a_state_that_names_no_reversal_goes_back_whole(self, state: PaymentState) -> None:
        request = paid(paid=12_000)

        outcome = settle(request, report(request, state))
        again = settle(request, report(request, state))

        row = Transaction.objects.get(kind="reversal")
        assert (outcome, again) == ("reversed", "unchanged")
        assert rows("reversal") == [(-12_000, -2_000)]
        assert row.gateway_transaction_id == f"{request.gateway_payment_id}:reversal:reversal"
        assert balances() == ("pending", 0, 0)

    def test_by_a_deny_that_says_so_goes_back_once(self) -> None:
        request = paid()
        reversal = refund("reversal", 10_000, kind="reversal")

        settle(request, report(request, PaymentState.REVERSED, reversals=(reversal,)))
        settle(request, report(request, PaymentState.FAILED))

        assert rows("reversal") == [(-10_000, 0)]

    @pytest.mark.parametrize("state", [PaymentState.EXPIRED, PaymentState.PENDING])
    def test_is_not_by_a_page_that_closed_late(self, state: PaymentState) -> None:
        request = paid()

        outcome = settle(request, report(request, state))

        assert outcome == "unchanged"
        assert balances() == ("fully_paid", 10_000, 0)

    def test_is_not_by_what_befell_another_charge(self) -> None:
        request = paid()

        settle(request, report(request, PaymentState.FAILED, charge="second"))

        assert balances() == ("fully_paid", 10_000, 0)

    def test_before_it_was_booked_moves_no_money(self) -> None:
        request = PaymentRequestFactory.create()

        outcome = settle(request, report(request, PaymentState.FAILED))

        assert outcome == "ended"
        assert (Transaction.objects.count(), balances()[0]) == (0, "failed")


class TestTheBooksAddUp:
    def test_after_payments_refunds_and_chargebacks(self) -> None:
        request = paid((3_000, 3_000, 4_000), paid=7_000)
        settle(request, report(request, paid=7_000, refunds={"r1": 1_500}))
        settle(request, report(request, charge="second", paid=9_000))
        settle(request, report(request, paid=7_000, refunds={"r1": 1_500, "r2": 5_500}))

        settle(request, chargeback(request, charge="second", paid=9_000))

        assert balances() == ("partially_paid", 7_000, 0)
        assert refunded() == (7_000, "full", refunded()[2])
        held = sum(LedgerEntry.objects.values_list("amount", flat=True))
        assert held == sum(Transaction.objects.values_list("amount", flat=True)) == 0

    def test_and_a_state_no_one_knows_changes_nothing(self) -> None:
        request = paid()
        said = report(request, PaymentState.UNKNOWN, raw_status="telepathy")

        with pytest.raises(settling.UnknownPaymentStatus, match="telepathy"):
            settle(request, said)

        assert balances() == ("fully_paid", 10_000, 0)
