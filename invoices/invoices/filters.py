"""What a list of invoices can be narrowed down by."""

from typing import Any

from rest_framework import serializers

from invoices.models import InvoiceQuerySet, InvoiceStatus, RefundStatus
from paytrust.web.pagination import PageQuery
from paytrust.web.serializers import MomentField

LOOKUPS = {
    "status": "status",
    "currency_code": "currency_code",
    "gateway_id": "gateway_id",
    "external_id": "external_id",
    "created_from": "created_at__gte",
    "created_to": "created_at__lt",
}


class InvoiceFilter(PageQuery):
    status = serializers.ChoiceField(choices=InvoiceStatus.choices, required=False)
    currency_code = serializers.RegexField(r"^[A-Z]{3}\Z", required=False)
    gateway_id = serializers.IntegerField(min_value=1, max_value=2**31, required=False)
    external_id = serializers.CharField(max_length=255, required=False)
    refund_status = serializers.ChoiceField(choices=RefundStatus.choices, required=False)
    created_from = MomentField(required=False, help_text="created at or after")
    created_to = MomentField(required=False, help_text="created before")

    def applied_to(self, invoices: InvoiceQuerySet) -> InvoiceQuerySet:
        """Return the invoices that the valid query asks for."""
        wanted: dict[str, Any] = {
            lookup: self.validated_data[name]
            for name, lookup in LOOKUPS.items()
            if name in self.validated_data
        }
        invoices = invoices.filter(**wanted)
        refund_status = self.validated_data.get("refund_status")
        return invoices.with_refund_status(refund_status) if refund_status else invoices
