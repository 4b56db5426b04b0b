"""Rows of the invoices app for tests; they are consistent, and no gateway is called."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import factory
from django.db import transaction
from factory.django import DjangoModelFactory

from invoices.models import Installment, Invoice, LineItem, PaymentRequest
from paytrust.money import times
from tests.apikeys.factories import NOON, TenantFactory


class InvoiceFactory(DjangoModelFactory[Invoice]):
    """The bare row of a MYR invoice at Xendit. `invoice` makes a whole one."""

    class Meta:
        model = Invoice

    tenant = factory.SubFactory(TenantFactory)
    gateway_id = 1
    content_fingerprint = "0" * 64
    currency_code = "MYR"
    subtotal_amount = 10_000
    total_tax_amount = 0
    total_service_fee_amount = 0
    total_amount = factory.LazyAttribute(
        lambda made: made.subtotal_amount + made.total_tax_amount + made.total_service_fee_amount
    )
    fee_percentage = 0
    fee_fixed_amount = 0
    created_at = NOON
    updated_at = NOON
    expires_at = NOON + timedelta(days=1)
    paid_at = factory.LazyAttribute(
        lambda made: NOON if getattr(made, "status", "") == "fully_paid" else None
    )


class LineItemFactory(DjangoModelFactory[LineItem]):
    class Meta:
        model = LineItem

    position = 1
    product_name = "Phone"
    quantity = Decimal(1)
    unit_price_amount = 10_000
    discount_amount = 0
    tax_rate = 0
    subtotal_amount = factory.LazyAttribute(
        lambda made: times(made.unit_price_amount, made.quantity) - made.discount_amount
    )
    tax_amount = 0


class InstallmentFactory(DjangoModelFactory[Installment]):
    class Meta:
        model = Installment

    number = 1
    due_at = NOON + timedelta(days=1)
    net_amount = 10_000
    tax_amount = 0
    service_fee_amount = 0
    total_amount = factory.LazyAttribute(
        lambda made: made.net_amount + made.tax_amount + made.service_fee_amount
    )


class PaymentRequestFactory(DjangoModelFactory[PaymentRequest]):
    """An open demand for the first instalment of `invoice`."""

    class Meta:
        model = PaymentRequest

    invoice = factory.LazyFunction(lambda: invoice())  # noqa: PLW0108  # made below
    tenant_id = factory.SelfAttribute("invoice.tenant_id")
    gateway_id = factory.SelfAttribute("invoice.gateway_id")
    installment = factory.LazyAttribute(lambda made: made.invoice.installments.get(number=1))
    sequence = 1
    reference = factory.Sequence(lambda number: f"PT-{number}-1-1-AAAAAA")
    amount = factory.SelfAttribute("installment.total_amount")
    currency_code = factory.SelfAttribute("invoice.currency_code")
    status = "open"
    gateway_payment_id = factory.Sequence(lambda number: f"charge-{number}")
    payment_url = "https://gateway.test/pay"
    created_at = NOON
    opened_at = NOON
    expires_at = factory.SelfAttribute("invoice.expires_at")


def invoice(*, totals: Sequence[int] = (10_000,), **fields: Any) -> Invoice:
    """Make a pending invoice with one line and an instalment for each of `totals`."""
    subtotal = sum(totals)
    fields = {"status": "pending", "payment_initiated_at": NOON, **fields}
    initiated_at = fields.pop("payment_initiated_at")
    with transaction.atomic():
        made = InvoiceFactory.create(
            subtotal_amount=subtotal, installment_count=len(totals), **fields
        )
        LineItemFactory.create(invoice=made, unit_price_amount=subtotal)
        for number, total in enumerate(totals, start=1):
            InstallmentFactory.create(
                invoice=made,
                number=number,
                due_at=NOON + timedelta(days=number),
                net_amount=total,
            )
        made.payment_initiated_at = initiated_at
        made.save(update_fields=["payment_initiated_at"])
    return made
