"""What Midtrans's dashboard lets a merchant download: the balance statement and withdrawals.

Neither the headers nor the prices are published (gateways-2.md C7): the headers are those of its
screens, the prices are made up. Money of a day in Jakarta is paid out as one withdrawal, some days
after the payment; a bank transfer takes one day, a card five.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from typing import Any, Final

import openpyxl
from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_datetime

from gateways.sandbox import simulator
from gateways.sandbox.calls import Call, gateway_call
from gateways.sandbox.messages import Answer
from gateways.sandbox.midtrans.dialect import CoreDialect, refuse
from gateways.sandbox.midtrans.transactions import JAKARTA, Transaction, written

VAT: Final = Decimal("0.11")  # of the fee
LATE: Final = timedelta(days=14)
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
STATEMENT: Final = (
    *("Date & Time", "Order ID", "Transaction ID", "Transaction Type", "Channel", "Status"),
    *("Amount", "Fee", "VAT", "Refund Key"),
)
WITHDRAWALS: Final = (*STATEMENT, "Settlement Date", "Withdrawal ID")
NOTHING: Final = Decimal("0.00")
RENAMED: Final = {"Amount": "Nominal"}

core = CoreDialect()


@dataclass(frozen=True, slots=True)
class Price:
    """What a method costs, and after how many calendar days its money is paid out."""

    percentage: Decimal
    fixed: int
    days: int


PRICES: Final = {
    "bank_transfer": Price(Decimal(0), 4_000, 1),
    "echannel": Price(Decimal(0), 4_000, 1),
    "qris": Price(Decimal("0.007"), 0, 2),
    "gopay": Price(Decimal("0.02"), 0, 2),
    "shopeepay": Price(Decimal("0.02"), 0, 2),
    "credit_card": Price(Decimal("0.029"), 2_000, 5),
    "cstore": Price(Decimal(0), 5_000, 4),
}
OTHER_PRICE: Final = Price(Decimal("0.02"), 0, 3)


@dataclass(frozen=True, slots=True)
class Moved:
    """One row: money in is positive. Amounts are whole rupiah."""

    at: datetime
    paid_out_at: datetime
    order_id: str
    transaction_id: str
    kind: str
    channel: str
    amount: int
    fee: int
    vat: int
    refund_key: str = ""

    @property
    def withdrawal_id(self) -> str:
        return f"WD-{self.paid_out_at.astimezone(JAKARTA):%Y%m%d}"

    def cells(self) -> list[Any]:
        return [
            *(written(self.at), self.order_id, self.transaction_id, self.kind, self.channel),
            *("settlement", abs(self.amount), self.fee, self.vat, self.refund_key),
        ]


def balance_statement(_request: HttpRequest, suffix: str) -> HttpResponse:
    """Download every movement of the balance so far."""
    sandbox = simulator.current()
    rows = [one.cells() for one in _moved(sandbox, sandbox.clock.now(), is_file=True)]
    return _file(sandbox, suffix, STATEMENT, rows)


def withdrawals(_request: HttpRequest, suffix: str) -> HttpResponse:
    """Download what was paid out so far, each withdrawal after what it is made of."""
    sandbox = simulator.current()
    now = sandbox.clock.now()
    moved = [one for one in _moved(sandbox, now, is_file=True) if one.paid_out_at <= now]
    moved.sort(key=lambda one: (one.withdrawal_id, one.at))
    rows = []
    for name, found in groupby(moved, key=lambda one: one.withdrawal_id):
        group = list(found)
        paid_out = max(one.paid_out_at for one in group)
        rows += [[*one.cells(), written(one.paid_out_at), name] for one in group]
        total = sum(one.amount - one.fee - one.vat for one in group)
        if total > 0:  # else there is nothing to transfer
            own = [written(paid_out), "", "", "Withdrawal", "bank", "settlement", total, 0, 0, ""]
            rows.append([*own, written(paid_out), name])
    return _file(sandbox, suffix, WITHDRAWALS, rows)


@gateway_call(core, "mutation")
def balance_mutation(call: Call) -> Answer:
    """Sum up what the balance was before and after a time (totals only, C7).

    No fault changes it, so that a file with faults does not agree with it. It grows with what the
    statement lists; withdrawals leave it as it is.
    """
    query = call.request.GET
    moments = [_moment(call, str(query.get(name, ""))) for name in ("start_time", "end_time")]
    if query.get("currency") != "IDR":
        raise refuse(call, "400", "currency must be IDR")
    moved = list(_moved(call.simulator, call.simulator.clock.now(), is_file=False))
    times = zip(("opening", "closing"), moments, strict=True)
    sums = {
        f"{when}_balance_{name}": amount
        for when, at in times
        for name, amount in _balance(moved, at).items()
    }
    wallets = [{"source": "payin", **sums}, {"source": "iris", **dict.fromkeys(sums, NOTHING)}]
    asked = {name: query[name] for name in ("currency", "start_time", "end_time")}
    return Answer({**asked, **sums, "wallets": wallets})


def _balance(moved: list[Moved], at: datetime) -> dict[str, Decimal]:
    net = [(one, one.amount - one.fee - one.vat) for one in moved if one.at <= at]
    pending = sum(amount for one, amount in net if one.paid_out_at > at)
    overall = sum(amount for _one, amount in net)
    sums = {"effective": overall - pending, "pending": pending, "overall": overall}
    return {name: Decimal(amount).quantize(Decimal("0.01")) for name, amount in sums.items()}


def _moment(call: Call, text: str) -> datetime:
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None:
        raise refuse(call, "400", f"{text!r} is no time")
    return at if at.tzinfo else at.replace(tzinfo=JAKARTA)


def _moved(sandbox: "simulator.Simulator", now: datetime, *, is_file: bool) -> Iterator[Moved]:
    for transaction in sandbox.midtrans.ledger.all():
        if transaction.was_paid and transaction.status != "capture":
            yield from _payment(sandbox, transaction, now, has_faults=is_file)
            yield from _refunds(transaction)


def _payment(
    sandbox: "simulator.Simulator", transaction: Transaction, now: datetime, *, has_faults: bool
) -> Iterator[Moved]:
    def suffers(fault: str) -> bool:
        return has_faults and sandbox.faults.expects(
            fault, gateway="midtrans", reference=transaction.order_id
        )

    at = transaction.settled_at or transaction.created_at
    late = LATE if suffers("settlement_late") else timedelta(0)
    if suffers("settlement_missing") or now < at + late:
        return
    price = PRICES.get(transaction.method.payment_type, OTHER_PRICE)
    amount = transaction.gross_amount + transaction.imposed_fee
    amount -= suffers("settlement_other_amount")
    fee = _rounded(amount * price.percentage + price.fixed)
    fee += 100 * suffers("settlement_other_fee")
    row = Moved(
        at=at,
        paid_out_at=at + max(timedelta(days=price.days), late),
        order_id=transaction.order_id,
        transaction_id=transaction.id,
        kind="Payment",
        channel=transaction.method.payment_type,
        amount=amount,
        fee=fee,
        vat=_rounded(fee * VAT),
    )
    yield row
    if suffers("settlement_doubled"):
        yield row


def _refunds(transaction: Transaction) -> Iterator[Moved]:
    for refund in transaction.refunds:
        yield Moved(
            at=refund.created_at,
            paid_out_at=refund.created_at + timedelta(days=1),
            order_id=transaction.order_id,
            transaction_id=transaction.id,
            kind="Refund" if refund.key else "Chargeback",
            channel=transaction.method.payment_type,
            amount=-refund.amount,
            fee=0,
            vat=0,
            refund_key=refund.key,
        )


def _rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _file(
    sandbox: "simulator.Simulator", suffix: str, headers: tuple[str, ...], rows: list[list[Any]]
) -> HttpResponse:
    if sandbox.faults.expects("settlement_column_renamed", gateway="midtrans", reference=""):
        headers = tuple(RENAMED.get(header, header) for header in headers)
    table = [list(headers), *rows]
    if suffix == "csv":
        text = io.StringIO()
        csv.writer(text).writerows(table)
        return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for cells in table:
        sheet.append(cells)
    content = io.BytesIO()
    book.save(content)
    return HttpResponse(content.getvalue(), content_type=XLSX)
