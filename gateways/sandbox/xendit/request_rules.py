"""What Xendit refuses in a new invoice (gateways.md A2, gateways-2.md C5)."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from gateways.sandbox.xendit.channels import BY_CURRENCY

E164 = re.compile(r"\+[1-9]\d{6,14}")
MOST_ITEMS, MOST_FEES = 75, 10
MOST_KEYS, KEY_LENGTH, VALUE_LENGTH = 50, 40, 500
URL_LENGTH = 255

Problem = tuple[str, str, str]  # field, message, kind


def problems(fields: dict[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with items, fees, customer, metadata and redirects."""
    yield from _items(fields.get("items"))
    yield from _fees(fields.get("fees"))
    yield from _customer(fields.get("customer"))
    yield from _metadata(fields.get("metadata"))
    for name in ("success_redirect_url", "failure_redirect_url"):
        url = fields.get(name)
        if url is not None and not (isinstance(url, str) and 1 <= len(url) <= URL_LENGTH):
            yield name, f"length must be between 1 and {URL_LENGTH}", "string.length"
    if _pay_later(fields) and not fields.get("items"):
        yield "items", "is required for pay-later", "any.required"


def _items(items: object) -> Iterator[Problem]:
    if items is None:
        return
    if not isinstance(items, list) or len(items) > MOST_ITEMS:
        yield "items", f"must be an array of at most {MOST_ITEMS}", "array.max"
        return
    for item in items:
        known = item if isinstance(item, dict) else {}
        if not isinstance(known.get("name"), str) or not known["name"]:
            yield "items", "name is required", "any.required"
        if not _is_number(known.get("price")):
            yield "items", "price must be a number", "number.base"
        if not _is_number(known.get("quantity")) or known["quantity"] < 0:
            yield "items", "quantity must be a number of at least 0", "number.min"


def _fees(fees: object) -> Iterator[Problem]:
    if fees is None:
        return
    if not isinstance(fees, list) or len(fees) > MOST_FEES:
        yield "fees", f"must be an array of at most {MOST_FEES}", "array.max"
        return
    for fee in fees:
        known = fee if isinstance(fee, dict) else {}
        if not isinstance(known.get("type"), str) or not _is_number(known.get("value")):
            yield "fees", "must have a type and a number as value", "object.base"


def _customer(customer: object) -> Iterator[Problem]:
    if customer is None:
        return
    if not isinstance(customer, dict):
        yield "customer", "must be an object", "object.base"
        return
    for name in ("mobile_number", "phone_number"):
        number = customer.get(name)
        if number is not None and not (isinstance(number, str) and E164.fullmatch(number)):
            yield name, "must be in E.164 format", "string.pattern"


def _metadata(metadata: object) -> Iterator[Problem]:
    if metadata is None:
        return
    fits = isinstance(metadata, dict) and len(metadata) <= MOST_KEYS
    if not fits or not all(
        len(key) <= KEY_LENGTH and len(str(value)) <= VALUE_LENGTH
        for key, value in metadata.items()  # type: ignore[attr-defined]
    ):
        yield "metadata", "has too many keys, or too long ones", "object.max"


def _pay_later(fields: dict[str, Any]) -> bool:
    named, currency = fields.get("payment_methods"), str(fields.get("currency", "IDR"))
    channels = BY_CURRENCY.get(currency, {})
    return isinstance(named, list) and any(
        channels[name].method == "PAYLATER" for name in map(str, named) if name in channels
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)
