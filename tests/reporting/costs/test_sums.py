"""Sums of costs compared with a recount, whatever is closed and whatever changes afterwards."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apikeys.models import Tenant
from invoices.models import Transaction
from payments.models import SettlementImport, SettlementLine, SettlementTerms
from paytrust.staff import preferences
from reporting.costs import rollups, selectors, statements
from reporting.costs.cash import Cash, cash
from reporting.costs.selectors import Cost
from reporting.financial import rollups as days
from reporting.financial import selectors as financial
from reporting.models import ChangedDay, CostTotal
from reporting.tasks import count_costs
from tests.apikeys.factories import TenantFactory
from tests.reporting.costs.test_selectors import METHODS, STATES, line_of, recounted, term
from tests.reporting.financial.test_rollups import tamper, undone
from tests.reporting.ledger import FIRST, GATEWAYS, Move, Piece, book

pytestmark = pytest.mark.django_db

ZONE = ZoneInfo("Asia/Jakarta")
SPAN_DAYS = 12  # around the end of a month
BEGIN = FIRST + timedelta(days=25)
MINUTES = st.integers(0, SPAN_DAYS * 1440)


class Shop:
    """A tenant with payments, whose lines come and change at random."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.tenant = TenantFactory.create()
        book(self.tenant, [self._move() for _ in range(12)])
        self.imports = {
            gateway: SettlementImport.objects.create(
                gateway_id=gateway,
                source="upload",
                status="done",
                sha256=f"{self.tenant.pk}-{gateway}",
                imported_at=FIRST,
            )
            for gateway in GATEWAYS
        }
        payments = Transaction.objects.filter(tenant=self.tenant)
        self.payments = payments.order_by("created_at", "amount")
        self.unsettled = list(self.payments.filter(created_at__gt=FIRST))

    def _move(self) -> Move:
        random = self.random
        return Move(
            BEGIN + timedelta(minutes=random.randrange(SPAN_DAYS * 1440)),
            gateway_id=random.choice([1, 2]),
            currency_code=random.choice(["IDR", "MYR"]),
            pieces=[Piece(random.randrange(1, 90_000), random.randrange(900), {})],
            overpayment=random.choice([0, 0, 50]),
        )

    def changes(self) -> None:
        """Let some lines come, some be judged again, and sometimes a method or the terms change."""
        random = self.random
        for _ in range(random.randrange(6)):
            if self.unsettled:
                payment = self.unsettled.pop()
                line_of(payment, self.imports[payment.gateway_id], random).save()
        lines = list(SettlementLine.objects.filter(tenant=self.tenant).order_by("pk"))
        for line in random.sample(lines, min(len(lines), 3)):
            line.state = random.choice(STATES)
            line.save(update_fields=["state"])
        if random.random() < 0.3:
            one = random.choice(self.payments)
            Transaction.objects.filter(pk=one.pk).update(payment_method=random.choice(METHODS))
        if random.random() < 0.3:
            terms = SettlementTerms.objects.get_or_create(
                gateway_id=random.choice([1, 2]), defaults={"updated_at": FIRST}
            )[0]
            terms.fees = [term("MYR", None, random.randrange(100), random.randrange(300), 1_100)]
            terms.save(update_fields=["fees"])


def costs_of(tenant: Tenant | None, start: datetime, end: datetime) -> list[Cost]:
    return selectors.costs(tenant=tenant, start=start, end=end, zone=ZONE)


def cash_of(tenant: Tenant | None, start: datetime, end: datetime) -> list[Cash]:
    received = financial.sums(tenant=tenant, start=start, end=end)
    return cash(received, tenant=tenant, start=start, end=end)


def recounted_cash(tenants: Sequence[Tenant], start: datetime, end: datetime) -> list[Cash]:
    found: dict[tuple[str, str], list[int]] = {}
    for payment in Transaction.objects.filter(
        tenant__in=tenants, kind="payment", created_at__gte=start, created_at__lt=end
    ).exclude(created_at=FIRST):
        key = (payment.currency_code, GATEWAYS[payment.gateway_id])
        line = payment.settlement_lines.filter(state__in=STATES[:3]).first()
        costs = line.costs_amount if line else 0
        settled_amount = payment.amount if line else 0
        net = line.net_amount if line else 0
        values = (1, payment.amount, line is not None, settled_amount, costs, net)
        sums = found.setdefault(key, [0] * 6)
        found[key] = [one + other for one, other in zip(sums, values, strict=True)]
    return [
        Cash(
            currency_code=code,
            gateway_name=name,
            payment_count=values[0],
            received_amount=values[1],
            settled_count=values[2],
            settled_amount=values[3],
            costs_amount=values[4],
            net_amount=values[5],
        )
        for (code, name), values in sorted(found.items())
    ]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32), today=MINUTES, bounds=st.tuples(MINUTES, MINUTES))
def test_any_interval_equals_a_recount_whatever_is_closed_and_changes_later(
    seed: int, today: int, bounds: tuple[int, int]
) -> None:
    random = Random(seed)  # noqa: S311  # no secret
    start, end = (BEGIN + timedelta(minutes=one) for one in (min(bounds), max(bounds) + 1))
    with undone():
        shops = [Shop(random), Shop(random)]
        of = {None: [shop.tenant for shop in shops], shops[0].tenant: [shops[0].tenant]}

        def agree() -> None:
            for tenant, tenants in of.items():
                assert costs_of(tenant, start, end) == recounted(tenants, start, end)
                assert cash_of(tenant, start, end) == recounted_cash(tenants, start, end)

        for shop in shops:
            shop.changes()
        days.close_days(now=BEGIN + timedelta(minutes=today))
        agree()
        for _ in range(2):
            for shop in shops:
                shop.changes()
            agree()
            rollups.count_again()
            agree()
        assert days.differing_days(now=BEGIN + timedelta(minutes=today)) == []


@pytest.fixture
def shop() -> Shop:
    """One whose days are closed, with lines for some of its payments."""
    made = Shop(Random(7))  # noqa: S311  # no secret
    while len(made.unsettled) > 4:
        payment = made.unsettled.pop()
        line_of(payment, made.imports[payment.gateway_id], made.random, state="matched").save()
    days.close_days(now=BEGIN + timedelta(days=30))
    rollups.count_again()
    return made


def day_of(payment: Transaction) -> date:
    return payment.created_at.date()


class TestMarks:
    def test_a_line_marks_the_day_of_its_payment(self, shop: Shop) -> None:
        payment = shop.unsettled[0]
        assert not ChangedDay.objects.exists()

        line_of(payment, shop.imports[payment.gateway_id], shop.random, state="matched").save()

        [mark] = ChangedDay.objects.all()
        assert (mark.tenant_id, mark.day_date) == (shop.tenant.pk, day_of(payment))

    def test_a_line_without_a_payment_marks_nothing(self, shop: Shop) -> None:
        made = line_of(shop.unsettled[0], shop.imports[1], shop.random, state="missing_here")
        made.transaction = None
        made.save()

        assert not ChangedDay.objects.exists()

    def test_a_line_that_moves_marks_both_days(self, shop: Shop) -> None:
        line = SettlementLine.objects.filter(transaction__isnull=False)[0]
        was = line.transaction
        assert was is not None
        other = next(one for one in shop.unsettled if day_of(one) != day_of(was))
        line.transaction = other

        line.save(update_fields=["transaction"])

        marked = set(ChangedDay.objects.values_list("day_date", flat=True))
        assert marked == {day_of(was), day_of(other)}

    def test_terms_mark_every_day_up_to_today(self, shop: Shop) -> None:
        SettlementTerms.objects.create(gateway_id=2, fees=[], updated_at=FIRST)

        marked = set(ChangedDay.objects.filter(tenant=None).values_list("day_date", flat=True))
        assert min(marked) == min(map(day_of, Transaction.objects.filter(created_at__gt=FIRST)))
        assert max(marked) == timezone.now().date()

    def test_names_of_columns_mark_nothing(self, shop: Shop) -> None:
        terms = SettlementTerms.objects.create(gateway_id=2, fees=[], updated_at=FIRST)
        ChangedDay.objects.all().delete()

        terms.columns = {"gross": ["Jumlah"]}
        terms.save(update_fields=["columns"])

        assert not ChangedDay.objects.exists()


class TestCountAgain:
    def test_leaves_days_that_are_open(self, shop: Shop) -> None:
        ChangedDay.objects.create(tenant=shop.tenant, day_date=date(2027, 1, 1))

        assert rollups.count_again() == []
        assert ChangedDay.objects.count() == 1

    def test_is_a_job(self, shop: Shop) -> None:
        payment = shop.unsettled[0]
        line_of(payment, shop.imports[payment.gateway_id], shop.random, state="matched").save()
        of_day = CostTotal.objects.filter(begins_at__date=day_of(payment))
        was = of_day.filter(tenant=None).aggregate(sum=Sum("settled_amount"))["sum"] or 0

        count_costs()

        assert not ChangedDay.objects.exists()
        for tenant in (None, shop.tenant):
            found = of_day.filter(tenant=tenant).aggregate(sum=Sum("settled_amount"))
            assert found["sum"] == was + payment.amount


class TestDiffers:
    @pytest.mark.parametrize(
        "harm",
        [
            "UPDATE reporting_costtotal SET settled_amount = settled_amount + 1",
            "DELETE FROM reporting_costtotal",
        ],
    )
    def test_tells_of_a_total_that_is_not_that_of_its_lines(self, shop: Shop, harm: str) -> None:
        day = CostTotal.objects.earliest("begins_at").begins_at.date()
        assert not rollups.differs(day)

        tamper(harm)

        assert rollups.differs(day)
        assert day in days.differing_days(now=BEGIN + timedelta(days=30))


class TestSlices:
    @pytest.mark.parametrize("zone", preferences.ZONES)
    def test_begin_at_the_midnight_of_each_zone(self, zone: str) -> None:
        midnight = datetime(2026, 3, 5, tzinfo=ZoneInfo(zone)).astimezone(UTC)

        assert midnight in {*statements.slices_of(midnight.date())}

    def test_need_no_lines_of_whole_closed_days(self, shop: Shop) -> None:
        start, end = (datetime(2026, 4, day, tzinfo=ZONE) for day in (1, 4))

        with CaptureQueriesContext(connection) as captured:
            costs_of(None, start, end)

        [summed] = [one["sql"] for one in captured if "reporting_costtotal" in one["sql"]]
        assert "settlementline" not in summed
