"""What gateways took is what a recount of each line says, month by month."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from apikeys.models import Tenant
from invoices.models import LedgerEntry, Transaction
from payments.models import SettlementImport, SettlementLine, SettlementTerms
from payments.settlement import comparing
from payments.settlement.matching import FeeTerm
from reporting.costs import selectors
from reporting.costs.selectors import Cost
from tests.apikeys.factories import TenantFactory
from tests.reporting.ledger import FIRST, GATEWAYS, Move, Piece, book, unguarded

pytestmark = pytest.mark.django_db

ZONE = ZoneInfo("Asia/Jakarta")
END = FIRST + timedelta(days=70)
METHODS = ("EWALLET", "QRIS", None)
CHANNELS = ("OVO", "DANA", None)
STATES = ("matched", "amount_differs", "fee_differs", "duplicate", "replaced")


def term(currency: str, channel: str | None, fixed: int, points: int, vat: int) -> dict[str, Any]:
    return {
        "currency": currency,
        "channel": channel,
        "fixed_amount": fixed,
        "basis_points": points,
        "vat_basis_points": vat,
    }


@pytest.fixture
def tenants() -> list[Tenant]:
    """Two tenants with payments of three months, and a line for most of them."""
    random = Random(23)  # noqa: S311  # no secret
    SettlementTerms.objects.create(
        gateway_id=1,
        fees=[
            term("MYR", None, 30, 65, 800),
            term("MYR", "OVO", 0, 155, 1_100),
            term("MYR", "OVO", 9_999, 0, 0),  # a second one for the same: not read
            term("IDR", "DANA", 4_500, 0, 1_100),
        ],
        updated_at=FIRST,
    )
    made = [TenantFactory.create(), TenantFactory.create()]
    for tenant in made:
        book(tenant, [_move(random) for _ in range(60)])
        with unguarded():
            _settle(tenant, random)
    return made


def _move(random: Random) -> Move:
    return Move(
        FIRST + timedelta(minutes=random.randrange(70 * 1440)),
        gateway_id=random.choice([1, 2]),
        currency_code=random.choice(["IDR", "MYR"]),
        pieces=[Piece(random.randrange(1, 90_000), random.randrange(900), {}) for _ in range(2)],
    )


def _settle(tenant: Tenant, random: Random) -> None:
    imports = {
        gateway: SettlementImport.objects.create(
            gateway_id=gateway,
            source="upload",
            status="done",
            sha256=f"{tenant.pk}-{gateway}",
            imported_at=FIRST,
        )
        for gateway in GATEWAYS
    }
    booked = Transaction.objects.filter(tenant=tenant, entries__isnull=False)
    # In one order, or the fixed seed gives other lines each time.
    for payment in booked.distinct().order_by("created_at", "amount"):
        Transaction.objects.filter(pk=payment.pk).update(payment_method=random.choice(METHODS))
        line_of(payment, imports[payment.gateway_id], random).save()


def line_of(
    payment: Transaction, imported_in: SettlementImport, random: Random, *, state: str = ""
) -> SettlementLine:
    """Return a line of a payment that is not stored yet."""
    state = state or random.choice(STATES)
    return SettlementLine(
        tenant=payment.tenant,
        imported_in=imported_in,
        gateway_id=payment.gateway_id,
        identity=str(payment.pk),
        digest="",
        kind="payment",
        is_final=True,
        currency_code=payment.currency_code,
        gross_amount=payment.amount + (state == "amount_differs"),
        gateway_fee_amount=random.randrange(2_000),
        vat_amount=random.randrange(200),
        withholding_amount=random.randrange(3),
        net_amount=random.randrange(payment.amount),
        fee_state=random.choice(["final", "final", "final", "pending", "monthly"]),
        gateway_ids=[],
        channel=random.choice(CHANNELS),
        raw={},
        state=state,
        transaction=payment,
        created_at=FIRST,
    )


def recounted(tenants: Sequence[Tenant], start: datetime, end: datetime) -> list[Cost]:
    """Return the costs by adding up line by line, in plain Python."""
    sums: dict[tuple[str, str, date, str], list[int]] = defaultdict(lambda: [0] * 7)
    for line in SettlementLine.objects.filter(tenant__in=tenants).select_related("transaction"):
        payment = line.transaction
        is_known = line.state in {"matched", "amount_differs", "fee_differs"}
        if payment is None or not is_known or line.fee_state != "final":
            continue
        if not start <= payment.created_at < end:
            continue
        month = payment.created_at.astimezone(ZONE).date().replace(day=1)
        gateway = GATEWAYS[payment.gateway_id]
        key = (payment.currency_code, payment.payment_method or "", month, gateway)
        entries = LedgerEntry.objects.filter(transaction=payment)
        fee = line.gateway_fee_amount + line.vat_amount
        planned = _planned(line)
        values = (
            *(1, payment.amount, sum(entry.service_fee_amount for entry in entries)),
            *(fee + line.withholding_amount, planned is not None, planned or 0),
            fee if planned is not None else 0,
        )
        sums[key] = [one + other for one, other in zip(sums[key], values, strict=True)]
    return [
        Cost(month, code, gateway, method, *values)
        for (code, method, month, gateway), values in sorted(sums.items())
    ]


def _planned(line: SettlementLine) -> int | None:
    terms: list[FeeTerm] = comparing.terms_of(line.gateway_id, line.account_id)
    own = [one for one in terms if one.currency == line.currency_code]
    fitting = [one for one in own if one.channel and one.channel == line.channel]
    fitting += [one for one in own if one.channel is None]
    return sum(fitting[0].expected(line.gross_amount)) if fitting else None


class TestCosts:
    def test_are_those_of_a_recount(self, tenants: list[Tenant]) -> None:
        found = selectors.costs(tenant=None, start=FIRST, end=END, zone=ZONE)

        assert found == recounted(tenants, FIRST, END)
        assert {one.month for one in found} == {date(2026, month, 1) for month in (3, 4, 5)}
        assert any(0 < one.planned_count < one.payment_count for one in found)
        assert any(one.planned_count == 0 for one in found)

    def test_are_of_one_tenant_and_a_time(self, tenants: list[Tenant]) -> None:
        start, end = FIRST + timedelta(days=3), FIRST + timedelta(days=40)

        found = selectors.costs(tenant=tenants[1], start=start, end=end, zone=ZONE)

        assert found == recounted(tenants[1:], start, end)

    def test_are_narrowed(self, tenants: list[Tenant]) -> None:
        found = selectors.costs(
            tenant=None, start=FIRST, end=END, zone=ZONE, currency_code="IDR", gateway_id=2
        )

        assert found == [
            one
            for one in recounted(tenants, FIRST, END)
            if (one.currency_code, one.gateway_name) == ("IDR", "Midtrans")
        ]


def cost(gateway: str, amount: int, taken: int, **changed: Any) -> Cost:
    values = (1, amount, 0, taken, 1, taken, taken)
    return Cost(changed.get("month", date(2026, 3, 1)), "IDR", gateway, "QRIS", *values)


class TestComparing:
    def test_adds_up_by_gateway(self) -> None:
        rows = [
            cost("Xendit", 100, 3),
            cost("Midtrans", 10, 1),
            cost("Xendit", 100, 4, month=date(2026, 4, 1)),
        ]

        found = selectors.totals(rows, by="gateway_name")

        assert {name: (one.amount, one.taken_amount) for name, one in found.items()} == {
            "Xendit": (200, 7),
            "Midtrans": (10, 1),
        }

    def test_names_the_gateway_with_the_smallest_share(self) -> None:
        small, large = cost("Xendit", 1_000, 7), cost("Midtrans", 100, 1)

        assert selectors.cheapest([large, small]) == small
        assert (small.rate, large.rate) == (Decimal("0.007"), Decimal("0.01"))

    def test_names_none_where_there_is_one_or_they_take_alike(self) -> None:
        assert selectors.cheapest([cost("Xendit", 100, 1)]) is None
        assert selectors.cheapest([cost("Xendit", 100, 1), cost("Midtrans", 200, 2)]) is None
