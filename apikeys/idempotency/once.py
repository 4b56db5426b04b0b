"""The Idempotency-Key of a call that sends its statements in trips.

The claim goes with the first rows that the call writes, and the answer with the last. If the key
was used before, the first trip is refused as a whole; then the record is read, and says what
happens: its answer again, a refusal, or the call goes on where it stopped.
"""

import functools
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, Concatenate, Final, NamedTuple, ParamSpec, TypeVar
from uuid import UUID

from django.db import IntegrityError
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.views import APIView

from apikeys.idempotency import claims
from apikeys.idempotency.claims import Call, Claim, Replay
from apikeys.keys import access
from apikeys.keys.access import Use
from paytrust.operations.database import violated_constraint
from paytrust.operations.trips import REQUIRE, Statement, trip
from paytrust.web import strict_json

View = TypeVar("View", bound=APIView)
Parameters = ParamSpec("Parameters")

KEY_IS_NEW: Final = "idempotency_key_is_new"
_CLAIM: Final = f"""
WITH claimed AS ({claims.INSERT})
SELECT {REQUIRE}(EXISTS (SELECT FROM claimed), '{KEY_IS_NEW}')"""  # noqa: S608  # nosec B608  # our own names


class _Answer(NamedTuple):
    id: int | None  # of what is shown, if that has one
    body: bytes


class Once:
    """A call that takes effect once, or one without a key, of which nothing is stored.

    A service puts `opening` first into the trip that writes its first rows, and calls `opened`
    behind it. Before it writes rows in any other way, it calls `claim`. It may put `closing` into
    its last trip, and calls `closed` behind that; otherwise the answer is stored after the view.
    """

    def __init__(self, call: Call | None = None, *, use: Use | None = None, now: datetime) -> None:
        self._call, self._use, self._now = call, use, now
        self._status = HTTPStatus.CREATED
        self.claimed: Claim | None = None
        self._wanted = claims.new_claim(now=now)
        self._shown: Callable[[Any], Any] | None = None
        self._answer: _Answer | None = None
        self.is_closed = False

    @property
    def record_id(self) -> UUID | None:
        """The id of the call's record, also before it is claimed; None without a key."""
        if self._call is None:
            return None
        return (self.claimed or self._wanted).record_id

    def opening(self) -> tuple[Statement, ...]:
        """Return what claims the call, if it is not claimed yet.

        It refuses the trip, as KEY_IS_NEW, if the key has a record.
        """
        if self._call is None or self.claimed:
            return ()
        return (Statement(_CLAIM, claims.values_of(self._wanted, call=self._call, now=self._now)),)

    def opened(self) -> None:
        """Take note that the trip with the claim took effect."""
        if self._call is not None:
            self.claimed = self.claimed or self._wanted

    def claim(self) -> None:
        """Claim the call by itself, before rows are written in another way than by a trip.

        Raises:
            IntegrityError: the key has a record (KEY_IS_NEW); the decorator reads it.
        """
        opening = self.opening()
        if opening:
            trip(*opening)
            self.opened()

    def continues(self, claimed: Claim) -> None:
        """Go on under a claim that was taken over from an earlier call."""
        self.claimed = claimed

    def shows(
        self, shown: Callable[[Any], Any], *, status: HTTPStatus = HTTPStatus.CREATED
    ) -> None:
        """Set what makes the answer's body from what the service returns, and its status."""
        self._shown, self._status = shown, status

    def closing(self, made: object) -> tuple[Statement, ...]:
        """Return what stores the answer and the audit entry, for the last trip of a call.

        Args:
            made: what the service will return, as it is after the trip.
        """
        closing = []
        if self.claimed is not None and self._shown is not None:
            self._answer = self._answer_of(made)
            body = self._answer.body
            closing.append(claims.completed(claimed=self.claimed, body=body, now=self._now))
        if self._use is not None:
            closing.append(self._use.entry(self._status))
        return tuple(closing)

    def closed(self) -> None:
        """Take note that the trip with the answer took effect."""
        self.is_closed = self._answer is not None
        if self._use is not None:
            self._use.note_entry(self._status)

    def answered(self, made: object) -> HttpResponse:
        """Return a view's answer about what its service returned."""
        answer = self._given(made)
        return HttpResponse(answer.body, content_type="application/json", status=self._status)

    def answered_at(self, made: object, *, at: str, is_new: bool) -> HttpResponse:
        """Return a view's answer: 201 and where the new thing is shown, or 200.

        Args:
            made: what the service returned.
            at: the path of its list, such as `/invoices`.
            is_new: whether this call has made it.
        """
        answer = self._given(made)
        return HttpResponse(
            answer.body,
            content_type="application/json",
            status=HTTPStatus.CREATED if is_new else HTTPStatus.OK,
            headers={"Location": f"{at}/{answer.id}"} if is_new else None,
        )

    def store(self, response: HttpResponse) -> None:
        """Store the answer of a claimed call, and its audit entry, after the view."""
        assert self.claimed is not None, "a call that is not claimed has no record"
        body, status = response.content, HTTPStatus(response.status_code)
        storing = [claims.completed(claimed=self.claimed, body=body, now=timezone.now())]
        if self._use is not None:
            storing.append(self._use.entry(status))
        trip(*storing)
        if self._use is not None:
            self._use.note_entry(status)

    def _given(self, made: object) -> _Answer:
        """Return the answer that was stored, or else the one about what is now."""
        stored = self._answer if self.is_closed else None
        return stored or self._answer_of(made)

    def _answer_of(self, made: object) -> _Answer:
        assert self._shown is not None, "the view did not say how its answer is made"
        shown = self._shown(made)
        return _Answer(shown.get("id"), strict_json.encode(shown))


def idempotent_by_trips(
    method: Callable[Concatenate[View, Request, Parameters], HttpResponse],
) -> Callable[Concatenate[View, Request, Parameters], HttpResponseBase]:
    """Let a view method run once per Idempotency-Key, as `claims.idempotent` does.

    The view gets its `Once` from `once_of` and gives it to its service. A refusal before the claim
    is an answer only if the key has no record: else the record decides, as if it was read first.
    """

    @functools.wraps(method)
    def run_once(
        view: View, request: Request, /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> HttpResponseBase:
        now = timezone.now()
        call = claims.call_of(request)
        once = Once(call, use=access.use_of(request), now=now)
        request.once = once  # type: ignore[attr-defined]
        work = functools.partial(method, view, request, *args, **kwargs)
        run = functools.partial(_run, once, work)
        if call is None:
            return run()
        try:
            return run()
        except Exception as error:
            if once.claimed:
                raise
            met = _met(call, error, now)
            if met is None:
                raise
        if isinstance(met, Replay):
            return claims.replayed(met)
        once.continues(met)
        return run()

    return run_once


def once_of(request: Request) -> Once:
    """Return what makes a request's call take effect once; its view is `idempotent_by_trips`."""
    once: Once = request.once  # type: ignore[attr-defined]
    return once


def _run(once: Once, work: Callable[[], HttpResponse]) -> HttpResponse:
    """Run a call; store its answer if that is not done yet, or give its claim up."""
    try:
        response = work()
    except Exception as error:
        if once.claimed:
            claims.give_up(once.claimed, resumable=claims.is_resumable(error))
        raise
    if once.claimed and not once.is_closed:
        once.store(response)
    return response


def _met(call: Call, error: Exception, now: datetime) -> Claim | Replay | None:
    """Return what an unclaimed call meets under its key; None if nothing, so the error stands.

    Raises:
        IdempotencyKeyReused, RequestInProgress: as the record says.
    """
    is_taken = isinstance(error, IntegrityError) and violated_constraint(error) == KEY_IS_NEW
    return claims.claim(call=call, now=now) if is_taken else claims.meet(call=call, now=now)
