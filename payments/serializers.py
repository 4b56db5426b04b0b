"""Shapes of transaction answers."""

from typing import Any

from rest_framework import serializers

from payments.models import Allocation, Transaction


class AllocationResponse(serializers.ModelSerializer[Allocation]):
    installment_number = serializers.IntegerField(source="installment.number")

    class Meta:
        model = Allocation
        fields = ("installment_number", "amount")


class TransactionResponse(serializers.ModelSerializer[Transaction]):
    type = serializers.ChoiceField(choices=Transaction.Kind.choices, source="kind")
    gateway_name = serializers.CharField(source="gateway.name")
    reference = serializers.CharField(source="payment_request.reference")
    amount = serializers.IntegerField(help_text="minor units; negative for a reversal")
    overpayment_amount = serializers.IntegerField(help_text="the part no instalment asked for")
    allocations = AllocationResponse(many=True)

    class Meta:
        model = Transaction
        fields = (
            "id",
            "invoice_id",
            "type",
            "gateway_id",
            "gateway_name",
            "gateway_transaction_id",
            "reference",
            "currency_code",
            "amount",
            "overpayment_amount",
            "payment_method",
            "payment_channel",
            "paid_at",
            "created_at",
            "allocations",
            "iso20022_message_id",
            "iso20022_transaction_status",
        )


class TransactionList(serializers.Serializer[Any]):
    results = TransactionResponse(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
