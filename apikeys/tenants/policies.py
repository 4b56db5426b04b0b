"""Which rows of each table a merchant's request may see; the database enforces it.

The tables are those of each app whose config says `keeps_tenants_apart`. A table with a tenant
column is limited by that column; another table is limited by the row that its rows belong to. A
model can set `merchants_see` instead: ALL (rows without a tenant, which all may read) or NOTHING.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import structlog
from django.apps import apps
from django.db import connection, models

from apikeys.models import Tenant
from apikeys.tenants.tenancy import ALL, OWN
from apikeys.tenants.wall import ROLE, TENANT

log = structlog.get_logger(__name__)

POLICY: Final = "merchant_sees_own"
CURRENT: Final = f"nullif(current_setting('{TENANT}', true), '')::bigint"

_MAY_MAKE_ROLES: Final = (
    "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
)
_MAKE_ROLE: Final = f"""
DO $$ BEGIN
    CREATE ROLE {ROLE} NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another database of this server has it
END $$;
DO $$ BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT {ROLE} TO current_user;
    END IF;
END $$;
"""  # noqa: S608  # nosec B608  # our own constant


@dataclass(frozen=True, slots=True)
class Table:
    """A table, and which of its rows are the current tenant's; None: all may be read."""

    name: str
    condition: str | None
    owner: "Table | None" = None  # whose rows its own belong to, where they name no tenant


def tables() -> Iterator[Table]:
    """Return the tables that merchants' requests may use, and the condition that binds them."""
    for model in apps.get_models():
        about = model._meta  # noqa: SLF001  # public
        if about.proxy or not about.managed or not _keeps_tenants_apart(about.app_label):
            continue
        seen = getattr(model, "merchants_see", OWN)
        if seen == ALL:
            yield Table(about.db_table, None)
        elif seen == OWN and (table := _bound(model)):
            yield table


def _keeps_tenants_apart(app_label: str) -> bool:
    return getattr(apps.get_app_config(app_label), "keeps_tenants_apart", False)


def install() -> bool:
    """Make the role, its rights and the policies that are missing; return whether all is there.

    Safe to repeat. If the database's user may not make roles and this role does not exist, nothing
    is done: row-level security is then off.
    """
    with connection.cursor() as cursor:
        if not _role_is_there():
            cursor.execute(_MAY_MAKE_ROLES)
            if not cursor.fetchone()[0]:
                log.warning("row-level security not set up: no right to make a role", role=ROLE)
                return False
            cursor.execute(_MAKE_ROLE)
        there = set(connection.introspection.table_names(cursor))
        cursor.execute("SELECT current_schema()")
        schema = cursor.fetchone()[0]
        cursor.execute("SELECT tablename FROM pg_policies WHERE policyname = %s", [POLICY])
        bound = {name for (name,) in cursor.fetchall()}
        for table in tables():
            if table.name not in there:
                continue
            if table.owner:
                cursor.execute(_function(table.owner, schema))
            if table.name not in bound:
                cursor.execute("; ".join(_rules(table)))
    return True


def _role_is_there() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE])
        return cursor.fetchone() is not None


def _rules(table: Table) -> list[str]:
    if table.condition is None:
        return [f'GRANT SELECT ON "{table.name}" TO {ROLE}']
    return [
        f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{table.name}" TO {ROLE}',
        f'ALTER TABLE "{table.name}" ENABLE ROW LEVEL SECURITY',
        f'CREATE POLICY {POLICY} ON "{table.name}" TO {ROLE} USING ({table.condition})',
    ]


def _function(owner: Table, schema: str) -> str:
    """Return the SQL that makes the function that decides whether a row may be seen.

    A policy with a subquery would be planned with each statement; this is planned once per
    connection, for the table's owner, whom no policy binds. The schema is named, or a temporary
    table of the same name would come first. PERFORM takes half the time of RETURN EXISTS (...).
    """
    body = f'FROM "{schema}"."{owner.name}" WHERE id = wanted AND {owner.condition}'  # nosec B608  # our own names
    return (
        f"CREATE OR REPLACE FUNCTION {POLICY}_{owner.name}(wanted bigint) RETURNS boolean"
        " LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER"
        f" AS $$ BEGIN PERFORM {body}; RETURN FOUND; END $$"
    )


def _bound(model: type[models.Model]) -> Table | None:
    about = model._meta  # noqa: SLF001  # public
    name = about.db_table
    if model is Tenant:
        return Table(name, f'"{name}".id = {CURRENT}')
    for field in about.concrete_fields:
        if field.is_relation and field.related_model is Tenant:
            return Table(name, f'"{name}".{field.column} = {CURRENT}')
    for field in about.concrete_fields:
        of = field.related_model if field.is_relation and not field.null else None
        if isinstance(of, type) and (owner := _bound(of)):
            return Table(name, f'{POLICY}_{owner.name}("{name}".{field.column})', owner)
    return None
