"""The filters of Xendit's list of invoices (gateways-2.md C2)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from gateways.sandbox.xendit.invoices import Invoice

STATUSES = {"PENDING", "PAID", "SETTLED", "EXPIRED"}
DEFAULT_LIMIT, LARGEST_LIMIT = "10", 100
MOMENTS = ("created", "paid", "expired")

Window = tuple[datetime, datetime]


class InvalidSearch(ValueError):
    """A filter has a value that Xendit refuses."""


@dataclass(frozen=True, slots=True)
class Search:
    """Filters and page of one call; a window does not include its two ends."""

    limit: int
    external_id: str | None = None
    statuses: frozenset[str] = frozenset()
    windows: Mapping[str, Window] = field(default_factory=dict)  # by created, paid, expired
    after: str | None = None  # the last invoice of the page before

    def fits(self, invoice: Invoice) -> bool:
        """Return whether the invoice matches."""
        if self.statuses and invoice.status not in self.statuses:
            return False
        return all(_within(invoice, name, window) for name, window in self.windows.items())


def read(query: QueryDict) -> Search:
    """Read the query of `GET /v2/invoices`.

    Raises:
        InvalidSearch: the limit is not 1 to 100, a status is unknown or a time is not valid.
    """
    return Search(
        limit=_limit(query.get("limit", DEFAULT_LIMIT)),
        external_id=query.get("external_id"),
        statuses=_statuses(query.getlist("statuses")),
        windows={name: window for name in MOMENTS if (window := _window(query, name))},
        after=query.get("last_invoice") or query.get("last_invoice_id"),
    )


def _limit(text: str) -> int:
    digits = text.removesuffix(".0")  # xendit-python sends a float
    if not digits.isdecimal() or not 1 <= int(digits) <= LARGEST_LIMIT:
        raise InvalidSearch(f'"limit" must be a number from 1 to {LARGEST_LIMIT}')
    return int(digits)


def _statuses(given: list[str]) -> frozenset[str]:
    """Read the repeated key of newer clients, or the one JSON array of older ones."""
    named: list[object] = list(given)
    if len(given) == 1 and given[0].startswith("["):
        try:
            named = json.loads(given[0])
        except ValueError as error:
            raise InvalidSearch('"statuses" must be an array of texts') from error
    if not all(isinstance(name, str) and name in STATUSES for name in named):
        allowed = ", ".join(sorted(STATUSES))
        raise InvalidSearch(f'"statuses" must be among [{allowed}]')
    return frozenset(str(name) for name in named)


def _window(query: QueryDict, name: str) -> Window | None:
    """Return both ends; if only one is given it has no effect."""
    after, before = query.get(f"{name}_after"), query.get(f"{name}_before")
    if after is None or before is None:
        return None
    return _time(after, f"{name}_after"), _time(before, f"{name}_before")


def _time(text: str, name: str) -> datetime:
    try:
        at = parse_datetime(text)
    except ValueError:  # the form is right, but the day or hour does not exist
        at = None
    if at is None:
        raise InvalidSearch(f'"{name}" must be a valid ISO 8601 date')
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _within(invoice: Invoice, name: str, window: Window) -> bool:
    match name:
        case "created":
            at: datetime | None = invoice.created_at
        case "paid":
            at = invoice.payments[-1].paid_at if invoice.payments else None
        case _:
            at = invoice.expires_at if invoice.status == "EXPIRED" else None
    return at is not None and window[0] < at < window[1]
