from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apikeys.audit import seals, witnesses
from apikeys.audit.recording import Caller
from apikeys.models import ApiKey, ApiKeyAuditEntry, AuditSeal, StaffAct, StaffProposal
from apikeys.people import acts as people
from apikeys.staff_acts import recording as acts
from apikeys.staff_acts.recording import Actor
from apikeys.two_people import proposals
from paytrust.staff import roles
from tests.apikeys.factories import NOON, ApiKeyFactory, used
from tests.rules import refused_by
from tests.staff import actor, member

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def key() -> ApiKey:
    return ApiKeyFactory.create()


def use(key: ApiKey, *, at: datetime = NOON) -> int:
    used(key, Caller(actor="x...", ip_address="192.0.2.1", method="GET", path="/invoices"), at=at)
    return ApiKeyAuditEntry.objects.order_by("-pk").values_list("pk", flat=True)[0]


@contextmanager
def tampering(table: str) -> Iterator[None]:
    """Do as somebody does who owns the database."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # or the table is in use
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


class TestSeal:
    def test_seals_each_entry_once(self, key: ApiKey) -> None:
        ids = [use(key) for _ in range(3)]

        assert [seals.seal(now=LATER), seals.seal(now=LATER)] == [3, 0]
        assert AuditSeal.objects.get().entry_ids == ids

    def test_leaves_what_may_not_have_committed_yet(self, key: ApiKey) -> None:
        use(key, at=LATER - timedelta(seconds=59))

        assert seals.seal(now=LATER) == 0

    def test_takes_in_a_row_that_came_late(self, key: ApiKey) -> None:
        use(key)
        seals.seal(now=LATER)
        use(key, at=NOON - timedelta(minutes=10))

        assert seals.seal(now=LATER) == 1
        assert seals.verify(now=LATER).breaks == ()

    def test_takes_a_backlog_in_steps(self, key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(seals, "AT_ONCE", 2)
        same_moment = [use(key) for _ in range(3)]
        later = [use(key, at=NOON + timedelta(days=day)) for day in (2, 3)]

        assert seals.seal(now=NOON + timedelta(days=4)) == 5

        links = AuditSeal.objects.order_by("sequence").values_list("entry_ids", flat=True)
        assert list(links) == [same_moment[:2], [*same_moment[2:], *later]]  # one came late
        assert seals.verify(now=NOON + timedelta(days=4)).breaks == ()

    @pytest.mark.parametrize("log", seals.LOGS, ids=lambda log: log.name)
    def test_does_not_compare_each_entry_with_all_that_is_sealed(self, log: seals.Log) -> None:
        """PostgreSQL cannot know how many ids a link holds: it took minutes for an hour's."""
        asked: dict[str, Any] = {"log": log.name, "most": 10, "until": LATER}
        asked |= dict.fromkeys(("newest", "since", "interrupted"), NOON)
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {seals._sql(seals._UNSEALED, log)}", asked)
            plan = "\n".join(row[0] for row in cursor.fetchall())

        assert "Except" in plan
        assert "Anti Join" not in plan
        assert "SubPlan" not in plan

    def test_chains_each_tenant_by_itself_and_each_month(self, key: ApiKey) -> None:
        other = ApiKeyFactory.create()
        for owner in (key, other):
            use(owner, at=NOON - timedelta(days=30))
            use(owner)

        assert seals.seal(now=LATER) == 4
        links = AuditSeal.objects.order_by("tenant", "sequence")
        assert [(link.tenant_id, link.sequence, link.month.month) for link in links] == [
            (owner.tenant_id, sequence, month)
            for owner in (key, other)
            for sequence, month in ((1, 10), (2, 11))
        ]
        assert links[1].previous_hash == links[0].hash


class TestVerify:
    def test_says_how_many_are_sealed_and_how_many_are_not(self, key: ApiKey) -> None:
        use(key)
        seals.seal(now=LATER)
        use(key, at=LATER)

        assert seals.verify(now=LATER) == seals.Verdict(sealed=1, unsealed=1, breaks=())

    def test_finds_the_entry_that_was_changed(self, key: ApiKey) -> None:
        ids = [use(key) for _ in range(3)]
        seals.seal(now=LATER)
        with tampering("apikeys_apikeyauditentry"):
            ApiKeyAuditEntry.objects.filter(pk=ids[1]).update(ip_address="198.51.100.7")

        (found,) = seals.verify(now=LATER).breaks

        assert found == seals.Break(key.tenant_id, "the entry was changed", ids[1], 1)

    def test_finds_the_entry_that_was_removed(self, key: ApiKey) -> None:
        ids = [use(key) for _ in range(3)]
        seals.seal(now=LATER)
        with tampering("apikeys_apikeyauditentry"):
            ApiKeyAuditEntry.objects.filter(pk=ids[2]).delete()

        (found,) = seals.verify(now=LATER).breaks

        assert (found.what, found.entry_id) == ("the entry is missing", ids[2])

    def test_finds_the_entry_that_was_slipped_in(self, key: ApiKey) -> None:
        use(key)
        seals.seal(now=LATER)
        made_up = use(key, at=NOON - timedelta(days=2))
        seals.seal(now=LATER)

        (found,) = seals.verify(now=LATER).breaks

        assert found.what == "the entry was slipped in behind the seals"
        assert found.entry_id == made_up

    def test_finds_a_forged_link_though_its_digests_fit(self, key: ApiKey) -> None:
        entry = use(key)
        seals.seal(now=LATER)
        with tampering("apikeys_apikeyauditentry"):
            ApiKeyAuditEntry.objects.filter(pk=entry).delete()
        with tampering("apikeys_auditseal"):
            AuditSeal.objects.update(entry_ids=[], digests=b"")

        (found,) = seals.verify(now=LATER).breaks

        assert (found.what, found.sequence) == ("the link was changed", 1)

    @pytest.mark.parametrize(
        ("removed", "what"),
        [(1, "the links before it are missing"), (2, "a link before it is missing")],
    )
    def test_finds_a_link_that_was_removed(self, key: ApiKey, removed: int, what: str) -> None:
        for minutes in (0, 5, 10):
            use(key, at=NOON + timedelta(minutes=minutes))
            seals.seal(now=NOON + timedelta(minutes=minutes + 2))
        with tampering("apikeys_auditseal"):
            AuditSeal.objects.filter(sequence=removed).delete()

        found = seals.verify(now=NOON + timedelta(minutes=12)).breaks

        assert [one.what for one in found if one.sequence] == [what]


class TestAuditSeal:
    @pytest.mark.parametrize("verb", ["UPDATE", "DELETE"])
    def test_cannot_be_changed_or_deleted(self, key: ApiKey, verb: str) -> None:
        use(key)
        seals.seal(now=LATER)
        change = {
            "UPDATE": lambda: AuditSeal.objects.update(hash="0" * 64),
            "DELETE": lambda: AuditSeal.objects.all().delete(),
        }[verb]

        with pytest.raises(IntegrityError, match=f"append_only: {verb}"), transaction.atomic():
            change()

        assert seals.verify(now=LATER).breaks == ()


class TestStaffActs:
    """The trail of staff acts, sealed like the keys' log."""

    @pytest.fixture
    def act(self, key: ApiKey) -> StaffAct:
        with acts.recorded(
            actor=actor(), act="key_revoked", about=key, reason="lost", now=NOON
        ) as entry:
            pass
        return entry

    def test_are_sealed_in_one_chain(self, act: StaffAct) -> None:
        use(ApiKeyFactory.create())

        assert [seals.seal(now=LATER), seals.seal(now=LATER)] == [2, 0]
        link = AuditSeal.objects.get(log="staff")
        assert (link.tenant_id, link.sequence, link.entry_ids) == (None, 1, [act.pk])
        assert seals.verify(now=LATER) == seals.Verdict(sealed=2, unsealed=0, breaks=())

    def test_are_missed_when_removed(self, act: StaffAct) -> None:
        seals.seal(now=LATER)
        with tampering("apikeys_staffact"):
            StaffAct.objects.all().delete()

        (found,) = seals.verify(now=LATER).breaks

        assert found == seals.Break(None, "the entry is missing", act.pk, 1, "staff")

    def test_are_missed_after_ten_years(self, act: StaffAct) -> None:
        seals.seal(now=LATER)
        with tampering("apikeys_staffact"):
            StaffAct.objects.all().delete()

        (found,) = seals.verify(now=LATER + timedelta(days=3653)).breaks

        assert found.what == "the entry is missing"

    @pytest.mark.parametrize("field", ["outcome", "message", "reason", "act"])
    def test_are_found_when_changed(self, act: StaffAct, field: str) -> None:
        seals.seal(now=LATER)
        with tampering("apikeys_staffact"):
            StaffAct.objects.update(**{field: "another"})

        (found,) = seals.verify(now=LATER).breaks

        assert (found.what, found.entry_id, found.log) == (
            "the entry was changed",
            act.pk,
            "staff",
        )

    def test_are_found_when_slipped_in(self, act: StaffAct) -> None:
        seals.seal(now=LATER)
        made_up = StaffAct.objects.create(
            staff=act.staff,
            act="change_approved",
            object_type="payments.proposal",
            outcome="done",
            created_at=NOON - timedelta(days=2),
        )

        (found,) = seals.verify(now=LATER).breaks

        assert found.what == "the entry was slipped in behind the seals"
        assert found.entry_id == made_up.pk

    def test_are_sealed_once_they_have_ended(self, act: StaffAct) -> None:
        StaffAct.objects.create(
            staff=act.staff, act="key_revoked", object_type="apikeys.apikey", created_at=NOON
        )
        before = seals.seal(now=LATER)

        after = seals.seal(now=NOON + timedelta(minutes=31))

        assert (before, after) == (1, 1)
        assert seals.verify(now=NOON + timedelta(minutes=32)).breaks == ()

    def test_keep_their_seals_for_good(self, act: StaffAct) -> None:
        seals.seal(now=LATER)
        with tampering("apikeys_auditseal"):
            AuditSeal.objects.update(newest_at=NOON - timedelta(days=900))

        with refused_by("audit_seal_append_only"):
            AuditSeal.objects.all().delete()


class TestWitnesses:
    def decided(self) -> StaffProposal:
        ani, budi = (member(roles.ADMINISTRATOR) for _ in range(2))
        waiting = people.reset_sign_in(
            actor=Actor(user=ani), user=member(), reason="lost the phone", now=NOON
        )
        assert isinstance(waiting, StaffProposal)
        return proposals.approve(actor=Actor(user=budi), proposal_id=waiting.pk, now=NOON)

    def test_know_each_table_of_proposals(self) -> None:
        assert {witness.object_type for witness in witnesses.WITNESSES} == {
            "apikeys.staffproposal",
            "payments.proposal",
        }

    def test_miss_nothing_that_is_there(self) -> None:
        self.decided()

        assert list(witnesses.missing_acts()) == []

    @pytest.mark.parametrize("act", ["staff_act_proposed", "staff_act_approved"])
    def test_miss_an_act_that_was_removed_before_it_was_sealed(self, act: str) -> None:
        decided = self.decided()
        with tampering("apikeys_staffact"):
            StaffAct.objects.filter(act=act).delete()

        (found,) = seals.verify(now=LATER).breaks

        staff = {
            "staff_act_proposed": decided.proposed_by_id,
            "staff_act_approved": decided.decided_by_id,
        }
        assert found.what == (
            f"apikeys.staffproposal {decided.pk} has no act {act} of staff {staff[act]}"
        )

    def test_forgive_what_was_cut_short(self) -> None:
        decided = self.decided()
        with tampering("apikeys_staffact"):
            StaffAct.objects.filter(act="staff_act_proposed").update(object_id=None, outcome=None)

        assert decided.status == "applied"
        assert list(witnesses.missing_acts()) == []
