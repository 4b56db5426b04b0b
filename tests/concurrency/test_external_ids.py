"""A merchant asks for an order number while its invoice is being changed."""

import pytest

from invoices.invoices import external_ids
from invoices.models import Invoice, InvoiceQuerySet
from invoices.payment_requests.leases import PaymentInProgress
from tests.concurrency.threads import locked_elsewhere
from tests.invoices.factories import invoice

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def ended() -> Invoice:
    return invoice(status="expired", ended_as="expired", external_id="order-77")


def test_it_is_not_freed_while_money_may_be_coming(ended: Invoice) -> None:
    with locked_elsewhere(Invoice.objects.all()), pytest.raises(PaymentInProgress):
        external_ids.free(invoice=ended)

    assert not Invoice.objects.get().external_id_freed
    assert external_ids.free(invoice=ended)
    assert Invoice.objects.get().external_id_freed


def test_control_without_the_lock_it_is_freed_under_the_booking(
    ended: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InvoiceQuerySet, "locked", lambda rows, **_: rows.order_by("pk"))
    written: list[int] = []
    monkeypatch.setattr(Invoice, "save", lambda row, **_: written.append(row.pk))

    with locked_elsewhere(Invoice.objects.all()):
        assert external_ids.free(invoice=ended)

    assert written == [ended.pk]  # it went as far as writing while another was at the row


def test_a_living_one_is_not_locked(ended: Invoice) -> None:
    living = invoice(status="pending")

    with locked_elsewhere(Invoice.objects.all()):
        assert not external_ids.free(invoice=living)
