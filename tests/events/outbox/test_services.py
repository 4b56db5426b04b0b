import re
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apikeys.models import Tenant
from events.deliveries import signing
from events.models import Delivery, Event
from events.outbox import retention, services
from events.outbox.types import Change
from tests.apikeys.factories import TenantFactory
from tests.events import factories
from tests.events.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant() -> Tenant:
    return TenantFactory.create()


class TestRecordAll:
    def test_writes_events_in_order_and_their_deliveries_in_one_statement(
        self, tenant: Tenant
    ) -> None:
        every = factories.endpoint(tenant)
        some = factories.endpoint(tenant, event_types=["invoice.paid", "refund.created"])
        factories.endpoint(tenant, event_types=["dispute.opened"])
        factories.endpoint(tenant, status="disabled", disabled_reason="staff", disabled_at=NOON)
        factories.endpoint(TenantFactory.create())

        with CaptureQueriesContext(
            connection,
        ) as statements:
            ids = services.record_all(
                tenant_id=tenant.pk,
                changes=[
                    Change(type="payment.succeeded", object={"id": 1}),
                    Change(type="invoice.paid", object={"id": 7}, previous={"status": "pending"}),
                ],
                invoice_id=7,
                request_id="request-1",
                now=NOON,
            )

        written = Event.objects.order_by("pk")
        assert len(statements) == 1
        assert [event.public_id for event in written] == ids
        assert all(re.fullmatch(r"evt_[0-9A-HJKMNP-TV-Z]{26}", one) for one in ids)
        assert [(one.type, one.data, one.invoice_id) for one in written] == [
            ("payment.succeeded", {"object": {"id": 1}, "previous": {}}, 7),
            ("invoice.paid", {"object": {"id": 7}, "previous": {"status": "pending"}}, 7),
        ]
        shown = Delivery.objects.order_by("pk").values_list("event__type", "endpoint", "invoice_id")
        assert list(shown) == [
            ("payment.succeeded", every.pk, 7),
            ("invoice.paid", every.pk, 7),
            ("invoice.paid", some.pk, 7),
        ]

    def test_keeps_members_in_their_order_and_numbers_in_their_form(self, tenant: Tenant) -> None:
        shown = {"zebra": 1, "an": {"b": Decimal("1.50"), "a": []}}

        services.record(tenant_id=tenant.pk, type="invoice.paid", object=shown, now=NOON)

        body = signing.body_of(Event.objects.get())
        assert b'{"object":{"zebra":1,"an":{"b":1.50,"a":[]}},"previous":{}}' in body

    def test_keeps_the_number_of_its_transaction(self, tenant: Tenant) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            [event] = factories.events(tenant)
            cursor.execute("SELECT pg_current_xact_id()::text")
            [current] = cursor.fetchone()

        assert event.transaction_number == int(current)

    def test_writes_nothing_of_nothing(self, tenant: Tenant) -> None:
        assert services.record_all(tenant_id=tenant.pk, changes=[], now=NOON) == []
        assert not Event.objects.exists()

    def test_goes_with_the_transaction_that_fails(self, tenant: Tenant) -> None:
        def fail_after_it() -> None:
            with transaction.atomic():
                factories.endpoint(tenant)
                services.record(tenant_id=tenant.pk, type="invoice.paid", object={}, now=NOON)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail_after_it()

        assert not Event.objects.exists()
        assert not Delivery.objects.exists()

    def test_costs_little(self, tenant: Tenant) -> None:
        changes = [Change(type="invoice.paid", object={"id": 7, "status": "paid"})] * 3
        services.record_all(tenant_id=tenant.pk, changes=changes, invoice_id=7, now=NOON)

        began = time.process_time()
        for _ in range(50):
            services.record_all(tenant_id=tenant.pk, changes=changes, invoice_id=7, now=NOON)

        assert (time.process_time() - began) / 50 < 0.0012  # twice the budget, for slow machines


class TestEvent:
    @pytest.mark.parametrize(
        ("statement", "rule"),
        [
            ("UPDATE events_event SET type = 'invoice.failed'", "event_append_only: UPDATE"),
            ("DELETE FROM events_event", "event_kept: DELETE"),
            ("TRUNCATE events_event CASCADE", "event_not_truncated: TRUNCATE"),
        ],
    )
    def test_is_not_changed(self, tenant: Tenant, statement: str, rule: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT now()")
            [now] = cursor.fetchone()
        factories.events(tenant, now=now)

        with (
            pytest.raises(DatabaseError, match=f"{rule} of events_event is refused"),
            transaction.atomic(),
        ):
            connection.cursor().execute(f"SET CONSTRAINTS ALL IMMEDIATE; {statement}")

        assert Event.objects.get().type == "invoice.paid"


class TestPurge:
    def test_drops_whole_months_older_than_90_days_but_what_waits(self, tenant: Tenant) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT now()")
            [now] = cursor.fetchone()
        before = retention.horizon(now=now)
        factories.events(tenant, now=before - timedelta(seconds=1))
        kept = factories.events(tenant, now=before)
        factories.endpoint(tenant)
        waiting = factories.events(tenant, now=before - timedelta(days=1))
        shown = factories.events(tenant, now=before - timedelta(days=2))
        Delivery.objects.filter(event__in=shown).update(
            status="delivered", next_attempt_at=None, ended_at=NOON
        )

        purged = retention.purge(now=now)

        assert purged == 2
        assert set(Event.objects.all()) == {*kept, *waiting}
        assert [one.event for one in Delivery.objects.all()] == waiting
