"""What staff do about bank statements; each act is written down."""

from datetime import datetime
from typing import Final

from django.utils.translation import gettext_lazy as _

from apikeys.staff_acts import kinds, recording
from apikeys.staff_acts.recording import Actor
from payments.bank import services, uploads
from payments.bank.models import BankFile, BankUpload

IMPORTED: Final = kinds.register("bank_statement_imported", _("imported a bank statement"))
WITHDRAWN: Final = kinds.register("bank_statement_withdrawn", _("withdrew a bank statement"))


def upload(*, actor: Actor, file_name: str, size_bytes: int, now: datetime) -> BankUpload:
    """Open an upload, which a worker imports when all of it is here. Raises as `uploads.begin`."""
    with recording.recorded(actor=actor, act=IMPORTED, about=BankUpload, now=now) as entry:
        made = uploads.begin(file_name=file_name, size_bytes=size_bytes, user=actor.user, now=now)
        entry.object_id, entry.message = made.pk, made.file_name
    return made


def withdraw(*, actor: Actor, file: BankFile, reason: str, now: datetime) -> None:
    """Take an import back. Raises as `services.withdraw`."""
    reason = recording.required_reason(reason)
    with recording.recorded(actor=actor, act=WITHDRAWN, about=file, now=now, reason=reason):
        services.withdraw(file_id=file.pk, user=actor.user, reason=reason, now=now)
