"""How connections are used here, and what the database says of a refused write."""

from django.db import IntegrityError, connection


def release_connection() -> None:
    """Give the database connection back to the pool before waiting for something slow.

    Raises:
        AssertionError: a transaction is open; no network call may be made inside one.
    """
    assert not connection.in_atomic_block, "a gateway was about to be called in a transaction"
    connection.close()
    if beneath := getattr(connection, "beneath", None):  # the wall's, in a merchant's request
        beneath.close()


def violated_constraint(error: IntegrityError) -> str | None:
    """Return the name of the constraint that a write broke."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None)
