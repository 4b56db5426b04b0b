"""A line is about payments of its own account, whatever other accounts the merchant has."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from apikeys.models import Tenant
from gateways.models import GatewayAccount
from gateways.settlements import SettlementRow
from invoices.models import PaymentRequest, Transaction
from payments.models import SettlementImport, SettlementLine, SettlementMismatch
from payments.settlement import accounts, fetching, services
from tests.payments.settlement.test_services import NOW, paid, row

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)  # what the gateway says then replaces what it said before
numbers = count()


def account(*, tenant: Tenant | None, ended_at: datetime | None = None) -> GatewayAccount:
    return GatewayAccount.objects.create(
        gateway_id=1,
        tenant=tenant,
        sealed_credentials="gAAAAA",
        key_name="x",
        created_at=NOW,
        updated_at=NOW,
        ended_at=ended_at,
    )


def paid_by(account: GatewayAccount) -> Transaction:
    payment = paid()
    PaymentRequest.objects.filter(pk=payment.payment_request_id).update(account=account)
    return payment


def row_of(payment: Transaction, **fields: Any) -> SettlementRow:
    reference = payment.payment_request.reference
    known = row(reference, reference, gross_amount=payment.amount, net_amount=payment.amount - 100)
    return replace(known, **fields)


def take(account: GatewayAccount | None, *rows: SettlementRow) -> SettlementImport:
    made = SettlementImport(
        tenant=account.tenant if account else None,
        gateway_id=1,
        account=account,
        source="api",
        sha256=f"{next(numbers):064d}",
        imported_at=NOW,
        covers_from=NOW - timedelta(days=30),
        covers_to=NOW,
    )
    return services.import_rows(made=made, rows=rows, now=NOW)


def states(made: SettlementImport) -> list[tuple[str, int | None]]:
    return list(made.lines.order_by("pk").values_list("state", "transaction_id"))


class TestTwoAccountsOfAMerchant:
    @pytest.mark.parametrize("amount", [None, 5])  # a plain line, and one for the judge
    def test_keep_their_payments_apart(self, amount: int | None) -> None:
        payment = paid()
        before = account(tenant=payment.tenant, ended_at=NOW)
        after = account(tenant=payment.tenant)
        PaymentRequest.objects.filter(pk=payment.payment_request_id).update(account=before)
        changed = {} if amount is None else {"gross_amount": amount, "net_amount": amount - 100}

        strange = take(after, row_of(payment, **changed))
        own = take(before, row_of(payment))

        assert states(strange) == [("missing_here", None)]
        assert states(own) == [("matched", payment.pk)]

    def test_give_back_what_an_earlier_version_let_them_claim(self) -> None:
        payment = paid()
        before = account(tenant=payment.tenant, ended_at=NOW)
        after = account(tenant=payment.tenant)
        PaymentRequest.objects.filter(pk=payment.payment_request_id).update(account=before)
        strange = take(after, row_of(payment))
        SettlementLine.objects.update(state="matched", transaction=payment)
        SettlementMismatch.objects.update(ended_at=NOW)

        own = take(before, row_of(payment))

        assert states(own) == [("matched", payment.pk)]
        assert states(strange) == [("missing_here", None)]
        services.compare_again(now=NOW)
        opened = SettlementMismatch.objects.filter(ended_at=None)
        assert list(opened.values_list("line__imported_in", "state")) == [
            (strange.pk, "missing_here")
        ]


class TestThePlatformsAccount:
    def test_is_one_before_and_after_it_gets_an_id(self) -> None:
        old, payment = paid(), paid()
        made = take(None, row_of(old))
        first = account(tenant=None)
        PaymentRequest.objects.filter(pk=payment.payment_request_id).update(account=first)

        changed = row_of(old, fee_amount=90, net_amount=old.amount - 90, as_of=LATER)
        again = take(first, changed, row_of(payment))

        assert states(made) == [("replaced", None)]
        assert sorted(states(again)) == sorted([("matched", old.pk), ("matched", payment.pk)])
        assert accounts.ids_of(1, None) == accounts.ids_of(1, first.pk) == [0, first.pk]

    def test_is_not_the_one_that_replaced_it_nor_a_merchants(self) -> None:
        payment = paid()
        account(tenant=None, ended_at=NOW)
        others = (account(tenant=None), account(tenant=payment.tenant))

        for other in others:
            assert states(take(other, row_of(payment))) == [("missing_here", None)]
        assert [accounts.ids_of(1, other.pk) for other in others] == [
            [other.pk] for other in others
        ]

    def test_is_asked_once_for_all_its_ids(self) -> None:
        paid()
        first = account(tenant=None)
        paid_by(first)
        own = paid()
        merchants = account(tenant=own.tenant)
        PaymentRequest.objects.filter(pk=own.payment_request_id).update(account=merchants)

        assert fetching.accounts_to_ask(now=NOW) == [
            ("xendit", first.pk),
            ("xendit", merchants.pk),
        ]
