"""The invoice with rows that stand beside it."""

from typing import Any, Final

from rest_framework import serializers

from invoices.invoices.serializers import InvoiceResponse
from payments.booking.serializers import TransactionResponse
from payments.refunds.serializers import RefundResponse
from paytrust.web.serializers import StrictSerializer

EXPANSIONS: Final = ("transactions", "refunds")


class ExpandQuery(StrictSerializer):
    expand = serializers.CharField(
        required=False,
        help_text=(
            "What the answer shows besides: `transactions`, `refunds`, or `transactions,refunds`;"
            " the newest 100 of each."
        ),
    )

    def validate_expand(self, text: str) -> frozenset[str]:
        names = text.split(",")
        if unknown := sorted(set(names) - set(EXPANSIONS)):
            raise serializers.ValidationError(
                [f"{name[:40]!r} is none of {', '.join(EXPANSIONS)}." for name in unknown]
            )
        return frozenset(names)


class ExpandedInvoiceResponse(InvoiceResponse):
    """The merchant's invoice, with what `expand` asked for."""

    transactions = TransactionResponse(
        many=True, required=False, help_text="With `expand=transactions`: newest first."
    )
    refunds = RefundResponse(
        many=True, required=False, help_text="With `expand=refunds`: newest first."
    )

    def to_representation(self, instance: Any) -> dict[str, Any]:  # noqa: ANN401  # the base's
        return {**super().to_representation(instance), **self.context["expanded"]}
