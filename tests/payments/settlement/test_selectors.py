"""Payouts that staff see."""

from random import Random

import pytest

from payments.models import SettlementImport, SettlementLine
from payments.settlement import selectors
from tests.apikeys.factories import NOON, TenantFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def _lines() -> None:
    """Sixty lines of some twenty payouts, of two tenants and of none."""
    random = Random(11)  # noqa: S311  # no secret
    imported_in = SettlementImport.objects.create(
        gateway_id=1, source="upload", status="done", sha256="a", imported_at=NOON
    )
    tenants = [TenantFactory.create(name="Kopi"), TenantFactory.create(name="Roti"), None]
    for number in range(60):
        kind = random.choice(["payment", "payment", "payout", "other"])
        SettlementLine.objects.create(
            tenant=random.choice(tenants),
            imported_in=imported_in,
            gateway_id=random.choice([1, 2]),
            identity=f"{number}",
            digest="",
            kind=kind,
            is_final=True,
            currency_code=random.choice(["IDR", "MYR"]),
            gross_amount=random.randrange(1_000),
            gateway_fee_amount=random.randrange(10),
            vat_amount=1,
            withholding_amount=0,
            net_amount=random.randrange(1_000),
            fee_state="final",
            gateway_ids=[],
            payout_id=random.choice([None, *(f"W-{one}" for one in range(8))]),
            raw={},
            state=random.choice(["missing_here", "not_compared", "replaced"]),
            created_at=NOON,
        )


@pytest.mark.usefixtures("_lines")
class TestNewestPayouts:
    @pytest.mark.parametrize("looked_at", [(1, None), (5, 20, None), (50, None)])
    @pytest.mark.parametrize("limit", [1, 3, 10, 100])
    def test_are_the_first_of_all(
        self, monkeypatch: pytest.MonkeyPatch, looked_at: tuple[int | None, ...], limit: int
    ) -> None:
        monkeypatch.setattr(selectors, "LINES_LOOKED_AT", looked_at)

        assert selectors.newest_payouts(limit=limit) == selectors.newest_payouts(limit=None)[:limit]

    def test_name_the_tenant_if_there_is_one(self) -> None:
        for payout in selectors.newest_payouts():
            lines = SettlementLine.objects.counted().filter(
                payout_id=payout.payout_id,
                gateway=payout.gateway_id,
                currency_code=payout.currency_code,
            )
            names = {line.tenant.name for line in lines if line.tenant is not None}

            assert payout.tenant_name == (names.pop() if len(names) == 1 else None)
            assert payout.net_amount == sum(
                line.net_amount for line in lines if line.kind != "payout"
            )
