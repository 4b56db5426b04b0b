"""Shapes of transaction answers, and of notifications as operators see them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from invoices.models import Transaction
from payments.models import WebhookEvent
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
    overpayment_amount = serializers.SerializerMethodField(
        help_text="the part no instalment asked for"
    )
    allocations = serializers.SerializerMethodField()
    refundable_amount = serializers.SerializerMethodField(
        help_text="what POST /invoices/{id}/refunds can give back of it now, in minor units"
    )
    refundable_until = serializers.SerializerMethodField(
        help_text="until when its method gives money back; null: no end, or not at all"
    )
    refundable_in_part = serializers.SerializerMethodField()

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
            "iso20022_message_id",
            "iso20022_transaction_status",
        )

    def get_refundable_amount(self, row: Transaction) -> int:
        can = self._refundable(row)
        return can.amount if can else 0

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_refundable_until(self, row: Transaction) -> str | None:
        can = self._refundable(row)
        return f"{can.until:%Y-%m-%dT%H:%M:%SZ}" if can and can.until else None

    def get_refundable_in_part(self, row: Transaction) -> bool:
        can = self._refundable(row)
        return can is not None and can.in_part

    def _refundable(self, row: Transaction) -> Refundable | None:
        found: Refundable | None = self.context.get("refundable", {}).get(row.pk)
        return found

    def get_overpayment_amount(self, row: Transaction) -> int:
        return sum(entry.amount for entry in row.entries.all() if entry.installment_id is None)

    @extend_schema_field(AllocationResponse(many=True))
    def get_allocations(self, row: Transaction) -> list[dict[str, int]]:
        of_installments = [entry for entry in row.entries.all() if entry.installment_id is not None]
        return list(AllocationResponse(of_installments, many=True).data)


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
