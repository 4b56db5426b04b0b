"""The lines that Xendit's page shows for the total: `items` and `fees` (A2, C5).

Xendit charges `amount` and does not check their sum, so we make them sum to it.
"""

from decimal import Decimal
from typing import Any

from gateways import lines
from gateways.adapter import PaymentOrder
from paytrust.money import Money, plain

MOST_ITEMS = 75
NAME_LENGTH = 255  # no limit is documented; a product's name ends there


def items_of(order: PaymentOrder) -> list[dict[str, Any]]:
    """Return the lines before discounts; all of them as one if there are more than 75.

    A part of a unit is one piece that names it: whether Xendit takes 1.5 is not documented.
    """
    if not order.lines_add_up:
        return []
    if len(order.items) > MOST_ITEMS:
        ending = f" ({len(order.items)} lines)"
        name = lines.shortened(order.description, limit=NAME_LENGTH, ending=ending)
        return [_item(order, name, 1, sum(item.gross_amount for item in order.items))]
    return [
        _item(order, item.name, item.quantity, item.unit_amount)
        if lines.is_counted(item)
        else _item(order, lines.counted_name(item, limit=NAME_LENGTH), 1, item.gross_amount)
        for item in order.items
    ]


def fees_of(order: PaymentOrder) -> list[dict[str, Any]]:
    """Return tax and service fee, and the discounts as a negative fee.

    So does Xendit's own plugin for Magento, which also leaves out what is 0 (C5).
    """
    if not order.lines_add_up:
        return []
    amounts = {
        lines.DISCOUNT: -sum(item.discount_amount for item in order.items),
        lines.TAX: order.tax_amount,
        lines.SERVICE_FEE: order.service_fee_amount,
    }
    return [
        {"type": kind, "value": Money(amount, order.amount.currency).whole()}
        for kind, amount in amounts.items()
        if amount
    ]


def _item(
    order: PaymentOrder, name: str, quantity: Decimal | int, unit_amount: int
) -> dict[str, Any]:
    return {
        "name": lines.shortened(name, limit=NAME_LENGTH),
        "quantity": plain(quantity),
        "price": Money(unit_amount, order.amount.currency).whole(),
    }
