import pytest
from django.contrib.auth.models import User

from apikeys.models import StaffAct, StaffTenant
from apikeys.staff_acts.recording import MissingReason
from invoices.follow_up import selectors, services
from invoices.follow_up.services import NotAssignable
from invoices.models import Assignment, Invoice
from paytrust.staff import roles
from tests.apikeys.factories import NOON, TenantFactory
from tests.invoices.factories import invoice
from tests.staff import actor, member

pytestmark = pytest.mark.django_db


def assign(of: Invoice, to: User | None) -> None:
    services.assign(actor=actor(), invoice_id=of.pk, to=to, now=NOON, reason="knows the customer")


class TestNote:
    def test_is_in_the_trail_of_any_invoice(self) -> None:
        of = invoice()

        services.note(actor=actor(), invoice_id=of.pk, text=" called twice ", now=NOON)

        act = StaffAct.objects.get()
        assert (act.act, act.reason, act.outcome) == ("invoice_noted", "called twice", "done")
        assert (act.invoice_id, act.tenant_id) == (of.pk, of.tenant_id)

    def test_refuses_an_empty_one(self) -> None:
        with pytest.raises(MissingReason):
            services.note(actor=actor(), invoice_id=invoice().pk, text=" ", now=NOON)

        assert not StaffAct.objects.exists()


class TestAssign:
    def test_keeps_one_person_and_the_trail_of_all(self) -> None:
        of, first, second = invoice(), member(roles.OPERATOR), member(roles.OPERATOR)

        for person in (first, second):
            assign(of, person)

        kept = Assignment.objects.get()
        assert (kept.assignee, kept.tenant_id) == (second, of.tenant_id)
        assert list(StaffAct.objects.order_by("pk").values_list("act", "message", "outcome")) == [
            ("invoice_assigned", first.username, "done"),
            ("invoice_assigned", second.username, "done"),
        ]

    def test_may_end(self) -> None:
        of = invoice()
        assign(of, member(roles.OPERATOR))

        assign(of, None)

        assert not Assignment.objects.exists()
        assert StaffAct.objects.latest("pk").act == "invoice_released"

    @pytest.mark.parametrize("role", [None, roles.VIEWER, roles.ADMINISTRATOR])
    def test_refuses_who_may_not_operate(self, role: str | None) -> None:
        of = invoice()

        with pytest.raises(NotAssignable):
            assign(of, member(role))

        assert not Assignment.objects.exists()
        assert StaffAct.objects.get().outcome == "not_assignable"

    def test_refuses_who_works_for_other_merchants(self) -> None:
        of, person, theirs = invoice(), member(roles.OPERATOR), member(roles.OPERATOR)
        StaffTenant.objects.create(user=person, tenant=TenantFactory.create())
        StaffTenant.objects.create(user=theirs, tenant=of.tenant)

        with pytest.raises(NotAssignable):
            assign(of, person)
        assign(of, theirs)

        assert selectors.assignee_of(of) == theirs

    def test_refuses_who_has_left(self) -> None:
        of = invoice()

        with pytest.raises(NotAssignable):
            assign(of, member(roles.OPERATOR, is_active=False))
