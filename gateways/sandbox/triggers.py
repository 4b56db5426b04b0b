"""Events by name: what can happen at a gateway to the payment of one of PayTrust's invoices."""

import re
from typing import TYPE_CHECKING, Any

from gateways.sandbox import pages
from gateways.sandbox.counter import Deed
from gateways.sandbox.messages import Answer

if TYPE_CHECKING:
    from gateways.sandbox.simulator import Simulator

# The buttons that cause the event, pressed in this order.
EVENTS = {
    ("xendit", "paid"): ("pay",),
    ("xendit", "denied"): ("fail",),
    ("xendit", "expired"): ("expire",),
    ("xendit", "refunded"): ("refund",),
    ("xendit", "charged_back"): ("dispute", "dispute_lost"),
    ("midtrans", "paid"): ("pay",),
    ("midtrans", "denied"): ("fail",),
    ("midtrans", "expired"): ("expire",),
    ("midtrans", "refunded"): ("refund",),
    ("midtrans", "charged_back"): ("chargeback",),
}
NAMES = sorted({name for _gateway, name in EVENTS})
REFERENCE = re.compile(r"-(?P<invoice>\d+)-\d+-\d+-[^-]+$")
NEEDS_PAYMENT = {"refunded", "charged_back"}
NOT_PAID = {"pending", "expired", "expire", "deny", "cancel"}


class UnknownInvoice(LookupError):
    """The sandbox knows no payment of that invoice."""


class UnknownEvent(ValueError):
    """There is no event of that name."""


def carry_out(sandbox: "Simulator", fields: dict[str, Any]) -> Answer:
    """Do `event` to the newest payment of `invoice`; a refund takes the newest paid one.

    Raises:
        UnknownInvoice, UnknownEvent: a field names nothing that exists.
    """
    invoice, event = str(fields.get("invoice", "")), str(fields.get("event", ""))
    if event not in NAMES:
        raise UnknownEvent(f"event must be one of {', '.join(NAMES)}")
    charge = _charge_of(sandbox, invoice, must_be_paid=event in NEEDS_PAYMENT)
    counter = pages.counter_of(str(charge["id"] or charge["reference"]))
    if counter is None:
        raise UnknownInvoice(f"no payment of invoice {invoice} is known")
    amount, method = fields.get("amount"), fields.get("method")
    deed: Deed | None = None
    for action in EVENTS[charge["gateway"], event]:
        deed = counter.act(
            action,
            amount=None if amount is None else str(amount),
            method=None if method is None else str(method),
        )
    return Answer(None if deed is None else deed.shown(event))


def _charge_of(sandbox: "Simulator", invoice: str, *, must_be_paid: bool) -> dict[str, Any]:
    """Find a payment by its reference, in which the invoice follows the prefix: PT-17-1-1-7KQ2ZD.

    The prefix may have dashes of its own, so the reference is read from its end.
    """
    of_invoice = [
        charge for charge in sandbox.charges() if _invoice_in(str(charge["reference"])) == invoice
    ]
    if must_be_paid:
        of_invoice = [one for one in of_invoice if one["status"].lower() not in NOT_PAID] or (
            of_invoice
        )
    if not of_invoice:
        raise UnknownInvoice(f"no payment of invoice {invoice} is known")
    return of_invoice[-1]


def _invoice_in(reference: str) -> str | None:
    found = REFERENCE.search(reference)
    return found["invoice"] if found else None
