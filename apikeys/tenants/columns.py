"""The tenant of a row that belongs to another one, filled in by the database itself.

A policy that compares a column costs nothing. One that looks the owner up takes 7 microseconds a
row, which was most of the time of a report. No code writes the column, so none can write it wrong.
"""

from typing import TYPE_CHECKING

from django.db import migrations, models
from django.db.migrations.operations.base import Operation

if TYPE_CHECKING:
    from apikeys.models import Tenant

_ADDED = """
ALTER TABLE {table} ADD tenant_id bigint;
ALTER TABLE {table} DISABLE TRIGGER USER;
UPDATE {table} SET tenant_id = owner.tenant_id FROM {owner} owner WHERE owner.id = {table}.{column};
ALTER TABLE {table} ENABLE TRIGGER USER;
ALTER TABLE {table} ALTER tenant_id SET NOT NULL;
CREATE FUNCTION {table}_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT tenant_id INTO NEW.tenant_id FROM {owner} WHERE id = NEW.{column};
    RETURN NEW;
END $$;
CREATE TRIGGER {table}_tenant BEFORE INSERT OR UPDATE OF tenant_id, {column} ON {table}
    FOR EACH ROW EXECUTE FUNCTION {table}_tenant();
DROP POLICY IF EXISTS merchant_sees_own ON {table};  -- made anew after each migrate
"""
_REMOVED = """
DROP POLICY IF EXISTS merchant_sees_own ON {table};
DROP TRIGGER {table}_tenant ON {table};
DROP FUNCTION {table}_tenant();
ALTER TABLE {table} DROP tenant_id;
"""


def column() -> "models.ForeignKey[Tenant | None, Tenant | None]":
    """Return the column as a model declares it; an instance has its value once it was read."""
    return models.ForeignKey(
        "apikeys.Tenant",
        models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,  # the owner's is checked
        editable=False,
        null=True,  # where Django writes it; the database puts the owner's there, and allows none
    )


def added(app: str, model: str, *, owner: str, by: str) -> Operation:
    """Return the operation that gives a model the tenant of the row of `owner` it names in `by`."""
    names = {"table": f"{app}_{model}", "owner": owner, "column": by}
    return migrations.RunSQL(
        _ADDED.format(**names),
        _REMOVED.format(**names),
        state_operations=[migrations.AddField(model, "tenant", column())],
    )
