from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from gateways.adapter import PaymentReport, PaymentState
from invoices.models import Installment, Invoice, PaymentRequest, SettlementEntry, Transaction
from payments.booking import settling
from payments.booking.reversals import ReversalBeforePayment
from payments.models import Allocation
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
    part = payment_request.invoice.installments.get(number=number)
    return PaymentRequestFactory.create(invoice=payment_request.invoice, installment=part)


def balances() -> tuple[str, int, int]:
    row = Invoice.objects.get()
    return row.status, row.paid_amount, row.overpayment_amount


def paid_amounts() -> list[int]:
    return list(Installment.objects.order_by("number").values_list("paid_amount", flat=True))


class TestARefund:
    def test_of_all_leaves_the_invoice_unpaid_and_flagged(self) -> None:
        request = paid()

        outcome = settle(request, report(request, refunds={"r1": 10_000}))

        row = Transaction.objects.get(kind="reversal")
        part = Installment.objects.get()
        assert outcome == "reversed"
        assert balances() == ("pending", 0, 0)
        assert Invoice.objects.get().review_flags == ["reversed"]
        assert (part.status, part.paid_amount, part.paid_at, part.settled_at) == (
            "unpaid",
            0,
            None,
            None,
        )
        assert (row.amount, row.overpayment_amount) == (-10_000, 0)
        assert row.reverses == Transaction.objects.get(kind="payment")
        assert row.gateway_transaction_id == f"{request.gateway_payment_id}:refund:r1"
        assert [entry.amount for entry in row.allocations.all()] == [-10_000]

    def test_of_a_part_leaves_the_rest_paid(self) -> None:
        request = paid()

        settle(request, report(request, refunds={"r1": 2_500}))

        assert balances() == ("partially_paid", 7_500, 0)
        assert paid_amounts() == [7_500]

    def test_said_twice_is_booked_once(self) -> None:
        request = paid()
        settle(request, report(request, refunds={"r1": 2_500}))

        again = settle(request, report(request, refunds={"r1": 2_500}))

        assert again == "already_booked"
        assert Transaction.objects.filter(kind="reversal").count() == 1

    def test_beside_an_older_one_books_only_itself(self) -> None:
        request = paid()
        settle(request, report(request, refunds={"r1": 2_500}))

        settle(request, report(request, refunds={"r1": 2_500, "r2": 500}))

        amounts = Transaction.objects.filter(kind="reversal").values_list("amount", flat=True)
        assert sorted(amounts) == [-2_500, -500]
        assert balances() == ("partially_paid", 7_000, 0)

    def test_said_together_with_its_payment_books_both(self) -> None:
        request = PaymentRequestFactory.create()

        outcome = settle(request, report(request, refunds={"r1": 10_000}))

        assert outcome == "reversed"
        assert sorted(Transaction.objects.values_list("amount", flat=True)) == [-10_000, 10_000]
        assert balances() == ("pending", 0, 0)

    def test_takes_the_overpayment_first(self) -> None:
        request = paid(paid=12_000)

        settle(request, report(request, paid=12_000, refunds={"r1": 3_000}))

        row = Transaction.objects.get(kind="reversal")
        assert (row.amount, row.overpayment_amount) == (-3_000, -2_000)
        assert balances() == ("partially_paid", 9_000, 0)

    def test_then_the_instalments_it_filled_last_first(self) -> None:
        request = paid((1_000, 2_000, 3_000), paid=4_500)

        settle(request, report(request, paid=4_500, refunds={"r1": 2_000}))

        assert paid_amounts() == [1_000, 1_500, 0]
        assert list(Installment.objects.order_by("number").values_list("status", flat=True)) == [
            "paid",
            "unpaid",
            "unpaid",
        ]

    def test_leaves_what_other_payments_filled(self) -> None:
        first = paid((1_000, 2_000))
        second = next_request(first, 2)
        settle(second, report(second))

        settle(first, report(first, refunds={"r1": 1_000}))

        assert paid_amounts() == [0, 2_000]
        assert balances() == ("partially_paid", 2_000, 0)

    def test_of_the_first_of_two_charges_keeps_the_invoice_paid_by_the_second(self) -> None:
        request = paid()
        settle(request, report(request, charge="second"))

        settle(request, report(request, refunds={"r1": 10_000}))

        assert balances() == ("fully_paid", 10_000, 0)
        settle(request, report(request, charge="second", refunds={"r1": 10_000}))
        assert balances() == ("pending", 0, 0)
        assert Transaction.objects.filter(kind="reversal").count() == 2

    def test_larger_than_the_last_payment_of_a_charge_reaches_into_the_one_before(self) -> None:
        request = paid(paid=6_000)
        settle(request, report(request, paid=10_000))

        settle(request, report(request, paid=10_000, refunds={"r1": 5_000}))

        rows = Transaction.objects.filter(kind="reversal").order_by("pk")
        assert [(row.amount, row.reverses.amount) for row in rows if row.reverses] == [
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

        assert balances() == ("pending", 0, 0)
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

        assert balances() == ("fully_paid", 10_000, 0)

    def test_of_an_expired_invoice_leads_back_to_expired(self) -> None:
        request = PaymentRequestFactory.create(
            invoice=invoice(status="expired", ended_as="expired", ended_at=NOON), status="expired"
        )
        settle(request, report(request))

        settle(request, report(request, refunds={"r1": 10_000}))

        assert balances() == ("expired", 0, 0)
        assert Invoice.objects.get().review_flags == ["late", "reversed"]

    def test_closes_a_page_that_would_ask_for_the_wrong_amount(self) -> None:
        first = paid((1_000, 2_000))
        second = next_request(first, 2)

        settle(first, report(first, refunds={"r1": 400}))

        second.refresh_from_db()
        assert second.status == "closing"

    def test_is_reported_as_what_was_settled_before(self) -> None:
        request = paid()

        settle(request, report(request, refunds={"r1": 1}))

        entries = SettlementEntry.objects.order_by("pk").values_list("kind", "total_amount")
        assert list(entries) == [("settled", 10_000), ("reversed", 10_000)]

    def test_followed_by_a_new_payment_fills_the_instalment_again(self) -> None:
        request = paid()
        settle(request, report(request, refunds={"r1": 10_000}))
        again = PaymentRequestFactory.create(invoice=request.invoice, sequence=2)

        settle(again, report(again))

        assert balances() == ("fully_paid", 10_000, 0)
        assert Allocation.objects.count() == 3


class TestAPaymentThatIsUndone:
    @pytest.mark.parametrize("state", [PaymentState.FAILED, PaymentState.CANCELLED])
    def test_by_a_state_that_names_no_reversal_goes_back_whole(self, state: PaymentState) -> None:
        request = paid(paid=12_000)

        outcome = settle(request, report(request, state))
        again = settle(request, report(request, state))

        row = Transaction.objects.get(kind="reversal")
        assert (outcome, again) == ("reversed", "unchanged")
        assert (row.amount, row.overpayment_amount) == (-12_000, -2_000)
        assert row.gateway_transaction_id == f"{request.gateway_payment_id}:reversal:reversal"
        assert balances() == ("pending", 0, 0)

    def test_by_a_deny_that_says_so_goes_back_once(self) -> None:
        request = paid()
        reversal = refund("reversal", 10_000, kind="reversal")

        settle(request, report(request, PaymentState.REVERSED, reversals=(reversal,)))
        settle(request, report(request, PaymentState.FAILED))

        assert Transaction.objects.filter(kind="reversal").count() == 1

    def test_by_a_chargeback_after_a_refund_gives_back_what_is_left(self) -> None:
        request = paid()
        settle(request, report(request, refunds={"r1": 4_000}))
        chargeback = refund("chargeback", 10_000, kind="chargeback")

        settle(request, report(request, reversals=(refund("r1", 4_000), chargeback)))

        amounts = Transaction.objects.filter(kind="reversal").order_by("pk")
        assert [row.amount for row in amounts] == [-4_000, -6_000]
        assert balances() == ("pending", 0, 0)

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

        call_command("audit_books")

        assert Invoice.objects.get().paid_amount == 9_000

    def test_and_a_state_no_one_knows_changes_nothing(self) -> None:
        request = paid()
        said = report(request, PaymentState.UNKNOWN, raw_status="telepathy")

        with pytest.raises(settling.UnknownPaymentStatus, match="telepathy"):
            settle(request, said)

        assert balances() == ("fully_paid", 10_000, 0)
