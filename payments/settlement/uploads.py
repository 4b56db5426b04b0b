"""Files that people and merchants upload: taken in piece by piece, then imported by a worker."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from time import monotonic
from typing import Final

import structlog
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from gateways.models import Gateway, GatewayAccount
from payments.settlement import files, services, withdrawing
from payments.settlement.models import SettlementFilePiece, SettlementImport
from payments.settlement.staging import Tell
from paytrust.errors import PayTrustError
from paytrust.operations import locking

log = structlog.get_logger(__name__)

Status = SettlementImport.Status
NOT_STARTED: Final = (Status.UPLOADING, Status.UPLOADED)
OPEN: Final = (*NOT_STARTED, Status.WAITING, Status.RUNNING)
LEASE: Final = timedelta(minutes=10)  # renewed while the import goes on
MOST_TRIES: Final = 3
AT_ONCE: Final = 100  # imports of one round
ABANDONED_AFTER: Final = timedelta(days=1)
TELL_EVERY_SECONDS: Final = 1.0
_TELL: Final = """
UPDATE payments_settlementimport SET line_count = %s, new_count = %s,
       due_at = now() + %s * interval '1 second'
 WHERE id = %s AND status = 'running'"""


class SettlementFileTooLarge(PayTrustError):
    """The file is larger than 512 MB, or empty. Split it."""

    code = "settlement_file_too_large"
    for_staff = _("The file is larger than 512 MB, or empty.")


class SettlementAccountMissing(PayTrustError):
    """You have no account of your own at this gateway. PayTrust imports the files of its own."""

    status = HTTPStatus.CONFLICT
    code = "settlement_account_missing"


class SettlementPieceWrong(PayTrustError):
    """This piece does not belong to the file: `details` say how many bytes it must have."""

    code = "settlement_piece_wrong"


class SettlementUploadEnded(PayTrustError):
    """The file is here already, or its import has ended."""

    status = HTTPStatus.CONFLICT
    code = "settlement_upload_ended"
    for_staff = _("The file was imported already, or is not here as a whole.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A file that will be uploaded."""

    gateway: Gateway
    account: GatewayAccount | None
    file_name: str
    size_bytes: int
    currency: str  # of rows that name none
    starts_at_once: bool  # else it waits for `start`, until a person has seen its preview
    user: User | None = None


def begin(*, upload: Announced, now: datetime) -> SettlementImport:
    """Open an upload; its pieces follow.

    Raises:
        SettlementFileTooLarge: or it is empty.
    """
    if not 0 < upload.size_bytes <= files.LARGEST_FILE:
        raise SettlementFileTooLarge
    return SettlementImport.objects.create(
        tenant_id=upload.account.tenant_id if upload.account else None,
        gateway=upload.gateway,
        account=upload.account,
        source=SettlementImport.Source.UPLOAD,
        status=Status.UPLOADING,
        file_name=upload.file_name[-255:],
        size_bytes=upload.size_bytes,
        currency_code=upload.currency,
        starts_at_once=upload.starts_at_once,
        imported_by=upload.user,
        imported_at=now,
        due_at=now + ABANDONED_AFTER,
    )


def begin_own(
    *,
    tenant: Tenant,
    gateway_id: int,
    file_name: str,
    size_bytes: int,
    currency: str,
    content: bytes | None,
    now: datetime,
) -> SettlementImport:
    """Open an upload of a file of a merchant's own account; `content` is the whole file, or None.

    Raises:
        SettlementAccountMissing: the merchant has no account of their own at the gateway.
        SettlementPieceWrong: `content` is not the whole file. Nothing is kept.
    """
    accounts = GatewayAccount.objects.filter(tenant=tenant, gateway=gateway_id)
    account = accounts.order_by("-pk").first()
    if account is None:
        raise SettlementAccountMissing(details={"gateway_id": gateway_id})
    with transaction.atomic():
        made = begin(
            upload=Announced(
                gateway=account.gateway,
                account=account,
                file_name=file_name,
                size_bytes=size_bytes,
                currency=currency,
                starts_at_once=True,
            ),
            now=now,
        )
        if content is None:
            return made
        if len(content) != size_bytes:
            raise SettlementPieceWrong(details={"number": 0, "bytes": size_bytes})
        return add_piece(import_id=made.pk, number=0, content=content, now=now)


def add_piece(*, import_id: int, number: int, content: bytes, now: datetime) -> SettlementImport:
    """Keep a piece of a file; the same piece again changes nothing. The last one ends the upload.

    Raises:
        SettlementUploadEnded: all pieces are here, or the import has ended.
        SettlementPieceWrong: the file has no such piece, or another length of it.
    """
    with transaction.atomic():
        made = SettlementImport.objects.select_for_update().get(pk=import_id)
        if made.status != Status.UPLOADING:
            raise SettlementUploadEnded
        length = files.length_of(made, number)
        if not content or len(content) != length:
            raise SettlementPieceWrong(details={"number": number, "bytes": length})
        is_whole = files.is_whole(made)
        if not is_whole:  # what is whole stays as it is, because its digest may be on its way
            SettlementFilePiece.objects.update_or_create(
                imported_in=made, number=number, defaults={"content": content}
            )
            is_whole = files.is_whole(made)
    return _end_upload(made, now) if is_whole else made


def start(*, import_id: int, now: datetime) -> SettlementImport:
    """Let a worker import a file whose preview was seen.

    Raises:
        SettlementUploadEnded: it was started before, or its upload has not ended.
    """
    with transaction.atomic():
        made = SettlementImport.objects.select_for_update().get(pk=import_id)
        if made.status != Status.UPLOADED:
            raise SettlementUploadEnded
        made.status, made.due_at = Status.WAITING, now
        made.save(update_fields=["status", "due_at"])
    return made


def claim_due(*, now: datetime) -> list[int]:
    """Return the imports that a worker may take, each to one caller; end abandoned uploads."""
    old = SettlementImport.objects.filter(status__in=NOT_STARTED, due_at__lte=now)
    for import_id in old.values_list("pk", flat=True):
        said = "The upload was not continued for a day."
        _fail(import_id, "settlement_upload_abandoned", said, if_in=NOT_STARTED)
    return locking.claim(
        SettlementImport.objects.filter(
            status__in=(Status.WAITING, Status.RUNNING), due_at__lte=now
        ),
        by="due_at",
        taken=lambda ids: SettlementImport.objects.filter(pk__in=ids).update(due_at=now + LEASE),
        limit=AT_ONCE,
    )


def run(*, import_id: int, now: datetime) -> None:
    """Import an uploaded file, or keep why it cannot be; or go on with a long withdrawal.

    Safe to run twice at the same time: the account's lock lets one of them wait, which then finds
    that the import has ended.
    """
    made = _claimed(import_id, now)
    if made is None:
        return
    try:
        if made.withdraws_id is not None:
            withdrawing.go_on(import_id=made.pk, now=now)
            return
        with _telling(made.pk) as tell:
            services.take_in_upload(made=made, file=files.opened(made), now=now, tell=tell)
    except PayTrustError as error:
        _fail(import_id, error.code, str(error), error.details)
    except OperationalError:  # another import of the account holds its lock for long
        log.warning("settlement import postponed", import_id=import_id, exc_info=True)
    else:
        files.dropped(made)
        log.info("settlement imported", import_id=import_id, lines=made.line_count)


def _claimed(import_id: int, now: datetime) -> SettlementImport | None:
    with transaction.atomic():
        made = (
            SettlementImport.objects.select_for_update(skip_locked=True)
            .filter(status__in=(Status.WAITING, Status.RUNNING), pk=import_id)
            .first()
        )
        if made is None:
            return None
        made.status, made.due_at, made.tries = Status.RUNNING, now + LEASE, made.tries + 1
        made.save(update_fields=["status", "due_at", "tries"])
    if made.tries > MOST_TRIES and made.withdraws_id is None:  # each try of those does something
        _fail(import_id, "internal_error", "The import was broken off several times.")
        return None
    return made


def _end_upload(whole: SettlementImport, now: datetime) -> SettlementImport:
    """End the upload of a whole file.

    Its digest is made outside a transaction, because a long file takes seconds. If that is broken
    off, a piece that is sent again ends the upload.
    """
    digest = files.sha256_of(whole)
    with transaction.atomic():
        made = SettlementImport.objects.select_for_update().get(pk=whole.pk)
        if made.status != Status.UPLOADING:
            return made
        made.sha256 = digest
        made.status = Status.WAITING if made.starts_at_once else Status.UPLOADED
        made.due_at = now if made.starts_at_once else now + ABANDONED_AFTER
        try:
            services.number_it(made)
        except services.SettlementAlreadyImported as error:
            _fail(made.pk, error.code, str(error), error.details)
            made.refresh_from_db()
            return made
        made.save(update_fields=["sha256", "status", "due_at", "repeat"])
    return made


def _fail(
    import_id: int,
    code: str,
    detail: str,
    details: object = None,
    *,
    if_in: Sequence[Status] = OPEN,
) -> None:
    problem = {"code": code, "detail": detail, "details": details or {}}
    with transaction.atomic():
        found = SettlementImport.objects.filter(pk=import_id, status__in=if_in)
        if not found.update(status=Status.FAILED, problem=problem, due_at=None):
            return  # it has ended, or gone on, meanwhile
        SettlementFilePiece.objects.filter(imported_in=import_id).delete()
    log.warning("settlement import failed", import_id=import_id, code=code)


@contextmanager
def _telling(import_id: int) -> Iterator[Tell]:
    """Keep how far an import is on its row, on a connection of its own: the import's is busy."""
    other = connection.copy()
    last = monotonic() - TELL_EVERY_SECONDS

    def tell(read: int, matched: int) -> None:
        nonlocal last
        if monotonic() - last < TELL_EVERY_SECONDS:
            return
        last = monotonic()
        with other.cursor() as cursor:
            cursor.execute(_TELL, [read, matched, LEASE.total_seconds(), import_id])

    try:
        yield tell
    finally:
        other.close()
