"""Shapes of gateway answers."""

from typing import Any

from rest_framework import serializers

from gateways.models import Gateway, GatewayFee


class GatewayFeeResponse(serializers.ModelSerializer[GatewayFee]):
    percentage = serializers.DecimalField(max_digits=7, decimal_places=4, coerce_to_string=False)
    fixed_amount = serializers.IntegerField(help_text="minor units of currency_code")

    class Meta:
        model = GatewayFee
        fields = ("currency_code", "percentage", "fixed_amount")


class GatewayResponse(serializers.ModelSerializer[Gateway]):
    fees = GatewayFeeResponse(many=True)

    class Meta:
        model = Gateway
        fields = ("id", "name", "currencies", "fees")


class GatewayList(serializers.Serializer[Any]):
    results = GatewayResponse(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
