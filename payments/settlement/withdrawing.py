"""Takes imports back: a short one at once, a long one by a worker, some lines at a time.

From the row that names the import on, every judgement takes its lines as withdrawn. So what is
left to do is to judge each line again, and a withdrawal that was broken off goes on from where the
lines show that it was.
"""

from datetime import datetime, timedelta

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from payments.settlement import comparing, services
from payments.settlement.matching import MatchState
from payments.settlement.models import SettlementImport
from payments.settlement.staging import LINES_AT_ONCE

log = structlog.get_logger(__name__)

Status = SettlementImport.Status
LEASE = timedelta(minutes=10)  # renewed with each piece


def withdraw(*, import_id: int, user: User | None, reason: str, now: datetime) -> SettlementImport:
    """Take an import back by a new row; its lines stay, and count no more.

    A worker does what is left of a long one; until then the new row is `waiting` or `running`.

    Raises:
        SettlementImport.DoesNotExist: unknown.
        SettlementImportWithdrawn: it was withdrawn before, is a withdrawal, or is not done.
    """
    with transaction.atomic():
        taken = SettlementImport.objects.get(pk=import_id)
        services.one_at_a_time(taken.gateway_id, taken.account_id)
        again = SettlementImport.objects.filter(withdraws=taken).exists()
        if again or taken.withdraws_id is not None or taken.status != Status.DONE:
            raise services.SettlementImportWithdrawn(details={"import_id": import_id})
        made = SettlementImport.objects.create(
            tenant_id=taken.tenant_id,
            gateway_id=taken.gateway_id,
            account_id=taken.account_id,
            source=SettlementImport.Source.WITHDRAWAL,
            sha256=taken.sha256,
            status=Status.WAITING,
            due_at=now,
            line_count=taken.lines.count(),
            withdraws=taken,
            reason=reason,
            imported_by=user,
            imported_at=now,
        )
        if made.line_count <= LINES_AT_ONCE:
            _judge_next(made, after=0, now=now)
            _end(made)
    log.info("settlement import withdrawn", import_id=import_id, by=user and user.pk)
    return made


def go_on(*, import_id: int, now: datetime) -> None:
    """Judge again the lines that a long withdrawal has left, a piece in each transaction.

    Safe to run twice at the same time: the account's lock lets one piece wait for the other.
    """
    last = 0
    while True:
        with transaction.atomic():
            made = SettlementImport.objects.select_related("withdraws").get(pk=import_id)
            services.one_at_a_time(made.gateway_id, made.account_id)
            made.refresh_from_db(fields=["status", "new_count"])
            if made.status not in {Status.WAITING, Status.RUNNING}:
                return
            last = _judge_next(made, after=last, now=now)
            if not last:
                _end(made)
                return
            made.status, made.due_at = Status.RUNNING, Now() + LEASE
            made.save(update_fields=["status", "due_at", "new_count"])


def _judge_next(made: SettlementImport, *, after: int, now: datetime) -> int:
    """Judge a piece of the lines again; return the id of its last line, 0 if none is left."""
    assert made.withdraws is not None, made.pk
    left = made.withdraws.lines.filter(pk__gt=after).exclude(state=MatchState.WITHDRAWN)
    some = list(left.order_by("pk")[:LINES_AT_ONCE])
    comparing.compare(lines=some, now=now)
    made.new_count = min(made.line_count, made.new_count + len(some))
    return some[-1].pk if some else 0


def _end(made: SettlementImport) -> None:
    made.status, made.due_at, made.new_count = Status.DONE, None, made.line_count
    made.save(update_fields=["status", "due_at", "new_count"])
