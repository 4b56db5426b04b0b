"""Which gateway takes which currency, and at what fee."""

from typing import Final

from iso4217 import Currency

from gateways.fees import selectors
from gateways.models import Gateway, GatewayFee
from paytrust.errors import PayTrustError
from paytrust.money import EXPONENTS
from paytrust.operations.trips import Statement

FEE_IN_FORCE: Final = "gateway_fee_in_force"
_IN_FORCE: Final = f"""
SELECT paytrust_require(EXISTS (
    SELECT FROM gateways_gatewayfee fee JOIN gateways_gateway gateway ON gateway.id = fee.gateway_id
    WHERE fee.gateway_id = %(gateway)s AND fee.currency_code = %(currency)s
        AND fee.percentage = %(percentage)s AND fee.fixed_amount = %(fixed)s
        AND gateway.name = %(name)s AND %(currency)s = ANY(gateway.currencies)
), '{FEE_IN_FORCE}')"""  # noqa: S608  # nosec B608  # our own name
_likely: dict[tuple[int, str], GatewayFee] = {}  # as this process last read them


class UnknownGateway(PayTrustError):
    """There is no gateway with this id; GET /gateways lists them."""

    code = "unknown_gateway"


class InvalidCurrency(PayTrustError):
    """ISO 4217 knows no such currency."""

    code = "invalid_currency"


class UnsupportedCurrency(PayTrustError):
    """A real currency, but not one that PayTrust serves."""

    code = "unsupported_currency"


class UnsupportedGatewayCurrency(PayTrustError):
    """The gateway does not take this currency; GET /gateways lists what each takes."""

    code = "unsupported_gateway_currency"


def fee_on(*, gateway_id: int, currency_code: str) -> GatewayFee:
    """Return what a gateway charges for a currency, the gateway loaded, in one query.

    Raises:
        InvalidCurrency, UnsupportedCurrency: the code is unknown, or not served.
        UnknownGateway, UnsupportedGatewayCurrency: no such gateway, or not in this currency.

    Source: FR-002, FR-007, FR-026, FR-027, FR-042.
    """
    require_served(currency_code, field="currency_code")
    fee = selectors.fee_for(gateway_id=gateway_id, currency_code=currency_code)
    if fee is not None and currency_code in fee.gateway.currencies:
        _likely[gateway_id, currency_code] = fee
        return fee
    gateway = Gateway.objects.filter(pk=gateway_id).first()
    if gateway is None:
        raise UnknownGateway(
            f"There is no gateway {gateway_id}.", details={"gateway_id": ["no such gateway"]}
        )
    raise UnsupportedGatewayCurrency(
        f"{gateway} does not take {currency_code}.",
        details={"currency_code": [f"{gateway} takes {', '.join(gateway.currencies)}"]},
    )


def likely_fee_on(*, gateway_id: int, currency_code: str) -> GatewayFee:
    """Return the fee as this process last read it, or as `fee_on` does.

    What is computed with it takes effect only together with `in_force`; what is refused because
    of it must be tried with `fee_on`.
    """
    known = _likely.get((gateway_id, currency_code))
    return known or fee_on(gateway_id=gateway_id, currency_code=currency_code)


def in_force(fee: GatewayFee) -> Statement:
    """Return what refuses a trip, as FEE_IN_FORCE, unless a fee is the one to be charged now."""
    return Statement(
        _IN_FORCE,
        {
            "gateway": fee.gateway_id,
            "currency": fee.currency_code,
            "percentage": fee.percentage,
            "fixed": fee.fixed_amount,
            "name": fee.gateway.name,
        },
    )


def require_served(code: str, *, field: str) -> None:
    """Refuse a currency that is not served; `field` is where the request names it.

    Raises:
        InvalidCurrency, UnsupportedCurrency: the code is unknown, or not served.

    Source: FR-002, FR-026.
    """
    if code in EXPONENTS:
        return
    details = {field: [f"choose one of {', '.join(sorted(EXPONENTS))}"]}
    if code in {currency.code for currency in Currency}:
        raise UnsupportedCurrency(f"{code} is not served.", details=details)
    raise InvalidCurrency(f"{code!r} is no ISO 4217 currency.", details=details)
