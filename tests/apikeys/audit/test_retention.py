from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apikeys.audit import retention, seals
from apikeys.models import ApiKey, ApiKeyAuditEntry, AuditSeal, IdempotencyRecord
from tests.apikeys.factories import ApiKeyFactory, TenantFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2041, 1, 15, 12, tzinfo=UTC)  # no partition is there yet


def entry(at: datetime) -> ApiKeyAuditEntry:
    return entry_of(ApiKeyFactory.create(), at)


def entry_of(key: ApiKey, at: datetime) -> ApiKeyAuditEntry:
    return ApiKeyAuditEntry.objects.create(
        tenant=key.tenant,
        api_key=key,
        operation_type="created",
        actor_identifier="admin",
        success=True,
        created_at=at,
    )


def table_of(made: ApiKeyAuditEntry) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tableoid::regclass::text FROM apikeys_apikeyauditentry WHERE id = %s", [made.pk]
        )
        (name,) = cursor.fetchone()
    return str(name)


class TestMakeMonths:
    def test_makes_this_month_and_three_more_once(self) -> None:
        months = [date(2041, month, 1) for month in (1, 2, 3, 4)]

        assert retention.make_months(now=NOW) == months
        assert retention.make_months(now=NOW) == []

    def test_puts_each_entry_into_its_month(self) -> None:
        retention.make_months(now=NOW)

        first, last = entry(datetime(2041, 2, 1, tzinfo=UTC)), entry(NOW)

        assert table_of(first) == "apikeys_audit_2041_02"
        assert table_of(last) == "apikeys_audit_2041_01"

    def test_moves_what_came_before_its_month_was_made(self) -> None:
        early, old = entry(NOW), entry(NOW - timedelta(days=200))
        assert table_of(early) == table_of(old) == "apikeys_audit_rest"

        retention.make_months(now=NOW)

        assert table_of(early) == "apikeys_audit_2041_01"
        assert table_of(old) == "apikeys_audit_2040_06"
        assert ApiKeyAuditEntry.objects.count() == 2

    @pytest.mark.parametrize("table", ["apikeys_audit_2041_01", "apikeys_audit_rest"])
    def test_keeps_each_partition_append_only(self, table: str) -> None:
        entry(NOW)
        retention.make_months(now=NOW)
        entry(NOW)
        entry(NOW + timedelta(days=900))

        changes = (
            (f"UPDATE {table} SET success = false", "append_only"),  # noqa: S608
            (f"DELETE FROM {table}", "append_only"),  # noqa: S608
            (f"TRUNCATE {table}", "not_truncated"),
        )
        for change, reason in changes:
            with (
                pytest.raises(IntegrityError, match=reason),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(change)


class TestPurge:
    def test_drops_months_that_ended_more_than_a_year_ago(self) -> None:
        now = timezone.now()
        for days in (0, 365, 400, 500):
            entry(now - timedelta(days=days))
        retention.make_months(now=now)

        purged = retention.purge(now=now)

        assert purged.audit_months == tuple(
            f"apikeys_audit_{now - timedelta(days=days):%Y_%m}" for days in (500, 400)
        )
        kept = ApiKeyAuditEntry.objects.values_list("created_at", flat=True)
        assert sorted(kept) == [now - timedelta(days=365), now]

    def test_drops_nothing_of_the_last_year_by_a_wrong_clock(self) -> None:
        with pytest.raises(IntegrityError, match="kept for a year"):
            retention.purge(now=NOW)

    def test_leaves_a_log_that_still_holds(self) -> None:
        now = timezone.now()
        first = entry(now - timedelta(days=500))
        entry_of(first.api_key, now - timedelta(days=450))
        later = entry_of(first.api_key, now - timedelta(days=2))
        seals.seal(now=now)
        retention.make_months(now=now)

        retention.purge(now=now)

        assert list(ApiKeyAuditEntry.objects.all()) == [later]
        last_dropped, kept = AuditSeal.objects.order_by("sequence")
        assert (last_dropped.sequence, kept.entry_ids) == (2, [later.pk])
        assert seals.verify(now=now).breaks == ()

    def test_deletes_idempotency_records_after_24_hours(self) -> None:
        tenant, now = TenantFactory.create(), timezone.now()
        for hours in (23, 25):
            made = now - timedelta(hours=hours)
            IdempotencyRecord.objects.create(
                tenant=tenant, key=str(hours), fingerprint="f", created_at=made, leased_until=made
            )

        assert retention.purge(now=now).idempotency_records == 1
        assert IdempotencyRecord.objects.get().key == "23"
