"""What the database itself refuses from every caller."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, connection, transaction

from paytrust.operations.database import violated_constraint


@contextmanager
def refused_by(constraint: str) -> Iterator[None]:
    """Expect that writes break `constraint`, at once or at the end of the transaction."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():  # noqa: PT012
        yield
        connection.check_constraints()
    assert violated_constraint(refusal.value) == constraint


@contextmanager
def accepted() -> Iterator[None]:
    """Expect that writes break nothing, and undo them."""
    with transaction.atomic():
        yield
        connection.check_constraints()
        transaction.set_rollback(True)


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
