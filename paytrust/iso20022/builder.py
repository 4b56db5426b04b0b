"""Writing messages: nested pairs of name and content, in the schema's order, become elements."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeAlias, cast

from lxml import etree

from paytrust.iso20022.messages import Message
from paytrust.iso20022.text import printable
from paytrust.money import Money

Content: TypeAlias = "str | bool | int | Decimal | Money | date | Sequence[Node] | None"
Node: TypeAlias = "tuple[str, Content]"


def document(message: Message, body: Node) -> etree._Element:
    """Build a message. Elements without content (None, a blank, no children) are left out.

    Money is written with exactly its currency's decimals and `@Ccy`, a time in UTC to the second,
    and a text without the characters that XML cannot hold.
    """
    prefix = f"{{{message.namespace}}}"
    default: dict[str | None, str] = {None: message.namespace}
    root = etree.Element(f"{prefix}Document", nsmap=cast("dict[str, str]", default))
    _append(root, prefix, body)
    return root


def serialized(root: etree._Element) -> bytes:
    """Return the bytes of a message; the same message gives the same bytes."""
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _append(parent: etree._Element, prefix: str, node: Node) -> None:
    name, content = node
    if isinstance(content, list | tuple):
        element = etree.SubElement(parent, prefix + name)
        for child in content:
            _append(element, prefix, child)
        if len(element) == 0:
            parent.remove(element)
        return
    written = _written(content)
    if written:
        element = etree.SubElement(parent, prefix + name)
        element.text = written
        if isinstance(content, Money):
            element.set("Ccy", content.currency)


def _written(content: Content) -> str | None:
    match content:
        case str():
            written = printable(content).strip()
        case bool():
            written = "true" if content else "false"
        case int():
            written = str(content)
        case Money():
            written = format(content.whole(), "f")
        case Decimal():
            written = format(content, "f")
        case datetime():
            if content.tzinfo is None:
                raise ValueError(f"{content} has no time zone")
            written = f"{content.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        case date():
            written = content.isoformat()
        case _:
            return None
    return written
