"""What an invoice would cost, by the arithmetic of invoices. Stores nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateways.fees import selectors as fees
from gateways.fees.services import fee_on
from gateways.models import GatewayFee
from invoices.invoices import charges, pricing
from invoices.invoices.charges import Charges, Fee, Line
from invoices.invoices.recording import times_of
from invoices.invoices.request import InvoiceRequest
from invoices.schedule import splitting
from invoices.schedule.splitting import InstallmentAmounts


@dataclass(frozen=True, slots=True)
class Offer:
    """What the same lines cost at one gateway; amounts are minor units."""

    fee: GatewayFee
    charges: Charges


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What POST /invoices would answer to the same body."""

    request: InvoiceRequest
    fee: GatewayFee
    lines: Sequence[Line]
    charges: Charges
    installments: Sequence[InstallmentAmounts]
    due_dates: Sequence[datetime]
    expires_at: datetime
    offers: Sequence[Offer]  # of every gateway that takes the currency, by the gateways' ids

    @property
    def taxes(self) -> list[tuple[Decimal, int, int]]:
        """Each tax rate with what it is on and its tax, ascending."""
        rates: dict[Decimal, tuple[int, int]] = {}
        for asked, line in zip(self.request.line_items, self.lines, strict=True):
            taxed, tax = rates.get(asked.tax_rate, (0, 0))
            rates[asked.tax_rate] = (taxed + line.subtotal_amount, tax + line.tax_amount)
        return [(rate, *rates[rate]) for rate in sorted(rates)]


def quote(*, request: InvoiceRequest, now: datetime) -> Quote:
    """Compute an invoice without making it, and its fee at every gateway, in two queries.

    Raises:
        UnknownGateway, InvalidCurrency, UnsupportedCurrency, UnsupportedGatewayCurrency,
        InvalidAmount, InvalidExpiry, InvalidInstallments, InstallmentTooSmall: as for an invoice.
    """
    fee = fee_on(gateway_id=request.gateway_id, currency_code=request.currency_code)
    lines = pricing.price_lines(request)
    charged = _charged(lines, fee)
    pricing.check_charges(charged)
    asked = request.installments
    installments = splitting.plan(
        charges=charged,
        count=asked.count if asked else 1,
        custom_amounts=asked.custom_amounts if asked else None,
    )
    due_dates, expires_at = times_of(request, now)
    return Quote(
        request=request,
        fee=fee,
        lines=lines,
        charges=charged,
        installments=installments,
        due_dates=due_dates,
        expires_at=expires_at,
        offers=[
            Offer(other, _charged(lines, other))
            for other in fees.fees_in(currency_code=request.currency_code)
            if request.currency_code in other.gateway.currencies
        ],
    )


def _charged(lines: Sequence[Line], fee: GatewayFee) -> Charges:
    return charges.charge(
        lines=lines, fee=Fee(percentage=fee.percentage, fixed_amount=fee.fixed_amount)
    )
