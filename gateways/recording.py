"""Gateways as rows: each that is served has one, with the fees it starts with."""

import structlog

from gateways import descriptors
from gateways.models import Gateway, GatewayFee

log = structlog.get_logger(__name__)


def record_served() -> None:
    """Make the rows of gateways that have none yet; what staff have changed since stays.

    Runs after each `migrate`, so that one line of the settings adds a gateway.
    """
    for one in descriptors.all_served():
        gateway, is_new = Gateway.objects.get_or_create(
            code=one.code, defaults={"name": one.name, "currencies": list(one.currencies)}
        )
        if not is_new:
            continue
        GatewayFee.objects.bulk_create(
            GatewayFee(
                gateway=gateway,
                currency_code=currency_code,
                percentage=fee.percentage,
                fixed_amount=fee.fixed_amount,
            )
            for currency_code, fee in one.starting_fees.items()
        )
        log.info("gateway recorded", gateway=one.code, gateway_id=gateway.pk)
