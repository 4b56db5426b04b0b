"""Payers are taken out of bank entries; what moved and what is matched stays."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apikeys.staff_acts.recording import Actor
from payments.bank import erasing, services
from payments.customers import erasing as customers
from payments.models import BankEntry
from tests.invoices.factories import invoice
from tests.payments.bank.statements import camt, entry, statement
from tests.payments.bank.test_services import bring, net
from tests.staff import StaffFactory

pytestmark = pytest.mark.django_db

SITI = {"name": "Siti  Aminah & Co", "email": "siti@example.com", "phone": "+60123456789"}
KEPT = ("amount", "booked_on", "reference", "end_to_end_id", "status", "payout_id")


def texts() -> list[str]:
    return list(BankEntry.objects.order_by("pk").values_list("remittance_text", flat=True))


class TestErasePayers:
    def test_blanks_the_texts_that_name_the_customer(self) -> None:
        bring(
            camt(
                statement(
                    entry("1.00", text="from SITI AMINAH &amp; CO"),
                    entry("2.00", text="mail siti@EXAMPLE.com"),
                    entry("3.00", text="from Siti Zulaikha"),
                    entry("4.00", text="call +60123456789"),
                )
            )
        )
        before = list(BankEntry.objects.order_by("pk").values(*KEPT))

        count = erasing.erase_payers(texts=erasing.texts_of(SITI))

        assert count == 3
        assert texts() == ["", "", "from Siti Zulaikha", ""]
        assert list(BankEntry.objects.filter(remittance_text="").values_list("raw")) == [("",)] * 3
        services.match_again()
        assert list(BankEntry.objects.order_by("pk").values(*KEPT)) == before

    def test_leaves_a_payout_as_it_is(self) -> None:
        bring(camt(statement(net("PAYOUT W-1001 siti@example.com"))))

        assert erasing.erase_payers(texts=["siti@example.com"]) == 0
        assert texts() == ["PAYOUT W-1001 siti@example.com"]

    def test_finds_nobody_by_nothing(self) -> None:
        bring(camt(statement(entry(text="from Siti"))))

        assert erasing.texts_of({"name": "Siti", "email": None, "phone": "112"}) == set()
        assert erasing.erase_payers(texts=erasing.texts_of(None)) == 0

    @pytest.mark.parametrize("change", [{"raw": "x"}, {"remittance_text": "x"}, {"raw": ""}])
    def test_no_other_change_is_possible(self, change: dict[str, Any]) -> None:
        bring(camt(statement(entry(text="from Siti"))))

        with pytest.raises(IntegrityError, match="bank_entry_frozen"), transaction.atomic():
            BankEntry.objects.update(**change)


class TestErase:
    def test_reaches_the_bank_by_the_customer_of_an_invoice(self) -> None:
        made = invoice(customer=SITI)
        bring(camt(statement(entry(text="siti@example.com"), entry("2.00", text="other"))))

        done = customers.erase(
            actor=Actor(user=StaffFactory.create()),
            tenant=made.tenant,
            invoices=[made.pk],
            reason="request 12",
            now=timezone.now(),
        )

        assert (done.invoices, done.bank_entries) == (1, 1)
        assert texts() == ["", "other"]
