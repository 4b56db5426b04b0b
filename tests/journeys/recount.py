"""The figures of reports, computed again from the transactions after each step."""

from datetime import datetime, timedelta

from apikeys.models import Tenant
from invoices.models import LedgerEntry
from tests.journeys.books import Books, Row
from tests.reporting.ledger import Move, Piece, recounted, reported

INSTANT = timedelta(microseconds=1)


class Recount:
    def __init__(self, books: Books, now: datetime) -> None:
        self.seen = set(books.transactions)
        self.moments = [now]  # when each step was over
        self.moves: list[tuple[int, Move]] = []  # and whose they are

    def see(self, books: Books, now: datetime) -> None:
        """Note what was booked since the last step."""
        new = [row for key, row in books.transactions.items() if key not in self.seen]
        self.moves += [(row["tenant_id"], move_of(row, now)) for row in new]
        self.seen.update(books.transactions)
        self.moments.append(now)

    def check(self, tenant: Tenant, one: int, other: int) -> None:
        """Assert that the report over the steps between two moments tells exactly those."""
        first, last = sorted((one % len(self.moments), other % len(self.moments)))
        start, end = self.moments[first] + INSTANT, self.moments[last] + INSTANT
        own = [move for tenant_id, move in self.moves if tenant_id == tenant.pk]
        assert reported(tenant, start, end) == recounted(own, start, end)


def move_of(row: Row, at: datetime) -> Move:
    """Return a transaction with its ledger rows, each of which must add up by itself."""
    entries = list(LedgerEntry.objects.filter(transaction=row["id"]).prefetch_related("taxes"))
    assert sum(entry.amount for entry in entries) == row["amount"]
    move = Move(
        booked_at=at,
        kind=row["kind"],
        gateway_id=row["gateway_id"],
        currency_code=row["currency_code"],
        pieces=[piece_of(entry) for entry in entries if entry.installment_id],
        leaves=row["kind"] == "transfer" and row["amount"] < 0,
        overpayment=sum(abs(entry.amount) for entry in entries if not entry.installment_id),
    )
    assert move.sign * move.amount == row["amount"]
    return move


def piece_of(entry: LedgerEntry) -> Piece:
    return Piece(
        net=abs(entry.net_amount),
        fee=abs(entry.service_fee_amount),
        taxes={tax.tax_rate: abs(tax.tax_amount) for tax in entry.taxes.all()},
    )
