"""Reads of gateways and fees."""

from django.db.models import Prefetch, QuerySet

from gateways.models import Gateway, GatewayFee


def gateways_with_fees() -> QuerySet[Gateway]:
    """Return every gateway in order of id, its fees loaded in order of their currencies."""
    fees = Prefetch("fees", queryset=GatewayFee.objects.order_by("currency_code"))
    return Gateway.objects.prefetch_related(fees).order_by("pk")


def fee_for(*, gateway_id: int, currency_code: str) -> GatewayFee | None:
    """Return the fee of a gateway for a currency with its gateway loaded, in one query."""
    return (
        GatewayFee.objects.select_related("gateway")
        .filter(gateway_id=gateway_id, currency_code=currency_code)
        .first()
    )


def fees_in(*, currency_code: str) -> QuerySet[GatewayFee]:
    """Return what each gateway charges in a currency, its gateway loaded, by gateway id."""
    return (
        GatewayFee.objects.select_related("gateway")
        .filter(currency_code=currency_code)
        .order_by("gateway_id")
    )
