"""A payment's notification comes while the merchant changes the invoice, or its time ends."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gateways.adapter import PaymentReport
from invoices.invoices import services
from invoices.invoices.request import InstallmentsRequest, InvoiceRequest, LineRequest
from invoices.ledger import posting
from invoices.models import (
    Installment,
    Invoice,
    InvoiceQuerySet,
    PaymentRequest,
    Transaction,
)
from invoices.payment_requests import leases, opening
from invoices.payment_requests.leases import PaymentInProgress
from invoices.schedule.adjusting import InvoiceNotCancellable
from invoices.schedule.splitting import InvalidInstallments
from payments.booking import settling as payments
from payments.changes import closing
from payments.changes.closing import PaidMeanwhile
from payments.refunds import books as refund_books
from paytrust.errors import PayTrustError
from paytrust.operations.database import violated_constraint
from tests.apikeys.factories import TenantFactory
from tests.concurrency.threads import locked_elsewhere
from tests.conftest import Sandbox
from tests.journeys import books
from tests.payments.reports import report

pytestmark = pytest.mark.usefixtures("committed", "sandbox")

HEAD_STARTS_SECONDS = (-0.02, -0.005, 0, 0, 0.005, 0.02)  # of the webhook, one a round
LATE_CHARGE = "late-charge"  # a second charge of the same demand, which the gateway tells late
Call = Callable[[], Any]


def opened(*, installments: int = 3) -> PaymentRequest:
    """Return the open payment of a new MYR invoice."""
    line = LineRequest("Phone", Decimal(2), Decimal("999.99"), Decimal("0.06"))
    document, _ = services.create_invoice(
        tenant=TenantFactory.create(),
        request=InvoiceRequest(
            gateway_id=1,
            currency_code="MYR",
            line_items=(line,),
            installments=InstallmentsRequest(count=installments) if installments > 1 else None,
        ),
        now=timezone.now(),
    )
    assert document.open_request is not None
    return document.open_request


def paid_without_notification(sandbox: Sandbox) -> PaymentRequest:
    """Return an open payment that the customer has paid; PayTrust does not know it yet."""
    request = opened()
    sandbox.fault("xendit", "webhook_lost")
    sandbox.pay(str(request.payment_url))
    return request


def notified(request: PaymentRequest, said: PaymentReport, now: datetime | None = None) -> Call:
    return lambda: (
        payments.settle(
            payment_request_id=request.pk, report=said, event=None, now=now or timezone.now()
        ).outcome
    )


def adjustment(request: PaymentRequest) -> Call:
    """Return the call that asks for 30 sen more with the first instalment."""
    return lambda: closing.adjust_installments(
        tenant=request.tenant,
        invoice_id=request.invoice_id,
        named={1: request.amount + 30},
        now=timezone.now(),
    )


def cancellation(request: PaymentRequest) -> Call:
    return lambda: closing.cancel_invoice(
        tenant=request.tenant, invoice_id=request.invoice_id, now=timezone.now()
    )


def expiry(now: datetime) -> Call:
    return lambda: services.expire_invoices(now=now, limit=1000)


def outcome_of(call: Call, outcomes: list[Any]) -> None:
    """Append what the call returns or raises; give the thread's connection back."""
    try:
        outcomes.append(call())
    except (PayTrustError, IntegrityError) as error:
        outcomes.append(error)
    finally:
        connection.close()


def race(first: Call, second: Call, head_start_seconds: float) -> tuple[Any, Any]:
    """Make both calls at once, except for a head start; return how each ended."""
    barrier = Barrier(2)
    ended: tuple[list[Any], list[Any]] = ([], [])

    def run(call: Call, delay: float, outcomes: list[Any]) -> None:
        barrier.wait()
        time.sleep(max(0, delay))
        outcome_of(call, outcomes)

    threads = [
        Thread(target=run, args=(first, -head_start_seconds, ended[0])),
        Thread(target=run, args=(second, head_start_seconds, ended[1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended[0][0], ended[1][0]


class Interleaving:
    """Stops the first booking once it has read the invoice, and lets another call run."""

    def __init__(self) -> None:
        self._reached, self._resume = Event(), Event()
        self._account_of = posting.account_of

    def account_of(self, **arguments: Any) -> Any:
        if not self._reached.is_set():
            self._reached.set()
            assert self._resume.wait(timeout=10)
        return self._account_of(**arguments)

    def of(self, booking: Call, change: Call) -> tuple[Any, Any]:
        booked: list[Any] = []
        changed: list[Any] = []
        thread = Thread(target=outcome_of, args=(booking, booked))
        thread.start()
        assert self._reached.wait(timeout=10)
        outcome_of(change, changed)
        self._resume.set()
        thread.join()
        return booked[0], changed[0]


@pytest.fixture
def interleaving(monkeypatch: pytest.MonkeyPatch) -> Interleaving:
    script = Interleaving()
    monkeypatch.setattr(posting, "account_of", script.account_of)
    return script


@pytest.fixture
def _unlocked(committed: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def ordered(self: InvoiceQuerySet, *, nowait: bool = False) -> InvoiceQuerySet:
        return self.order_by("pk")

    with monkeypatch.context() as patched:
        patched.setattr(InvoiceQuerySet, "locked", ordered)
        lock_no_installments(patched)
        _make_locks_new()
        yield
    _make_locks_new()


def lock_no_installments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a booking read the instalments without their locks, which come with the invoice's."""
    plain = posting._lock().removesuffix(" FOR UPDATE")
    assert plain != posting._lock()
    monkeypatch.setattr(posting, "_lock", lambda: plain)


def _make_locks_new() -> None:
    """Have the SQL of locks made again, as `locked` is now."""
    leases.lock_sql.cache_clear()
    refund_books.lock_by_refund_sql.cache_clear()


def invoice_of(request: PaymentRequest) -> Invoice:
    """Check all the books of its tenant and return the invoice."""
    books.check(books.read([request.tenant]))
    return Invoice.objects.get(pk=request.invoice_id)


def locks(call: Call) -> list[tuple[str, str]]:
    """Return table and kind of the row locks that a call takes, in order, each try once."""
    with CaptureQueriesContext(connection) as queries:
        call()
    taken = []
    for query in queries.captured_queries:
        statement, found, kind = query["sql"].partition(" FOR UPDATE")
        if found:
            table = statement.partition(' FROM "')[2].partition('"')[0]
            taken.append((table, kind.replace(f' OF "{table}"', "").strip()))
    return [lock for lock, _ in groupby(taken)]


class TestAdjustment:
    def test_leaves_the_books_right_whoever_is_first(self, sandbox: Sandbox) -> None:
        refused = set()
        for head_start in HEAD_STARTS_SECONDS:
            request = paid_without_notification(sandbox)

            booked, adjusted = race(
                notified(request, report(request)), adjustment(request), head_start
            )

            refused.add(type(adjusted))
            assert booked in {"booked", "already_booked"}
            invoice = invoice_of(request)
            first = invoice.installments.get(number=1)
            assert (first.status, first.total_amount) == ("paid", request.amount)
            assert (invoice.paid_amount, invoice.status) == (request.amount, "partially_paid")
            assert Transaction.objects.filter(invoice=invoice).count() == 1
        assert refused <= {PaidMeanwhile, PaymentInProgress, InvalidInstallments}

    def test_is_refused_while_a_payment_is_being_booked(
        self, sandbox: Sandbox, interleaving: Interleaving
    ) -> None:
        request = paid_without_notification(sandbox)

        booked, adjusted = interleaving.of(
            notified(request, report(request, charge=LATE_CHARGE)), adjustment(request)
        )

        assert (booked, type(adjusted)) == ("booked", PaymentInProgress)
        notified(request, report(request))()
        invoice = invoice_of(request)
        assert invoice.paid_amount == 2 * request.amount
        assert invoice.overpayment_amount == request.amount

    @pytest.mark.usefixtures("_unlocked")
    def test_control_without_the_lock_money_would_be_lost(
        self, sandbox: Sandbox, interleaving: Interleaving
    ) -> None:
        request = paid_without_notification(sandbox)

        booked, adjusted = interleaving.of(
            notified(request, report(request, charge=LATE_CHARGE)), adjustment(request)
        )

        assert isinstance(adjusted, PaidMeanwhile)
        assert isinstance(booked, IntegrityError)
        assert violated_constraint(booked) == "invoice_balance"  # the database's last word

    def test_locks_the_invoice_and_then_its_installments(self, sandbox: Sandbox) -> None:
        request = opened()
        sandbox.fault("xendit", "webhook_lost", times=9)  # it would compete for the lock

        taken = locks(adjustment(request))

        pair = [("invoices_invoice", "NOWAIT"), ("invoices_installment", "")]
        closed = [("invoices_invoice", ""), ("invoices_installment", "")]
        reopened = [("invoices_invoice", "NOWAIT")]  # to lease it, and to store its URL
        assert taken == pair + closed + pair + reopened


class TestCancellation:
    def test_leaves_the_books_right_whoever_is_first(self, sandbox: Sandbox) -> None:
        ends = set()
        for head_start in HEAD_STARTS_SECONDS:
            request = opened(installments=1)

            booked, cancelled = race(
                notified(request, report(request)), cancellation(request), head_start
            )

            assert booked == "booked"
            invoice = invoice_of(request)
            assert (invoice.paid_amount, invoice.status) == (request.amount, "fully_paid")
            refused = isinstance(cancelled, Exception)
            assert invoice.ended_as == (None if refused else "cancelled")
            assert invoice.review_flags == ([] if refused else ["after_cancel"])
            ends.add(type(cancelled) if refused else "cancelled")
        assert ends <= {
            "cancelled",
            InvoiceNotCancellable,
            PaidMeanwhile,
            PaymentInProgress,
        }

    def test_is_refused_while_a_payment_is_being_booked(self, interleaving: Interleaving) -> None:
        request = opened(installments=1)

        booked, cancelled = interleaving.of(
            notified(request, report(request)), cancellation(request)
        )

        assert (booked, type(cancelled)) == ("booked", PaymentInProgress)
        invoice = invoice_of(request)
        assert (invoice.status, invoice.ended_as) == ("fully_paid", None)

    @pytest.mark.usefixtures("_unlocked")
    def test_control_without_the_lock_nobody_hears_of_money_after_a_cancel(
        self, interleaving: Interleaving
    ) -> None:
        request = opened(installments=1)

        booked, cancelled = interleaving.of(
            notified(request, report(request)), cancellation(request)
        )

        assert booked == "booked"
        assert cancelled.invoice.status == "cancelled"
        invoice = Invoice.objects.get()
        assert (invoice.status, invoice.ended_as) == ("fully_paid", "cancelled")
        assert invoice.review_flags == []  # it should say after_cancel

    def test_locks_the_invoice_and_then_its_installments(self, sandbox: Sandbox) -> None:
        request = opened(installments=1)
        sandbox.fault("xendit", "webhook_lost", times=9)  # it would compete for the lock

        taken = locks(cancellation(request))

        pair = [("invoices_invoice", "NOWAIT"), ("invoices_installment", "")]
        closed = [("invoices_invoice", ""), ("invoices_installment", "")]
        assert taken == pair + closed + pair


class TestExpiry:
    def test_leaves_the_books_right_whoever_is_first(self) -> None:
        for head_start in HEAD_STARTS_SECONDS:
            request = opened(installments=1)
            over = request.expires_at + timedelta(seconds=1)

            booked, expired = race(
                notified(request, report(request), over), expiry(over), head_start / 10
            )

            assert booked == "booked"
            invoice = invoice_of(request)
            assert (invoice.paid_amount, invoice.status) == (request.amount, "fully_paid")
            assert invoice.ended_as == ("expired" if expired else None)
            assert invoice.review_flags == (["late"] if expired else [])

    def test_passes_over_an_invoice_that_is_being_paid(self, interleaving: Interleaving) -> None:
        request = opened(installments=1)
        over = request.expires_at + timedelta(seconds=1)

        booked, expired = interleaving.of(notified(request, report(request), over), expiry(over))

        assert (booked, expired) == ("booked", 0)
        invoice = invoice_of(request)
        assert (invoice.status, invoice.ended_as) == ("fully_paid", None)

    @pytest.mark.usefixtures("_unlocked")
    def test_control_without_the_lock_nobody_hears_of_late_money(
        self, interleaving: Interleaving
    ) -> None:
        request = opened(installments=1)
        over = request.expires_at + timedelta(seconds=1)

        booked, expired = interleaving.of(notified(request, report(request), over), expiry(over))

        assert (booked, expired) == ("booked", 1)
        invoice = Invoice.objects.get()
        assert (invoice.status, invoice.ended_as) == ("fully_paid", "expired")
        assert invoice.review_flags == []  # it should say late

    def test_skips_rows_that_others_hold(self) -> None:
        request = opened(installments=1)

        taken = locks(expiry(request.expires_at + timedelta(seconds=1)))

        assert taken == [("invoices_invoice", "SKIP LOCKED")]


class TestAStranger:
    @pytest.mark.parametrize("change", [adjustment, cancellation])
    def test_waits_for_no_lock(self, change: Callable[[PaymentRequest], Call]) -> None:
        """Also without the database's wall, which is not up here."""
        request = opened()
        stranger = PaymentRequest.objects.get(pk=request.pk)
        stranger.tenant = TenantFactory.create()
        installments = Installment.objects.filter(invoice=request.invoice_id)

        with locked_elsewhere(installments), pytest.raises(Invoice.DoesNotExist):
            change(stranger)()


class TestAnOpenPayment:
    def test_is_shown_while_others_hold_its_invoice(self) -> None:
        request = opened()

        with locked_elsewhere(Invoice.objects.filter(pk=request.invoice_id)):
            shown, asked = opening.open_payment(
                tenant=request.tenant, invoice_id=request.invoice_id, now=timezone.now()
            )

        assert (shown.open_request, asked) == (request, False)
        assert PaymentRequest.objects.get() == request


class TestBooking:
    def test_locks_the_invoice_and_then_its_installments(self) -> None:
        request = opened(installments=1)

        taken = locks(notified(request, report(request)))

        assert taken == [("invoices_invoice", ""), ("invoices_installment", "")]
