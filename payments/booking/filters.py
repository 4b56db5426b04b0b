"""What a list of transactions can be narrowed down by."""

from typing import Any

from django.core.validators import EmailValidator
from django.db.models import Value
from django.db.models.functions import Lower
from rest_framework import serializers

from invoices.ledger.models import TransactionQuerySet
from invoices.models import Transaction
from paytrust.money import MAX_AMOUNT
from paytrust.web.pagination import PageQuery
from paytrust.web.serializers import MomentField, StrictCharField

LOOKUPS = {
    "type": "kind",
    "currency_code": "currency_code",
    "gateway_id": "gateway_id",
    "invoice_id": "invoice",
    "external_id": "invoice__external_id",
    "created_from": "created_at__gte",
    "created_to": "created_at__lt",
}


class TransactionFilter(PageQuery):
    type = serializers.ChoiceField(
        choices=Transaction.Kind.choices, required=False, help_text="Only rows of this type."
    )
    currency_code = serializers.RegexField(
        r"^[A-Z]{3}\Z", required=False, help_text="Only rows in this ISO 4217 currency."
    )
    gateway_id = serializers.IntegerField(
        min_value=1, max_value=2**31, required=False, help_text="Only rows at this gateway."
    )
    gateway_transaction_id = serializers.CharField(
        max_length=255, required=False, help_text="Only the row that the gateway calls so."
    )
    invoice_id = serializers.IntegerField(
        min_value=1, max_value=MAX_AMOUNT, required=False, help_text="Only rows of this invoice."
    )
    external_id = serializers.CharField(
        max_length=255, required=False, help_text="Only rows of invoices with this order number."
    )
    customer_email = StrictCharField(
        max_length=254,
        required=False,
        validators=[EmailValidator("Must be an e-mail address.")],
        help_text="Only rows of invoices of this customer; capitals do not matter.",
    )
    created_from = MomentField(required=False, help_text="Only rows booked at or after this.")
    created_to = MomentField(required=False, help_text="Only rows booked before this.")

    def applied_to(self, rows: TransactionQuerySet) -> TransactionQuerySet:
        """Return the transactions that the valid query asks for."""
        asked = self.validated_data
        wanted: dict[str, Any] = {
            lookup: asked[name] for name, lookup in LOOKUPS.items() if name in asked
        }
        if email := asked.get("customer_email"):
            wanted["invoice__customer_email"] = Lower(Value(email))
        if gateway_transaction_id := asked.get("gateway_transaction_id"):
            rows = rows.called_by_gateway(gateway_transaction_id)
        return rows.filter(**wanted)
