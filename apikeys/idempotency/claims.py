"""The Idempotency-Key header: a call takes effect once, also if it is sent again.

The record of a call is claimed and committed before the view runs, so that a second call finds it
in every process. A claim has a lease; if the process dies, the lease ends.
"""

import functools
import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import structlog
from django.db import Error
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.keys.authentication import tenant_of
from apikeys.models import IdempotencyRecord, Tenant
from paytrust.errors import PayTrustError
from paytrust.operations import sealing
from paytrust.operations.trips import Statement, join
from paytrust.web import strict_json

log = structlog.get_logger(__name__)

View = TypeVar("View", bound=APIView)
Parameters = ParamSpec("Parameters")

SEALED_ANSWERS = "idempotent answers"
KEPT_FOR = timedelta(hours=24)
LEASE = timedelta(seconds=30)  # longer than a gateway call may take (3 s + 10 s, twice)
CLAIM_TRIES = 3  # a record may be deleted between our insert and our read
WELL_FORMED_KEY = re.compile(r"[\x20-\x7e]{1,255}")

IDEMPOTENCY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description="1 to 255 printable ASCII characters. The same call sent again under the same "
    "key within 24 hours gets the first one's answer and changes nothing.",
)
State = IdempotencyRecord.State
INSERT: Final = """
INSERT INTO apikeys_idempotencyrecord
    (id, tenant_id, key, fingerprint, state, created_at, leased_until)
VALUES (%(id)s, %(tenant)s, %(key)s, %(fingerprint)s, 'in_progress', %(now)s, %(leased_until)s)
ON CONFLICT (tenant_id, key) DO NOTHING RETURNING id"""
"""Claims a call whose key has no record; its values are those of `values_of`."""
_COMPLETE: Final = """
UPDATE apikeys_idempotencyrecord SET state = 'completed', response_body = %(body)s,
    completed_at = %(now)s
WHERE id = %(id)s AND state <> 'completed'"""


class InvalidIdempotencyKey(PayTrustError):
    """The Idempotency-Key header must be 1 to 255 printable ASCII characters."""

    code = "invalid_idempotency_key"


class IdempotencyKeyReused(PayTrustError):
    """This Idempotency-Key was used for another request. Use a new one for each new request."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "idempotency_key_reused"


class RequestInProgress(PayTrustError):
    """The first call with this Idempotency-Key is still running. Send it again in a moment."""

    status = HTTPStatus.CONFLICT
    code = "request_in_progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What was asked, by whom, under which key."""

    tenant: Tenant
    key: str
    fingerprint: str  # sha256 of method, path and body, hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to run a call, until another caller takes it over."""

    record_id: uuid.UUID
    leased_until: datetime


@dataclass(frozen=True, slots=True)
class Replay:
    """The answer that the call got the first time."""

    body: bytes


def idempotent(
    method: Callable[Concatenate[View, Request, Parameters], Response],
) -> Callable[Concatenate[View, Request, Parameters], HttpResponseBase]:
    """Let a view method run once per Idempotency-Key; without the header, run it plainly.

    A success is stored and replayed. A failure that the caller may resume (`resumable`, or a bug)
    releases the key, which stays bound to its request; any other refusal frees it, so that a
    corrected body may use it. The view gets the id of its record from `record_id_of`. The answers
    of a view with `answers_hold_secrets` are stored sealed.
    """

    @functools.wraps(method)
    def run_once(
        view: View, request: Request, /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> HttpResponseBase:
        call = call_of(request)
        if call is None:
            return method(view, request, *args, **kwargs)
        claimed = claim(call=call, now=timezone.now())
        if isinstance(claimed, Replay):
            return replayed(claimed)
        request.idempotency_record_id = claimed.record_id  # type: ignore[attr-defined]
        try:
            response = method(view, request, *args, **kwargs)
        except Exception as error:
            give_up(claimed, resumable=is_resumable(error))
            raise
        _finish(claimed, response, is_secret=getattr(view, "answers_hold_secrets", False))
        return response

    return run_once


def call_of(request: Request) -> Call | None:
    """Return what a request asks under its key; None if it has no Idempotency-Key.

    Raises:
        InvalidIdempotencyKey: the key is not well-formed.
    """
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not WELL_FORMED_KEY.fullmatch(key):
        raise InvalidIdempotencyKey
    return Call(tenant=tenant_of(request), key=key, fingerprint=fingerprint_of(request))


def record_id_of(request: Request) -> uuid.UUID | None:
    """Return the id of the record under which a request runs; None without an Idempotency-Key."""
    record_id: uuid.UUID | None = getattr(request, "idempotency_record_id", None)
    return record_id


def fingerprint_of(request: Request) -> str:
    """Return a digest of method, path and body; equal requests have equal digests."""
    asked = hashlib.sha256(f"{request.method} {request.path}\n".encode())
    asked.update(strict_json.encode_canonical(request.data))
    return asked.hexdigest()


def is_resumable(error: Exception) -> bool:
    """Return whether the same call may continue after this failure."""
    if isinstance(error, PayTrustError):
        return error.resumable or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return not isinstance(error, APIException | Http404)


def claim(*, call: Call, now: datetime) -> Claim | Replay:
    """Claim the right to run a call, or return the answer that it got before.

    Raises:
        IdempotencyKeyReused: the key stands for another request.
        RequestInProgress: somebody is running this call now.
    """
    for _ in range(CLAIM_TRIES):
        claimed = insert(call=call, now=now)
        if claimed:
            return claimed
        met = meet(call=call, now=now)
        if met:
            return met
    raise RequestInProgress


def meet(*, call: Call, now: datetime) -> Claim | Replay | None:
    """Take over a call that was made before, or return its answer; None if it never was.

    Raises:
        IdempotencyKeyReused: the key stands for another request.
        RequestInProgress: another process runs this call now.
    """
    record = IdempotencyRecord.objects.for_tenant(call.tenant).filter(key=call.key).first()
    return _met(record, call=call, now=now) if record else None


def new_claim(*, now: datetime) -> Claim:
    """Return a claim that is not in the database yet."""
    return Claim(record_id=uuid.uuid4(), leased_until=now + LEASE)


def values_of(claimed: Claim, *, call: Call, now: datetime) -> dict[str, Any]:
    """Return the values of INSERT."""
    return {
        "id": claimed.record_id,
        "tenant": call.tenant.pk,
        "key": call.key,
        "fingerprint": call.fingerprint,
        "now": now,
        "leased_until": claimed.leased_until,
    }


def insert(*, call: Call, now: datetime) -> Claim | None:
    """Make the record of a call in one statement; None if its key has one already."""
    claimed = new_claim(now=now)
    (inserted,) = join(Statement(INSERT, values_of(claimed, call=call, now=now)))
    return claimed if inserted else None


def complete(*, claimed: Claim, body: bytes, now: datetime) -> None:
    """Store a call's answer. The first answer stays, also if two ran after a lease ended."""
    join(completed(claimed=claimed, body=body, now=now))


def completed(*, claimed: Claim, body: bytes, now: datetime) -> Statement:
    """Return what stores a call's answer, as `complete` does."""
    return Statement(_COMPLETE, {"id": claimed.record_id, "body": body, "now": now})


def release(*, claimed: Claim) -> None:
    """Let the same call run again and go on; the key stays bound to its request."""
    _held(claimed).update(state=State.RELEASED)


def delete(*, claimed: Claim) -> None:
    """Free the key of a call that changed nothing."""
    _held(claimed).delete()


def _met(record: IdempotencyRecord, *, call: Call, now: datetime) -> Claim | Replay:
    running = record.state == State.IN_PROGRESS and record.leased_until > now
    if record.created_at <= now - KEPT_FOR and not running:
        return _take_over(record, call=call, now=now, renewed=True)
    if record.fingerprint != call.fingerprint:
        raise IdempotencyKeyReused
    if running:
        raise RequestInProgress
    if record.state == State.COMPLETED:
        return Replay(bytes(record.response_body or b""))
    return _take_over(record, call=call, now=now, renewed=False)


def _take_over(record: IdempotencyRecord, *, call: Call, now: datetime, renewed: bool) -> Claim:
    """Claim a record whose lease ended: continue it, or (`renewed`) use it for a new call."""
    claimed = Claim(record_id=uuid.uuid4() if renewed else record.pk, leased_until=now + LEASE)
    changes: dict[str, Any] = {"state": State.IN_PROGRESS, "leased_until": claimed.leased_until}
    if renewed:
        changes |= {
            "id": claimed.record_id,
            "fingerprint": call.fingerprint,
            "response_body": None,
            "created_at": now,
            "completed_at": None,
        }
    as_seen = IdempotencyRecord.objects.filter(
        pk=record.pk, state=record.state, leased_until=record.leased_until
    )
    if as_seen.update(**changes) != 1:
        raise RequestInProgress
    return claimed


def _held(claimed: Claim) -> QuerySet[IdempotencyRecord]:
    return IdempotencyRecord.objects.filter(
        pk=claimed.record_id, state=State.IN_PROGRESS, leased_until=claimed.leased_until
    )


def _finish(claimed: Claim, response: Response, *, is_secret: bool) -> None:
    if response.status_code < HTTPStatus.BAD_REQUEST:
        body = strict_json.encode(response.data)
        if is_secret:
            body = sealing.seal(body, purpose=SEALED_ANSWERS).encode()
        complete(claimed=claimed, body=body, now=timezone.now())
    else:
        resumable = response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        give_up(claimed, resumable=resumable)


def give_up(claimed: Claim, *, resumable: bool) -> None:
    """Let the same call run again (`resumable`), or free the key of one that changed nothing."""
    try:
        if resumable:
            release(claimed=claimed)
        else:
            delete(claimed=claimed)
    except Error:  # the lease ends later; the view's own failure is the answer
        log.warning("idempotency record not given up", record_id=str(claimed.record_id))


def replayed(replay: Replay) -> HttpResponse:
    """Return the answer that a call got before."""
    body = replay.body
    if body.startswith(sealing.SEALED_START.encode()):  # no JSON begins so
        body = sealing.opened(body.decode(), purpose=SEALED_ANSWERS)
    return HttpResponse(
        body,
        content_type="application/json",
        headers={"Idempotent-Replayed": "true"},
    )
