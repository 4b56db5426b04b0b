"""Shapes of customers as their invoices tell of them."""

from typing import Any

from django.core.validators import EmailValidator
from django.db.models import Value
from django.db.models.functions import Lower
from rest_framework import serializers

from invoices.models import InvoiceQuerySet
from paytrust.web.pagination import PageQuery
from paytrust.web.serializers import StrictCharField, UTCDateTimeField


class CustomerFilter(PageQuery):
    email = StrictCharField(
        max_length=254,
        required=False,
        validators=[EmailValidator("Must be an e-mail address.")],
        help_text="Only the customer with this address; capitals do not matter.",
    )

    def applied_to(self, newest: InvoiceQuerySet) -> InvoiceQuerySet:
        """Return the newest invoices of the customers that the valid query asks for."""
        if email := self.validated_data.get("email"):
            return newest.filter(customer_email=Lower(Value(email)))
        return newest


class CustomerSumResponse(serializers.Serializer[Any]):
    currency_code = serializers.CharField(help_text="ISO 4217.")
    invoice_count = serializers.IntegerField(help_text="Invoices in this currency.")
    total_amount = serializers.IntegerField(
        help_text="What all of them asked for, in minor units; those that ended unpaid count too."
    )
    paid_amount = serializers.IntegerField(
        help_text="What was received for them, less what was charged back, in minor units."
    )
    refunded_amount = serializers.IntegerField(help_text="What you gave back, in minor units.")


class CustomerResponse(serializers.Serializer[Any]):
    """Everybody who was invoiced under one e-mail address."""

    email = serializers.CharField(
        source="newest.customer_email", help_text="The address, in small letters."
    )
    name = serializers.CharField(
        source="newest.customer.name", allow_null=True, help_text="As on the newest invoice."
    )
    phone = serializers.CharField(
        source="newest.customer.phone", allow_null=True, help_text="As on the newest invoice."
    )
    invoice_count = serializers.IntegerField(help_text="Invoices in all currencies.")
    last_invoice_id = serializers.IntegerField(source="newest.pk", help_text="The newest invoice.")
    first_invoice_at = UTCDateTimeField(help_text="When the first invoice was made.")
    last_invoice_at = UTCDateTimeField(help_text="When the newest invoice was made.")
    by_currency = CustomerSumResponse(
        many=True, source="sums", help_text="Sums; no figure spans currencies."
    )


class CustomerList(serializers.Serializer[Any]):
    results = CustomerResponse(many=True, help_text="Who was invoiced last comes first.")
    next = serializers.URLField(allow_null=True, help_text="The page of older rows.")
    previous = serializers.URLField(allow_null=True, help_text="The page of newer rows.")
