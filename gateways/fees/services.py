"""Which gateway takes which currency, and at what fee."""

from iso4217 import Currency

from gateways.fees import selectors
from gateways.models import Gateway, GatewayFee
from paytrust.errors import PayTrustError
from paytrust.money import EXPONENTS


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
