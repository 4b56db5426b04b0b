"""What each method gives back, as the table in docs/gateways.md. Reads the descriptors only."""

from datetime import timedelta

from gateways import descriptors
from gateways.refund_terms import RefundTerms

HEAD = (
    "| gateway | method | channel | gives money back | in part | several | within | else |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
)


def lines() -> list[str]:
    """Return the table in Markdown, a row for each method of each gateway that is served."""
    rows = [
        _row(gateway.name, method, channel, gateway.refund_terms(method, channel))
        for gateway in descriptors.all_served()
        for method, channel in gateway.paid_by
    ]
    return [*HEAD, *rows]


def _row(gateway: str, method: str, channel: str, terms: RefundTerms) -> str:
    if not terms.exists:
        return f"| {gateway} | {method} | {channel} | no: by hand | | | | |"
    cells = (
        gateway,
        method,
        channel,
        "yes",
        _said(terms.in_part),
        _said(terms.several),
        _within(terms),
        _else(terms),
    )
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _within(terms: RefundTerms) -> str:
    if terms.same_day:
        return "the same day (Jakarta)"
    return "no limit" if terms.within is None else f"{terms.within // timedelta(days=1)} days"


def _else(terms: RefundTerms) -> str:
    if terms.hours is not None:
        opens, closes = terms.hours
        return f"{opens:%H:%M} to {closes:%H:%M} (Jakarta)"
    if terms.whole_after is not None:
        return f"the whole after {terms.whole_after // timedelta(hours=1)} h"
    return ""


def _said(yes: bool) -> str:
    return "yes" if yes else "no"
