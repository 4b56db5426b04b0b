"""The legal changes of a payment request's state, in the data and in the database."""

from itertools import product

import pytest
from django.db import transaction

from invoices.models import PaymentRequest
from invoices.payment_requests.states import ACTIVE, LEGAL_CHANGES, Status
from tests.invoices.factories import PaymentRequestFactory
from tests.rules import refused_by

CHANGES = sorted((before, after) for before, after in product(Status, Status) if before != after)


def test_every_state_has_its_changes() -> None:
    assert set(LEGAL_CHANGES) == set(Status)


def test_money_is_never_refused() -> None:
    for state in set(Status) - {Status.PAID}:
        assert Status.PAID in LEGAL_CHANGES[state]


def test_what_has_ended_stays_so_but_for_money() -> None:
    for state in set(Status) - set(ACTIVE):
        assert LEGAL_CHANGES[state] <= {Status.PAID}


@pytest.mark.django_db
@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_the_database_holds_the_same_table(before: Status, after: Status) -> None:
    row = PaymentRequestFactory.create(status=before)
    rows = PaymentRequest.objects.filter(pk=row.pk)

    if after in LEGAL_CHANGES[before]:
        with transaction.atomic():
            rows.update(status=after)
    else:
        with refused_by("payment_request_state_change"):
            rows.update(status=after)

    assert rows.get().status == (after if after in LEGAL_CHANGES[before] else before)
