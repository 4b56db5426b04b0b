"""Rows that prove an act of staff: the trail must have that act.

The decisions of two people are in their own table, beside the trail. A person who removes an act
from the trail must change that table too, or the missing act is found. This matters where the
person cannot forge a seal.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.db import connection

_MISSING: Final = """
SELECT proposal.id, told.act, told.staff_id, told.at
FROM {table} proposal
CROSS JOIN LATERAL (VALUES
    (%(proposed)s, proposal.proposed_by_id, proposal.proposed_at, true),
    (CASE WHEN proposal.status IN ('applying', 'applied', 'stale') THEN %(approved)s
          WHEN proposal.status = 'rejected' THEN %(rejected)s
          WHEN proposal.status = 'withdrawn' THEN %(withdrawn)s END,
     coalesce(proposal.decided_by_id, proposal.proposed_by_id), proposal.decided_at,
     proposal.status IN ('applied', 'rejected', 'withdrawn'))
) told (act, staff_id, at, came_about)
WHERE told.act IS NOT NULL AND NOT EXISTS (
    SELECT FROM apikeys_staffact act
    WHERE act.object_type = %(object_type)s AND act.object_id = proposal.id
      AND act.act = told.act AND act.staff_id = told.staff_id
      AND (act.outcome = 'done' OR act.outcome IS NULL OR NOT told.came_about)
) AND NOT EXISTS (  -- cut short before it learned the proposal's number
    SELECT FROM apikeys_staffact act
    WHERE act.act = told.act AND act.staff_id = told.staff_id AND act.created_at = told.at
      AND act.object_id IS NULL AND act.outcome IS NULL
)
ORDER BY proposal.id, told.act"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A table of proposals, and the acts that the trail has for them."""

    table: str
    object_type: str  # of its rows, as the trail names it
    proposed: str
    approved: str
    rejected: str
    withdrawn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingAct:
    """An act that a proposal shows and the trail does not have."""

    table: str
    object_type: str
    object_id: int
    act: str
    staff_id: int

    def __str__(self) -> str:
        return f"{self.object_type} {self.object_id} has no act {self.act} of staff {self.staff_id}"


WITNESSES: Final[list[Witness]] = []


def register(witness: Witness) -> None:
    """Add a table of proposals whose decisions the trail must know."""
    WITNESSES.append(witness)


def missing_acts() -> Iterator[MissingAct]:
    """Yield the acts that proposals show and the trail does not have."""
    for witness in WITNESSES:
        with connection.cursor() as cursor:
            cursor.execute(
                _MISSING.format(table=witness.table),
                {
                    "object_type": witness.object_type,
                    "proposed": witness.proposed,
                    "approved": witness.approved,
                    "rejected": witness.rejected,
                    "withdrawn": witness.withdrawn,
                },
            )
            rows = cursor.fetchall()
        for object_id, act, staff_id, _at in rows:
            yield MissingAct(
                table=witness.table,
                object_type=witness.object_type,
                object_id=object_id,
                act=act,
                staff_id=staff_id,
            )
