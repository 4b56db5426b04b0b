"""An act that takes two people takes two, also for a superuser or a single administrator."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User

from apikeys.models import StaffAct, StaffProposal
from apikeys.people import acts as people
from apikeys.people.acts import Rights
from apikeys.staff_acts.recording import Actor, MissingReason
from apikeys.two_people import independence, proposals, sealing
from apikeys.two_people.independence import NotIndependent, OwnProposal
from apikeys.two_people.proposals import (
    AboutYourself,
    AlreadyDecided,
    AlreadyWaits,
    NotForYou,
    NotYourProposal,
    Overtaken,
)
from paytrust.staff import roles
from tests.apikeys.factories import NOON
from tests.rules import refused_by
from tests.staff import member

pytestmark = pytest.mark.django_db
OPERATOR = Rights(is_active=True, is_staff=True, is_superuser=False, roles=(roles.OPERATOR,))


def at_work(user: User) -> Actor:
    return Actor(user=user, request_id="request-1")


@pytest.fixture
def ani() -> User:
    return member(roles.ADMINISTRATOR, username="ani")


@pytest.fixture
def budi() -> User:
    return member(roles.ADMINISTRATOR, username="budi")


@pytest.fixture
def siti() -> User:
    """Return an account without rights."""
    return member(username="siti", is_staff=False)


def proposed(by: User, about: User, rights: Rights = OPERATOR) -> StaffProposal:
    made = people.change_rights(
        actor=at_work(by), user=about, rights=rights, reason="new colleague", now=NOON
    )
    assert isinstance(made, StaffProposal)
    return made


def trail() -> list[tuple[str, str, str | None]]:
    return [(act.act, act.staff.username, act.outcome) for act in StaffAct.objects.order_by("pk")]


class TestRights:
    def test_wait_for_a_second_administrator(self, ani: User, budi: User, siti: User) -> None:
        waiting = proposed(ani, siti)
        before = people.rights_of(siti)

        proposals.approve(actor=at_work(budi), proposal_id=waiting.pk, now=NOON)

        siti.refresh_from_db()
        assert before == Rights(is_active=True, is_staff=False, is_superuser=False, roles=())
        assert people.rights_of(siti) == OPERATOR
        assert trail() == [
            ("staff_act_proposed", "ani", "done"),
            ("staff_act_approved", "budi", "done"),
            ("staff_rights", "budi", "done"),
        ]
        assert StaffAct.objects.get(act="staff_rights").object_id == siti.pk

    def test_let_their_bearer_in(self, ani: User, siti: User) -> None:
        rights = Rights(is_active=True, is_staff=False, is_superuser=False, roles=(roles.VIEWER,))

        people.change_rights(
            actor=at_work(ani), user=siti, rights=rights, reason="new colleague", now=NOON
        )

        siti.refresh_from_db()
        assert siti.is_staff

    def test_are_nobodys_own(self, ani: User, budi: User) -> None:
        both = Rights(
            is_active=True,
            is_staff=True,
            is_superuser=False,
            roles=(roles.OPERATOR, roles.ADMINISTRATOR),
        )

        with pytest.raises(AboutYourself):
            proposed(ani, ani, both)

        assert people.rights_of(ani).roles == (roles.ADMINISTRATOR,)
        assert not StaffProposal.objects.exists()
        assert trail() == [("staff_act_proposed", "ani", "own_rights")]

    def test_are_nobodys_own_for_the_only_administrator_either(self) -> None:
        root = member(username="root", is_superuser=True)

        with pytest.raises(AboutYourself):
            people.change_rights(
                actor=at_work(root), user=root, rights=OPERATOR, reason="because", now=NOON
            )

        assert (root.is_superuser, list(root.groups.all())) == (True, [])

    def test_are_not_decided_by_who_gets_them(self, ani: User, budi: User) -> None:
        both = Rights(
            is_active=True,
            is_staff=True,
            is_superuser=False,
            roles=(roles.OPERATOR, roles.ADMINISTRATOR),
        )
        waiting = proposed(ani, budi, both)

        with pytest.raises(AboutYourself):
            proposals.approve(actor=at_work(budi), proposal_id=waiting.pk, now=NOON)

        assert people.rights_of(budi).roles == (roles.ADMINISTRATOR,)

    def test_that_changed_meanwhile_end_the_proposal(
        self, ani: User, budi: User, siti: User
    ) -> None:
        waiting = proposed(ani, siti)
        siti.groups.add(Group.objects.get(name=roles.VIEWER))

        with pytest.raises(Overtaken):
            proposals.approve(actor=at_work(budi), proposal_id=waiting.pk, now=NOON)

        waiting.refresh_from_db()
        assert (waiting.status, waiting.decided_by) == ("stale", budi)
        assert people.rights_of(siti).roles == (roles.VIEWER,)

    def test_of_a_superuser_are_for_superusers(self, ani: User, siti: User) -> None:
        root = member(username="root", is_superuser=True)
        everything = Rights(is_active=True, is_staff=True, is_superuser=True, roles=())

        with pytest.raises(NotForYou):
            proposed(ani, siti, everything)
        waiting = proposed(root, siti, everything)
        with pytest.raises(NotForYou):
            proposals.approve(actor=at_work(ani), proposal_id=waiting.pk, now=NOON)

        siti.refresh_from_db()
        assert not siti.is_superuser

    def test_of_leavers_end_at_once(self, ani: User, budi: User) -> None:
        people.lock_out(actor=at_work(ani), user=budi, now=NOON)

        budi.refresh_from_db()
        assert not budi.is_active


class TestOneAdministrator:
    def test_acts_alone_and_the_trail_says_so(self, siti: User) -> None:
        root = member(username="root", is_superuser=True)

        people.change_rights(
            actor=at_work(root), user=siti, rights=OPERATOR, reason="set up", now=NOON
        )

        siti.refresh_from_db()
        act = StaffAct.objects.get()
        assert people.rights_of(siti) == OPERATOR
        assert (act.act, act.outcome) == ("staff_rights", "done")
        assert act.message == f"{roles.OPERATOR}; {proposals.ALONE}"

    def test_is_not_one_who_locked_the_others_out(self, ani: User, budi: User, siti: User) -> None:
        people.lock_out(actor=at_work(ani), user=budi, now=NOON)

        proposed(ani, siti)

        assert people.rights_of(siti).roles == ()

    def test_superusers_need_two_as_well(self, siti: User) -> None:
        root, other = (member(username=name, is_superuser=True) for name in ("root", "other"))

        waiting = proposed(root, siti)
        with pytest.raises(OwnProposal):
            proposals.approve(actor=at_work(root), proposal_id=waiting.pk, now=NOON)
        before = people.rights_of(siti)
        proposals.approve(actor=at_work(other), proposal_id=waiting.pk, now=NOON)

        assert before.roles == ()
        assert people.rights_of(siti).roles == (roles.OPERATOR,)


class TestSignIn:
    def test_waits(self, ani: User, budi: User, siti: User) -> None:
        waiting = people.reset_sign_in(
            actor=at_work(ani), user=siti, reason="lost the phone", now=NOON
        )

        assert isinstance(waiting, StaffProposal)
        assert trail() == [("staff_act_proposed", "ani", "done")]

    def test_password_waits_sealed_and_leaves_no_trace(
        self, ani: User, budi: User, siti: User
    ) -> None:
        siti.set_password("old kopi 1945")
        siti.save()
        waiting = people.set_password(
            actor=at_work(ani), user=siti, password="kopi tubruk 1945", reason="asked", now=NOON
        )
        assert isinstance(waiting, StaffProposal)
        siti.refresh_from_db()
        sealed = waiting.sealed
        kept = siti.check_password("old kopi 1945")

        proposals.approve(actor=at_work(budi), proposal_id=waiting.pk, now=NOON)

        siti.refresh_from_db()
        waiting.refresh_from_db()
        assert kept
        assert sealed
        assert "argon2" not in sealed
        assert sealing.unseal(sealed, subject="siti")["hash"] == siti.password
        assert siti.check_password("kopi tubruk 1945")
        assert waiting.sealed == ""

    def test_password_sealed_for_another_opens_nothing(self) -> None:
        token = sealing.seal({"hash": "x"}, subject="siti")

        with pytest.raises(sealing.SecretsUnreadable):
            sealing.unseal(token, subject="budi")


class TestDecision:
    def test_is_made_once(self, ani: User, budi: User, siti: User) -> None:
        waiting = proposed(ani, siti)
        proposals.reject(actor=at_work(budi), proposal_id=waiting.pk, reason="no", now=NOON)

        with pytest.raises(AlreadyDecided):
            proposals.approve(actor=at_work(budi), proposal_id=waiting.pk, now=NOON)

        waiting.refresh_from_db()
        assert (waiting.status, people.rights_of(siti).roles) == ("rejected", ())

    def test_rejects_with_a_reason(self, ani: User, budi: User, siti: User) -> None:
        waiting = proposed(ani, siti)

        with pytest.raises(MissingReason):
            proposals.reject(actor=at_work(budi), proposal_id=waiting.pk, reason=" ", now=NOON)

        waiting.refresh_from_db()
        assert waiting.status == "open"

    def test_is_taken_back_by_who_proposed(self, ani: User, budi: User, siti: User) -> None:
        waiting = proposed(ani, siti)

        with pytest.raises(NotYourProposal):
            proposals.withdraw(actor=at_work(budi), proposal_id=waiting.pk, now=NOON)
        taken_back = proposals.withdraw(actor=at_work(ani), proposal_id=waiting.pk, now=NOON)

        assert (taken_back.status, taken_back.decided_by) == ("withdrawn", None)

    def test_is_awaited_by_one_at_a_time(self, ani: User, budi: User, siti: User) -> None:
        proposed(ani, siti)

        with pytest.raises(AlreadyWaits):
            proposed(budi, siti)

        assert StaffProposal.objects.count() == 1


class TestIndependence:
    @pytest.mark.parametrize("act", independence.HOLDING)
    def test_ends_with_an_act_on_the_others_account(
        self, ani: User, budi: User, siti: User, act: str
    ) -> None:
        StaffAct.objects.create(
            staff=ani,
            act=act,
            object_type="auth.user",
            object_id=budi.pk,
            outcome="done",
            created_at=NOON,
        )
        waiting = proposed(ani, siti)

        with pytest.raises(NotIndependent, match="ani made, changed or reset the account budi"):
            proposals.approve(actor=at_work(budi), proposal_id=waiting.pk, now=NOON)

        waiting.refresh_from_db()
        assert (waiting.status, people.rights_of(siti).roles) == ("open", ())

    def test_ends_both_ways(self, ani: User, budi: User) -> None:
        people.record_made(actor=at_work(budi), user=ani, now=NOON)

        with pytest.raises(NotIndependent):
            independence.require_another(user=budi, proposer=ani, now=NOON)

    def test_ends_for_both_who_did_it(self, ani: User, budi: User, siti: User) -> None:
        waiting = proposed(ani, siti)
        proposals.approve(actor=at_work(budi), proposal_id=waiting.pk, now=NOON)

        for holder in (ani, budi):
            with pytest.raises(NotIndependent):
                independence.require_another(user=siti, proposer=holder, now=NOON)

    def test_comes_back_after_thirty_days(self, ani: User, budi: User) -> None:
        people.record_made(actor=at_work(ani), user=budi, now=NOON)

        with pytest.raises(NotIndependent):
            independence.require_another(
                user=budi, proposer=ani, now=NOON + timedelta(days=30, seconds=-1)
            )
        independence.require_another(user=budi, proposer=ani, now=NOON + timedelta(days=30))

    def test_is_not_lost_by_what_was_refused(self, ani: User, budi: User) -> None:
        with pytest.raises(AboutYourself):
            people.lock_out(actor=at_work(ani), user=ani, now=NOON)

        independence.require_another(user=budi, proposer=ani, now=NOON)


class TestDatabase:
    def test_refuses_the_proposer_as_the_decider(self, ani: User, budi: User, siti: User) -> None:
        waiting = proposed(ani, siti)

        with refused_by("staff_proposal_decided_by_another"):
            StaffProposal.objects.filter(pk=waiting.pk).update(
                status="applied", decided_by=ani, decided_at=NOON
            )

    def test_freezes_what_was_proposed(self, ani: User, budi: User, siti: User) -> None:
        waiting = proposed(ani, siti)

        with refused_by("staff_proposal_frozen"):
            StaffProposal.objects.filter(pk=waiting.pk).update(details={})
        with refused_by("staff_proposal_frozen"):
            StaffProposal.objects.filter(pk=waiting.pk).delete()

    def test_takes_none_that_was_decided_before(self, ani: User, budi: User) -> None:
        with refused_by("staff_proposal_begins_open"):
            StaffProposal.objects.create(
                kind="fee_changed",
                object_type="gateways.gatewayfee",
                subject="x",
                reason="x",
                proposed_by=ani,
                proposed_at=NOON,
                status="applied",
                decided_by=budi,
                decided_at=NOON,
            )

    def test_keeps_no_secret_of_what_ended(self, ani: User, budi: User, siti: User) -> None:
        waiting = people.set_password(
            actor=at_work(ani), user=siti, password="kopi tubruk 1945", reason="asked", now=NOON
        )
        assert isinstance(waiting, StaffProposal)

        with refused_by("staff_proposal_forgets_secrets"):
            StaffProposal.objects.filter(pk=waiting.pk).update(status="withdrawn", decided_at=NOON)
