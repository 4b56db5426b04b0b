"""Shapes of transaction answers, and of notifications as operators see them."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from gateways.settlements import FeeState
from invoices.models import Transaction
from payments.models import SettlementLine, WebhookEvent
from payments.refunds.selectors import Refundable
from payments.webhooks.masking import shown_body
from paytrust.web.serializers import StrictSerializer


class AllocationResponse(serializers.Serializer[Any]):
    """What a transaction put into an instalment, or took out of it."""

    installment_number = serializers.IntegerField(source="installment.number")
    amount = serializers.IntegerField(help_text="minor units; negative where money went back")


class TransactionResponse(serializers.ModelSerializer[Transaction]):
    type = serializers.ChoiceField(choices=Transaction.Kind.choices, source="kind")
    gateway_name = serializers.CharField(source="gateway.name")
    reference = serializers.CharField(source="payment_request.reference")
    amount = serializers.IntegerField(help_text="minor units; negative where money went back")
    overpayment_amount = serializers.IntegerField(
        read_only=True, help_text="the part no instalment asked for"
    )
    allocations = AllocationResponse(many=True, read_only=True)
    refundable_amount = serializers.IntegerField(
        read_only=True,
        help_text="what POST /invoices/{id}/refunds can give back of it now, in minor units",
    )
    refundable_until = serializers.DateTimeField(
        read_only=True,
        allow_null=True,
        help_text="until when its method gives money back; null: no end, or not at all",
    )
    refundable_in_part = serializers.BooleanField(read_only=True)
    gateway_fee_amount = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="what the gateway took, with taxes, in minor units; null until it says so",
    )
    net_amount = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="what the gateway pays out of it, in minor units; null until it says so",
    )
    settled_at = serializers.DateTimeField(
        read_only=True,
        allow_null=True,
        help_text="when the gateway made the money available; null until it says so",
    )
    payout_id = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="the gateway's id of the payout; null where it tells none",
    )

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
            "refundable_amount",
            "refundable_until",
            "refundable_in_part",
            "gateway_fee_amount",
            "net_amount",
            "settled_at",
            "payout_id",
            "iso20022_message_id",
            "iso20022_transaction_status",
        )

    def to_representation(self, instance: Transaction) -> dict[str, Any]:
        entries = instance.entries.all()
        return transaction_answer(
            instance,
            allocations=[
                (installment.number, entry.amount)
                for entry in entries
                if (installment := entry.installment) is not None
            ],
            overpayment_amount=sum(one.amount for one in entries if one.installment_id is None),
            refundable=self.context.get("refundable", {}).get(instance.pk),
            line=self.context.get("lines", {}).get(instance.pk),
        )


def transaction_answer(
    row: Transaction,
    *,
    allocations: Iterable[tuple[int, int]],
    overpayment_amount: int,
    refundable: Refundable | None,
    line: SettlementLine | None = None,
) -> dict[str, Any]:
    """Return a transaction as the API shows it. Written field by field: each booking tells one.

    Args:
        row: with its gateway and payment request.
        allocations: number of an instalment, and minor units that went into it, or out of it.
        overpayment_amount: minor units that no instalment asked for.
        refundable: what it can give back now; None if it is no payment.
        line: what the gateway says that it cost; None until it says so.
    """
    until = refundable.until if refundable else None
    settled_at = line.settlement_at if line else None
    priced = line if line and line.fee_state != FeeState.PENDING else None
    return {
        "id": row.pk,
        "invoice_id": row.invoice_id,
        "type": str(row.kind),
        "gateway_id": row.gateway_id,
        "gateway_name": row.gateway.name,
        "gateway_transaction_id": row.gateway_transaction_id,
        "reference": row.payment_request.reference,
        "currency_code": row.currency_code,
        "amount": row.amount,
        "overpayment_amount": overpayment_amount,
        "payment_method": row.payment_method,
        "payment_channel": row.payment_channel,
        "paid_at": row.paid_at,
        "created_at": row.created_at,
        "allocations": [
            {"installment_number": number, "amount": amount} for number, amount in allocations
        ],
        "refundable_amount": refundable.amount if refundable else 0,
        "refundable_until": f"{until:%Y-%m-%dT%H:%M:%SZ}" if until else None,
        "refundable_in_part": refundable is not None and refundable.in_part,
        "gateway_fee_amount": priced.costs_amount if priced else None,
        "net_amount": priced.net_amount if priced else None,
        "settled_at": f"{settled_at:%Y-%m-%dT%H:%M:%SZ}" if settled_at else None,
        "payout_id": line.payout_id if line else None,
        "iso20022_message_id": row.iso20022_message_id,
        "iso20022_transaction_status": row.iso20022_transaction_status,
    }


class TransactionList(serializers.Serializer[Any]):
    results = TransactionResponse(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class WebhookEventResponse(serializers.ModelSerializer[WebhookEvent]):
    gateway = serializers.CharField(source="gateway.code")
    body = serializers.SerializerMethodField(help_text="as it came, secrets masked")

    class Meta:
        model = WebhookEvent
        fields = (
            "id",
            "gateway",
            "event_id",
            "reference",
            "tenant_id",
            "status",
            "outcome",
            "failure_reason",
            "attempts",
            "received_at",
            "processed_at",
            "next_attempt_at",
            "body",
        )

    @extend_schema_field({"description": "JSON, or text if it is none"})
    def get_body(self, event: WebhookEvent) -> Any:  # noqa: ANN401  # any JSON value
        return shown_body(bytes(event.body))


class FailedWebhookQuery(StrictSerializer):
    page = serializers.IntegerField(default=1, min_value=1, max_value=10**9)
    page_size = serializers.IntegerField(default=20, min_value=1, max_value=100)


class NumberedPage(serializers.Serializer[Any]):
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    total_count = serializers.IntegerField()
    total_pages = serializers.IntegerField()


class FailedWebhookList(serializers.Serializer[Any]):
    results = WebhookEventResponse(many=True)
    pagination = NumberedPage(source="*")
