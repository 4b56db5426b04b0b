"""Turns what a merchant sends into lines in minor units, or into errors."""

from invoices.invoices.charges import Charges, Line
from invoices.invoices.request import InvoiceRequest, LineRequest
from paytrust.errors import PayTrustError
from paytrust.money import MAX_AMOUNT, Money, minor_units

Errors = dict[str, list[str]]


class InvalidAmount(PayTrustError):
    """An amount is finer than the currency allows, or out of range."""

    code = "invalid_amount"


def price_lines(request: InvoiceRequest) -> list[Line]:
    """Return the lines in minor units; nothing is rounded but quantity x unit price.

    Raises:
        InvalidAmount: a price or a discount is finer than the currency; a discount is more than
            the line costs; a line costs more than MAX_AMOUNT. `details` name each field.

    Source: spec 1.2 and 1.3.
    """
    lines: list[Line] = []
    wrong: dict[str, Errors] = {}
    for place, asked in enumerate(request.line_items):
        line = _line(asked, request.currency_code)
        if isinstance(line, Line):
            lines.append(line)
        else:
            wrong[str(place)] = line
    if wrong:
        raise InvalidAmount("The amounts of a line do not fit.", details={"line_items": wrong})
    return lines


def check_charges(charges: Charges) -> None:
    """Refuse an invoice that has only a fee, or a larger total than JSON clients can keep.

    Raises:
        InvalidAmount: the subtotal is 0, or the total is above MAX_AMOUNT.
    """
    if charges.subtotal_amount < 1:
        raise InvalidAmount(
            "The invoice subtotal is 0. The lines must cost something after their discounts.",
            details={"line_items": ["the subtotal must be at least 1 minor unit"]},
        )
    if charges.total_amount > MAX_AMOUNT:
        raise InvalidAmount(
            f"The invoice total is {charges.total_amount}; it must be at most {MAX_AMOUNT}.",
            details={"line_items": [f"the total must be at most {MAX_AMOUNT} minor units"]},
        )


def _line(asked: LineRequest, currency_code: str) -> Line | Errors:
    errors: Errors = {}
    amounts: dict[str, int] = {}
    for name, amount in (("unit_price", asked.unit_price), ("discount", asked.discount)):
        try:
            amounts[name] = minor_units(amount, currency_code)
        except ValueError as reason:
            errors[name] = [str(reason)]
    if errors:
        return errors
    line = Line(asked.quantity, amounts["unit_price"], asked.tax_rate, amounts["discount"])
    if line.gross_amount > MAX_AMOUNT:
        return {"quantity": [f"quantity x unit_price must be at most {MAX_AMOUNT} minor units"]}
    if line.subtotal_amount < 0:
        most = Money(line.gross_amount, currency_code).whole()
        return {"discount": [f"must be at most quantity x unit_price, which is {most}"]}
    return line
