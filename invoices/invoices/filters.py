"""What a list of invoices can be narrowed down by."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django.core.validators import EmailValidator
from django.db.models import Value
from django.db.models.functions import Lower
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from invoices.models import InvoiceQuerySet, InvoiceStatus, RefundStatus
from paytrust.money import MAX_AMOUNT
from paytrust.web.pagination import PageQuery
from paytrust.web.serializers import MomentField, StrictCharField

LOOKUPS = {
    "status": "status",
    "currency_code": "currency_code",
    "gateway_id": "gateway_id",
    "external_id": "external_id",
    "parent_invoice_id": "parent",
    "created_from": "created_at__gte",
    "created_to": "created_at__lt",
    "updated_from": "updated_at__gte",
}
MOST_PAIRS: Final = 10  # of metadata, in one query
METADATA_NAME: Final = re.compile(r"metadata\[(.*)\]", re.DOTALL)
METADATA: Final = OpenApiParameter(
    "metadata",
    {"type": "object", "additionalProperties": {"type": "string", "maxLength": 500}},
    style="deepObject",
    explode=True,
    description=(
        "Only invoices whose metadata has this pair: `metadata[order]=77`. Several pairs, at most"
        " 10, must all be there. Values are compared exactly."
    ),
)
_KEY = StrictCharField(max_length=40)
_VALUE = StrictCharField(max_length=500, allow_blank=True, multi_line=True)


class InvoiceFilter(PageQuery):
    status = serializers.ChoiceField(
        choices=InvoiceStatus.choices, required=False, help_text="Only invoices in this state."
    )
    currency_code = serializers.RegexField(
        r"^[A-Z]{3}\Z", required=False, help_text="Only invoices in this ISO 4217 currency."
    )
    gateway_id = serializers.IntegerField(
        min_value=1, max_value=2**31, required=False, help_text="Only invoices at this gateway."
    )
    external_id = serializers.CharField(
        max_length=255, required=False, help_text="Only invoices with this order number of yours."
    )
    refund_status = serializers.ChoiceField(
        choices=RefundStatus.choices,
        required=False,
        help_text="Only invoices of whose money so much was refunded.",
    )
    parent_invoice_id = serializers.IntegerField(
        min_value=1,
        max_value=MAX_AMOUNT,
        required=False,
        help_text="Only the supplementary invoices of this one.",
    )
    customer_email = StrictCharField(
        max_length=254,
        required=False,
        validators=[EmailValidator("Must be an e-mail address.")],
        help_text="Only invoices of the customer with this address; capitals do not matter.",
    )
    created_from = MomentField(required=False, help_text="created at or after")
    created_to = MomentField(required=False, help_text="created before")
    updated_from = MomentField(required=False, help_text="changed at or after")

    def to_internal_value(self, data: Any) -> dict[str, Any]:  # noqa: ANN401  # DRF's own
        pairs, others = _parted(data)
        errors: dict[str, Any] = {}
        metadata: dict[str, str] = {}
        try:
            metadata = _metadata(pairs)
        except serializers.ValidationError as error:
            errors.update(error.detail)  # type: ignore[arg-type]  # it is a mapping
        try:
            values = super().to_internal_value(others)
        except serializers.ValidationError as error:
            errors.update(error.detail)  # type: ignore[arg-type]  # the same
        if errors:
            raise serializers.ValidationError(errors)
        return {**values, "metadata": metadata}

    def applied_to(self, invoices: InvoiceQuerySet) -> InvoiceQuerySet:
        """Return the invoices that the valid query asks for."""
        wanted: dict[str, Any] = {
            lookup: self.validated_data[name]
            for name, lookup in LOOKUPS.items()
            if name in self.validated_data
        }
        invoices = invoices.filter(**wanted)
        if email := self.validated_data.get("customer_email"):
            invoices = invoices.filter(customer_email=Lower(Value(email)))
        for key, value in self.validated_data["metadata"].items():
            invoices = invoices.with_metadata(key, value)
        refund_status = self.validated_data.get("refund_status")
        return invoices.with_refund_status(refund_status) if refund_status else invoices


def _parted(query: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Part `metadata[key]` from other names."""
    pairs = {name: value for name, value in query.items() if METADATA_NAME.fullmatch(name)}
    return pairs, {name: value for name, value in query.items() if name not in pairs}


def _metadata(pairs: Mapping[str, str]) -> dict[str, str]:
    """Return the pairs that are asked for, by their keys.

    Raises:
        ValidationError: one could not be an invoice's, or there are too many; each is named.
    """
    if len(pairs) > MOST_PAIRS:
        raise serializers.ValidationError({"metadata": [f"At most {MOST_PAIRS} pairs."]})
    wanted: dict[str, str] = {}
    errors: dict[str, Any] = {}
    for name, value in pairs.items():
        match = METADATA_NAME.fullmatch(name)
        assert match, "it was parted by it"
        try:
            wanted[_KEY.run_validation(match[1])] = _VALUE.run_validation(value)
        except serializers.ValidationError as error:
            errors[name] = error.detail
    if errors:
        raise serializers.ValidationError(errors)
    return wanted
