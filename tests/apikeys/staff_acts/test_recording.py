import pytest
from django.db import IntegrityError, transaction

from apikeys.keys.services import ApiKeyNotActive
from apikeys.models import StaffAct
from apikeys.staff_acts import recording
from paytrust.operations.database import violated_constraint
from tests.apikeys.factories import NOON, ApiKeyFactory
from tests.staff import actor

pytestmark = pytest.mark.django_db


class TestRecorded:
    def test_writes_down_who_did_what_why_and_when(self) -> None:
        who, key = actor("request-7"), ApiKeyFactory.create()

        with recording.recorded(
            actor=who,
            act="key_revoked",
            about=key,
            reason="lost laptop",
            tenant_id=key.tenant_id,
            now=NOON,
        ) as entry:
            assert StaffAct.objects.get().outcome is None  # known before the work is done

        entry.refresh_from_db()
        assert (entry.staff, entry.act, entry.outcome) == (who.user, "key_revoked", "done")
        assert (entry.object_type, entry.object_id) == ("apikeys.apikey", key.pk)
        assert (entry.reason, entry.request_id) == ("lost laptop", "request-7")
        assert (entry.tenant_id, entry.invoice_id) == (key.tenant_id, None)
        assert entry.created_at == NOON

    def test_writes_down_what_prevented_it(self) -> None:
        key = ApiKeyFactory.create()

        with (
            pytest.raises(ApiKeyNotActive),
            recording.recorded(actor=actor(), act="key_rotated", about=key, now=NOON),
        ):
            raise ApiKeyNotActive

        entry = StaffAct.objects.get()
        assert entry.outcome == "api_key_not_active"
        assert entry.message == str(ApiKeyNotActive())

    def test_tells_no_detail_of_a_bug(self) -> None:
        with (
            pytest.raises(ZeroDivisionError),
            recording.recorded(
                actor=actor(), act="key_rotated", about=ApiKeyFactory.create(), now=NOON
            ),
        ):
            raise ZeroDivisionError("secret")

        assert [(one.outcome, one.message) for one in StaffAct.objects.all()] == [
            ("internal_error", "")
        ]

    def test_takes_the_id_of_what_it_makes(self) -> None:
        with recording.recorded(
            actor=actor(), act="key_issued", about=type(ApiKeyFactory.create()), now=NOON
        ) as entry:
            entry.object_id = 12

        assert StaffAct.objects.get().object_id == 12


class TestRequiredReason:
    def test_leaves_the_spaces_around_it_out(self) -> None:
        assert recording.required_reason("  paid in cash \n") == "paid in cash"

    @pytest.mark.parametrize("reason", ["", "  \n", "x" * 501])
    def test_refuses_none_and_too_much(self, reason: str) -> None:
        with pytest.raises(recording.MissingReason):
            recording.required_reason(reason)


class TestActsOnInvoice:
    def test_returns_those_about_one_invoice_oldest_first(self) -> None:
        key = ApiKeyFactory.create()
        for invoice_id in (7, 8, 7):
            with recording.recorded(
                actor=actor(), act="change_proposed", about=key, invoice_id=invoice_id, now=NOON
            ):
                pass

        found = list(recording.acts_on_invoice(invoice_id=7))

        assert [act.invoice_id for act in found] == [7, 7]
        assert found[0].pk < found[1].pk


class TestTheTrail:
    @pytest.fixture
    def act(self) -> StaffAct:
        with recording.recorded(
            actor=actor(), act="key_revoked", about=ApiKeyFactory.create(), now=NOON
        ) as entry:
            pass
        return entry

    @pytest.mark.parametrize(
        "change",
        [{"outcome": "done"}, {"message": "nothing"}, {"reason": "else"}, {"object_id": 1}],
    )
    def test_is_never_changed(self, act: StaffAct, change: dict[str, object]) -> None:
        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            StaffAct.objects.filter(pk=act.pk).update(**change)

        assert violated_constraint(refused.value) == "staff_act_append_only"

    def test_is_never_shortened(self, act: StaffAct) -> None:
        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            act.delete()

        assert violated_constraint(refused.value) == "staff_act_append_only"
        assert StaffAct.objects.count() == 1

    def test_keeps_who_and_why_while_the_outcome_is_open(self) -> None:
        with (
            recording.recorded(
                actor=actor(), act="key_revoked", about=ApiKeyFactory.create(), now=NOON
            ) as entry,
            pytest.raises(IntegrityError) as refused,
            transaction.atomic(),
        ):
            StaffAct.objects.filter(pk=entry.pk).update(outcome="done", reason="another")

        assert violated_constraint(refused.value) == "staff_act_append_only"
