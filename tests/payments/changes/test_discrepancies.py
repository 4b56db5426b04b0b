import pytest
from django.db import IntegrityError, transaction

from apikeys.models import StaffAct
from apikeys.staff_acts.recording import MissingReason
from invoices.models import Invoice
from payments.changes import discrepancies
from payments.changes.discrepancies import NoDiscrepancy
from payments.models import DiscrepancyEntry
from paytrust.operations.database import violated_constraint
from tests.apikeys.factories import NOON
from tests.invoices.factories import invoice
from tests.staff import actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def late() -> Invoice:
    return invoice(review_flags=["late"])


def note(of: Invoice, text: str = "asked the bank") -> DiscrepancyEntry:
    return discrepancies.note(actor=actor(), invoice_id=of.pk, text=text, now=NOON)


def resolve(of: Invoice, reason: str = "refunded by hand") -> DiscrepancyEntry:
    return discrepancies.resolve(actor=actor(), invoice_id=of.pk, reason=reason, now=NOON)


class TestNote:
    def test_is_kept_and_leaves_the_discrepancy(self, late: Invoice) -> None:
        entry = note(late)

        assert list(discrepancies.entries(invoice_id=late.pk)) == [entry]
        assert (entry.kind, entry.text, entry.created_at) == ("note", "asked the bank", NOON)
        assert list(discrepancies.unresolved()) == [late]
        act = StaffAct.objects.get()
        assert (act.act, act.outcome, act.invoice_id) == ("discrepancy_noted", "done", late.pk)

    def test_refuses_an_empty_one(self, late: Invoice) -> None:
        with pytest.raises(MissingReason):
            note(late, " ")

        assert not DiscrepancyEntry.objects.exists()

    def test_refuses_an_invoice_on_which_nothing_differs(self) -> None:
        with pytest.raises(NoDiscrepancy):
            note(invoice())

        assert not DiscrepancyEntry.objects.exists()
        assert StaffAct.objects.get().outcome == "no_discrepancy"


class TestResolve:
    def test_takes_the_invoice_off_the_list(self, late: Invoice) -> None:
        other = invoice(review_flags=["overpaid"])

        resolve(late)

        assert list(discrepancies.unresolved()) == [other]
        assert StaffAct.objects.get().reason == "refunded by hand"

    def test_refuses_what_is_resolved(self, late: Invoice) -> None:
        resolve(late)

        with pytest.raises(NoDiscrepancy):
            resolve(late)

        assert DiscrepancyEntry.objects.count() == 1

    @pytest.mark.parametrize("flags", [["late", "reversed"], ["reversed"]])
    def test_holds_until_something_else_differs(self, late: Invoice, flags: list[str]) -> None:
        resolve(late)

        Invoice.objects.filter(pk=late.pk).update(review_flags=flags)

        assert list(discrepancies.unresolved()) == [late]
        assert resolve(late).review_flags == flags
        assert list(discrepancies.unresolved()) == []


class TestTheDatabase:
    def test_keeps_what_was_written(self, late: Invoice) -> None:
        entry = note(late)

        for change in (lambda: DiscrepancyEntry.objects.update(text="else"), entry.delete):
            with pytest.raises(IntegrityError) as refusal, transaction.atomic():
                change()
            assert violated_constraint(refusal.value) == "discrepancy_entry_append_only"
