"""Reads of a tenant's customers. They are kept nowhere: their invoices tell who they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Sum

from apikeys.models import Tenant
from invoices.models import Invoice, InvoiceQuerySet


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerSum:
    """What a customer was asked for and paid in one currency, in its minor units."""

    currency_code: str
    invoice_count: int
    total_amount: int
    paid_amount: int
    refunded_amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Everybody who was invoiced under one e-mail address."""

    newest: Invoice  # its name and phone are the customer's
    first_invoice_at: datetime
    last_invoice_at: datetime
    sums: Sequence[CustomerSum]  # by currency, in the order of their codes

    @property
    def invoice_count(self) -> int:
        return sum(one.invoice_count for one in self.sums)


def newest_invoices(*, tenant: Tenant) -> InvoiceQuerySet:
    """Return the newest invoice of each of a tenant's customers."""
    return Invoice.objects.for_tenant(tenant).newest_of_each_customer()


def customers(*, tenant: Tenant, newest: Sequence[Invoice]) -> list[Customer]:
    """Return the customers whose newest invoices these are, in one query."""
    rows: Mapping[str, list[dict[str, Any]]] = {one.customer_email: [] for one in newest}
    for row in (
        Invoice.objects.for_tenant(tenant)
        .filter(customer_email__in=list(rows))
        .values("customer_email", "currency_code")
        .annotate(
            invoice_count=Count("pk"),
            total=Sum("total_amount"),
            paid=Sum("paid_amount"),
            refunded=Sum("refunded_amount"),
            first_at=Min("created_at"),
            last_at=Max("created_at"),
        )
        .order_by("currency_code")
    ):
        rows[row["customer_email"]].append(dict(row))
    return [_customer(one, rows[one.customer_email]) for one in newest]


def _customer(newest: Invoice, rows: Sequence[dict[str, Any]]) -> Customer:
    return Customer(
        newest=newest,
        first_invoice_at=min(row["first_at"] for row in rows),
        last_invoice_at=max(row["last_at"] for row in rows),
        sums=[
            CustomerSum(
                currency_code=row["currency_code"],
                invoice_count=row["invoice_count"],
                total_amount=int(row["total"]),
                paid_amount=int(row["paid"]),
                refunded_amount=int(row["refunded"]),
            )
            for row in rows
        ],
    )
