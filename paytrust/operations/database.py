"""Database connections, and what the database says about a refused write."""

from django.db import IntegrityError, connection


def release_connection() -> None:
    """Give the database connection back to the pool before a slow wait.

    Raises:
        AssertionError: a transaction is open; a network call inside one is not allowed.
    """
    assert not connection.in_atomic_block, "a gateway was about to be called in a transaction"
    connection.close()
    if beneath := getattr(connection, "beneath", None):  # a merchant's request has two
        beneath.close()


def violated_constraint(error: IntegrityError) -> str | None:
    """Return the name of the constraint that a write broke."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None)
