"""The states of a refund, and which change is legal."""

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from paytrust.operations import triggers


class Status(models.TextChoices):
    """The state of a refund. Only `transitions` writes it."""

    REQUESTED = "requested", _("waits for two people")
    SENDING = "sending", _("is being sent, or the outcome is unknown")
    PENDING = "pending", _("the gateway is carrying it out")
    SUCCEEDED = "succeeded", _("gone back")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("not approved")


ACTIVE = (Status.REQUESTED, Status.SENDING, Status.PENDING)
"""Those whose money may still go back. A payment has one of them at most."""

ASKED = (Status.SENDING, Status.PENDING)
"""Those about which the gateway is asked."""

LEGAL_CHANGES: dict[Status, frozenset[Status]] = {
    Status.REQUESTED: frozenset({Status.SENDING, Status.SUCCEEDED, Status.CANCELLED}),
    Status.SENDING: frozenset({Status.PENDING, Status.SUCCEEDED, Status.FAILED}),
    Status.PENDING: frozenset({Status.SUCCEEDED, Status.FAILED}),
    # Sent again when the gateway has the money; or the gateway made it in spite of the failure.
    Status.FAILED: frozenset({Status.SENDING, Status.SUCCEEDED}),
    Status.SUCCEEDED: frozenset(),
    Status.CANCELLED: frozenset(),
}
"""Every legal change. The trigger below is made of it."""

_CHANGES = ", ".join(
    sorted(f"'{before}>{after}'" for before, afters in LEGAL_CHANGES.items() for after in afters)
)
_ACTIVE = ", ".join(f"'{status}'" for status in ACTIVE)
ONLY_LEGAL_CHANGES = triggers.refused(
    "refund_state_change",
    pgtrigger.UpdateOf("status"),  # type: ignore[no-untyped-call]
    condition="OLD.status <> NEW.status"
    f" AND NOT (OLD.status || '>' || NEW.status) = ANY (ARRAY[{_CHANGES}])",
)
"""The database's own refusal of every other change."""

NEVER_MORE_THAN_PAID = pgtrigger.Trigger(
    name="refund_within_payment",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.UpdateOf("status", "amount"),  # type: ignore[no-untyped-call]
    condition=pgtrigger.Condition(f"NEW.status IN ({_ACTIVE})"),
    func="""
IF NEW.amount > (
    SELECT t.amount + coalesce((SELECT sum(r.amount) FROM invoices_transaction r
                                WHERE r.reverses_id = t.id), 0)
    FROM invoices_transaction t WHERE t.id = NEW.transaction_id
) AND (TG_OP = 'INSERT' OR OLD.status <> NEW.status OR OLD.amount <> NEW.amount) THEN
    RAISE EXCEPTION 'refund_within_payment: more than payment % can give', NEW.transaction_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_within_payment',
              TABLE = TG_TABLE_NAME;
END IF;
RETURN NEW;
""",
)
"""What is asked for is never more than the payment brought less what went back of it.

Whoever asks holds the invoice's row lock, so that two at once see each other.
"""

FROZEN = (
    "tenant_id",
    "invoice_id",
    "transaction_id",
    "amount",
    "currency_code",
    "method",
    "reference",
    "created_at",
)
"""What is fixed once it was recorded."""

PROTECTED = [
    ONLY_LEGAL_CHANGES,
    NEVER_MORE_THAN_PAID,
    triggers.refused("refund_frozen", pgtrigger.Update, condition=triggers.changed(FROZEN)),
    triggers.refused("refund_not_deleted", pgtrigger.Delete, rule="refund_frozen"),
    triggers.not_truncated("refund"),
]
