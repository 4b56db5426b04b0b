"""A monthly statement as a table, in whole currency."""

from collections.abc import Iterator, Sequence

from apikeys.models import Tenant
from paytrust.money import Money
from paytrust.web.spreadsheets import Cell
from reporting.statements.selectors import Moved, Statement

HEAD = (
    *("merchant", "currency", "line", "date", "transactions", "receipts"),
    *("of which overpayments", "refunds", "reversals", "of which service fees", "balance"),
)


def statement_rows(*, tenant: Tenant, statements: Sequence[Statement]) -> Iterator[Sequence[Cell]]:
    """Yield a month's statements, one currency after the other: opening, days, closing."""
    yield HEAD
    for statement in statements:
        code = statement.currency_code
        first, last = statement.days[0].isoformat(), statement.days[-1].isoformat()
        opening = Money(statement.opening_amount, code).whole()
        yield [tenant.name, code, "opening balance", first, *[None] * 6, opening]
        for day, moved, balance in statement.balances():
            yield [tenant.name, code, "day", day.isoformat(), *_moved(moved, balance, code)]
        closing = _moved(statement.month, statement.closing_amount, code)
        yield [tenant.name, code, "closing balance", last, *closing]


def _moved(moved: Moved, balance: int, currency_code: str) -> list[Cell]:
    amounts = (
        moved.receipt_amount,
        moved.overpayment_amount,
        moved.refund_amount,
        moved.reversal_amount,
        moved.service_fee_amount,
        balance,
    )
    return [
        moved.transaction_count,
        *(Money(amount, currency_code).whole() for amount in amounts),
    ]
