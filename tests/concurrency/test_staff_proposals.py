"""Two administrators approve one proposed act at the same moment."""

from dataclasses import replace

import pytest
from django.utils import timezone

from apikeys.models import StaffAct, StaffProposal
from apikeys.people import acts as people
from apikeys.staff_acts.recording import Actor
from apikeys.two_people import proposals
from apikeys.two_people.kinds import KINDS, Done, Order
from apikeys.two_people.proposals import AlreadyDecided
from paytrust.staff import roles
from tests.concurrency.threads import at_once
from tests.staff import member

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the accounts whose sign-in was reset, each time that it was."""
    found: list[int] = []
    kind = KINDS["sign_in_reset"]

    def counted(order: Order) -> Done:
        found.append(order.row_id)
        return kind.apply(order)

    monkeypatch.setitem(KINDS, "sign_in_reset", replace(kind, apply=counted))
    return found


@pytest.fixture
def waiting() -> StaffProposal:
    member(roles.ADMINISTRATOR)
    made = people.reset_sign_in(
        actor=Actor(user=member(roles.ADMINISTRATOR)),
        user=member(),
        reason="lost the phone",
        now=timezone.now(),
    )
    assert isinstance(made, StaffProposal)
    return made


def both_approve(proposal: StaffProposal) -> list[object]:
    return at_once(
        *(
            lambda who=who: (
                proposals.approve(actor=who, proposal_id=proposal.pk, now=timezone.now()).status
            )
            for who in (Actor(user=member(roles.ADMINISTRATOR)) for _ in range(2))
        )
    )


class TestApproval:
    def test_does_the_act_once(self, waiting: StaffProposal, done: list[int]) -> None:
        ends = both_approve(waiting)

        assert sorted(map(str, ends)) == sorted(["applied", str(AlreadyDecided())])
        assert done == [waiting.object_id]
        outcomes = StaffAct.objects.filter(act="staff_act_approved").values_list("outcome")
        assert sorted(outcomes) == [("done",), ("proposal_decided",)]

    def test_control_without_the_claim_both_do_it(
        self, waiting: StaffProposal, done: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(proposals, "_end", lambda *_arguments, **_said: None)

        both_approve(waiting)

        assert done == [waiting.object_id] * 2
