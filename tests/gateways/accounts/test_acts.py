from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from apikeys.models import StaffAct, StaffProposal
from apikeys.staff_acts.recording import Actor, MissingReason
from apikeys.two_people import proposals
from apikeys.two_people.kinds import Done
from apikeys.two_people.proposals import ALONE, Overtaken
from gateways.accounts import acts, credentials
from gateways.accounts.acts import FeeOutOfRange
from gateways.accounts.credentials import NoSuchAccount, WrongCredentials
from gateways.fees import services
from gateways.models import GatewayAccount, GatewayFee, GatewayFeeChange
from paytrust.operations.database import violated_constraint
from paytrust.staff import roles
from tests.apikeys.factories import NOON, TenantFactory
from tests.invoices.factories import invoice
from tests.staff import actor, member

pytestmark = pytest.mark.django_db
SECRETS = {"secret_key": "new", "callback_token": "token"}


def ringgit() -> GatewayFee:
    return GatewayFee.objects.get(gateway_id=1, currency_code="MYR")


def change(percentage: str = "2.75", fixed_amount: int = 50, reason: str = "new contract") -> None:
    acts.change_fee(
        actor=actor(),
        fee_id=ringgit().pk,
        percentage=Decimal(percentage),
        fixed_amount=fixed_amount,
        reason=reason,
        now=NOON,
    )


class TestChangeFee:
    def test_holds_for_new_invoices_and_keeps_its_history(self) -> None:
        of = invoice()

        change()

        fee = services.fee_on(gateway_id=1, currency_code="MYR")
        assert (fee.percentage, fee.fixed_amount) == (Decimal("2.75"), 50)
        history = GatewayFeeChange.objects.filter(fee=fee).order_by("pk")
        assert [(row.percentage, row.fixed_amount) for row in history] == [
            (Decimal(3), 0),
            (Decimal("2.75"), 50),
        ]
        newest = history[1]
        act = StaffAct.objects.get()
        assert (newest.changed_by, newest.reason) == (act.staff.username, "new contract")
        assert (act.act, act.outcome, act.object_id) == ("fee_changed", "done", fee.pk)
        of.refresh_from_db()
        assert (of.fee_percentage, of.fee_fixed_amount) == (Decimal(0), 0)

    @pytest.mark.parametrize(
        ("percentage", "fixed_amount"), [("-1", 0), ("100.01", 0), ("1.00001", 0), ("1", -1)]
    )
    def test_refuses_what_is_no_fee(self, percentage: str, fixed_amount: int) -> None:
        with pytest.raises(FeeOutOfRange):
            change(percentage, fixed_amount)

        assert (ringgit().percentage, ringgit().fixed_amount) == (Decimal(3), 0)
        assert StaffAct.objects.get().outcome == "fee_out_of_range"

    def test_refuses_no_reason(self) -> None:
        with pytest.raises(MissingReason):
            change(reason="")

        assert ringgit().percentage == 3

    def test_keeps_history_as_it_was(self) -> None:
        with pytest.raises(IntegrityError) as refusal, transaction.atomic():
            GatewayFeeChange.objects.update(percentage=1)

        assert violated_constraint(refusal.value) == "fee_history_append_only"


class TestStoreCredentials:
    def store(self, *, is_another_account: bool, **secrets: str) -> GatewayAccount:
        done = acts.store_credentials(
            actor=actor(),
            gateway_code="xendit",
            tenant_id=None,
            secrets=secrets or SECRETS,
            is_another_account=is_another_account,
            now=NOON,
        )
        assert isinstance(done, Done)
        return GatewayAccount.objects.get(pk=done.object_id or 0)

    def test_renews_the_secrets_of_an_account(self) -> None:
        first = self.store(is_another_account=False)

        assert self.store(is_another_account=False) == first

        assert [account.credentials for account in credentials.opened()] == [SECRETS]
        assert [act.message for act in StaffAct.objects.all()] == [
            f"new secrets; {ALONE}",
            f"new secrets; {ALONE}",
        ]

    def test_takes_another_account(self) -> None:
        first = self.store(is_another_account=False)

        second = self.store(is_another_account=True)

        first.refresh_from_db()
        assert (first.ended_at, second.ended_at) == (NOON, None)

    def test_writes_no_secret_into_the_trail(self) -> None:
        with pytest.raises(WrongCredentials):
            self.store(is_another_account=False, secret_key="hush")

        act = StaffAct.objects.get()
        assert act.outcome == "invalid_request"
        assert "hush" not in act.message
        assert not GatewayAccount.objects.exists()


class TestEndAccount:
    def test_leads_a_tenant_back_to_the_platforms(self) -> None:
        account = credentials.store(
            gateway_code="xendit",
            tenant_id=TenantFactory.create().pk,
            credentials=SECRETS,
            now=NOON,
        )

        acts.end_account(actor=actor(), account=account, reason="closed", now=NOON)

        account.refresh_from_db()
        assert account.ended_at == NOON
        assert StaffAct.objects.get().tenant_id == account.tenant_id

    def test_leaves_the_platforms_alone(self) -> None:
        account = credentials.store(
            gateway_code="xendit", tenant_id=None, credentials=SECRETS, now=NOON
        )

        with pytest.raises(NoSuchAccount):
            acts.end_account(actor=actor(), account=account, reason="closed", now=NOON)

        assert GatewayAccount.objects.get().ended_at is None


class TestTwoAdministrators:
    @pytest.fixture
    def two(self) -> tuple[Actor, Actor]:
        first, second = (member(roles.ADMINISTRATOR, username=name) for name in ("ani", "budi"))
        return Actor(user=first), Actor(user=second)

    def propose_fee(self, by: Actor, percentage: str) -> StaffProposal:
        waiting = acts.change_fee(
            actor=by,
            fee_id=ringgit().pk,
            percentage=Decimal(percentage),
            fixed_amount=50,
            reason="new contract",
            now=NOON,
        )
        assert isinstance(waiting, StaffProposal)
        return waiting

    def test_change_a_fee_together(self, two: tuple[Actor, Actor]) -> None:
        waiting = self.propose_fee(two[0], "2.75")
        before = ringgit().percentage

        proposals.approve(actor=two[1], proposal_id=waiting.pk, now=NOON)

        assert (before, ringgit().percentage) == (Decimal(3), Decimal("2.75"))
        newest = GatewayFeeChange.objects.latest("pk")
        assert (newest.changed_by, newest.reason) == ("ani, budi", "new contract")

    def test_change_no_fee_that_changed_meanwhile(self, two: tuple[Actor, Actor]) -> None:
        waiting = self.propose_fee(two[0], "2.75")
        GatewayFee.objects.filter(pk=ringgit().pk).update(percentage=1)

        with pytest.raises(Overtaken):
            proposals.approve(actor=two[1], proposal_id=waiting.pk, now=NOON)

        assert ringgit().percentage == 1

    def test_propose_no_fee_out_of_range(self, two: tuple[Actor, Actor]) -> None:
        with pytest.raises(FeeOutOfRange):
            self.propose_fee(two[0], "101")

        assert not StaffProposal.objects.exists()

    def test_store_credentials_that_waited_sealed(self, two: tuple[Actor, Actor]) -> None:
        waiting = acts.store_credentials(
            actor=two[0],
            gateway_code="xendit",
            tenant_id=None,
            secrets={"secret_key": "hush", "callback_token": "hushed"},
            is_another_account=False,
            now=NOON,
        )
        assert isinstance(waiting, StaffProposal)
        row = str(StaffProposal.objects.values().get())
        before = credentials.opened()

        proposals.approve(actor=two[1], proposal_id=waiting.pk, now=NOON)

        assert "hush" not in row
        assert before == []
        assert credentials.opened()[0].credentials == {
            "secret_key": "hush",
            "callback_token": "hushed",
        }
        assert StaffProposal.objects.get().sealed == ""
        assert not StaffAct.objects.filter(message__contains="hush").exists()

    def test_end_an_account_together(self, two: tuple[Actor, Actor]) -> None:
        account = credentials.store(
            gateway_code="xendit",
            tenant_id=TenantFactory.create().pk,
            credentials=SECRETS,
            now=NOON,
        )
        waiting = acts.end_account(actor=two[0], account=account, reason="asked", now=NOON)
        assert isinstance(waiting, StaffProposal)
        account.refresh_from_db()
        before = account.ended_at

        proposals.approve(actor=two[1], proposal_id=waiting.pk, now=NOON)

        account.refresh_from_db()
        assert (before, account.ended_at) == (None, NOON)
