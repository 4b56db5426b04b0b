"""Reads of transactions, always within one tenant."""

from django.db.models import Prefetch, QuerySet

from apikeys.models import Tenant
from invoices.models import Invoice
from payments.models import Allocation, Transaction


def transactions_of(*, tenant: Tenant, invoice_id: int) -> QuerySet[Transaction]:
    """Return what was booked on an invoice, with where each unit went.

    Raises:
        Invoice.DoesNotExist: unknown, or another tenant's.
    """
    invoice = Invoice.objects.for_tenant(tenant).only("pk").get(pk=invoice_id)
    allocations = Allocation.objects.select_related("installment").order_by("installment__number")
    return (
        Transaction.objects.for_tenant(tenant)
        .filter(invoice=invoice)
        .select_related("gateway", "payment_request")
        .prefetch_related(Prefetch("allocations", allocations))
    )
