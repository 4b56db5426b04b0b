"""Tables to which rows are only added."""

import pytest
from django.db import IntegrityError, connection, transaction

from paytrust.operations.database import violated_constraint

pytestmark = pytest.mark.django_db

# bit 3 of tgtype: fires on DELETE
REFUSE_DELETE = """
    SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger
    JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE NOT tgisinternal AND tgtype & 8 > 0 AND prosrc LIKE '%is refused%'
"""


def kept_tables() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(REFUSE_DELETE)
        return {table for (table,) in cursor.fetchall()}


def truncate(tables: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables}")


def test_what_refuses_to_be_deleted_refuses_to_be_emptied() -> None:
    kept = kept_tables()

    assert {"invoices_transaction", "apikeys_apikeyauditentry", "apikeys_audit_rest"} <= kept
    for table in kept:
        with pytest.raises(IntegrityError, match="TRUNCATE") as refused:
            truncate(f"{table} CASCADE")
        assert str(violated_constraint(refused.value)).endswith("_not_truncated")


def test_no_tenant_takes_the_books_along() -> None:
    with pytest.raises(IntegrityError, match="TRUNCATE"):
        truncate("apikeys_tenant CASCADE")
