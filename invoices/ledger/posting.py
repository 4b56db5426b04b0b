"""Writing a Plan: the only module that writes balances, an instalment's status or a ledger row."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import Q, Sum

from invoices.invoices.versions import touch
from invoices.ledger.allocation import Plan
from invoices.ledger.standing import InstallmentStanding, Kind, Rate, Shares, Standing
from invoices.models import (
    Installment,
    Invoice,
    InvoiceStatus,
    LedgerEntry,
    LedgerTax,
    PaymentRequest,
    ReviewFlag,
    Transaction,
)
from invoices.payment_requests import transitions
from paytrust.operations import locking, rows
from paytrust.operations.trips import KEEP_ID, NEW_ID, Rows, Statement, join

INSTALLMENT_COLUMNS = ("paid_amount", "refunded_amount", "status", "paid_at", "settled_at")
SHARE_COLUMNS = (
    "net_amount",
    "tax_amount",
    "service_fee_amount",
    "total_amount",
    "status",
    "paid_at",
    "settled_at",
)
INVOICE_COLUMNS = (
    "paid_amount",
    "overpayment_amount",
    "refunded_amount",
    "status",
    "review_flags",
    "paid_at",
    "open_payment_at",
)
_TRANSACTION: Final = rows.insertion(Transaction, returning=f"id, {KEEP_ID}")
_ENTRIES: Final = rows.insertion(LedgerEntry, {"transaction_id": NEW_ID})
_TAXES: Final = rows.insertion(
    LedgerTax,
    {  # Python gives the instalment, which is one entry's of a transaction
        "entry_id": "(SELECT id FROM invoices_ledgerentry entry"  # noqa: S608  # nosec B608  # our own names
        f" WHERE entry.transaction_id = {NEW_ID} AND entry.installment_id = row.entry_id)"
    },
)
_TAXES_ASKED: Final = """
SELECT tax_rate, sum(tax_amount)::bigint FROM invoices_lineitem WHERE invoice_id = %(invoice)s
GROUP BY tax_rate ORDER BY tax_rate"""
_MOVED: Final = """
SELECT installment_id, kind, sum(net_amount)::bigint, sum(tax_amount)::bigint,
    sum(service_fee_amount)::bigint
FROM invoices_ledgerentry WHERE invoice_id = %(invoice)s AND installment_id IS NOT NULL
GROUP BY installment_id, kind"""
_TAXES_MOVED: Final = """
SELECT tax.tax_rate, entry.kind = 'refund', sum(tax.tax_amount)::bigint
FROM invoices_ledgerentry entry JOIN invoices_ledgertax tax ON tax.entry_id = entry.id
WHERE entry.invoice_id = %(invoice)s GROUP BY 1, 2"""
Sums = Mapping[tuple[int, str], Shares]  # by instalment and kind


@dataclass(slots=True)
class Account:
    """An invoice under its lock, its instalments in order, and how it stands."""

    invoice: Invoice
    installments: Sequence[Installment]
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What a transaction says beside its money."""

    payment_request: PaymentRequest
    gateway_transaction_id: str
    paid_at: datetime
    payment_method: str | None
    payment_channel: str | None
    reverses: Transaction | None = None  # the payment that gives the money
    moved_from: Transaction | None = None  # the other side of what a transfer brings
    iso20022_message_id: str
    iso20022_transaction_status: str


def locked_account(*, invoice: Invoice) -> Account:
    """Lock an invoice's instalments and return the account. Lock the invoice first."""
    values = {"invoice": invoice.pk}
    locked, *found = join(locking_installments(values=values), *reading_account(values=values))
    return account_of(invoice=invoice, installments=installments_of(invoice, locked), found=found)


def locking_installments(*, values: Mapping[str, Any], invoice: str = "%(invoice)s") -> Statement:
    """Return what locks and reads an invoice's instalments, for `installments_of`.

    Args:
        values: of the statement.
        invoice: SQL for the id of the invoice, which is locked before.
    """
    return Statement(_lock().replace("%(invoice)s", invoice), values)


def reading_account(
    *, values: Mapping[str, Any], invoice: str = "%(invoice)s"
) -> Sequence[Statement]:
    """Return what reads an invoice's account behind these locks, for `account_of`."""
    return [
        Statement(sql.replace("%(invoice)s", invoice), values)
        for sql in (_TAXES_ASKED, _MOVED, _TAXES_MOVED)
    ]


def installments_of(invoice: Invoice, locked: Rows) -> list[Installment]:
    """Return the instalments that `locking_installments` read."""
    installments = [rows.made(Installment, row) for row in locked]
    for installment in installments:
        installment.invoice = invoice
    return installments


def account_of(
    *, invoice: Invoice, installments: Sequence[Installment], found: Sequence[Rows]
) -> Account:
    """Return the account that `reading_account` read."""
    asked, moved, taxes = found
    standing = _standing(
        invoice=invoice,
        installments=installments,
        taxes_asked=dict(asked),
        moved=moved,
        taxes=taxes,
    )
    return Account(invoice, installments, standing)


@functools.cache
def _lock() -> str:
    rows = Installment.objects.filter(invoice=0).select_for_update().order_by("pk")
    return locking.lock_sql(rows, "invoice")


def standing_of(
    *,
    invoice: Invoice,
    installments: Sequence[Installment],
    taxes_asked: Mapping[Decimal, int],
) -> Standing:
    """Return how an invoice stands: its columns, and the sums of its ledger rows.

    Args:
        invoice: the invoice.
        installments: its instalments, in order.
        taxes_asked: the tax of its lines by rate, lowest rate first.
    """
    moved: Rows = ()
    taxes: Rows = ()
    if invoice.paid_amount > 0:  # without, all sums are zero
        of_invoice = {"invoice": invoice.pk}
        moved, taxes = join(Statement(_MOVED, of_invoice), Statement(_TAXES_MOVED, of_invoice))
    return _standing(
        invoice=invoice,
        installments=installments,
        taxes_asked=taxes_asked,
        moved=moved,
        taxes=taxes,
    )


def _standing(
    *,
    invoice: Invoice,
    installments: Sequence[Installment],
    taxes_asked: Mapping[Decimal, int],
    moved: Rows,
    taxes: Rows,
) -> Standing:
    sums = {(row[0], row[1]): Shares(*row[2:]) for row in moved}
    tax = {(rate, is_refund): amount for rate, is_refund, amount in taxes}
    return Standing(
        total_amount=invoice.total_amount,
        installments=tuple(_installment(row, sums) for row in installments),
        rates=tuple(
            Rate(
                tax_rate=rate,
                asked_amount=amount,
                received_amount=tax.get((rate, False), 0),
                refunded_amount=-tax.get((rate, True), 0),
            )
            for rate, amount in taxes_asked.items()
        ),
        paid_amount=invoice.paid_amount,
        overpayment_amount=invoice.overpayment_amount,
        refunded_amount=invoice.refunded_amount,
        status=invoice.status,
        ended_as=invoice.ended_as,
        review_flags=tuple(invoice.review_flags),
        paid_at=invoice.paid_at,
    )


def filled_by(*, payment: Transaction) -> dict[int, int]:
    """Return what a payment still has in each instalment, less what went back of it."""
    moved = (
        LedgerEntry.objects.filter(Q(transaction=payment) | Q(transaction__reverses=payment))
        .exclude(installment=None)
        .values_list("installment_id")
        .annotate(there=Sum("amount"))
    )
    return {
        installment_id: max(there, 0)
        for installment_id, there in moved
        if installment_id is not None
    }


def writing(
    *, account: Account, plan: Plan, booking: Booking, now: datetime
) -> tuple[Transaction, list[Statement]]:
    """Return a plan's transaction and the statements that write the plan, for one trip.

    The rows at hand follow. The invoice and its instalments must be locked by the caller. What else
    the trip writes may name the transaction as NEW_ID. `written` takes the rows of the first.
    """
    row = _transaction(account.invoice, plan, booking, now)
    statements = [
        Statement(_TRANSACTION, rows.values([row])),
        *_entries(account.invoice, plan, row, now),
        *_installments(account, plan),
        _invoice(account.invoice, plan, now),
    ]
    if plan.kind is Kind.PAYMENT:
        request = booking.payment_request
        statements.append(transitions.paid(payment_request=request, now=now))
    return row, statements


def written(
    *, account: Account, plan: Plan, row: Transaction, returned: Rows, now: datetime
) -> None:
    """Follow what the trip wrote, so that the next plan can be made of the account.

    Payments of instalments that are paid now are closed.
    """
    ((row.pk, _),) = returned
    if plan.overtaken:
        transitions.overtaken(
            installments=[
                installment
                for installment in account.installments
                if installment.pk in plan.overtaken
            ],
            now=now,
        )
    account.standing = plan.after


def reshaping(
    *, account: Account, asked: Mapping[int, Shares], opens_next: bool, now: datetime
) -> Sequence[Statement]:
    """Return what writes what unpaid instalments ask for from now on, by their ids.

    The rows at hand follow. One whose new total is already paid becomes paid. No money moves, so no
    ledger row is written. With `opens_next`, a job opens the payment that is due.

    Source: FR-066 to FR-069.
    """
    for installment in account.installments:
        if installment.pk not in asked:
            continue
        shares = asked[installment.pk]
        installment.net_amount, installment.tax_amount = shares.net_amount, shares.tax_amount
        installment.service_fee_amount, installment.total_amount = (
            shares.service_fee_amount,
            shares.amount,
        )
        if installment.paid_amount == installment.total_amount:
            installment.status = Installment.Status.PAID
            installment.paid_at, installment.settled_at = installment.paid_at or now, now
    changed = [installment for installment in account.installments if installment.pk in asked]
    account.standing = replace(
        account.standing,
        installments=tuple(
            replace(
                installment,
                asked=asked.get(installment.id, installment.asked),
                paid_at=row.paid_at,
                settled_at=row.settled_at,
            )
            for installment, row in zip(
                account.standing.installments, account.installments, strict=True
            )
        ),
    )
    invoice = account.invoice
    invoice.review_flags = list(account.standing.standing_flags)
    if opens_next:
        invoice.open_payment_at = now
    names = ("review_flags", "open_payment_at", *touch(invoice, now))
    return [rows.updating(changed, SHARE_COLUMNS), rows.updating([invoice], names)]


def flag(*, invoice: Invoice, flag: ReviewFlag) -> bool:
    """Mark a locked invoice for finance where no money moved; return whether that is new."""
    if flag in invoice.review_flags:
        return False
    invoice.review_flags = [*invoice.review_flags, flag.value]
    join(rows.updating([invoice], ("review_flags",)))
    return True


def _installment(installment: Installment, sums: Sums) -> InstallmentStanding:
    payments = sums.get((installment.pk, Kind.PAYMENT), Shares())
    reversals = sums.get((installment.pk, Kind.REVERSAL), Shares())
    transfers = sums.get((installment.pk, Kind.TRANSFER), Shares())
    return InstallmentStanding(
        id=installment.pk,
        number=installment.number,
        asked=Shares(
            installment.net_amount, installment.tax_amount, installment.service_fee_amount
        ),
        received=payments + reversals + transfers,
        refunded=-sums.get((installment.pk, Kind.REFUND), Shares()),
        paid_at=installment.paid_at,
        settled_at=installment.settled_at,
    )


def _transaction(invoice: Invoice, plan: Plan, booking: Booking, now: datetime) -> Transaction:
    return Transaction(
        tenant_id=invoice.tenant_id,
        invoice=invoice,
        payment_request=booking.payment_request,
        gateway=invoice.gateway,  # loaded, and the payment's
        gateway_transaction_id=booking.gateway_transaction_id,
        kind=plan.kind,
        reverses=booking.reverses,
        moved_from=booking.moved_from,
        currency_code=invoice.currency_code,
        amount=plan.amount,
        payment_method=booking.payment_method,
        payment_channel=booking.payment_channel,
        paid_at=booking.paid_at,
        created_at=now,
        iso20022_message_id=booking.iso20022_message_id,
        iso20022_transaction_status=booking.iso20022_transaction_status,
    )


def _entries(
    invoice: Invoice, plan: Plan, transaction: Transaction, now: datetime
) -> Iterator[Statement]:
    """Yield what writes the ledger of a transaction that the same trip makes."""
    entries = [
        LedgerEntry(
            tenant_id=invoice.tenant_id,
            gateway_id=transaction.gateway_id,
            invoice=invoice,
            installment_id=row.installment_id,
            kind=plan.kind,
            currency_code=invoice.currency_code,
            amount=row.amount,
            net_amount=row.shares.net_amount,
            tax_amount=row.shares.tax_amount,
            service_fee_amount=row.shares.service_fee_amount,
            booked_at=now,
        )
        for row in plan.rows
    ]
    yield Statement(_ENTRIES, rows.values(entries))
    taxes = [
        LedgerTax(entry_id=row.installment_id, tax_rate=rate, tax_amount=amount)
        for row in plan.rows
        if row.installment_id is not None
        for rate, amount in row.taxes
    ]
    if taxes:
        yield Statement(_TAXES, rows.values(taxes))


def _installments(account: Account, plan: Plan) -> Iterator[Statement]:
    """Yield what writes the instalments that money went into or out of, if it did."""
    known = {row.pk: row for row in account.installments}
    for after in plan.changed:
        row = known[after.id]
        row.paid_amount = after.received.amount
        row.refunded_amount = after.refunded.amount
        row.status = Installment.Status.PAID if after.is_paid else Installment.Status.UNPAID
        row.paid_at, row.settled_at = after.paid_at, after.settled_at
    if plan.changed:
        yield rows.updating([known[after.id] for after in plan.changed], INSTALLMENT_COLUMNS)


def _invoice(invoice: Invoice, plan: Plan, now: datetime) -> Statement:
    after = plan.after
    invoice.paid_amount, invoice.refunded_amount = after.paid_amount, after.refunded_amount
    invoice.overpayment_amount = after.overpayment_amount
    invoice.review_flags = list(after.review_flags)
    invoice.status, invoice.paid_at = InvoiceStatus(after.status), after.paid_at
    if plan.kind is Kind.PAYMENT or plan.fills:
        invoice.open_payment_at = now if plan.asks_for_more and invoice.is_payable(now) else None
    return rows.updating([invoice], (*INVOICE_COLUMNS, *touch(invoice, now)))
