"""Bank statements that staff upload: taken in piece by piece, then imported by a worker."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import structlog
from django.contrib.auth.models import User
from django.db import OperationalError, transaction
from django.db.models import Sum
from django.db.models.functions import Length
from django.utils.translation import gettext_lazy as _

from payments.bank import reading, services
from payments.bank.models import BankUpload, BankUploadPiece
from paytrust.errors import PayTrustError
from paytrust.operations import locking

log = structlog.get_logger(__name__)

Status = BankUpload.Status
PIECE_BYTES: Final = 128 * 1024
LEASE: Final = timedelta(minutes=10)
MOST_TRIES: Final = 3
AT_ONCE: Final = 100
ABANDONED_AFTER: Final = timedelta(days=1)


class BankFileTooLarge(PayTrustError):
    """The file is larger than 10 MB, or empty."""

    code = "bank_file_too_large"
    for_staff = _("The file is larger than 10 MB, or empty.")


class BankUploadEnded(PayTrustError):
    """All of the file is here already."""

    status = HTTPStatus.CONFLICT
    code = "bank_upload_ended"
    for_staff = _("The file was imported already, or is not here as a whole.")


class BankPieceWrong(PayTrustError):
    """This piece does not belong to the file: `details` say how many bytes it must have."""

    code = "bank_piece_wrong"
    for_staff = _("This piece does not belong to the file.")


def begin(*, file_name: str, size_bytes: int, user: User | None, now: datetime) -> BankUpload:
    """Open an upload; its pieces follow.

    Raises:
        BankFileTooLarge: or it is empty.
    """
    if not 0 < size_bytes <= reading.LARGEST_FILE:
        raise BankFileTooLarge
    return BankUpload.objects.create(
        file_name=file_name[-255:],
        size_bytes=size_bytes,
        status=Status.UPLOADING,
        due_at=now + ABANDONED_AFTER,
        uploaded_by=user,
        created_at=now,
    )


def add_piece(*, upload_id: int, number: int, content: bytes, now: datetime) -> BankUpload:
    """Keep a piece of a file; the same piece again changes nothing. The last one ends the upload.

    Raises:
        BankUploadEnded: all pieces are here.
        BankPieceWrong: the file has no such piece, or another length of it.
    """
    with transaction.atomic():
        made = BankUpload.objects.select_for_update().get(pk=upload_id)
        if made.status != Status.UPLOADING:
            raise BankUploadEnded
        length = max(0, min(PIECE_BYTES, made.size_bytes - number * PIECE_BYTES))
        if not content or len(content) != length:
            raise BankPieceWrong(details={"number": number, "bytes": length})
        BankUploadPiece.objects.update_or_create(
            upload=made, number=number, defaults={"content": content}
        )
        here = made.pieces.aggregate(bytes=Sum(Length("content")))["bytes"]
        if here == made.size_bytes:
            made.status, made.due_at = Status.WAITING, now
            made.save(update_fields=["status", "due_at"])
    return made


def claim_due(*, now: datetime) -> list[int]:
    """Return the uploads that a worker may import, each to one caller; end abandoned ones."""
    for upload_id in BankUpload.objects.filter(
        status=Status.UPLOADING, due_at__lte=now
    ).values_list("pk", flat=True):
        _end(upload_id, "The upload was not continued for a day.", if_in=[Status.UPLOADING])
    return locking.claim(
        BankUpload.objects.filter(status=Status.WAITING, due_at__lte=now),
        by="due_at",
        taken=lambda ids: BankUpload.objects.filter(pk__in=ids).update(due_at=now + LEASE),
        limit=AT_ONCE,
    )


def run(*, upload_id: int, now: datetime) -> None:
    """Import an uploaded file, or keep why it cannot be. Safe to run twice, and at once.

    The import and the end of the upload are one transaction.
    """
    with transaction.atomic():
        waiting = BankUpload.objects.filter(pk=upload_id, status=Status.WAITING)
        made = waiting.select_for_update(skip_locked=True).first()
        if made is None:
            return
        made.tries += 1
        made.save(update_fields=["tries"])
    if made.tries > MOST_TRIES:
        _end(upload_id, "The import was broken off several times.")
        return
    try:
        _import(made, now)
    except PayTrustError as error:
        _end(upload_id, str(error))
    except OperationalError:  # another import holds the lock for long
        log.warning("bank import postponed", upload_id=upload_id, exc_info=True)


def _import(made: BankUpload, now: datetime) -> None:
    content = b"".join(
        bytes(piece) for piece in made.pieces.order_by("number").values_list("content", flat=True)
    )
    with transaction.atomic():
        waiting = BankUpload.objects.filter(pk=made.pk, status=Status.WAITING)
        if waiting.select_for_update(skip_locked=True).first() is None:
            return  # another worker imports it, or has
        file = services.import_file(
            content=content, file_name=made.file_name, user=made.uploaded_by, now=now
        )
        waiting.update(status=Status.DONE, due_at=None, file=file)
        made.pieces.all().delete()


def _end(
    upload_id: int, reason: str, *, if_in: Sequence[Status] = (Status.UPLOADING, Status.WAITING)
) -> None:
    with transaction.atomic():
        found = BankUpload.objects.filter(pk=upload_id, status__in=if_in)
        if not found.update(status=Status.FAILED, due_at=None, problem=reason[:1000]):
            return  # it has ended, or gone on, meanwhile
        BankUploadPiece.objects.filter(upload=upload_id).delete()
    log.warning("bank import failed", upload_id=upload_id, reason=reason)
