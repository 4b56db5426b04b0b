"""Plain lines are matched by one statement; each line that is not plain goes to the judge."""

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import pytest

from gateways.models import Gateway, GatewayAccount
from gateways.settlements import FeeState, LineKind, SettlementRow
from invoices.models import PaymentRequest, Transaction
from payments.models import SettlementImport, SettlementLine
from payments.settlement import comparing, services
from tests.payments.settlement.test_services import NOW, paid, row

pytestmark = pytest.mark.django_db

numbers = count()


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the digests of new lines that the judge gets."""
    seen: list[str] = []
    compare = comparing.compare

    def watched(*, new: Sequence[SettlementLine] = (), **arguments: Any) -> None:
        seen.extend(line.digest for line in new)
        compare(new=new, **arguments)

    monkeypatch.setattr(comparing, "compare", watched)
    return seen


def take(*rows: SettlementRow, account: GatewayAccount | None = None) -> SettlementImport:
    made = SettlementImport(
        tenant=account.tenant if account else None,
        gateway_id=1,
        account=account,
        source="api",
        sha256=str(next(numbers)) * 8,
        imported_at=NOW,
        covers_to=NOW,
    )
    return services.import_rows(made=made, rows=rows, now=NOW)


def row_of(payment: Transaction, name: str = "", **fields: Any) -> SettlementRow:
    known = {"gross_amount": payment.amount, "net_amount": payment.amount - 100}
    reference = payment.payment_request.reference
    return row(name or reference, reference, **known | fields)


def states() -> list[tuple[str, int | None]]:
    return list(SettlementLine.objects.order_by("pk").values_list("state", "transaction_id"))


def account_of(payment: Transaction) -> GatewayAccount:
    return GatewayAccount.objects.create(
        gateway=Gateway.objects.get(code="xendit"),
        tenant=payment.tenant,
        sealed_credentials="gAAAAA",
        key_name="x",
        created_at=NOW,
        updated_at=NOW,
    )


def paired(payments: Iterable[Transaction]) -> list[tuple[str, int | None]]:
    return [("matched", one.pk) for one in payments]


class TestPlainLines:
    def test_are_matched_without_the_judge(self, judged: list[str]) -> None:
        payments = [paid() for _ in range(3)]

        made = take(*map(row_of, payments))

        assert sorted(states()) == sorted(paired(payments))  # lines are kept by their text: 10, 9
        assert (judged, made.new_count) == ([], 3)

    def test_are_of_the_accounts_own_payments(self, judged: list[str]) -> None:
        platform, own = paid(), paid()
        account = account_of(own)
        PaymentRequest.objects.filter(pk=own.payment_request_id).update(account=account)

        take(row_of(own), row_of(platform), account=account)
        take(row_of(own, "again"), row_of(platform, "again too"))

        assert sorted(states(), key=str) == sorted(
            [("matched", own.pk), ("matched", platform.pk), *[("missing_here", None)] * 2], key=str
        )
        assert len(judged) == 2


class TestTheJudge:
    @pytest.mark.parametrize(
        ("fields", "state"),
        [
            ({"gross_amount": 5, "net_amount": -95}, "amount_differs"),
            ({"currency": "IDR"}, "amount_differs"),
            ({"net_amount": 5}, "fee_differs"),
            ({"kind": LineKind.REFUND}, "missing_here"),
            ({"is_final": False}, "not_compared"),
        ],
    )
    def test_gets_what_does_not_agree(
        self, judged: list[str], fields: dict[str, Any], state: str
    ) -> None:
        take(row_of(paid(), **fields))

        assert [one for one, _key in states()] == [state]
        assert len(judged) == 1

    def test_gets_both_lines_of_one_payment(self, judged: list[str]) -> None:
        payment = paid()

        take(row_of(payment, "a"), row_of(payment, "b"))

        assert sorted(states()) == [("duplicate", payment.pk), ("matched", payment.pk)]
        assert len(judged) == 2

    def test_gets_a_second_line_of_a_later_import(self, judged: list[str]) -> None:
        payment = paid()
        take(row_of(payment, "a"))

        take(row_of(payment, "b"))

        assert sorted(states()) == [("duplicate", payment.pk), ("matched", payment.pk)]
        assert len(judged) == 1

    def test_gets_a_line_whose_id_is_another_payments(self, judged: list[str]) -> None:
        one, other = paid(), paid()

        take(row_of(one, gateway_ids=(other.gateway_transaction_id,)))

        assert states() == paired([other])  # an id says more than a reference
        assert len(judged) == 1

    def test_gets_a_line_whose_id_is_that_of_another_request(self, judged: list[str]) -> None:
        one, other = paid(), paid()
        PaymentRequest.objects.filter(pk=other.payment_request_id).update(gateway_payment_id="inv")

        take(row_of(one, gateway_ids=("inv",)))

        assert states() == paired([other])
        assert len(judged) == 1

    def test_gets_a_line_of_a_payment_that_another_one_waits_for(self, judged: list[str]) -> None:
        later = row("early", "another name", gateway_ids=("charge",), fee_state=FeeState.PENDING)
        take(later)
        payment = paid()
        PaymentRequest.objects.filter(pk=payment.payment_request_id).update(
            gateway_payment_id="charge"
        )

        take(row_of(payment))

        assert sorted(states()) == [("duplicate", payment.pk), ("matched", payment.pk)]
        assert len(judged) == 2
