"""Notices by e-mail: what each member of staff chose, once, in their language, and no more."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from apikeys.models import StaffProposal
from apikeys.people import acts as people
from apikeys.people import limits
from apikeys.people.acts import Rights
from apikeys.staff_acts.recording import Actor
from events.models import WebhookEndpoint
from gateways.adapter import DisputeReport
from payments.disputes import services as disputes
from payments.models import Proposal
from paytrust.money import Money
from paytrust.staff import roles
from reporting.models import AuditRun
from reporting.notices import services
from reporting.notices.models import NoticeProfile
from tests.apikeys.factories import TenantFactory
from tests.events.factories import endpoint
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.changes.test_proposals import propose
from tests.payments.events import failed_event
from tests.staff import member

pytestmark = pytest.mark.django_db
Kind = NoticeProfile.Kind
ALL = [kind.value for kind in Kind]


@pytest.fixture
def now() -> datetime:
    return timezone.now()


def chose(user: User, now: datetime, kinds: list[str] | None = None, language: str = "en") -> User:
    """Let a member of staff choose notices of all that happens from an hour ago on."""
    services.choose(user=user, kinds=kinds or ALL, language=language, now=now - timedelta(hours=1))
    return user


def after(now: datetime) -> datetime:
    """Return the time at which a mail says what happened `now`."""
    return now + timedelta(minutes=3)


def everything(now: datetime) -> None:
    """Let one of everything happen."""
    of = invoice(totals=(6_000, 4_000), expires_at=now + timedelta(days=9))
    propose(of, {1: 7_000})
    asked = PaymentRequestFactory.create()
    failed_event(asked, body=b'{"callback_token": "very-secret"}')
    disputes.record(
        about=asked,
        report=DisputeReport(
            id="dsp-1",
            raw_status="OPEN",
            is_closed=False,
            amount=Money(10_000, "MYR"),
            due_at=None,
        ),
        now=now,
    )
    hook = endpoint(TenantFactory.create(name="Kopi"), url="https://kopi.example/very-secret")
    WebhookEndpoint.objects.filter(pk=hook.pk).update(
        status="disabled", disabled_reason="failing", disabled_at=now
    )
    AuditRun.objects.create(started_at=now, seconds=1, invoice_id_count=5, finding_count=2)


class TestSendDue:
    def test_says_all_that_happened_in_one_mail(self, now: datetime) -> None:
        user = chose(member(roles.VIEWER), now)
        everything(now)

        assert services.send_due(now=after(now)) == 1

        (sent,) = mail.outbox
        assert sent.to == [user.email]
        assert sent.subject == "PayTrust: 5 notices"
        for line in (
            "A proposal waits for a second person: 1",
            "A notification could not be processed: 1",
            "A customer disputes a payment: 1",
            "RM\N{NO-BREAK SPACE}100.00",
            "Kopi: nothing but failures for 120 hours",
            "2 findings",
            "/admin/payments/webhookevent/?status__exact=failed",
        ):
            assert line in sent.body
        assert "very-secret" not in sent.body

    def test_says_it_once(self, now: datetime) -> None:
        chose(member(roles.VIEWER), now)
        everything(now)

        assert services.send_due(now=after(now)) == 1
        assert services.send_due(now=after(now)) == 0
        assert services.send_due(now=after(now) + timedelta(minutes=1)) == 0
        assert len(mail.outbox) == 1

    def test_waits_for_what_may_not_be_committed_yet(self, now: datetime) -> None:
        chose(member(roles.VIEWER), now)
        everything(now)

        assert services.send_due(now=now + timedelta(seconds=30)) == 0
        assert services.send_due(now=after(now)) == 1

    def test_leaves_a_person_to_the_job_that_has_them(self, now: datetime) -> None:
        user = chose(member(roles.VIEWER), now)
        everything(now)
        NoticeProfile.objects.filter(user=user).update(leased_until=after(now) + timedelta(1))

        assert services.send_due(now=after(now)) == 0

    def test_tries_again_when_the_mail_server_was_away(
        self, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        chose(member(roles.VIEWER), now)
        everything(now)
        with monkeypatch.context() as away:
            away.setattr(EmailMessage, "send", _away)
            assert services.send_due(now=after(now)) == 0

        assert services.send_due(now=after(now) + timedelta(minutes=1)) == 1

    def test_says_nothing_that_was_not_chosen(self, now: datetime) -> None:
        chose(member(roles.VIEWER), now, [Kind.DISPUTE])
        chose(member(roles.VIEWER), now, [Kind.BOOKS])
        member(roles.VIEWER)  # chose nothing
        everything(now)

        assert services.send_due(now=after(now)) == 2
        first, second = sorted(sent.body for sent in mail.outbox)
        assert "disputes" in first
        assert "audit" not in first
        assert "audit" in second

    def test_says_nothing_that_its_reader_may_not_see(self, now: datetime) -> None:
        nobody, gone = chose(member(), now), chose(member(roles.VIEWER), now)
        User.objects.filter(pk=gone.pk).update(is_active=False)
        User.objects.filter(pk=nobody.pk).update(is_staff=True)
        everything(now)

        assert services.send_due(now=after(now)) == 0

    def test_tells_bound_staff_of_their_tenants_alone(self, now: datetime) -> None:
        everything(now)
        proposal = Proposal.objects.select_related("tenant").get()
        assert proposal.tenant is not None
        user = chose(member(roles.OPERATOR), now)
        limits.bind(user=user, tenant_ids=[proposal.tenant_id or 0])

        assert services.send_due(now=after(now)) == 1

        (sent,) = mail.outbox
        assert sent.subject == "PayTrust: 1 notice"
        assert proposal.tenant.name in sent.body
        assert "Kopi" not in sent.body
        assert "audit" not in sent.body

    def test_tells_bound_staff_nothing_without_the_wall_and_the_others_all(
        self, now: datetime, settings: Any
    ) -> None:
        everything(now)
        bound, other = chose(member(roles.OPERATOR), now), chose(member(roles.OPERATOR), now)
        limits.bind(user=bound, tenant_ids=[Proposal.objects.get().tenant_id or 0])
        settings.ROW_LEVEL_SECURITY = False

        assert services.send_due(now=after(now)) == 1

        (sent,) = mail.outbox
        assert sent.to == [other.email]
        waiting = NoticeProfile.objects.get(user=bound)
        assert waiting.sent_until == now - timedelta(hours=1)

    def test_tells_administrators_what_waits_for_them(self, now: datetime) -> None:
        asks, decides = (member(roles.ADMINISTRATOR) for _ in range(2))
        chose(decides, now)
        person = member(roles.VIEWER, username="siti")
        people.change_rights(
            actor=Actor(user=asks),
            user=person,
            rights=Rights(is_active=True, is_staff=True, is_superuser=False, roles=()),
            reason="left",
            now=now,
        )
        assert StaffProposal.objects.count() == 1

        assert services.send_due(now=after(now)) == 1
        assert "siti" in mail.outbox[0].body

    @pytest.mark.parametrize(
        ("language", "subject", "line"),
        [
            ("en", "PayTrust: 5 notices", "A customer disputes a payment: 1"),
            ("id", "PayTrust: 5 pemberitahuan", "Pelanggan menyengketakan pembayaran: 1"),
            ("ms", "PayTrust: 5 makluman", "Pelanggan mempertikaikan bayaran: 1"),
        ],
    )
    def test_speaks_its_readers_language(
        self, now: datetime, language: str, subject: str, line: str
    ) -> None:
        chose(member(roles.VIEWER), now, language=language)
        everything(now)

        services.send_due(now=after(now))

        assert mail.outbox[0].subject == subject
        assert line in mail.outbox[0].body

    def test_names_a_few_of_many(self, now: datetime) -> None:
        chose(member(roles.VIEWER), now, [Kind.FAILED])
        for number in range(12):
            failed_event(PaymentRequestFactory.create(), event_id=f"event {number}")

        services.send_due(now=after(now))

        body = mail.outbox[0].body
        assert "could not be processed: 12" in body
        assert body.count("  - ") == 11
        assert "and 2 more" in body


def _away(*_arguments: Any, **_named: Any) -> Iterator[int]:
    raise SMTPServerDisconnected


class TestThePage:
    def page(self, role: str) -> tuple[Client, User]:
        user = member(role)
        client = Client()
        client.force_login(user)
        return client, user

    def test_keeps_a_choice(self) -> None:
        client, user = self.page(roles.VIEWER)

        client.post("/admin/notices/", {"kinds": ["dispute", "failed"], "language": "ms"})

        kept = NoticeProfile.objects.get(user=user)
        assert (kept.kinds, kept.language) == (["dispute", "failed"], "ms")
        assert client.get("/admin/notices/").text.count("checked") == 2

    def test_offers_what_its_reader_may_see(self) -> None:
        client, _ = self.page(roles.VIEWER)
        administrator, _ = self.page(roles.ADMINISTRATOR)

        refused = client.post("/admin/notices/", {"kinds": ["staff_proposal"], "language": "en"})

        assert not NoticeProfile.objects.exists()
        assert "staff_proposal" in refused.text
        assert 'value="staff_proposal"' not in client.get("/admin/notices/").text
        assert 'value="staff_proposal"' in administrator.get("/admin/notices/").text

    def test_is_for_bound_staff_too(self) -> None:
        client, user = self.page(roles.OPERATOR)
        limits.bind(user=user, tenant_ids=[TenantFactory.create().pk])

        client.post("/admin/notices/", {"kinds": ["proposal"], "language": "id"})

        assert NoticeProfile.objects.get().kinds == ["proposal"]
        assert 'value="books"' not in client.get("/admin/notices/").text
