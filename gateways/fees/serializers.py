"""Shapes of gateway answers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from gateways import registry
from gateways.budgets import breaker
from gateways.fees import services
from gateways.models import Gateway, GatewayFee
from paytrust.money import EXPONENTS

STATUSES = [status.value for status in breaker.Status]


class CurrencyField(serializers.ChoiceField):
    """A currency to filter by. Another one is refused as it is on an invoice.

    Raises:
        InvalidCurrency, UnsupportedCurrency: the code is unknown, or not served.
    """

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401  # DRF's own
        super().__init__(choices=sorted(EXPONENTS), **kwargs)

    def to_internal_value(self, data: Any) -> str:  # noqa: ANN401  # text of a query
        services.require_served(str(data), field=str(self.field_name))
        return str(data)


class GatewayFeeResponse(serializers.ModelSerializer[GatewayFee]):
    percentage = serializers.DecimalField(max_digits=7, decimal_places=4, coerce_to_string=False)
    fixed_amount = serializers.IntegerField(help_text="minor units of currency_code")

    class Meta:
        model = GatewayFee
        fields = ("currency_code", "percentage", "fixed_amount")


class GatewayResponse(serializers.ModelSerializer[Gateway]):
    fees = GatewayFeeResponse(many=True)
    status = serializers.SerializerMethodField(
        help_text="while it is down, opening a payment is answered 502 at once"
    )

    class Meta:
        model = Gateway
        fields = ("id", "name", "currencies", "fees", "status")

    @extend_schema_field(serializers.ChoiceField(choices=STATUSES))
    def get_status(self, gateway: Gateway) -> str:
        return registry.health_of(gateway.code, tenant_id=self.context["tenant_id"]).status


class GatewayList(serializers.Serializer[Any]):
    results = GatewayResponse(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
