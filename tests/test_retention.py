"""What the nightly jobs delete, and that payment data is never among it."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from apikeys import tasks as apikeys_tasks
from apikeys.audit import retention
from apikeys.models import IdempotencyRecord
from events import tasks as events_tasks
from events.models import Event
from paytrust.staff import sessions
from tests.apikeys.factories import TenantFactory
from tests.events import factories as events
from tests.invoices.factories import PaymentRequestFactory

pytestmark = pytest.mark.django_db
NIGHTLY = (apikeys_tasks.purge_expired, events_tasks.purge_events)


def books() -> dict[type[Model], int]:
    kept = [*apps.get_app_config("invoices").get_models()]
    kept += apps.get_app_config("payments").get_models()
    return {model: model._default_manager.count() for model in kept}


def test_payment_data_is_kept_for_7_years_and_after_them(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = PaymentRequestFactory.create().tenant
    now = timezone.now()
    # Audit months: the database goes by its own clock and refuses; their test has old ones.
    monkeypatch.setattr(retention, "_expired_partitions", lambda *, now: ())
    before = books()
    assert sum(before.values()) >= 3

    for years in (7, 8, 30):
        later = now + timedelta(days=years * 366)
        monkeypatch.setattr(timezone, "now", lambda later=later: later)
        for job in NIGHTLY:
            job()

    assert books() == before
    assert tenant.invoices.count() == 1


def test_events_and_records_go(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant, now = TenantFactory.create(), timezone.now()
    events.events(tenant, now=now - timedelta(days=130))
    fresh = events.events(tenant, now=now)
    made = now - timedelta(hours=25)
    IdempotencyRecord.objects.create(
        tenant=tenant, key="k", fingerprint="f", created_at=made, leased_until=made
    )

    for job in NIGHTLY:
        job()

    assert list(Event.objects.all()) == fresh
    assert not IdempotencyRecord.objects.exists()


def test_sessions_that_ended_go() -> None:
    now = timezone.now()
    for key, hours in (("ended", -1), ("open", 1)):
        Session.objects.create(session_key=key, expire_date=now + timedelta(hours=hours))

    assert sessions.purge(now=now) == 1
    assert Session.objects.get().session_key == "open"


def test_each_run_is_shown() -> None:
    apikeys_tasks.purge_expired()
    events_tasks.purge_events()
    apikeys_tasks.make_audit_months()

    text = Client().get("/metrics").text

    for job in ("purge_access", "purge_events", "make_audit_months"):
        assert f'paytrust_job_age_seconds{{job="{job}"}}' in text


def test_each_runs_every_night_at_a_time_of_its_own() -> None:
    """An interval would begin again with each start of beat, and might never end."""
    planned = {entry["task"]: entry["schedule"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    for job in (*NIGHTLY, apikeys_tasks.make_audit_months):
        assert not isinstance(planned[job.name], float), job.name
