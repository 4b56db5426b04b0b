"""The kinds of acts that take two people. Each app registers its own beside the acts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apikeys.staff_acts import kinds as trail
from apikeys.staff_acts.recording import Actor
from apikeys.two_people.models import StaffProposal

KINDS: dict[str, "Kind"] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What an act does, once it may: proposed and allowed, or by the only administrator."""

    object_id: int | None
    tenant_id: int | None
    details: Mapping[str, Any]
    before: Mapping[str, Any] | None
    secrets: Mapping[str, str]
    by: str  # names of those who stand behind it
    reason: str
    now: datetime

    @property
    def row_id(self) -> int:
        """The id of the row that it changes."""
        assert self.object_id is not None, "an act on nothing"
        return self.object_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What the trail says of an act that was done."""

    message: str = ""
    object_id: int | None = None  # of what it made


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of act. `apply` writes rows alone, in the transaction that ends the proposal."""

    code: str  # one of apikeys.staff_acts.kinds: what the trail calls it once it is done
    apply: Callable[[Order], Done]
    describe: Callable[[StaffProposal], list[str]]  # what would change, a sentence each
    check: Callable[[Order], None]  # refuses what could never be done, before it waits
    may_decide: Callable[[Actor, StaffProposal], bool]  # beyond what holds for every kind


def register(
    *,
    code: str,
    apply: Callable[[Order], Done],
    describe: Callable[[StaffProposal], list[str]],
    check: Callable[[Order], None] = lambda _order: None,
    may_decide: Callable[[Actor, StaffProposal], bool] = lambda _actor, _proposal: True,
) -> Kind:
    """Add a kind whose code the trail knows already.

    Raises:
        ValueError: the trail does not know the code, or another kind has it.
    """
    if code not in trail.KINDS or code in KINDS:
        raise ValueError(f"{code} is no act of the trail, or is registered already")
    KINDS[code] = Kind(
        code=code, apply=apply, describe=describe, check=check, may_decide=may_decide
    )
    return KINDS[code]
