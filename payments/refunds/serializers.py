"""Shapes of refunds: what is asked for, and what is answered."""

from typing import Any

from rest_framework import serializers

from payments.refunds.models import Refund, RefundQuerySet
from payments.refunds.request import RefundRequest
from paytrust.web.pagination import PageQuery
from paytrust.web.serializers import (
    TRIMMED,
    MomentField,
    StrictCharField,
    StrictDictField,
    StrictIntegerField,
    StrictSerializer,
)

MAX_METADATA = 50


class RefundCreateRequest(StrictSerializer):
    amount = StrictIntegerField(
        required=False,
        min_value=1,
        help_text="minor units; without it all that the payment can give back",
    )
    transaction_id = StrictIntegerField(
        required=False, min_value=1, help_text="the payment, where the invoice has several"
    )
    reason = serializers.ChoiceField(choices=Refund.Reason.choices)
    external_id = StrictCharField(required=False, allow_null=True, max_length=255, pattern=TRIMMED)
    note = StrictCharField(required=False, allow_null=True, max_length=500, multi_line=True)
    metadata = StrictDictField(
        child=StrictCharField(max_length=500, allow_blank=True, multi_line=True),
        max_length=MAX_METADATA,
        longest_key=40,
        required=False,
        allow_null=True,
    )

    def validate_external_id(self, external_id: str | None) -> str | None:
        if external_id is not None and external_id != external_id.strip():
            raise serializers.ValidationError("Must not begin or end with a blank.")
        return external_id

    def validate_metadata(self, metadata: dict[str, str] | None) -> dict[str, str]:
        return metadata or {}

    def to_request(self) -> RefundRequest:
        """Return the valid body as what the service takes."""
        return RefundRequest(**self.validated_data)


class RefundResponse(serializers.ModelSerializer[Refund]):
    # Written field by field, because a model's serializer makes 22 fields for each answer.

    gateway_id = serializers.IntegerField(source="transaction.gateway_id")
    gateway_name = serializers.CharField(source="transaction.gateway.name")
    amount = serializers.IntegerField(help_text="minor units")
    refund_transaction_id = serializers.IntegerField(
        source="booked_as_id", allow_null=True, help_text="the row by which it was booked"
    )
    metadata = serializers.DictField(child=serializers.CharField())

    class Meta:
        model = Refund
        fields = (
            "id",
            "invoice_id",
            "transaction_id",
            "refund_transaction_id",
            "gateway_id",
            "gateway_name",
            "currency_code",
            "amount",
            "status",
            "method",
            "reason",
            "note",
            "external_id",
            "metadata",
            "reference",
            "gateway_refund_id",
            "bank_reference",
            "failure_code",
            "failure_message",
            "created_at",
            "updated_at",
            "ended_at",
        )

    def to_representation(self, instance: Refund) -> dict[str, Any]:
        payment = instance.transaction
        return {
            "id": instance.pk,
            "invoice_id": instance.invoice_id,
            "transaction_id": instance.transaction_id,
            "refund_transaction_id": instance.booked_as_id,
            "gateway_id": payment.gateway_id,
            "gateway_name": payment.gateway.name,
            "currency_code": instance.currency_code,
            "amount": instance.amount,
            "status": str(instance.status),
            "method": str(instance.method),
            "reason": str(instance.reason),
            "note": instance.note,
            "external_id": instance.external_id,
            "metadata": instance.metadata,
            "reference": instance.reference,
            "gateway_refund_id": instance.gateway_refund_id,
            "bank_reference": instance.bank_reference,
            "failure_code": instance.failure_code,
            "failure_message": instance.failure_message,
            "created_at": instance.created_at,
            "updated_at": instance.updated_at,
            "ended_at": instance.ended_at,
        }


class RefundList(serializers.Serializer[Any]):
    results = RefundResponse(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class RefundFilter(PageQuery):
    status = serializers.ChoiceField(choices=Refund.Status.choices, required=False)
    invoice_id = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    external_id = serializers.CharField(required=False)
    created_from = MomentField(required=False)
    created_to = MomentField(required=False, help_text="exclusive")
    updated_from = MomentField(required=False)

    _conditions = {
        "status": "status",
        "invoice_id": "invoice",
        "external_id": "external_id",
        "created_from": "created_at__gte",
        "created_to": "created_at__lt",
        "updated_from": "updated_at__gte",
    }

    def applied_to(self, rows: RefundQuerySet) -> RefundQuerySet:
        """Narrow a list by what was asked for."""
        wanted = {
            condition: self.validated_data[name]
            for name, condition in self._conditions.items()
            if name in self.validated_data
        }
        return rows.filter(**wanted)
