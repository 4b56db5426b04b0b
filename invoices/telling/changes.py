"""The events of a change of an invoice, from how GET showed it before and shows it after.

Pure: it knows dictionaries and no database, so that a test can recompute the events from the rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from events.outbox.types import Change

Shown = Mapping[str, Any]  # as GET shows it

ENDED: Final = {
    "expired": "invoice.expired",
    "cancelled": "invoice.cancelled",
    "failed": "invoice.failed",
}
NOT_SHOWN: Final = frozenset({"line_items"})  # an event has an invoice without them


def of_invoice(*, before: Shown | None, after: Shown) -> list[Change]:
    """Return the events of one change, in their order: instalments, invoice, next payment.

    Args:
        before: the invoice as GET showed it; None if it is new.
        after: the invoice as GET shows it now.

    Source: spec 9.1.
    """
    shown = {name: value for name, value in after.items() if name not in NOT_SHOWN}
    if before is None:
        created = Change(type="invoice.created", object=shown)
        return [created, *_payment_ready({}, shown, {"payment_url": None})]
    previous = difference(before, shown)
    return [
        *_installments(before, shown),
        *(Change(type=name, object=shown, previous=previous) for name in _types(before, shown)),
        *_payment_ready(before, shown, previous),
    ]


def of_payment(*, type: str, payment: Shown) -> Change:  # noqa: A002  # the envelope's name
    """Return the event of one movement of money, or of a payment that ended without any."""
    return Change(type=type, object=dict(payment))


def difference(before: Shown, after: Shown) -> dict[str, Any]:
    """Return what the fields that changed were before, without the schedule and the version."""
    ignored = {"installment_schedule", "version", "updated_at", *NOT_SHOWN}
    return {
        name: before.get(name)
        for name in after
        if name not in ignored and before.get(name) != after[name]
    }


def _types(before: Shown, after: Shown) -> Iterator[str]:
    """Yield what happened to the invoice as a whole."""
    was, status = before["status"], after["status"]
    more = after["paid_amount"] > before["paid_amount"]
    if status == "partially_paid" and more:
        yield "invoice.partially_paid"
    if status == "fully_paid" and was != status:
        yield "invoice.paid"
    if after["overpayment_amount"] > before["overpayment_amount"]:
        yield "invoice.overpaid"
    if status in ENDED and was != status:
        yield ENDED[status]


def _installments(before: Shown, after: Shown) -> Iterator[Change]:
    old = {installment["number"]: installment for installment in _schedule(before)}
    for installment in _schedule(after):
        was = old.get(installment["number"], {})
        if installment["status"] == "paid" and was.get("status") != "paid":
            yield of_installment(
                type="installment.paid", invoice=after, installment=installment, before=was
            )


def of_installment(*, type: str, invoice: Shown, installment: Shown, before: Shown) -> Change:  # noqa: A002
    """Return the event of one instalment: as the schedule shows it, with its invoice's id."""
    return Change(
        type=type,
        object={
            "invoice_id": invoice["id"],
            "currency_code": invoice["currency_code"],
            **installment,
        },
        previous={name: was for name, was in before.items() if was != installment[name]},
    )


def _payment_ready(before: Shown, after: Shown, previous: Shown) -> Iterator[Change]:
    url = after["payment_url"]
    if url is not None and url != before.get("payment_url"):
        yield Change(type="invoice.payment_ready", object=dict(after), previous=previous)


def _schedule(shown: Shown) -> Sequence[Shown]:
    schedule: Sequence[Shown] = shown.get("installment_schedule", ())
    return schedule
