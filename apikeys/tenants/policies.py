"""Which rows of each table a bound request may see; the database enforces it.

Two kinds of requests are bound: those of a merchant, to its tenant; and those of a member of staff
who works for some tenants only, to these. The tables are those of each app whose config says
`keeps_tenants_apart`. A table with a tenant column is limited by that column; another table is
limited by the row that its rows belong to. A model can set `merchants_see` instead: ALL (rows
without a tenant, which all may read) or NOTHING. `staff_see` says the same of bound staff where it
differs, and `staff_also_see` is a condition for rows of no tenant that they see as well.
`merchants_add` is a condition for rows of their own that merchants may add and not see.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import structlog
from django.apps import apps
from django.db import connection, models

from apikeys.models import Tenant
from apikeys.tenants.tenancy import ALL, OWN
from apikeys.tenants.wall import ROLE, STAFF_ROLE, TENANT, TENANTS

log = structlog.get_logger(__name__)

POLICY: Final = "merchant_sees_own"
CURRENT: Final = f"nullif(current_setting('{TENANT}', true), '')::bigint"
ADDING: Final = "merchant_adds_own"
STAFF_POLICY: Final = "staff_see_own"
THEIRS: Final = f"ANY (string_to_array(current_setting('{TENANTS}', true), ',')::bigint[])"

_ROWS: Final = "SELECT, INSERT, UPDATE, DELETE"
_MAY_MAKE_ROLES: Final = (
    "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
)
_MAKE_ROLE: Final = """
DO $$ BEGIN
    CREATE ROLE {role} NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another database of this server has it
END $$;
DO $$ BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT {role} TO current_user;
    END IF;
END $$;
"""


@dataclass(frozen=True, slots=True)
class Bound:
    """A kind of requests, and how a tenant's id is compared with theirs."""

    role: str
    policy: str
    ids: str


def merchants() -> Bound:
    """Return what binds merchants' requests."""
    return Bound(ROLE, POLICY, CURRENT)


def staff() -> Bound:
    """Return what binds requests of staff who work for some tenants only."""
    return Bound(STAFF_ROLE, STAFF_POLICY, THEIRS)


@dataclass(frozen=True, slots=True)
class Table:
    """A table, and which of its rows are the current tenant's; None: all may be read."""

    name: str
    condition: str | None
    owner: "Table | None" = None  # whose rows its own belong to, where they name no tenant


def tables(by: Bound | None = None) -> Iterator[Table]:
    """Return the tables that bound requests may use, and the condition that binds them."""
    by = by or merchants()
    for model in apps.get_models():
        about = model._meta  # noqa: SLF001  # public
        if about.proxy or not about.managed or not _keeps_tenants_apart(about.app_label):
            continue
        seen = seen_of(model, by)
        if seen == ALL:
            yield Table(about.db_table, None)
        elif seen == OWN and (table := _bound(model, by)):
            yield table


def seen_of(model: type[models.Model], by: Bound) -> str:
    """Return which rows of a model bound requests may see: OWN, ALL or NOTHING."""
    seen: str = getattr(model, "merchants_see", OWN)
    return str(getattr(model, "staff_see", seen)) if by.role == STAFF_ROLE else seen


def seen_by_staff(model: type[models.Model]) -> bool:
    """Return whether bound staff may open pages of a model: its rows are theirs, or no tenant's."""
    about = model._meta  # noqa: SLF001  # public
    concrete = about.concrete_model
    if concrete is None or not _keeps_tenants_apart(concrete._meta.app_label):  # noqa: SLF001
        return False
    if seen_of(concrete, staff()) == ALL:  # they are somebody's: an account with a gateway
        return all(field.related_model is not Tenant for field in about.concrete_fields)
    named = {table.name for table in tables(staff())}
    return concrete._meta.db_table in named  # noqa: SLF001


def _keeps_tenants_apart(app_label: str) -> bool:
    return getattr(apps.get_app_config(app_label), "keeps_tenants_apart", False)


def install() -> bool:
    """Make the roles, their rights and the policies that are missing; return whether all is there.

    Safe to repeat. If the database's user may not make roles and a role does not exist, nothing
    is done for it: row-level security is then off.
    """
    return _install(merchants()) and _install(staff())


def _install(by: Bound) -> bool:
    with connection.cursor() as cursor:
        if not _role_is_there(by.role):
            cursor.execute(_MAY_MAKE_ROLES)
            if not cursor.fetchone()[0]:
                log.warning("row-level security not set up: no right to make a role", role=by.role)
                return False
            cursor.execute(_MAKE_ROLE.format(role=by.role))
        there = set(connection.introspection.table_names(cursor))
        cursor.execute("SELECT current_schema()")
        schema = cursor.fetchone()[0]
        cursor.execute("SELECT tablename FROM pg_policies WHERE policyname = %s", [by.policy])
        bound = {name for (name,) in cursor.fetchall()}
        for table in tables(by):
            if table.name not in there:
                continue
            if table.owner:
                cursor.execute(_function(table.owner, schema, by))
            if table.name not in bound:
                cursor.execute("; ".join(_rules(table, by)))
        if by.role == ROLE:
            _let_add(cursor, there)
        else:
            for name in there.intersection(_of_people()):
                cursor.execute(f'GRANT {_ROWS} ON "{name}" TO {by.role}')
    return True


def _let_add(cursor: Any, there: set[str]) -> None:  # noqa: ANN401  # Django's cursor
    """Let merchants' requests add rows that they may not see, for their own tenant."""
    cursor.execute("SELECT tablename FROM pg_policies WHERE policyname = %s", [ADDING])
    done = {name for (name,) in cursor.fetchall()}
    for model in apps.get_models():
        condition, name = getattr(model, "merchants_add", ""), model._meta.db_table  # noqa: SLF001  # public
        if condition and name in there - done:
            cursor.execute(f'GRANT INSERT ON "{name}" TO {ROLE}')
            cursor.execute(f'ALTER TABLE "{name}" ENABLE ROW LEVEL SECURITY')
            cursor.execute(
                f'CREATE POLICY {ADDING} ON "{name}" FOR INSERT TO {ROLE}'
                f" WITH CHECK (tenant_id = {CURRENT} AND {condition})"
            )


def _of_people() -> Iterator[str]:
    """Yield the tables of libraries: accounts, sessions and messages, which are no tenant's."""
    for model in apps.get_models():
        about = model._meta  # noqa: SLF001  # public
        if about.managed and not about.proxy and not _keeps_tenants_apart(about.app_label):
            yield about.db_table
            yield from (field.m2m_db_table() for field in about.local_many_to_many)


def _role_is_there(role: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
        return cursor.fetchone() is not None


def _rules(table: Table, by: Bound) -> list[str]:
    if table.condition is None:
        return [f'GRANT SELECT ON "{table.name}" TO {by.role}']
    return [
        f'GRANT {_ROWS} ON "{table.name}" TO {by.role}',
        f'ALTER TABLE "{table.name}" ENABLE ROW LEVEL SECURITY',
        f'CREATE POLICY {by.policy} ON "{table.name}" TO {by.role} USING ({table.condition})',
    ]


def _function(owner: Table, schema: str, by: Bound) -> str:
    """Return the SQL that makes the function that decides whether a row may be seen.

    A policy with a subquery would be planned with each statement; this is planned once per
    connection, for the table's owner, whom no policy binds. The schema is named, or a temporary
    table of the same name would come first. PERFORM takes half the time of RETURN EXISTS (...).
    """
    body = f'FROM "{schema}"."{owner.name}" WHERE id = wanted AND ({owner.condition})'  # nosec B608  # our own names
    return (
        f"CREATE OR REPLACE FUNCTION {by.policy}_{owner.name}(wanted bigint) RETURNS boolean"
        " LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER"
        f" AS $$ BEGIN PERFORM {body}; RETURN FOUND; END $$"
    )


def _bound(model: type[models.Model], by: Bound) -> Table | None:
    about = model._meta  # noqa: SLF001  # public
    name = about.db_table
    if model is Tenant:
        return Table(name, f'"{name}".id = {by.ids}')
    for field in about.concrete_fields:
        if field.is_relation and field.related_model is Tenant:
            return Table(name, f'"{name}".{field.column} = {by.ids}{_also(model, by)}')
    for field in about.concrete_fields:
        of = field.related_model if field.is_relation and not field.null else None
        if isinstance(of, type) and (owner := _bound(of, by)):
            return Table(name, f'{by.policy}_{owner.name}("{name}".{field.column})', owner)
    return None


def _also(model: type[models.Model], by: Bound) -> str:
    also = getattr(model, "staff_also_see", "") if by.role == STAFF_ROLE else ""
    return f" OR ({also.format(ids=by.ids)})" if also else ""
