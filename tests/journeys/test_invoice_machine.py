"""The invoice engine with all kinds of events in any order, on the real database.

The gateway is scripted, in memory: a run takes thousands of steps, and each needs its own failure.
The clock stands still between steps and is passed in.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apikeys.models import Tenant
from gateways import registry
from gateways.adapter import GatewayError, PaymentReport, PaymentState
from gateways.refunds import RefundInProgress, RefundRefused
from invoices.invoices import services
from invoices.invoices.request import InstallmentsRequest, InvoiceRequest, LineRequest
from invoices.invoices.services import InvalidParent
from invoices.models import Invoice, PaymentRequest
from invoices.payment_requests import leases, opening
from invoices.payment_requests.leases import PaymentInProgress
from invoices.payment_requests.opening import InstallmentOutOfSequence, InvoiceNotPayable
from invoices.schedule.adjusting import InvoiceNotCancellable
from invoices.schedule.splitting import InstallmentTooSmall, InvalidInstallments
from payments.booking import settling as payments
from payments.changes import closing, transferring
from payments.changes.closing import PaidMeanwhile
from payments.models import Refund
from payments.refunds import sending
from payments.refunds import services as refunds
from payments.refunds.request import RefundRequest
from paytrust.errors import PayTrustError
from paytrust.operations import queue
from reporting.financial import rollups
from reporting.models import ClosedDay, DailyTotal
from tests.journeys import books, outbox
from tests.journeys.books import Row
from tests.journeys.recount import Recount
from tests.journeys.scripted_gateway import (
    MIDTRANS,
    XENDIT,
    Charge,
    Crashed,
    Kind,
    ScriptedGateway,
    Trouble,
)
from tests.reporting.ledger import unguarded

NORMAL = settings(
    max_examples=20,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
LONG = settings(NORMAL, max_examples=300, stateful_step_count=60)

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
MOST_INVOICES = 3
NEVER_UNDOES = {PaymentState.PENDING, PaymentState.PAID, PaymentState.EXPIRED}
FROZEN_ONCE_PAID = ("number", "due_at", *books.COLUMNS)

GATEWAY = ScriptedGateway()
tenant_numbers = count(1)

any_of = st.integers(0, 99)  # an index into whatever there is, counted round
quarters = st.sampled_from([4, 4, 4, 1, 2, 3, 5, 9, 40])  # of what a charge asks for
weights = st.lists(st.integers(0, 9), min_size=12, max_size=12)
splits = st.none() | weights
prices = st.lists(st.integers(1, 300), min_size=1, max_size=3)
currencies = st.sampled_from(["IDR", "MYR", "USD"])
MEANWHILE = ["pay", "pay again", "second charge", "tell", "end", "adjust", "cancel", "expire"]


class InvoiceMachine(RuleBasedStateMachine):
    @initialize(
        kind=st.sampled_from([XENDIT, XENDIT, MIDTRANS]),
        currency=currencies,
        prices=prices,
        installments=st.sampled_from([1, 2, 3]),
        split=splits,
    )
    def open_shop(
        self,
        kind: Kind,
        currency: str,
        prices: list[int],
        installments: int,
        split: list[int] | None,
    ) -> None:
        GATEWAY.reset(kind)
        self.now = START
        self.tenants = [
            Tenant.objects.create(name=f"Toko {next(tenant_numbers)}", created_at=START)
            for _ in range(2)
        ]
        self.reports: list[PaymentReport] = []  # what was reported before
        self.paid_installments: dict[int, list[Any]] = {}
        self.ended: dict[int, str] = {}
        self.cancelled: set[int] = set()
        self.books = books.read(self.tenants)
        with unguarded():  # closed by the example before, whose clock was another
            DailyTotal.objects.all().delete()
            ClosedDay.objects.all().delete()
        self.recount = Recount(self.books, self.now)
        self.create(0, currency, prices, installments, split)

    # What a merchant does

    @precondition(lambda self: len(self.books.invoices) < MOST_INVOICES)
    @rule(
        tenant=st.sampled_from([0, 0, 1]),
        currency=currencies,
        prices=prices,
        installments=st.sampled_from([1, 2, 3, 12]),
        split=splits,
    )
    def create(
        self,
        tenant: int,
        currency: str,
        prices: list[int],
        installments: int,
        split: list[int] | None,
    ) -> None:
        calm = self.step()
        currency = GATEWAY.kind.currency(currency)
        request = InvoiceRequest(
            gateway_id=GATEWAY.kind.id,
            currency_code=currency,
            line_items=lines_of(prices, currency),
            installments=plan_of(prices, installments, split, currency),
        )
        with self.refusals(GatewayError, InstallmentTooSmall, InvalidInstallments):
            document, opened = services.create_invoice(
                tenant=self.tenants[tenant],
                request=request,
                now=self.now,
            )
            assert opened
            assert not calm or document.open_request is not None

    @precondition(lambda self: 0 < len(self.books.invoices) < MOST_INVOICES)
    @rule(which=any_of, price=st.integers(1, 50), installments=st.sampled_from([1, 2]))
    def supplement(self, which: int, price: int, installments: int) -> None:
        self.step()
        parent = self.invoice(which)
        may = parent["parent_id"] is None and parent["status"] in {
            "pending",
            "partially_paid",
            "fully_paid",
        }
        request = InvoiceRequest(
            line_items=lines_of([price], "IDR"),
            installments=plan_of([price], installments, None, "IDR"),
        )
        with self.refusals(GatewayError, *([] if may else [InvalidParent])):
            services.create_supplementary(
                tenant=self.tenant_of(parent),
                parent_id=parent["id"],
                request=request,
                now=self.now,
            )
            assert may

    @precondition(lambda self: self.books.invoices)
    @rule(which=any_of, number=st.none() | st.integers(1, 3))
    def open(self, which: int, number: int | None) -> None:
        calm = self.step()
        invoice = self.invoice(which)
        lowest = self.books.lowest_unpaid(invoice["id"])
        payable = lowest is not None and self.is_payable(invoice)
        in_turn = lowest is not None and number in {None, lowest["number"]}
        unknown = [r for r in self.books.active(invoice["id"]) if r["status"] != "open"]
        expected: list[type[PayTrustError]] = [] if in_turn else [InstallmentOutOfSequence]
        if not payable:
            expected = [InvoiceNotPayable]
        with self.refusals(
            InvoiceNotPayable, InstallmentOutOfSequence, PaymentInProgress, GatewayError
        ) as refused:
            document, _ = opening.open_payment(
                tenant=self.tenant_of(invoice),
                invoice_id=invoice["id"],
                installment_number=number,
                now=self.now,
            )
            assert payable
            assert in_turn
            assert document.open_request is not None
        if calm and not unknown:
            assert [type(error) for error in refused] == expected

    @precondition(lambda self: self.books.invoices)
    @rule(which=any_of, named=st.integers(1, 4095), shares=weights)
    def adjust(self, which: int, named: int, shares: list[int]) -> None:
        calm = self.step()
        invoice = self.invoice(which)
        before = self.books.installments_of(invoice["id"])
        wanted = named_totals(before, named, shares)
        with self.refusals(
            InvoiceNotPayable,
            InvalidInstallments,
            InstallmentTooSmall,
            PaymentInProgress,
            PaidMeanwhile,
            GatewayError,
        ) as refused:
            document = closing.adjust_installments(
                tenant=self.tenant_of(invoice),
                invoice_id=invoice["id"],
                named=wanted,
                now=self.now,
            )
            if calm:
                totals = {
                    installment.number: installment.total_amount
                    for installment in document.installments
                }
                assert {number: totals[number] for number in wanted} == wanted
        if calm and refused and not isinstance(refused[0], PaidMeanwhile):
            assert books.read(self.tenants).installments_of(invoice["id"]) == before

    @precondition(lambda self: self.books.invoices)
    @rule(which=any_of)
    def cancel(self, which: int) -> None:
        calm = self.step()
        invoice = self.invoice(which)
        may = invoice["paid_amount"] == 0 and invoice["ended_as"] != "expired"
        with self.refusals(
            InvoiceNotCancellable, PaymentInProgress, PaidMeanwhile, GatewayError
        ) as refused:
            document = closing.cancel_invoice(
                tenant=self.tenant_of(invoice), invoice_id=invoice["id"], now=self.now
            )
            assert document.invoice.status == "cancelled"
            self.cancelled.add(invoice["id"])
            assert may or not calm
        if calm and refused and isinstance(refused[0], InvoiceNotCancellable):
            assert not may

    @precondition(lambda self: self.booked_payments())
    @rule(which=any_of, share=st.sampled_from([None, 1, 2, 4, 5]))
    def refund(self, which: int, share: int | None) -> None:
        """Ask for all, for some quarters of a payment, or for more than it brought."""
        self.step()
        payment = self.pick(self.booked_payments(), which)
        amount = None if share is None else max(1, payment["amount"] * share // 4)
        tenant = self.tenant_of(self.books.invoices[payment["invoice_id"]])
        with self.refusals(RefundRefused, PaymentInProgress, GatewayError):
            refunds.create_refund(
                tenant=tenant,
                invoice_id=payment["invoice_id"],
                request=RefundRequest(reason="other", amount=amount, transaction_id=payment["id"]),
                now=self.now,
            )

    @rule()
    def ask_about_refunds(self) -> None:
        self.step()
        own = set(Refund.objects.filter(tenant__in=self.tenants).values_list("pk", flat=True))
        for refund_id in sending.claim_due(now=self.now, limit=10_000):
            if refund_id in own:  # and not left by an example before
                with self.refusals():
                    sending.check(refund_id=refund_id, now=self.now)

    # What finance does

    @precondition(lambda self: self.ways())
    @rule(which=any_of, share=st.sampled_from([1, 2, 4]))
    def move(self, which: int, share: int) -> None:
        """Move some quarters of an overpayment to another invoice."""
        self.step()
        source, target = self.pick(self.ways(), which)
        due = target["total_amount"] - sum(
            installment["paid_amount"] for installment in self.books.installments_of(target["id"])
        )
        amount = max(1, min(source["overpayment_amount"], due) * share // 4)
        asked = {"source_id": source["id"], "target_id": target["id"], "amount": amount}
        with self.refusals(RefundInProgress):
            effect = transferring.effect_of(**asked, now=self.now)
            name = f"transfer-{len(self.books.transactions)}-{self.now:%d%H%M%S}"
            for _ in range(2):  # the second call finds it made
                transferring.transfer(**asked, seen=effect.stored(), name=name, now=self.now)

    # What a customer does

    @precondition(lambda self: bool(self.charges(PaymentState.PENDING)))
    @rule(which=any_of, share=quarters, notified=st.booleans())
    def pay(self, which: int, share: int, notified: bool) -> None:
        self.step()
        self.take_money(self.pick(self.charges(PaymentState.PENDING), which), share, notified)

    @precondition(lambda self: bool(self.charges(PaymentState.PAID)))
    @rule(which=any_of, share=quarters, notified=st.booleans())
    def pay_again(self, which: int, share: int, notified: bool) -> None:
        self.step()
        self.take_money(self.pick(self.charges(PaymentState.PAID), which), share, notified)

    @precondition(lambda self: bool(self.charges(PaymentState.EXPIRED)))
    @rule(which=any_of, share=quarters, notified=st.booleans())
    def pay_late(self, which: int, share: int, notified: bool) -> None:
        self.step()
        self.take_money(self.pick(self.charges(PaymentState.EXPIRED), which), share, notified)

    @precondition(lambda self: bool(GATEWAY.charges))
    @rule(which=any_of, share=quarters, notified=st.booleans())
    def pay_on_a_second_charge(self, which: int, share: int, notified: bool) -> None:
        self.step()
        first = self.pick(GATEWAY.charges, which)
        self.take_money(GATEWAY.charge_again(first), share, notified)

    # What a gateway does

    @precondition(lambda self: bool(self.charges(PaymentState.PENDING)))
    @rule(
        which=any_of,
        ends_as=st.sampled_from(
            [PaymentState.EXPIRED, PaymentState.FAILED, PaymentState.CANCELLED]
        ),
        notified=st.booleans(),
    )
    def end(self, which: int, ends_as: PaymentState, notified: bool) -> None:
        self.step()
        charge = self.pick(self.charges(PaymentState.PENDING), which)
        charge.state = ends_as
        if notified:
            self.deliver(charge.report())

    @precondition(lambda self: bool(self.charges(PaymentState.PAID)))
    @rule(which=any_of, share=st.sampled_from([1, 2, 4, None]), notified=st.booleans())
    def take_back(self, which: int, share: int | None, notified: bool) -> None:
        """Refund some quarters of what is left, or charge all of it back."""
        self.step()
        charge = self.pick(self.charges(PaymentState.PAID), which)
        left = charge.left
        if share is None:
            charge.state = PaymentState.REVERSED
        elif left * share // 4:
            charge.refunds.append(left * share // 4)
        if notified:
            self.deliver(charge.report())

    @precondition(lambda self: bool(GATEWAY.charges))
    @rule(which=any_of)
    def tell(self, which: int) -> None:
        """Have a notification come, however late, and the gateway confirm how it stands."""
        self.step()
        self.deliver(self.pick(GATEWAY.charges, which).report())

    @precondition(lambda self: self.reports)
    @rule(which=any_of)
    def repeat(self, which: int) -> None:
        """Bring an old report once more, as if the gateway had not been asked since."""
        self.step()
        before = self.books
        report = self.pick(self.reports, which)
        settled = self.settle(report)
        assert settled.outcome in {"already_booked", "unchanged"} or (
            settled.outcome == "ended" and report.state == PaymentState.EXPIRED
        )
        if settled.outcome != "ended":
            assert books.read(self.tenants) == before

    @rule(trouble=st.sampled_from(Trouble))
    def have_trouble(self, trouble: Trouble) -> None:
        GATEWAY.trouble = trouble

    @rule(page_life=st.sampled_from([None, timedelta(hours=2)]))
    def change_page_life(self, page_life: timedelta | None) -> None:
        GATEWAY.page_life = page_life

    @precondition(lambda self: self.books.invoices)
    @rule(what=st.sampled_from(MEANWHILE), which=any_of, share=quarters, shares=weights)
    def interfere(self, what: str, which: int, share: int, shares: list[int]) -> None:
        """Have something happen in the middle of the next call to the gateway."""
        GATEWAY.meanwhile = lambda: self.happen(what, which, share, shares)

    # What time and the jobs do

    @rule(minutes=st.sampled_from([1, 5, 60, 180, 60 * 24, 60 * 24 * 15]))
    def pass_time(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        rollups.close_days(now=self.now)

    @rule(overdue=st.booleans())
    def expire(self, overdue: bool) -> None:
        """Run the job, with `overdue` as soon as the next invoice has run out of time."""
        self.step()
        ends = [i["expires_at"] for i in self.books.invoices.values() if not i["ended_as"]]
        if overdue and ends:
            self.now = max(self.now, min(ends) + timedelta(seconds=1))
        services.expire_invoices(now=self.now, limit=10_000)
        left = {
            invoice["status"]
            for invoice in books.read(self.tenants).invoices.values()
            if invoice["expires_at"] <= self.now
        }
        assert left <= {"expired", "cancelled", "partially_paid", "fully_paid"}

    @rule()
    def run_the_jobs(self) -> None:
        self.close_what_is_due()
        self.open_what_is_due()

    def open_what_is_due(self) -> None:
        self.step()
        for invoice_id in opening.claim_due_openings(now=self.now, limit=10_000):
            if invoice_id in self.books.invoices:
                with self.refusals():
                    opening.open_due_payment(invoice_id=invoice_id, now=self.now)

    def close_what_is_due(self) -> None:
        self.step()
        for request_id in leases.claim_closings(now=self.now, limit=10_000):
            if request_id in self.books.requests:
                with self.refusals():
                    closing.close_for_job(payment_request_id=request_id, now=self.now)

    @precondition(lambda self: self.books.requests)
    @rule(which=any_of)
    def lapse(self, which: int) -> None:
        self.step()
        request = self.pick(list(self.books.requests.values()), which)
        if not GATEWAY.under(request["reference"]):  # the gateway knows of no charge
            payments.lapse(payment_request_id=request["id"], now=self.now)

    def teardown(self) -> None:
        if hasattr(self, "recount"):
            for tenant in self.tenants:
                for moment in range(0, len(self.recount.moments), 4):
                    self.recount.check(tenant, 0, moment)
                    self.recount.check(tenant, moment, -1)

    # What must hold after every step

    @invariant()
    def all_is_right(self) -> None:
        self.books = books.read(self.tenants)
        books.check(self.books)
        self.recount.see(self.books, self.now)
        self.the_gateways_money_is_booked_once()
        self.what_is_paid_never_changes()
        self.an_end_is_an_end()
        outbox.check_sums(self.books)

    def the_gateways_money_is_booked_once(self) -> None:
        booked: dict[str, int] = {}
        for row in self.books.transactions.values():
            if row["kind"] == "transfer":
                continue  # no gateway knows of it
            charge = row["gateway_transaction_id"].split("#")[0].split(":")[0]
            booked[charge] = booked.get(charge, 0) + row["amount"]
        assert booked == GATEWAY.notified

    def what_is_paid_never_changes(self) -> None:
        paid = {
            installment["id"]: [installment[name] for name in FROZEN_ONCE_PAID]
            for installment in self.books.installments.values()
            if installment["status"] == "paid"
        }
        for pk, frozen in paid.items():
            assert self.paid_installments.get(pk, frozen) == frozen
        self.paid_installments = paid

    def an_end_is_an_end(self) -> None:
        for invoice_id, ended_as in self.ended.items():
            assert self.books.invoices[invoice_id]["ended_as"] == ended_as
        self.ended = {
            invoice["id"]: invoice["ended_as"]
            for invoice in self.books.invoices.values()
            if invoice["ended_as"] in {"cancelled", "expired"}
        }
        cancelled = {pk for pk, ended_as in self.ended.items() if ended_as == "cancelled"}
        assert self.cancelled <= cancelled

    # How it is done

    def step(self) -> bool:
        """Let a second pass; return whether the gateway will do as it is asked."""
        self.now += timedelta(seconds=1)
        return GATEWAY.calm

    def pick(self, things: Sequence[Any], which: int) -> Any:
        return things[which % len(things)]

    def invoice(self, which: int) -> Row:
        return self.pick(list(self.books.invoices.values()), which)

    def tenant_of(self, invoice: Row) -> Tenant:
        return next(tenant for tenant in self.tenants if tenant.pk == invoice["tenant_id"])

    def is_payable(self, invoice: Row) -> bool:
        ended = invoice["ended_as"] in {"cancelled", "expired"}
        return not ended and invoice["expires_at"] > self.now

    def booked_payments(self) -> list[Row]:
        return [row for row in self.books.transactions.values() if row["kind"] == "payment"]

    def ways(self) -> list[tuple[Row, Row]]:
        """Return each invoice that holds an overpayment with each one that it may move to."""
        same = ("tenant_id", "currency_code")
        return [
            (source, target)
            for source in self.books.invoices.values()
            for target in self.books.invoices.values()
            if source["overpayment_amount"]
            and source is not target
            and [source[name] for name in same] == [target[name] for name in same]
            and target["status"] in {"pending", "partially_paid"}
            and self.is_payable(target)
        ]

    def charges(self, state: PaymentState) -> list[Charge]:
        return [charge for charge in GATEWAY.charges if charge.state == state]

    def take_money(self, charge: Charge, share: int, notified: bool) -> None:
        charge.pay(max(1, charge.amount.minor * share // 4), self.now)
        if notified:
            self.deliver(charge.report())

    def deliver(self, report: PaymentReport) -> None:
        GATEWAY.tell(report)
        settled = self.settle(report)
        if report.state in NEVER_UNDOES and not report.reversals:
            self.reports.append(report)
        if settled.outcome == "booked":
            self.next_is_due(report)

    def settle(self, report: PaymentReport) -> payments.Settlement:
        request = PaymentRequest.objects.get(reference=report.reference)
        return payments.settle(
            payment_request_id=request.pk, report=report, event=None, now=self.now
        )

    def next_is_due(self, report: PaymentReport) -> None:
        """Assert that after a payment the next one is opened by itself (spec 3.5)."""
        invoice = Invoice.objects.get(payment_requests__reference=report.reference)
        ended = invoice.ended_as in {"cancelled", "expired"} or invoice.expires_at <= self.now
        due = invoice.status == "partially_paid" and not ended
        assert (invoice.open_payment_at is not None) == due

    def happen(self, what: str, which: int, share: int, shares: list[int]) -> None:
        self.now += timedelta(seconds=1)
        self.books = books.read(self.tenants)
        pending = self.charges(PaymentState.PENDING)
        paid = self.charges(PaymentState.PAID)
        if what == "pay" and pending:
            self.take_money(self.pick(pending, which), share, notified=True)
        elif what == "pay again" and paid:
            self.take_money(self.pick(paid, which), share, notified=True)
        elif what == "second charge" and GATEWAY.charges:
            again = GATEWAY.charge_again(self.pick(GATEWAY.charges, which))
            self.take_money(again, share, notified=True)
        elif what == "tell" and GATEWAY.charges:
            self.deliver(self.pick(GATEWAY.charges, which).report())
        elif what == "end" and pending:
            self.pick(pending, which).state = PaymentState.FAILED
            self.deliver(self.pick(pending, which).report())
        elif what == "adjust" and self.books.invoices:
            self.adjust(which, share * 100, shares)
        elif what == "cancel" and self.books.invoices:
            self.cancel(which)
        elif what == "expire":
            services.expire_invoices(now=self.now, limit=10_000)

    @contextmanager
    def refusals(self, *expected: type[PayTrustError]) -> Iterator[list[PayTrustError]]:
        """Collect what is refused as it may be; a crash ends the step as it would a process."""
        refused: list[PayTrustError] = []
        try:
            yield refused
        except Crashed:
            pass
        except expected as error:
            refused.append(error)


HISTORY = st.lists(
    st.one_of(
        st.tuples(st.just("pay"), any_of, quarters),
        st.tuples(st.just("pay_again"), any_of, quarters),
        st.tuples(st.just("take_back"), any_of, st.sampled_from([1, 2, 4, 4, None])),
        st.tuples(st.just("adjust"), any_of, weights),
        st.tuples(st.just("pass_time"), st.sampled_from([1, 60 * 7, 60 * 24]), st.none()),
        st.tuples(st.just("create"), prices, currencies),
    ),
    min_size=8,
    max_size=24,
)


def unit_price(price: int, currency: str) -> Decimal:
    return Decimal(price * 1000) if currency == "IDR" else Decimal(price) + Decimal("0.37")


def lines_of(prices: Sequence[int], currency: str) -> tuple[LineRequest, ...]:
    return tuple(
        LineRequest(
            product_name=f"Thing {position}",
            quantity=Decimal(position),
            unit_price=unit_price(price, currency),
            tax_rate=Decimal("0.06") if position % 2 else Decimal("0.1234"),
        )
        for position, price in enumerate(prices, start=1)
    )


def plan_of(
    prices: Sequence[int], installments: int, split: Sequence[int] | None, currency: str
) -> InstallmentsRequest | None:
    if installments == 1:
        return None
    if split is None:
        return InstallmentsRequest(count=installments)
    whole = int(unit_price(prices[0], currency) * (1 if currency == "IDR" else 100))
    amounts = tuple(1 + whole * share // (1 + sum(split)) for share in split[: installments - 1])
    return InstallmentsRequest(count=installments, custom_amounts=amounts)


def named_totals(installments: Sequence[Row], named: int, shares: Sequence[int]) -> dict[int, int]:
    """Totals for some unpaid parts, never below what is paid; for all of them, all the balance."""
    unpaid = [installment for installment in installments if installment["status"] == "unpaid"]
    if not unpaid:
        return {1: 1}
    floors = [max(1, installment["paid_amount"]) for installment in unpaid]
    free = sum(installment["total_amount"] for installment in unpaid) - sum(floors)
    extra = [free * share // (1 + sum(shares)) for share in shares[: len(unpaid)]]
    extra[-1] += free - sum(extra)
    wanted = {
        installment["number"]: floor + more
        for bit, (installment, floor, more) in enumerate(zip(unpaid, floors, extra, strict=True))
        if named >> bit & 1
    }
    return wanted or {unpaid[0]["number"]: floors[0] + extra[0]}


@pytest.fixture
def _scripted(committed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "adapter_for", lambda _code, **_: GATEWAY)
    monkeypatch.setattr(queue, "publish", lambda task, **arguments: False)  # rules run the jobs


@pytest.mark.usefixtures("_scripted")
def test_the_books_are_right_whatever_happens() -> None:
    run_state_machine_as_test(InvoiceMachine, settings=NORMAL)


@pytest.mark.slow
@pytest.mark.usefixtures("_scripted")
def test_the_books_are_right_in_a_long_run_too() -> None:
    run_state_machine_as_test(InvoiceMachine, settings=LONG)


@pytest.mark.usefixtures("_scripted")
@settings(NORMAL, max_examples=12)
@given(history=HISTORY)
def test_reports_tell_every_history(history: list[tuple[str, Any, Any]]) -> None:
    play(history)


@pytest.mark.slow
@pytest.mark.usefixtures("_scripted")
@settings(NORMAL, max_examples=300)
@given(history=HISTORY)
def test_reports_tell_every_history_of_a_long_run_too(history: list[tuple[str, Any, Any]]) -> None:
    play(history)


def play(history: list[tuple[str, Any, Any]]) -> None:
    """Everybody pays what is due at once, so that much is settled and taken back again."""
    machine = InvoiceMachine()
    machine.open_shop(XENDIT, "MYR", [10], 2, None)
    machine.all_is_right()
    for what, first, second in history:
        match what:
            case "pay" | "pay_again" | "take_back":
                state = PaymentState.PENDING if what == "pay" else PaymentState.PAID
                if machine.charges(state):
                    getattr(machine, what)(first, second, notified=True)
            case "adjust":
                machine.adjust(first, 1 + first, second)
            case "pass_time":
                machine.pass_time(first)
            case "create" if len(machine.books.invoices) < MOST_INVOICES:
                machine.create(0, second, first, installments=2, split=None)
        machine.open_what_is_due()
        machine.all_is_right()
    machine.teardown()


@pytest.mark.usefixtures("_scripted")
def test_a_page_that_is_being_closed_is_paid_after_an_earlier_installment_was_refunded() -> None:
    machine = InvoiceMachine()
    steps: list[Callable[[], None]] = [
        lambda: machine.open_shop(XENDIT, "MYR", [10], 3, None),
        lambda: machine.pay(0, share=4, notified=True),
        machine.open_what_is_due,
        lambda: machine.take_back(0, share=4, notified=True),
        lambda: machine.open(0, number=None),
        lambda: machine.pay(0, share=4, notified=True),  # of instalment 2, whose page is closing
    ]

    for step in steps:
        step()
        machine.all_is_right()


@pytest.mark.usefixtures("_scripted")
def test_a_payment_that_is_paid_while_it_is_opened_is_not_answered_as_open() -> None:
    machine = InvoiceMachine()
    steps: list[Callable[[], None]] = [
        lambda: machine.open_shop(XENDIT, "MYR", [10], 1, None),
        lambda: machine.end(0, PaymentState.FAILED, notified=True),
        lambda: machine.interfere("second charge", 0, 4, []),
        lambda: machine.open(0, number=None),
    ]

    for step in steps:
        step()
        machine.all_is_right()


@pytest.mark.usefixtures("_scripted")
def test_what_was_moved_is_taken_back_and_what_was_refunded_is_not_given_twice() -> None:
    machine = InvoiceMachine()
    steps: list[Callable[[], None]] = [
        lambda: machine.open_shop(XENDIT, "MYR", [1], 1, None),
        lambda: machine.create(0, "MYR", [1], installments=2, split=None),
        lambda: machine.pay(0, share=9, notified=True),  # more than twice what is asked for
        lambda: machine.move(0, share=2),
        machine.run_the_jobs,
        lambda: machine.refund(0, share=None),
        lambda: machine.pay_again(0, share=9, notified=True),
        lambda: machine.move(0, share=1),
        lambda: machine.refund(1, share=1),
        lambda: machine.take_back(0, None, notified=True),
        machine.run_the_jobs,
    ]

    for step in steps:
        step()
        machine.all_is_right()

    kinds = [row["kind"] for row in machine.books.transactions.values()]
    assert kinds.count("transfer") >= 6  # two moved, and at least one of them brought back
    assert kinds.count("refund") == 2
    machine.teardown()
