"""Requests of merchants to Midtrans: reading and checking them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from gateways.sandbox.calls import Call
from gateways.sandbox.clock import Clock
from gateways.sandbox.midtrans.ledger import Order
from gateways.sandbox.midtrans.snap import Deadlines

ORDER_ID = re.compile(r"[A-Za-z0-9_~.-]+")
ORDER_ID_LENGTH = 50
NAME_LENGTH = 50
CUSTOMER_LENGTH = CUSTOM_LENGTH = 255
ITEM_TEXTS = ("id", "name", "brand", "category", "merchant_name", "url")
URLS = 3
UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
LONGEST = timedelta(days=7)
LONGEST_OF_ALL = timedelta(days=3650)  # no page or charge lasts longer


def problems(fields: dict[str, Any]) -> list[str]:
    """Return what both APIs find wrong with an order; empty if it is correct."""
    details = fields.get("transaction_details")
    details = details if isinstance(details, dict) else {}
    return [
        *_order_id_problems(details.get("order_id")),
        *_amount_problems(details.get("gross_amount")),
        *_item_problems(fields.get("item_details"), details.get("gross_amount")),
        *_period_problems(fields),
        *_customer_problems(fields.get("customer_details")),
        *(
            f"{name} is too long, at most {CUSTOM_LENGTH}"
            for name in ("custom_field1", "custom_field2", "custom_field3")
            if len(str(fields.get(name) or "")) > CUSTOM_LENGTH
        ),
    ]


def order_of(call: Call, finish_url: str) -> Order:
    """Read the order of a request without problems."""
    details = call.fields["transaction_details"]
    overridden = _urls(call, "X-Override-Notification")
    return Order(
        id=details["order_id"],
        gross_amount=details["gross_amount"],
        echoed={
            name: str(call.fields[name])
            for name in ("custom_field1", "custom_field2", "custom_field3")
            if call.fields.get(name) is not None
        },
        lines=tuple(
            {name: item[name] for name in ("name", "quantity", "price")}
            for item in call.fields.get("item_details") or []
        ),
        phone=str((call.fields.get("customer_details") or {}).get("phone") or ""),
        for_akulaku=_fits_akulaku(call.fields),
        finish_url=finish_url,
        notification_urls=overridden or None,
        appended_urls=_urls(call, "X-Append-Notification"),
    )


def _fits_akulaku(fields: dict[str, Any]) -> bool:
    """Return whether the order has a customer and items with their own ids, which Akulaku needs."""
    named = [item.get("id") for item in fields.get("item_details") or []]
    unique = all(named) and len(set(map(str, named))) == len(named)
    return bool(named) and unique and bool(fields.get("customer_details"))


def deadlines_of(fields: dict[str, Any], clock: Clock) -> Deadlines:
    """Read Snap's `expiry` and `page_expiry`."""
    expiry = fields.get("expiry") or {}
    started = expiry.get("start_time")
    return Deadlines(
        page=_period(fields.get("page_expiry")),
        payment=_period(expiry),
        starts_at=clock.as_simulated(_time(started)) if started else None,
    )


def custom_expiry_of(fields: dict[str, Any], clock: Clock) -> datetime | None:
    """Read the Core API's `custom_expiry`, which has other field names for the same."""
    custom = fields.get("custom_expiry") or {}
    period = _period({"duration": custom.get("expiry_duration"), "unit": custom.get("unit")})
    if period is None:
        return None
    started = custom.get("order_time")
    return (clock.as_simulated(_time(started)) if started else clock.now()) + period


def written_utc(at: datetime) -> str:
    """Return UTC with milliseconds and Z; only the closing time of a page is written so."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _order_id_problems(order_id: object) -> list[str]:
    if not isinstance(order_id, str) or not order_id:
        return ["transaction_details.order_id is required"]
    if len(order_id) > ORDER_ID_LENGTH:
        return [f"transaction_details.order_id is too long, at most {ORDER_ID_LENGTH}"]
    if not ORDER_ID.fullmatch(order_id):
        return ["transaction_details.order_id contains characters that are not allowed"]
    return []


def _amount_problems(amount: object) -> list[str]:
    if amount is None:
        return ["transaction_details.gross_amount is required"]
    if isinstance(amount, bool) or not isinstance(amount, int):
        return ["transaction_details.gross_amount is not an integer"]
    if amount < 1:
        return ["transaction_details.gross_amount must be greater than or equal to 0.01"]
    return []


def _item_problems(items: object, amount: object) -> list[str]:
    if items is None:
        return []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return ["item_details must be a list of objects"]
    found = []
    total = 0
    for item in items:
        price, quantity = item.get("price"), item.get("quantity")
        if not isinstance(price, int) or not isinstance(quantity, int) or quantity < 1:
            return ["item_details price and quantity must be integers"]
        if not item.get("name"):
            found.append("item_details Name is required")
        found += [
            f"item_details {text.capitalize()} too long"
            for text in ITEM_TEXTS
            if len(str(item.get(text) or "")) > NAME_LENGTH
        ]
        if "|" in str(item.get("name")):
            found.append("item_details Name must not contain a pipe character")
        total += price * quantity
    if total != amount:
        found.append("transaction_details.gross_amount is not equal to the sum of item_details")
    return found


def _customer_problems(customer: object) -> list[str]:
    if customer is None:
        return []
    if not isinstance(customer, dict):
        return ["customer_details must be an object"]
    return [
        f"customer_details.{name} is too long, at most {CUSTOMER_LENGTH}"
        for name in ("first_name", "last_name", "email", "phone")
        if len(str(customer.get(name) or "")) > CUSTOMER_LENGTH
    ]


def _period_problems(fields: dict[str, Any]) -> list[str]:
    for name in ("expiry", "page_expiry", "custom_expiry"):
        given = fields.get(name)
        if given is None:
            continue
        try:
            duration = given.get("duration", given.get("expiry_duration"))
            period = _period({"duration": duration, "unit": given.get("unit")})
            if started := given.get("start_time") or given.get("order_time"):
                _time(started)
        except (AttributeError, ArithmeticError, KeyError, TypeError, ValueError):
            return [f"{name} is invalid"]  # no object, no number, no time
        if period is None or period > (LONGEST if name == "expiry" else LONGEST_OF_ALL):
            return [f"{name}.duration is invalid"]
    return []


def _period(given: dict[str, Any] | None) -> timedelta | None:
    """Read a duration and its unit, singular or plural.

    Raises:
        KeyError: the unit is unknown.
    """
    if not given or given.get("duration") is None:
        return None
    duration = given["duration"]
    if isinstance(duration, bool) or not isinstance(duration, int) or duration < 1:
        raise ValueError(f"{duration!r} is no duration")
    return UNITS[str(given.get("unit") or "minute").lower().removesuffix("s")] * duration


def _time(text: object) -> datetime:
    return datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S %z")


def _urls(call: Call, header: str) -> tuple[str, ...]:
    given = call.request.headers.get(header, "").split(",")
    return tuple(url.strip() for url in given if url.strip())[:URLS]
