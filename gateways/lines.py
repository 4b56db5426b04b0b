"""What the lines of both gateways' pages have in common: their names."""

from gateways.adapter import Item
from paytrust.money import plain

TAX, SERVICE_FEE, DISCOUNT = "Tax", "Service fee", "Discount"


def is_counted(item: Item) -> bool:
    """Return whether a line can be sent as a number of pieces of one price."""
    return item.quantity == int(item.quantity)


def shortened(text: str, *, limit: int, ending: str = "") -> str:
    """Return a text on one line with its ending, the text cut so that both fit the limit."""
    cut = " ".join(text.split())[: max(0, limit - len(ending))].rstrip()
    return f"{cut}{ending}"[:limit].strip()


def counted_name(item: Item, *, limit: int, note: str = "") -> str:
    """Return a name that includes the quantity: `Rice 1.5 x`."""
    return shortened(item.name, limit=limit, ending=f" {plain(item.quantity)} x{note}")
