"""Reads of transactions, always within one tenant, and of notifications, for operators."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from apikeys.models import Tenant
from invoices.ledger.models import TransactionQuerySet
from invoices.models import Invoice, Transaction
from payments.models import WebhookEvent


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of notifications, and its place among all of them."""

    results: Sequence[WebhookEvent]
    page: int
    page_size: int
    total_count: int

    @property
    def total_pages(self) -> int:
        return -(-self.total_count // self.page_size)


def transactions(*, tenant: Tenant) -> TransactionQuerySet:
    """Return the transactions of a tenant; `answers` reads what belongs to those of a page.

    With row-level security PostgreSQL expects too few rows of a join, and would join all rows of a
    tenant before it takes the newest.
    """
    return Transaction.objects.for_tenant(tenant)


def transactions_of(*, tenant: Tenant, invoice_id: int) -> TransactionQuerySet:
    """Return the transactions of an invoice, as `transactions` does.

    None are there too if the invoice is unknown or another tenant's: `require_invoice` tells.
    """
    return transactions(tenant=tenant).filter(invoice=invoice_id)


def require_invoice(*, tenant: Tenant, invoice_id: int) -> None:
    """Refuse an invoice that is not there.

    Raises:
        Invoice.DoesNotExist: unknown, or another tenant's.
    """
    Invoice.objects.for_tenant(tenant).only("pk").get(pk=invoice_id)


def failed_events(*, page: int, page_size: int) -> EventPage:
    """Return a page of the notifications that failed, newest first, in two queries."""
    failed = WebhookEvent.objects.filter(status=WebhookEvent.Status.FAILED)
    first = (page - 1) * page_size
    rows = failed.select_related("gateway").order_by("-received_at", "-pk")
    return EventPage(list(rows[first : first + page_size]), page, page_size, failed.count())


def event(*, event_id: int) -> WebhookEvent:
    """Return a notification with its gateway.

    Raises:
        WebhookEvent.DoesNotExist: unknown.
    """
    return WebhookEvent.objects.select_related("gateway").get(pk=event_id)


def events_to_replay(
    *,
    ids: Sequence[int] = (),
    failed: bool = False,
    since: datetime | None = None,
    gateway_code: str | None = None,
) -> QuerySet[WebhookEvent]:
    """Return notifications that had no effect yet, oldest first, limited by the filters given.

    One that an operator has ignored is chosen only by its id.
    """
    chosen = WebhookEvent.objects.exclude(status=WebhookEvent.Status.PROCESSED)
    if not ids:
        chosen = chosen.exclude(status=WebhookEvent.Status.IGNORED)
    if ids:
        chosen = chosen.filter(pk__in=ids)
    if failed:
        chosen = chosen.filter(status=WebhookEvent.Status.FAILED)
    if since is not None:
        chosen = chosen.filter(received_at__gte=since)
    if gateway_code is not None:
        chosen = chosen.filter(gateway__code=gateway_code)
    return chosen.select_related("gateway").order_by("received_at", "pk")
