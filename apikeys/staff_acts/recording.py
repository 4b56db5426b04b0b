"""Records what members of staff do in the back office, whether it succeeds or fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import structlog
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apikeys.models import StaffAct
from apikeys.staff_acts import kinds
from apikeys.tenants import wall
from paytrust.errors import PayTrustError
from paytrust.web.request_id import request_id_of

log = structlog.get_logger(__name__)

DONE = "done"
LIST_EXPORTED = kinds.register("list_exported", _("exported a list"))
LONGEST_REASON = LONGEST_MESSAGE = 500  # characters


class MissingReason(PayTrustError):
    """Say why, in at most 500 characters: the reader of the trail was not there."""

    status = HTTPStatus.BAD_REQUEST
    code = "missing_reason"
    for_staff = _("Say why, in at most 500 characters.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A member of staff, and the request by which they act."""

    user: User
    request_id: str | None = None


def actor_of(request: HttpRequest) -> Actor:
    """Return the member of staff who sent a request."""
    assert isinstance(request.user, User), "only staff reach the pages for staff"
    return Actor(user=request.user, request_id=request_id_of(request))


@contextmanager
def recorded(
    *,
    actor: Actor,
    act: str,
    about: Model | type[Model],
    now: datetime,
    reason: str = "",
    tenant_id: int | None = None,
    invoice_id: int | None = None,
) -> Iterator[StaffAct]:
    """Write an act down before its work starts, and the outcome after the work.

    Do not use it inside a transaction: a rollback would remove the entry. The block may set
    `object_id`, `outcome` and `message`; the code of a failure that leaves the block is stored.
    """
    with wall.lowered_for_staff():
        entry = StaffAct.objects.create(
            staff=actor.user,
            act=act,
            object_type=about._meta.label_lower,  # noqa: SLF001  # Django's public way to its name
            object_id=about.pk if isinstance(about, Model) else None,
            tenant_id=tenant_id,
            invoice_id=invoice_id,
            reason=reason[:LONGEST_REASON],
            request_id=actor.request_id,
            created_at=now,
        )
    try:
        yield entry
    except PayTrustError as error:
        _end(entry, error.code, str(error))
        raise
    except Exception:
        _end(entry, "internal_error", "")
        raise
    _end(entry, entry.outcome or DONE, entry.message)


def required_reason(reason: str) -> str:
    """Return a reason without the spaces around it.

    Raises:
        MissingReason: nothing is left, or it is too long to be kept.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise MissingReason
    return reason


def note_export(
    *, request: HttpRequest, model: type[Model], suffix: str, **_signal: object
) -> None:
    """Write down that somebody exported a list; receives `paytrust.staff.export.exported`."""
    with recorded(
        actor=actor_of(request), act=LIST_EXPORTED, about=model, now=timezone.now()
    ) as entry:
        entry.message = f"{suffix} {request.META['QUERY_STRING']}".strip()


def acts_on_invoice(*, invoice_id: int) -> QuerySet[StaffAct]:
    """Return what staff did about an invoice, oldest first, with who did it."""
    return StaffAct.objects.filter(invoice_id=invoice_id).select_related("staff").order_by("pk")


def _end(entry: StaffAct, outcome: str, message: str) -> None:
    entry.outcome, entry.message = outcome, message[:LONGEST_MESSAGE]
    with wall.lowered_for_staff():
        entry.save(update_fields=["outcome", "message", "object_id"])
    log.info(
        "staff act",
        act=entry.act,
        staff=entry.staff.get_username(),
        object_type=entry.object_type,
        object_id=entry.object_id,
        outcome=outcome,
    )
