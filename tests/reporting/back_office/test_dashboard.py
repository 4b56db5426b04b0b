import math
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone, translation

from invoices.models import Invoice
from payments.models import WebhookEvent
from payments.reconciliation import last_round
from paytrust.operations import shared_state
from reporting import tasks
from reporting.back_office import dashboard, figures, plots
from reporting.back_office.figures import Counted, Money, Moved
from reporting.financial import rollups
from tests.apikeys.factories import NOON, TenantFactory
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.events import failed_event
from tests.reporting.ledger import Move, Piece, book
from tests.staff import as_shown

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=2)


class TestMoney:
    def test_never_adds_up_currencies(self, paid_invoice: Invoice) -> None:
        assert figures.money(start=NOON, end=LATER, closed_day=rollups.last_closed_day()) == [
            Money("MYR", payments=Moved(1, 6_050))
        ]

    def test_is_the_same_from_closed_days(self, paid_invoice: Invoice) -> None:
        before = figures.money(
            start=NOON - timedelta(days=3),
            end=NOON + timedelta(days=3),
            closed_day=rollups.last_closed_day(),
        )

        rollups.close_days(now=NOON + timedelta(days=2))

        after = figures.money(
            start=NOON - timedelta(days=3),
            end=NOON + timedelta(days=3),
            closed_day=rollups.last_closed_day(),
        )
        assert before == after == [Money("MYR", payments=Moved(1, 6_050))]

    def test_has_nothing_outside_its_time(self, paid_invoice: Invoice) -> None:
        assert figures.money(start=LATER, end=LATER + timedelta(days=1), closed_day=None) == []


class TestPlots:
    @pytest.mark.parametrize("closed", [False, True])
    def test_tell_two_weeks(self, paid_invoice: Invoice, closed: bool) -> None:
        now = NOON + timedelta(days=2)
        if closed:
            rollups.close_days(now=now)

        drawn = plots.redraw(now=now)
        with timezone.override("UTC"):
            shown = plots.by_day(drawn, now=now)

        assert (shown.days[0], shown.days[-1]) == (date(2026, 11, 11), date(2026, 11, 24))
        at = shown.days.index(date(2026, 11, 22))
        assert shown.received == {"MYR": [6_050 if day == at else 0 for day in range(14)]}
        assert shown.ended == {"Xendit": [(1, 1) if day == at else (0, 0) for day in range(14)]}
        # MYR 40.00 was due at NOON + 2 days, and MYR 0.50 of it is paid.
        assert drawn.ageing == {"MYR": [(1, 3_950), (0, 0), (0, 0), (0, 0)]}

    @pytest.mark.parametrize(
        ("zone", "day"),
        [
            ("UTC", date(2026, 11, 22)),
            ("Asia/Jakarta", date(2026, 11, 23)),
            ("Asia/Kathmandu", date(2026, 11, 22)),  # 5:45 before UTC
        ],
    )
    def test_count_days_of_the_readers_zone(self, zone: str, day: date) -> None:
        booked_at = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)
        book(TenantFactory.create(), [Move(booked_at=booked_at, pieces=[Piece(100, 0, {})])])
        now = booked_at + timedelta(days=3)

        with timezone.override(zone):
            shown = plots.by_day(plots.redraw(now=now), now=now)

        assert {found: sums[shown.days.index(day)] for found, sums in shown.received.items()} == {
            "MYR": 100
        }

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Jakarta", "Asia/Kathmandu"])
    def test_agree_with_the_table_however_old_they_are(self, zone: str) -> None:
        tenant, now = TenantFactory.create(), datetime(2026, 11, 22, 12, 7, tzinfo=UTC)
        hours = [*range(0, 24 * 16, 5), 0.001, 0.05, 0.1, 0.2]
        moves = [
            Move(
                booked_at=now - timedelta(hours=back), pieces=[Piece(round(back * 1000) + 1, 0, {})]
            )
            for back in hours
        ]
        book(tenant, sorted(moves, key=lambda move: move.booked_at))
        rollups.close_days(now=now)
        plots.redraw(now=now - timedelta(minutes=4))

        with timezone.override(zone), translation.override("en"):
            shown = plots.by_day(plots.latest(now=now), now=now)
            (row,) = dashboard.context(now=now, days=7)["money"]

        assert sum(shown.received["MYR"][-7:]) == row.period.payments.amount
        assert shown.received["MYR"][-1] == row.today.payments.amount
        assert sum(shown.received["MYR"][-14:-7]) == row.before.payments.amount

    def test_tell_the_age_of_what_is_open(self) -> None:
        invoice(totals=(100, 200, 300))

        drawn = plots.redraw(now=NOON + timedelta(days=32, hours=1))

        assert drawn.ageing == {"MYR": [(0, 0), (1, 300), (2, 300), (0, 0)]}

    def test_count_failed_and_expired_payments_as_not_paid(self, paid_invoice: Invoice) -> None:
        for status in ("failed", "expired", "cancelled", "open"):
            PaymentRequestFactory.create(status=status)

        (ended,) = plots.by_day(plots.redraw(now=LATER), now=LATER).ended.values()

        assert ended[-1] == (1, 3)
        assert plots.percentage(ended) == 33

    def test_are_drawn_once_for_all(self, paid_invoice: Invoice) -> None:
        drawn = plots.latest(now=LATER)
        invoice(totals=(100,))

        assert plots.latest(now=LATER + timedelta(minutes=4)) == drawn

        tasks.draw_plots()
        assert plots.latest(now=LATER).made_at > drawn.made_at

    def test_are_drawn_by_the_page_without_redis(
        self, paid_invoice: Invoice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shared_state.switch, "away_until", math.inf)

        drawn = plots.latest(now=LATER)
        assert plots.by_day(drawn, now=LATER).received["MYR"][-1] == 6_050
        assert plots.latest(now=LATER + timedelta(minutes=1)).made_at > drawn.made_at


class TestQueues:
    def test_count_what_waits(self, paid_invoice: Invoice) -> None:
        invoice(review_flags=["underpaid"])
        for status in ("failed", "failed", "received"):
            WebhookEvent.objects.create(
                gateway_id=1,
                event_id=f"{status}{WebhookEvent.objects.count()}",
                body=b"{}",
                status=status,
                received_at=NOON,
                next_attempt_at=NOON,
            )

        queues = figures.queues(now=NOON + timedelta(days=1, seconds=90))

        assert queues.webhooks_failed == Counted(2)
        assert queues.webhooks_waiting == Counted(1)
        assert queues.pending == Counted(1)
        assert queues.partially_paid == Counted(1)
        assert queues.overdue == Counted(1)
        assert queues.discrepancies == Counted(1)
        assert queues.late_seconds == 86_490

    def test_count_no_further_than_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(figures, "COUNTED", 2)
        for _ in range(4):
            invoice()

        assert str(figures.counted(Invoice.objects.all())) == "2+"


class TestBooks:
    def test_tell_when_gateways_were_last_asked(self) -> None:
        assert figures.books(now=NOON).asked_at is None

        last_round.note(now=NOON)

        assert figures.books(now=NOON).asked_at == NOON

    def test_count_payments_that_nobody_asked_about(self) -> None:
        PaymentRequestFactory.create(next_check_at=NOON)

        assert figures.books(now=NOON + timedelta(minutes=11)).overdue_checks == Counted(1)
        assert figures.books(now=NOON + timedelta(minutes=9)).overdue_checks == Counted(0)


class TestOverview:
    def test_cuts_days_as_the_readers_zone_does(self, paid_invoice: Invoice) -> None:
        evening = datetime(2026, 11, 22, 20, tzinfo=UTC)  # the 23rd in Jakarta
        with timezone.override("Asia/Jakarta"), translation.override("en"):
            jakarta = dashboard.context(now=evening)["money"]
        with timezone.override("UTC"), translation.override("en"):
            utc = dashboard.context(now=evening)["money"]

        assert [(row.today.payments.amount, row.period.payments.amount) for row in jakarta] == [
            (0, 6_050)
        ]
        assert [(row.today.payments.amount, row.period.payments.amount) for row in utc] == [
            (6_050, 6_050)
        ]

    def test_links_each_number_to_its_list(self, viewer: Client, paid_invoice: Invoice) -> None:
        page = viewer.get("/admin/")

        links = [tile.link for tile in (*page.context["needs_you"], *page.context["volume"])]
        for row in page.context["money"]:
            links += [
                row.today_link,
                row.period_link,
                row.before_link,
                row.refunds_link,
                row.reversals_link,
            ]
        assert len(links) > 5
        for link in links:
            assert viewer.get(link).status_code == 200, link

    @pytest.mark.parametrize(("asked", "days"), [("7", 7), ("90", 90), ("8", 30), ("x", 30)])
    def test_shows_the_days_that_are_asked_for(self, viewer: Client, asked: str, days: int) -> None:
        assert viewer.get(f"/admin/?days={asked}").context["days"] == days

    def test_compares_with_the_days_before(self, paid_invoice: Invoice) -> None:
        week_later = NOON + timedelta(days=7, hours=1)

        (row,) = dashboard.context(now=week_later, days=7)["money"]
        (longer,) = dashboard.context(now=week_later, days=30)["money"]

        assert (row.period.payments.amount, row.before.payments.amount) == (0, 6_050)
        assert row.change == "-100 %"
        assert (longer.period.payments.amount, longer.before.payments.amount) == (6_050, 0)
        assert longer.change == "-"

    def test_tells_the_age_of_what_waits_and_the_sum_that_is_overdue(
        self, paid_invoice: Invoice
    ) -> None:
        failed_event(PaymentRequestFactory.create(), received_at=NOON)

        tiles = dashboard.context(now=NOON + timedelta(days=5))["needs_you"]

        notes = {tile.title: tile.note for tile in tiles}
        assert notes["Failed notifications"] == "oldest: 5\N{NO-BREAK SPACE}days"
        assert notes["Overdue instalments"] == as_shown("RM 139.50")

    def test_shows_nothing_to_those_without_a_role(self) -> None:
        client = Client()
        client.force_login(User.objects.create_user("new", is_staff=True))

        page = client.get("/admin/")

        assert "Ask a platform admin for a role" in page.text
        assert page.context["money"] is None
