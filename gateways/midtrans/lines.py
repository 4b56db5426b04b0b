"""The lines that Midtrans's page shows for the total: `item_details` (B2, C6).

Prices and quantities are integers, and their sum must be `gross_amount`.
"""

from typing import Any

from gateways import lines
from gateways.adapter import Item, PaymentOrder

NAME_LENGTH = 50
CUSTOM_FIELD_LENGTH = 255


def items_of(order: PaymentOrder) -> list[dict[str, Any]]:
    """Return lines that sum to the amount, tax and fee as lines of their own.

    The first line names the merchant's order if both fit: nothing else on the page shows it.
    """
    if not order.lines_add_up:
        return [_piece(order.description, order.amount.minor)]
    items = [_item(item) for item in order.items]
    extras = {lines.TAX: order.tax_amount, lines.SERVICE_FEE: order.service_fee_amount}
    items += [_piece(name, amount) for name, amount in extras.items() if amount]
    titled = f"{plain_text(order.order_number or '')}: {items[0]['name']}"
    if order.order_number and len(titled) <= NAME_LENGTH:
        items[0]["name"] = titled
    return items


def plain_text(text: str, *, limit: int = CUSTOM_FIELD_LENGTH) -> str:
    """Return a text on one line without pipes, which Alfamart refuses."""
    return lines.shortened(text.replace("|", "/"), limit=limit)


def _item(item: Item) -> dict[str, Any]:
    """Return a line; one with a discount or a part of a unit is one piece that names it."""
    if lines.is_counted(item) and not item.discount_amount:
        name = plain_text(item.name, limit=NAME_LENGTH)
        return {"name": name, "price": item.unit_amount, "quantity": int(item.quantity)}
    less = f"{item.discount_amount:,}".replace(",", ".")  # as rupiah are written
    note = f", less Rp {less}" if item.discount_amount else ""
    name = lines.counted_name(item, limit=NAME_LENGTH, note=note)
    return _piece(name, item.subtotal_amount)


def _piece(name: str, amount: int) -> dict[str, Any]:
    return {"name": plain_text(name, limit=NAME_LENGTH), "price": amount, "quantity": 1}
