"""The states of a payment request, and which change is legal."""

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """How a payment request stands. `transitions` is the only writer."""

    OPENING = "opening", _("Opening")  # the gateway is being asked, or its answer is unknown
    OPEN = "open", _("Open")
    PAID = "paid", _("Paid")
    EXPIRED = "expired", _("Expired")
    FAILED = "failed", _("Failed")  # refused by the gateway, or denied by the bank
    CLOSING = "closing", _("Closing")  # the gateway is being asked to end it, for us
    CANCELLED = "cancelled", _("Cancelled")  # ended by us: adjusted or cancelled


ACTIVE = (Status.OPENING, Status.OPEN, Status.CLOSING)
"""What a customer may still pay, or what is being opened."""

CHECKED = (Status.OPENING, Status.OPEN)
"""What the gateway is asked about while no word comes (spec 4.8)."""

LEGAL_CHANGES: dict[Status, frozenset[Status]] = {
    Status.OPENING: frozenset(
        {
            Status.OPEN,
            Status.CLOSING,
            Status.PAID,
            Status.EXPIRED,
            Status.FAILED,
            Status.CANCELLED,
        }
    ),
    Status.OPEN: frozenset(
        {Status.CLOSING, Status.PAID, Status.EXPIRED, Status.FAILED, Status.CANCELLED}
    ),
    Status.CLOSING: frozenset({Status.PAID, Status.CANCELLED}),
    # Money that still arrives is never refused (FR-041).
    Status.EXPIRED: frozenset({Status.PAID}),
    Status.FAILED: frozenset({Status.PAID}),
    Status.CANCELLED: frozenset({Status.PAID}),
    Status.PAID: frozenset(),
}
"""Every legal change. The trigger below is made of it."""

_CHANGES = ", ".join(
    sorted(f"'{before}>{after}'" for before, afters in LEGAL_CHANGES.items() for after in afters)
)
ONLY_LEGAL_CHANGES = pgtrigger.Trigger(
    name="payment_request_state_change",
    when=pgtrigger.Before,
    operation=pgtrigger.UpdateOf("status"),  # type: ignore[no-untyped-call]
    condition=pgtrigger.Condition(
        "OLD.status <> NEW.status"
        f" AND NOT (OLD.status || '>' || NEW.status) = ANY (ARRAY[{_CHANGES}])"
    ),
    func="""
RAISE EXCEPTION 'payment_request_state_change: % to % is refused', OLD.status, NEW.status
    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payment_request_state_change',
          TABLE = TG_TABLE_NAME;
""",
)
"""The database's own refusal of every other change."""
