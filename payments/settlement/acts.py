"""What staff do about settlements; each act is written down."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apikeys.staff_acts import kinds, recording
from apikeys.staff_acts.recording import Actor
from gateways.models import Gateway, GatewayAccount
from payments.bank import services as bank
from payments.settlement import uploads, withdrawing
from payments.settlement.models import SettlementImport, SettlementMismatch, SettlementTerms
from payments.settlement.reading import COLUMNS
from paytrust.errors import PayTrustError

UPLOADED: Final = kinds.register("settlement_uploaded", _("uploaded a settlement file"))
IMPORTED: Final = kinds.register("settlement_imported", _("imported a settlement file"))
WITHDRAWN: Final = kinds.register("settlement_withdrawn", _("withdrew a settlement import"))
NAMED: Final = kinds.register(
    "settlement_columns_named", _("named the columns of settlement files")
)
RESOLVED: Final = kinds.register(
    "settlement_mismatch_resolved", _("resolved a settlement mismatch")
)


class SettlementMismatchEnded(PayTrustError):
    """The mismatch was resolved before, or a later import ended it."""

    status = HTTPStatus.CONFLICT
    code = "settlement_mismatch_ended"
    for_staff = _("The mismatch was resolved before, or a later import ended it.")


def upload(
    *,
    actor: Actor,
    gateway: Gateway,
    account: GatewayAccount | None,
    file_name: str,
    size_bytes: int,
    currency: str,
    now: datetime,
) -> SettlementImport:
    """Open an upload by a member of staff. Raises as `uploads.begin`."""
    with recording.recorded(
        actor=actor,
        act=UPLOADED,
        about=SettlementImport,
        now=now,
        tenant_id=account.tenant_id if account else None,
    ) as entry:
        made = uploads.begin(
            upload=uploads.Announced(
                gateway=gateway,
                account=account,
                file_name=file_name,
                size_bytes=size_bytes,
                currency=currency,
                starts_at_once=False,
                user=actor.user,
            ),
            now=now,
        )
        entry.object_id, entry.message = made.pk, file_name
    return made


def start(*, actor: Actor, made: SettlementImport, now: datetime) -> None:
    """Let a worker import a file whose preview was seen. Raises as `uploads.start`."""
    with recording.recorded(
        actor=actor, act=IMPORTED, about=made, now=now, tenant_id=made.tenant_id
    ):
        uploads.start(import_id=made.pk, now=now)


def withdraw(
    *, actor: Actor, made: SettlementImport, reason: str, now: datetime
) -> SettlementImport:
    """Take an import back, and return the row that does. Raises as `withdrawing.withdraw`."""
    reason = recording.required_reason(reason)
    with recording.recorded(
        actor=actor, act=WITHDRAWN, about=made, now=now, reason=reason, tenant_id=made.tenant_id
    ):
        row = withdrawing.withdraw(import_id=made.pk, user=actor.user, reason=reason, now=now)
        bank.match_again()
    return row


def name_columns(
    *, actor: Actor, made: SettlementImport, columns: Mapping[str, Sequence[str]], now: datetime
) -> None:
    """Keep what the files of an import's account call their columns, by the names of COLUMNS."""
    assert columns.keys() <= COLUMNS.keys(), columns.keys()
    with recording.recorded(actor=actor, act=NAMED, about=made, now=now, tenant_id=made.tenant_id):
        SettlementTerms.objects.update_or_create(
            gateway_id=made.gateway_id,
            account_id=made.account_id,
            defaults={"columns": dict(columns), "updated_at": now},
            create_defaults={
                "columns": dict(columns),
                "updated_at": now,
                "tenant_id": made.tenant_id,
            },
        )


def resolve(*, actor: Actor, mismatch: SettlementMismatch, reason: str, now: datetime) -> None:
    """End a mismatch that a person has looked into; the next import does not open it again.

    Raises:
        SettlementMismatchEnded: it was ended before.
    """
    reason = recording.required_reason(reason)
    booked = mismatch.transaction
    with (
        recording.recorded(
            actor=actor,
            act=RESOLVED,
            about=mismatch,
            now=now,
            reason=reason,
            tenant_id=mismatch.tenant_id,
            invoice_id=booked.invoice_id if booked else None,
        ),
        transaction.atomic(),
    ):
        ended = SettlementMismatch.objects.filter(pk=mismatch.pk, ended_at=None).update(
            ended_at=now, ended_by=actor.user, reason=reason
        )
        if not ended:
            raise SettlementMismatchEnded
