"""The database's roles: the owner migrates; the serving processes own nothing (ADR 0031).

Three groups have rights and no login. `paytrust_application` reads and writes every row, for jobs,
staff and operators. `paytrust_merchant` and `paytrust_staff` are bound by the policies of
`apikeys.tenants.policies`. The login of DATABASE_MERCHANT_URL is a member of `paytrust_merchant`
alone. That of DATABASE_URL is a member of the other two: it takes `paytrust_staff` for requests of
staff who are bound to tenants.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from psycopg.errors import InsufficientPrivilege

from apikeys.tenants.wall import ROLE as MERCHANT
from apikeys.tenants.wall import STAFF_ROLE as STAFF

log = structlog.get_logger(__name__)

APPLICATION: Final = "paytrust_application"
SEES_ALL: Final = "application_sees_all"
_MAY_MAKE_ROLES: Final = (
    "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
)
_GROUP: Final = f"""
DO $$ BEGIN
    CREATE ROLE {APPLICATION} NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another database of this server has it
END $$"""
_ROWS: Final = "SELECT, INSERT, UPDATE, DELETE"
# No TRUNCATE, no TRIGGER, no REFERENCES: none of them is work of the application.
_RIGHTS: Final = (
    'GRANT USAGE ON SCHEMA "{schema}" TO {group}',
    f'GRANT {_ROWS} ON ALL TABLES IN SCHEMA "{{schema}}" TO {{group}}',
    'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA "{schema}" TO {group}',
    f'ALTER DEFAULT PRIVILEGES IN SCHEMA "{{schema}}" GRANT {_ROWS} ON TABLES TO {{group}}',
    'ALTER DEFAULT PRIVILEGES IN SCHEMA "{schema}" GRANT USAGE, SELECT ON SEQUENCES TO {group}',
    'REVOKE INSERT, UPDATE, DELETE ON "{schema}".django_migrations FROM {group}',
)
# What the owner alone may do to the audit log, in two narrow functions.
_OWNERS_JOBS: Final = ("apikeys_make_audit_month(date)", "apikeys_drop_audit_month(date)")
# pgtrigger lets a session set `pgtrigger.ignore` and skip every trigger, but not ours.
_NEVER_IGNORE: Final = """
CREATE OR REPLACE FUNCTION "{schema}"._pgtrigger_should_ignore(trigger_name name)
RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false'"""


def install() -> bool:
    """Make the groups, rights and logins that are missing; return whether all is there.

    Safe to repeat. Where the owner may not make roles, somebody else must (docs/operations.md).
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        schema = cursor.fetchone()[0]
        cursor.execute(_NEVER_IGNORE.format(schema=schema))
        if not _has_role(cursor, APPLICATION):
            cursor.execute(_MAY_MAKE_ROLES)
            if not cursor.fetchone()[0]:
                log.warning("the application's role is not made: no right to", role=APPLICATION)
                return False
            cursor.execute(_GROUP)
        for right in _RIGHTS:
            cursor.execute(right.format(schema=schema, group=APPLICATION))
        for function in _OWNERS_JOBS:
            cursor.execute("SELECT to_regprocedure(%s) IS NULL", [function])
            if cursor.fetchone() == (True,):
                continue  # the app's migrations were undone
            cursor.execute(
                f'ALTER FUNCTION {function} SECURITY DEFINER SET search_path = "{schema}", pg_temp'
            )
            cursor.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
            cursor.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {APPLICATION}")
        for table in _walled_tables(cursor, schema):
            cursor.execute(
                f'CREATE POLICY {SEES_ALL} ON "{schema}"."{table}" TO {APPLICATION} USING (true)'
            )
        _make_logins(cursor)
    return True


def _make_logins(cursor: Any) -> None:  # noqa: ANN401  # Django's cursor
    application, merchant = settings.APPLICATION_LOGIN, settings.MERCHANT_LOGIN
    if application:
        make_login(cursor, application["USER"], application["PASSWORD"], group=APPLICATION)
        make_login(cursor, application["USER"], application["PASSWORD"], group=STAFF)
    # Without a login of their own, merchants' requests take the role within the application's.
    if taker := merchant or application:
        make_login(cursor, taker["USER"], taker["PASSWORD"], group=MERCHANT)


def make_login(cursor: Any, name: str, password: str, *, group: str) -> None:  # noqa: ANN401  # Django's cursor
    """Make a role that logs in with a group's rights and no others, if it is not there.

    The owner's own login is left as it is.
    """
    cursor.execute("SELECT current_user = %s", [name])
    if cursor.fetchone()[0]:
        return
    quoted = connection.ops.quote_name(name)
    if not _has_role(cursor, name):
        cursor.execute(
            f"CREATE ROLE {quoted} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %s",
            [password],
        )
    cursor.execute(f"GRANT {group} TO {quoted}")


def limit_all() -> None:
    """Give the logins that serve their time-outs. Safe to repeat."""
    serves = settings.APPLICATION_LOGIN or connection.settings_dict  # the owner, if it is alone
    wanted = [(serves, settings.APPLICATION_TIME_OUTS)]
    if settings.MERCHANT_LOGIN:
        wanted.append((settings.MERCHANT_LOGIN, settings.MERCHANT_TIME_OUTS))
    with connection.cursor() as cursor:
        for login, time_outs in wanted:
            if _has_role(cursor, login["USER"]):
                limit(cursor, login["USER"], time_outs)


def limit(cursor: Any, name: str, time_outs: Mapping[str, str]) -> bool:  # noqa: ANN401  # Django's cursor
    """Give a login its time-outs in this database, and this session too if it is that login.

    They are the role's, so that they hold through PgBouncer, which takes no start-up options.
    Returns False, and warns, where the owner may not change the role; see docs/operations.md.
    """
    quoted, database = (
        connection.ops.quote_name(one) for one in (name, connection.settings_dict["NAME"])
    )
    try:
        with transaction.atomic():
            for setting, value in time_outs.items():
                cursor.execute(
                    f"ALTER ROLE {quoted} IN DATABASE {database} SET {setting} = %s", [value]
                )
    except ProgrammingError as error:
        if not isinstance(error.__cause__, InsufficientPrivilege):
            raise
        log.warning("the login has no time-outs: no right to change it", role=name)
        return False
    cursor.execute("SELECT session_user = %s", [name])
    if cursor.fetchone()[0] and not settings.DATABASE_AS_OWNER:
        for setting, value in time_outs.items():
            cursor.execute("SELECT set_config(%s, %s, false)", [setting, value])
    return True


def _walled_tables(cursor: Any, schema: str) -> Iterator[str]:  # noqa: ANN401  # Django's cursor
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = %s::regnamespace"
        " AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid AND polname = %s)",
        [connection.ops.quote_name(schema), SEES_ALL],
    )
    yield from [name for (name,) in cursor.fetchall()]


def _has_role(cursor: Any, name: str) -> bool:  # noqa: ANN401  # Django's cursor
    cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [name])
    return cursor.fetchone() is not None
