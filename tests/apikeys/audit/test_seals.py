from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from apikeys.audit import recording, seals
from apikeys.audit.recording import Caller
from apikeys.models import ApiKey, ApiKeyAuditEntry, AuditSeal
from tests.apikeys.factories import NOON, ApiKeyFactory

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def key() -> ApiKey:
    return ApiKeyFactory.create()


def use(key: ApiKey, *, at: datetime = NOON) -> int:
    recording.record_use(
        api_key=key,
        caller=Caller(actor="x...", ip_address="192.0.2.1", method="GET", path="/invoices"),
        status_code=200,
        error=None,
        authenticated=True,
        now=at,
    )
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
