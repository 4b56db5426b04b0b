"""Two administrators change what an account's gateway may take."""

import re

import pytest
from django.contrib.auth.models import User

from apikeys.models import StaffProposal
from apikeys.staff_acts.recording import Actor
from apikeys.two_people import proposals
from apikeys.two_people.kinds import Done
from apikeys.two_people.proposals import AlreadyWaits, Overtaken
from gateways.models import Gateway
from payments.models import SettlementTerms
from payments.settlement import comparing, terms
from payments.settlement.matching import FeeTerm
from payments.settlement.terms import SettlementTermMissing
from paytrust.staff import roles
from tests.payments.changes.test_back_office import client_of
from tests.payments.settlement.test_services import NOW, csv, paid, states, take
from tests.payments.webhooks.test_back_office import said
from tests.staff import member

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/settlementterms/"
SHOWN = r"MYR all other methods: 1[.,]5 % \+ RM\s0[.,]50, VAT 0 %, T\+2"
QRIS = FeeTerm(
    currency="IDR",
    channel="QRIS",
    fixed_amount=0,
    basis_points=70,
    vat_basis_points=1_100,
    settlement_days=2,
)
FORM = {
    "account": "1:",
    "currency": "MYR",
    "channel": "",
    "percentage": "1.5",
    "fixed": "0.50",
    "vat": "0",
    "days": "2",
    "reason": "the new contract",
}


@pytest.fixture
def ani() -> User:
    return member(roles.ADMINISTRATOR, username="ani")


@pytest.fixture
def budi() -> User:
    return member(roles.ADMINISTRATOR, username="budi")


def change(by: User, term: FeeTerm = QRIS, *, is_removed: bool = False) -> StaffProposal | Done:
    return terms.change_term(
        actor=Actor(user=by, request_id="request-1"),
        gateway=Gateway.objects.get(code="xendit"),
        account=None,
        term=term,
        is_removed=is_removed,
        reason="the new contract",
        now=NOW,
    )


def approved(by: User, proposal: StaffProposal | Done) -> None:
    assert isinstance(proposal, StaffProposal)
    actor = Actor(user=by, request_id="request-2")
    proposals.approve(actor=actor, proposal_id=proposal.pk, now=NOW)


def known() -> list[FeeTerm]:
    return comparing.terms_of(1, None)


class TestChangeTerm:
    def test_takes_two_people(self, ani: User, budi: User) -> None:
        waiting = change(ani)
        assert known() == []

        approved(budi, waiting)

        assert known() == [QRIS]

    def test_replaces_the_term_of_the_same_channel_alone(self, ani: User, budi: User) -> None:
        general = FeeTerm(
            currency="IDR", channel=None, fixed_amount=5, basis_points=1, vat_basis_points=0
        )
        cheaper = FeeTerm(
            currency="IDR", channel="QRIS", fixed_amount=0, basis_points=60, vat_basis_points=0
        )
        for term in (QRIS, general, cheaper):
            approved(budi, change(ani, term))

        assert known() == [general, cheaper]

        approved(budi, change(ani, QRIS, is_removed=True))
        assert known() == [general]

    def test_keeps_what_files_call_their_columns(self, ani: User, budi: User) -> None:
        SettlementTerms.objects.create(gateway_id=1, columns={"gross": ["Jumlah"]}, updated_at=NOW)

        approved(budi, change(ani))

        assert SettlementTerms.objects.get().columns == {"gross": ["Jumlah"]}

    def test_is_refused_if_it_changed_meanwhile(self, ani: User, budi: User) -> None:
        waiting = change(ani)
        with pytest.raises(AlreadyWaits):
            change(budi)
        SettlementTerms.objects.create(
            gateway_id=1, fees=[{"currency": "IDR", "channel": "QRIS"}], updated_at=NOW
        )

        with pytest.raises(Overtaken):
            approved(budi, waiting)

        assert SettlementTerms.objects.get().fees == [{"currency": "IDR", "channel": "QRIS"}]

    def test_removes_no_term_that_is_not_there(self, ani: User, budi: User) -> None:
        with pytest.raises(SettlementTermMissing):
            change(ani, is_removed=True)

        assert not SettlementTerms.objects.exists()


class TestThePages:
    def test_propose_approve_and_show_who_did(self, ani: User, budi: User) -> None:
        client = client_of(ani)
        assert said(client, f"{LIST}set/", **FORM) == [
            "Proposed. Another administrator must approve it."
        ]
        proposal = StaffProposal.objects.get()
        page = client_of(budi).get(f"/admin/apikeys/staffproposal/{proposal.pk}/change/").text
        assert re.search(f"no term becomes {SHOWN}", page)

        approved(budi, proposal)

        row = SettlementTerms.objects.get()
        shown = client.get(f"{LIST}{row.pk}/change/").text
        assert re.search(SHOWN, shown)
        assert "budi: - -&gt; MYR" in shown
        assert "proposed by ani (the new contract)" in shown
        assert "T+2" in client.get(LIST).text

    def test_judge_the_lines_that_come_then(self, ani: User, budi: User) -> None:
        term = FeeTerm(
            currency="MYR", channel=None, fixed_amount=50, basis_points=0, vat_basis_points=0
        )
        approved(budi, change(ani, term))

        take(csv(paid(), fee="1.00"))

        assert states() == ["fee_differs"]

    @pytest.mark.parametrize(
        "changed",
        [
            {"account": "9:"},
            {"currency": "EUR"},
            {"percentage": "101"},
            {"percentage": "0.123"},
            {"fixed": "-1"},
            {"vat": ""},
            {"days": "-1"},
            {"reason": ""},
        ],
    )
    def test_refuse_what_is_no_term(self, ani: User, changed: dict[str, str]) -> None:
        answer = client_of(ani).post(f"{LIST}set/", FORM | changed)

        assert answer.status_code in {200, 400}
        assert not StaffProposal.objects.exists()
        assert not SettlementTerms.objects.exists()

    @pytest.mark.parametrize("role", [roles.VIEWER, roles.OPERATOR])
    def test_let_administrators_alone_change_terms(self, role: str) -> None:
        client = client_of(member(role))

        assert client.get(LIST).status_code == 200
        assert client.post(f"{LIST}set/", FORM).status_code == 403
