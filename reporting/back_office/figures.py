"""The figures of the overview, for all tenants together and each currency separately."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Min, QuerySet

from invoices.models import Installment, Invoice, InvoiceStatus, PaymentRequest
from payments.changes import discrepancies
from payments.models import Proposal, WebhookEvent
from payments.reconciliation import asking, last_round
from paytrust.staff.amounts import readers_notation
from reporting.financial import selectors
from reporting.models import ClosedDay

COUNTED = 10_000  # beyond it a list says "more than", because counting is slow

MOVED = """
WITH part AS (
    SELECT kind, currency_code, transaction_count, total_amount FROM reporting_dailytotal
     WHERE tax_rate IS NULL AND day_date >= %(first_day)s AND day_date < %(end_day)s
    UNION ALL
    SELECT kind, currency_code, count(DISTINCT transaction_id), sum(amount)
      FROM invoices_ledgerentry
     WHERE (booked_at >= %(start)s AND booked_at < %(closed_from)s)
        OR (booked_at >= %(closed_to)s AND booked_at < %(end)s)
     GROUP BY kind, currency_code
)
SELECT currency_code, kind, sum(transaction_count)::bigint, sum(total_amount)::bigint FROM part
 WHERE kind <> 'transfer' GROUP BY currency_code, kind ORDER BY currency_code
"""


@dataclass(frozen=True, slots=True)
class Moved:
    """The number of transactions of one kind, and their money as a positive number."""

    count: int = 0
    amount: int = 0  # minor units


@dataclass(frozen=True, slots=True)
class Money:
    """What came in and what went back in one currency in an interval."""

    currency_code: str
    payments: Moved = Moved()  # overpayments included
    refunds: Moved = Moved()
    reversals: Moved = Moved()


@dataclass(frozen=True, slots=True)
class Counted:
    """A number of rows, counted at most to COUNTED."""

    number: int

    @property
    def is_more(self) -> bool:
        return self.number > COUNTED

    def __bool__(self) -> bool:
        return self.number > 0

    def __str__(self) -> str:
        shown = readers_notation().number(min(self.number, COUNTED))
        return f"{shown}+" if self.is_more else shown


@dataclass(frozen=True, slots=True)
class Queues:
    """The numbers of rows that wait for a person."""

    pending: Counted
    partially_paid: Counted
    overdue: Counted
    discrepancies: Counted
    proposals: Counted
    webhooks_waiting: Counted
    webhooks_failed: Counted
    late_seconds: int  # how long the longest waiting webhook has been due
    oldest_failed_at: datetime | None
    oldest_proposal_at: datetime | None
    oldest_discrepancy_at: datetime | None


@dataclass(frozen=True, slots=True)
class Books:
    """How up to date the books are."""

    closed_day: date | None
    closed_at: datetime | None
    asked_at: datetime | None  # the last question about payments without notification
    overdue_checks: Counted


def money(*, start: datetime, end: datetime, closed_day: date | None) -> list[Money]:
    """Return what came in and went back from `start` (included) to `end` (not), per currency.

    `closed_day` is that of the books, which a page asks for once.
    """
    bounds = selectors.closed_days(start, end, closed_day)
    found: dict[str, dict[str, Moved]] = {}
    for code, kind, count, amount in rows_of(MOVED, {**bounds, "start": start, "end": end}):
        found.setdefault(code, {})[f"{kind}s"] = Moved(count, abs(amount))
    return [Money(code, **moved) for code, moved in found.items()]


def queues(*, now: datetime) -> Queues:
    """Return the numbers of rows that wait for a person; an index answers each."""
    waiting = WebhookEvent.objects.filter(status=WebhookEvent.Status.RECEIVED)
    due_at = waiting.aggregate(due_at=Min("next_attempt_at"))["due_at"]
    failed, failed_at = _waiting(
        WebhookEvent.objects.filter(status=WebhookEvent.Status.FAILED), "received_at"
    )
    proposed, proposed_at = _waiting(Proposal.objects.waiting(), "proposed_at")
    differing, differing_at = _waiting(discrepancies.unresolved(), "created_at")
    return Queues(
        pending=counted(Invoice.objects.filter(status=InvoiceStatus.PENDING)),
        partially_paid=counted(Invoice.objects.filter(status=InvoiceStatus.PARTIALLY_PAID)),
        overdue=counted(Installment.objects.overdue(now)),
        discrepancies=differing,
        proposals=proposed,
        webhooks_waiting=counted(waiting),
        webhooks_failed=failed,
        oldest_failed_at=failed_at,
        oldest_proposal_at=proposed_at,
        oldest_discrepancy_at=differing_at,
        late_seconds=max(int((now - due_at).total_seconds()), 0) if due_at else 0,
    )


def _waiting(rows: QuerySet[Any], column: str) -> tuple[Counted, datetime | None]:
    """Return the length of a queue, and the time of the oldest of the rows that were counted."""
    found = rows.order_by()[: COUNTED + 1].aggregate(number=Count("pk"), oldest=Min(column))
    return Counted(found["number"]), found["oldest"]


def books(*, now: datetime) -> Books:
    """Return how up to date the books are."""
    newest = ClosedDay.objects.order_by("-day_date").first()
    late = PaymentRequest.objects.to_check(now - asking.ASK_AGAIN_AFTER)
    return Books(
        closed_day=newest.day_date if newest else None,
        closed_at=newest.closed_at if newest else None,
        asked_at=last_round.last(),
        overdue_checks=counted(late),
    )


def counted(rows: QuerySet[Any]) -> Counted:
    """Count rows, at most as many as are shown."""
    return Counted(rows.order_by()[: COUNTED + 1].count())


def rows_of(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
