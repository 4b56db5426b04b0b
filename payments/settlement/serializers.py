"""Shapes of settlements: lines, mismatches and the report."""

from typing import Any, Final

from rest_framework import serializers

from gateways.fees.serializers import CurrencyField
from gateways.settlements import FeeState, LineKind
from payments.settlement.matching import COUNTED
from payments.settlement.models import (
    SettlementLine,
    SettlementLineQuerySet,
    SettlementMismatch,
)
from paytrust.web.pagination import PageQuery
from paytrust.web.serializers import MomentField, StrictCharField, StrictSerializer

STATES: Final = [(state.value, state.value) for state in sorted(COUNTED)]
KINDS: Final = [(kind.value, kind.value) for kind in LineKind]
FEE_STATES: Final = [(state.value, state.value) for state in FeeState]
COSTS: Final = "minor units that the gateway took"


class SettlementLineResponse(serializers.ModelSerializer[SettlementLine]):
    """One line of a gateway's settlement."""

    id = serializers.IntegerField(help_text="of the line")
    gateway_id = serializers.IntegerField(help_text="of the gateway that sent the line")
    transaction_id = serializers.IntegerField(
        allow_null=True, help_text="the transaction of ours that the line is about"
    )
    state = serializers.ChoiceField(
        choices=STATES, help_text="how the line compares with our books"
    )
    gross_amount = serializers.IntegerField(
        help_text="minor units before costs; negative where money left the account"
    )
    gateway_fee_amount = serializers.IntegerField(help_text=COSTS)
    vat_amount = serializers.IntegerField(help_text="minor units of tax on that fee")
    withholding_amount = serializers.IntegerField(help_text="minor units of tax withheld")
    net_amount = serializers.IntegerField(help_text="minor units that the gateway pays out")
    settled_at = serializers.DateTimeField(
        source="settlement_at",
        allow_null=True,
        help_text="when the gateway made the money available; null until it says so",
    )
    payout_id = serializers.CharField(
        allow_null=True, help_text="the gateway's id of the payout; Xendit tells none"
    )

    kind = serializers.ChoiceField(choices=KINDS, help_text="what moved the money")
    fee_state = serializers.ChoiceField(
        choices=FEE_STATES, help_text="whether the fee was taken: final, pending, or billed monthly"
    )
    reference = serializers.CharField(
        allow_null=True, help_text="the payment's reference, as the gateway gives it back"
    )
    channel = serializers.CharField(allow_null=True, help_text="how it was paid, in its own words")
    occurred_at = serializers.DateTimeField(
        allow_null=True, help_text="when the money moved, as the gateway says"
    )

    class Meta:
        model = SettlementLine
        fields = (
            "id",
            "gateway_id",
            "kind",
            "state",
            "transaction_id",
            "reference",
            "channel",
            "currency_code",
            "gross_amount",
            "gateway_fee_amount",
            "vat_amount",
            "withholding_amount",
            "net_amount",
            "fee_state",
            "occurred_at",
            "settled_at",
            "payout_id",
        )


class SettlementLineList(serializers.Serializer[Any]):
    results = SettlementLineResponse(many=True, help_text="the lines of this page")
    next = serializers.URLField(allow_null=True, help_text="the page of older rows")
    previous = serializers.URLField(allow_null=True, help_text="the page of newer rows")


class SettlementFilter(PageQuery):
    state = serializers.ChoiceField(
        choices=STATES, required=False, help_text="lines in this state only"
    )
    payout_id = StrictCharField(required=False, max_length=255, help_text="lines of this payout")
    gateway_id = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="lines of this gateway"
    )
    currency = CurrencyField(required=False, help_text="lines in this currency")
    settled_from = MomentField(required=False, help_text="settled at this moment or later")
    settled_to = MomentField(required=False, help_text="settled before this moment")

    _conditions = {
        "state": "state",
        "payout_id": "payout_id",
        "gateway_id": "gateway",
        "currency": "currency_code",
        "settled_from": "settlement_at__gte",
        "settled_to": "settlement_at__lt",
    }

    def applied_to(self, rows: SettlementLineQuerySet) -> SettlementLineQuerySet:
        """Narrow a list by what was asked for."""
        wanted = {
            condition: self.validated_data[name]
            for name, condition in self._conditions.items()
            if name in self.validated_data
        }
        return rows.filter(**wanted)


class MismatchResponse(serializers.ModelSerializer[SettlementMismatch]):
    """What does not agree, with the line that says so."""

    line = SettlementLineResponse(allow_null=True)

    class Meta:
        model = SettlementMismatch
        fields = ("id", "state", "transaction_id", "line", "found_at", "ended_at")


class SettlementReportQuery(StrictSerializer):
    settled_from = MomentField(help_text="settled at this moment or later")
    settled_to = MomentField(help_text="settled before this moment; at most 366 days later")
    currency = CurrencyField(required=False, help_text="this currency only")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        span = attrs["settled_to"] - attrs["settled_from"]
        if not 0 < span.total_seconds() <= 366 * 86_400:
            raise serializers.ValidationError(
                {"settled_to": ["Must be later than settled_from, by at most 366 days."]}
            )
        return attrs


class SettlementSumResponse(serializers.Serializer[Any]):
    """Sums of one currency, gateway and state."""

    currency_code = serializers.CharField(help_text="ISO 4217")
    gateway_id = serializers.IntegerField(help_text="of the gateway")
    gateway_name = serializers.CharField(help_text="of the gateway")
    kind = serializers.CharField(help_text="what moved the money")
    state = serializers.CharField(help_text="how the lines compare with our books")
    line_count = serializers.IntegerField(help_text="lines that are summed up")
    gross_amount = serializers.IntegerField(help_text="minor units before costs")
    gateway_fee_amount = serializers.IntegerField(help_text=COSTS)
    vat_amount = serializers.IntegerField(help_text="minor units of tax on the fees")
    withholding_amount = serializers.IntegerField(help_text="minor units of tax withheld")
    net_amount = serializers.IntegerField(help_text="minor units that the gateway pays out")


class SettlementReportResponse(serializers.Serializer[Any]):
    results = SettlementSumResponse(many=True, help_text="by currency, gateway, kind and state")
