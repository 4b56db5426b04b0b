"""One booking of any kind: first its status in ISO 20022, then the plan is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from invoices.ledger import posting
from invoices.ledger.allocation import Plan
from invoices.ledger.posting import Account, Booking
from invoices.models import Transaction
from payments.booking import pain002
from payments.booking.movement import Movement
from payments.models import EventTransaction, WebhookEvent
from paytrust.operations import rows
from paytrust.operations.trips import NEW_ID, Rows, Statement, join

log = structlog.get_logger(__name__)

_BOOKED_BY: Final = rows.insertion(EventTransaction, {"transaction_id": NEW_ID})


@dataclass(frozen=True, slots=True)
class Draft:
    """A booking whose ISO 20022 status is valid, and what writes it."""

    account: Account
    plan: Plan
    row: Transaction
    statements: Sequence[Statement]
    now: datetime


def record(*, account: Account, plan: Plan, movement: Movement, now: datetime) -> Transaction:
    """Book a plan, if its ISO 20022 status is valid. See `drafted`."""
    draft = drafted(account=account, plan=plan, movement=movement, now=now)
    write(draft)
    return draft.row


def drafted(*, account: Account, plan: Plan, movement: Movement, now: datetime) -> Draft:
    """Return what books a plan, if its ISO 20022 status is valid.

    The caller must have locked the invoice and its instalments, and loaded its tenant and gateway.

    Raises:
        InvalidStatusReport: the pain.002 would not be valid; nothing is booked.

    Source: FR-028a, spec 4.5, 4.9 and 6.1.
    """
    status = pain002.check_booking(account=account, plan=plan, movement=movement, now=now)
    row, statements = posting.writing(
        account=account,
        plan=plan,
        booking=Booking(
            payment_request=movement.payment_request,
            gateway_transaction_id=movement.gateway_transaction_id,
            paid_at=movement.paid_at,
            payment_method=movement.method,
            payment_channel=movement.channel,
            reverses=movement.reverses,
            moved_from=movement.moved_from,
            iso20022_message_id=status.message_id,
            iso20022_transaction_status=status.transaction_status,
        ),
        now=now,
    )
    if movement.event is not None:
        statements.append(_booked_by(movement.event))
    return Draft(account, plan, row, statements, now)


def write(draft: Draft, *also: Statement) -> list[Rows]:
    """Book a draft in one trip, with what is written `also`; return the rows of that."""
    row, invoice = draft.row, draft.account.invoice
    returned, *rest = join(*draft.statements, *also)
    posting.written(
        account=draft.account, plan=draft.plan, row=row, returned=returned, now=draft.now
    )
    log.info(
        "money booked",
        kind=row.kind,
        invoice_id=invoice.pk,
        reference=row.payment_request.reference,
        transaction_id=row.pk,
        amount=row.amount,
        currency=row.currency_code,
        status=invoice.status,
    )
    return rest[len(draft.statements) - 1 :]


def _booked_by(event: WebhookEvent) -> Statement:
    """Return what says which notification booked the transaction of the same trip."""
    return Statement(_BOOKED_BY, rows.values([EventTransaction(event=event)]))
