"""Booking what a gateway reports. Reversals have a separate module."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from gateways.adapter import PaymentState
from invoices.models import (
    Installment,
    Invoice,
    LedgerEntry,
    PaymentRequest,
    ReviewFlag,
    Transaction,
)
from payments.booking import settling
from paytrust.money import Money
from tests.apikeys.factories import NOON
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.reports import report

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(minutes=3)
NEVER_OPENED = {"status": "opening", "payment_url": None, "opened_at": None}


def settle(
    payment_request: PaymentRequest, state: PaymentState = PaymentState.PAID, **said: Any
) -> settling.Settlement:
    """Book a report and check at once what the database checks at the end of a transaction."""
    settlement = settling.settle(
        payment_request_id=payment_request.pk,
        report=report(payment_request, state, **said),
        event=None,
        now=LATER,
    )
    connection.check_constraints()
    return settlement


def amounts() -> list[tuple[str, int, int]]:
    rows = Transaction.objects.order_by("pk").prefetch_related("entries")
    return [(row.gateway_transaction_id, row.amount, overpaid(row)) for row in rows]


def overpaid(row: Transaction) -> int:
    return sum(entry.amount for entry in row.entries.all() if entry.installment_id is None)


def demand(*, totals: tuple[int, ...] = (10_000,), **invoice_fields: Any) -> PaymentRequest:
    return PaymentRequestFactory.create(invoice=invoice(totals=totals, **invoice_fields))


def books() -> tuple[list[Any], ...]:
    """Return every row that money can change."""
    return tuple(
        list(model._default_manager.order_by("pk").values())
        for model in (Invoice, Installment, PaymentRequest, Transaction, LedgerEntry)
    )


def state() -> tuple[str, int, int, list[str]]:
    row = Invoice.objects.get()
    return row.status, row.paid_amount, row.overpayment_amount, row.review_flags


def installments() -> list[tuple[str, int]]:
    return list(Installment.objects.order_by("number").values_list("status", "paid_amount"))


class TestAPaymentInFull:
    def test_settles_installment_and_invoice_and_follows_each_unit(self) -> None:
        request = demand()

        settlement = settle(request, method="BANK_TRANSFER", channel="BCA")

        row, installment, where = (
            Transaction.objects.get(),
            Installment.objects.get(),
            LedgerEntry.objects.get(),
        )
        request.refresh_from_db()
        assert (settlement.outcome, settlement.transaction) == ("booked", row)
        assert state() == ("fully_paid", 10_000, 0, [])
        assert (
            installment.status,
            installment.paid_amount,
            installment.paid_at,
            installment.settled_at,
        ) == (
            "paid",
            10_000,
            NOON,
            LATER,
        )
        assert (where.transaction, where.installment, where.amount) == (row, installment, 10_000)
        assert (request.status, request.ended_at) == ("paid", LATER)
        assert (row.tenant_id, row.invoice_id, row.payment_request_id, row.gateway_id) == (
            request.tenant_id,
            request.invoice_id,
            request.pk,
            1,
        )
        assert (row.amount, row.currency_code, row.kind) == (10_000, "MYR", "payment")
        assert (row.gateway_transaction_id, row.payment_method, row.payment_channel) == (
            request.gateway_payment_id,
            "BANK_TRANSFER",
            "BCA",
        )
        assert (row.paid_at, row.created_at) == (NOON, LATER)

    def test_reported_again_changes_nothing(self) -> None:
        request = demand()
        settle(request)
        before = books()

        again = settle(request)

        assert (again.outcome, again.transaction) == ("already_booked", None)
        assert books() == before

    @pytest.mark.parametrize("late", [PaymentState.PENDING, PaymentState.EXPIRED])
    def test_is_not_undone_by_an_older_report(self, late: PaymentState) -> None:
        request = demand()
        settle(request)
        before = books()

        assert settle(request, late).outcome == "unchanged"

        assert books() == before

    def test_needs_no_page_that_was_ever_recorded(self) -> None:
        request = PaymentRequestFactory.create(
            invoice=invoice(status="draft"), gateway_payment_id=None, **NEVER_OPENED
        )

        assert settle(request, charge="charge-9").outcome == "booked"

        assert state() == ("fully_paid", 10_000, 0, [])
        assert Transaction.objects.get().gateway_transaction_id == "charge-9"

    def test_without_a_time_was_paid_when_it_is_booked(self) -> None:
        settle(demand(), paid_at=None)

        assert Transaction.objects.get().paid_at == LATER


class TestAnUnderpayment:
    def test_leaves_the_installment_unpaid_and_flags_the_invoice(self) -> None:
        settle(demand(), paid=9_999)

        assert state() == ("partially_paid", 9_999, 0, [ReviewFlag.UNDERPAID])
        assert installments() == [("unpaid", 9_999)]
        assert Invoice.objects.get().open_payment_at == LATER

    def test_that_grows_on_the_same_charge_books_only_the_rest(self) -> None:
        request = demand()
        settle(request, paid=4_000)

        settle(request, paid=10_000)

        rows = Transaction.objects.order_by("pk").values_list("gateway_transaction_id", "amount")
        charge = request.gateway_payment_id
        assert list(rows) == [(charge, 4_000), (f"{charge}#2", 6_000)]
        assert state() == ("fully_paid", 10_000, 0, [])  # nothing differs any more

    def test_of_an_installment_asks_for_no_other(self) -> None:
        settle(demand(totals=(4_000, 6_000)), paid=1)

        assert installments() == [("unpaid", 1), ("unpaid", 0)]
        assert state()[0] == "partially_paid"


class TestAnOverpayment:
    def test_of_the_last_installment_is_kept_and_flagged(self) -> None:
        settle(demand(), paid=10_050)

        assert state() == ("fully_paid", 10_050, 50, [ReviewFlag.OVERPAID])
        assert installments() == [("paid", 10_000)]
        assert overpaid(Transaction.objects.get()) == 50

    def test_fills_the_installments_that_follow(self) -> None:
        settle(demand(totals=(4_000, 3_000, 3_000)), paid=8_000)

        assert installments() == [("paid", 4_000), ("paid", 3_000), ("unpaid", 1_000)]
        assert state() == ("partially_paid", 8_000, 0, [])
        assert list(LedgerEntry.objects.order_by("pk").values_list("amount", flat=True)) == [
            4_000,
            3_000,
            1_000,
        ]

    def test_beyond_the_last_installment_is_kept(self) -> None:
        settle(demand(totals=(4_000, 6_000)), paid=10_001)

        assert installments() == [("paid", 4_000), ("paid", 6_000)]
        assert state() == ("fully_paid", 10_001, 1, [ReviewFlag.OVERPAID])

    def test_by_a_second_charge_is_an_overpayment_as_a_whole(self) -> None:
        request = demand(totals=(4_000, 6_000))
        settle(request)

        settle(request, charge="charge-2")

        assert installments() == [("paid", 4_000), ("unpaid", 0)]
        assert state() == ("partially_paid", 8_000, 4_000, [ReviewFlag.OVERPAID])
        assert Transaction.objects.count() == 2


class TestTwoPaymentsShownAsOne:
    """Xendit shows the sum of what came on an invoice; its notifications show each payment."""

    def test_are_a_row_each_and_the_second_is_an_overpayment(self) -> None:
        request = demand(totals=(4_000, 6_000))

        settle(request, paid=8_000, notified=4_000)

        name = request.gateway_payment_id
        assert amounts() == [(name, 4_000, 0), (f"{name}#2", 4_000, 4_000)]
        assert installments() == [("paid", 4_000), ("unpaid", 0)]
        assert state() == ("partially_paid", 8_000, 4_000, ["overpaid"])

    def test_that_are_both_too_little_fill_the_installment_together(self) -> None:
        request = demand()

        settle(request, paid=9_000, notified=3_000)

        name = request.gateway_payment_id
        assert amounts() == [(name, 3_000, 0), (f"{name}#2", 6_000, 0)]
        assert installments() == [("unpaid", 9_000)]

    @pytest.mark.parametrize("notified", [None, 0, 10_000, 12_000])
    def test_are_not_taken_for_two_without_a_sign_of_it(self, notified: int | None) -> None:
        request = demand()

        settle(request, notified=notified)

        assert amounts() == [(request.gateway_payment_id, 10_000, 0)]

    def test_the_second_notification_changes_nothing_more(self) -> None:
        request = demand()
        settle(request, paid=20_000, notified=10_000)
        before = books()

        again = settle(request, paid=20_000, notified=10_000)

        assert again.outcome == "already_booked"
        assert books() == before


class TestMoneyForAnEndedInvoice:
    @pytest.mark.parametrize(
        ("ended_as", "flag"),
        [
            ("expired", ReviewFlag.LATE),
            ("failed", ReviewFlag.LATE),
            ("cancelled", ReviewFlag.AFTER_CANCEL),
        ],
    )
    def test_is_booked_and_flagged(self, ended_as: str, flag: ReviewFlag) -> None:
        request = PaymentRequestFactory.create(
            invoice=invoice(status=ended_as, ended_as=ended_as, ended_at=NOON),
            status="cancelled" if ended_as == "cancelled" else ended_as,
            ended_at=NOON,
        )

        assert settle(request).outcome == "booked"

        assert state() == ("fully_paid", 10_000, 0, [flag])

    def test_opens_no_further_payment(self) -> None:
        request = demand(
            totals=(4_000, 6_000), status="cancelled", ended_as="cancelled", ended_at=NOON
        )

        settle(request)

        assert state() == ("partially_paid", 4_000, 0, [ReviewFlag.AFTER_CANCEL])
        assert Invoice.objects.get().open_payment_at is None

    def test_that_is_too_little_is_flagged_for_both(self) -> None:
        request = demand(status="expired", ended_as="expired", ended_at=NOON)

        settle(request, paid=1)

        assert state()[3] == [ReviewFlag.LATE, ReviewFlag.UNDERPAID]


class TestAnEndWithoutMoney:
    @pytest.mark.parametrize(
        ("said", "request_status", "invoice_status"),
        [
            (PaymentState.EXPIRED, "expired", "expired"),
            (PaymentState.FAILED, "failed", "failed"),
            (PaymentState.CANCELLED, "cancelled", "failed"),
        ],
    )
    def test_ends_the_request_and_the_invoice(
        self, said: PaymentState, request_status: str, invoice_status: str
    ) -> None:
        request = demand()

        assert settle(request, said).outcome == "ended"

        request.refresh_from_db()
        assert (request.status, request.ended_at) == (request_status, LATER)
        assert state() == (invoice_status, 0, 0, [])

    def test_of_the_second_installment_leaves_the_invoice_partially_paid(self) -> None:
        first = demand(totals=(4_000, 6_000))
        settle(first)
        second = PaymentRequestFactory.create(
            invoice=first.invoice, installment=first.invoice.installments.get(number=2)
        )

        assert settle(second, PaymentState.EXPIRED).outcome == "ended"

        assert state() == ("partially_paid", 4_000, 0, [])

    def test_of_a_page_shorter_than_the_invoice_has_a_new_one_opened(self) -> None:
        request = PaymentRequestFactory.create(expires_at=NOON + timedelta(hours=1))

        settle(request, PaymentState.EXPIRED)

        assert state()[0] == "pending"
        assert Invoice.objects.get().open_payment_at == LATER

    def test_said_twice_changes_nothing_more(self) -> None:
        request = demand()
        settle(request, PaymentState.EXPIRED)
        before = books()

        assert settle(request, PaymentState.EXPIRED).outcome == "unchanged"

        assert books() == before

    def test_can_be_followed_by_money(self) -> None:
        request = demand()
        settle(request, PaymentState.EXPIRED)

        settle(request)

        assert state() == ("fully_paid", 10_000, 0, [ReviewFlag.LATE])


class TestARefusedReport:
    def test_in_another_currency_changes_nothing(self) -> None:
        request = demand()
        before = books()

        with pytest.raises(settling.CurrencyMismatch, match="USD received where MYR was asked"):
            settle(request, paid_amount=Money(10_000, "USD"))

        assert books() == before

    def test_in_a_word_that_nobody_knows_changes_nothing(self) -> None:
        request = demand()
        before = books()

        with pytest.raises(settling.UnknownPaymentStatus, match="HALF_PAID"):
            settle(request, PaymentState.UNKNOWN, raw_status="HALF_PAID")

        assert books() == before

    def test_about_a_demand_that_does_not_exist_is_an_error(self) -> None:
        request = demand()

        with pytest.raises(PaymentRequest.DoesNotExist):
            settling.settle(
                payment_request_id=request.pk + 1, report=report(request), event=None, now=LATER
            )


class TestSettleClosed:
    def close(self, request: PaymentRequest, said: PaymentState | None) -> PaymentRequest:
        closed = settling.settle_closed(
            payment_request_id=request.pk,
            report=None if said is None else report(request, said),
            now=LATER,
        )
        connection.check_constraints()
        return closed

    @pytest.mark.parametrize("said", [None, PaymentState.EXPIRED, PaymentState.CANCELLED])
    def test_cancels_what_the_gateway_closed_or_never_knew(self, said: PaymentState | None) -> None:
        request = PaymentRequestFactory.create(status="closing")

        closed = self.close(request, said)

        assert (closed.status, closed.ended_at) == ("cancelled", LATER)
        assert state() == ("pending", 0, 0, [])

    def test_books_what_the_customer_paid_meanwhile(self) -> None:
        request = PaymentRequestFactory.create(status="closing")

        closed = self.close(request, PaymentState.PAID)

        assert closed.status == "paid"
        assert state() == ("fully_paid", 10_000, 0, [])

    def test_leaves_what_a_notification_has_ended_already(self) -> None:
        request = PaymentRequestFactory.create(status="closing")
        settle(request)
        before = books()

        closed = self.close(request, None)

        assert closed.status == "paid"
        assert books() == before
