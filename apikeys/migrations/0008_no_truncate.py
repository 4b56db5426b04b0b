"""What is only ever added to cannot be emptied either: TRUNCATE passes triggers of rows."""

from importlib import import_module

from django.db import migrations

MAKE_MONTH = import_module("apikeys.migrations.0002_audit_by_month").MAKE_MONTH

REFUSE = """
CREATE FUNCTION paytrust_refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: TRUNCATE of % is refused', TG_NAME, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER audit_seal_not_truncated BEFORE TRUNCATE ON apikeys_auditseal
    EXECUTE FUNCTION paytrust_refuse_truncate();
CREATE TRIGGER staff_act_not_truncated BEFORE TRUNCATE ON apikeys_staffact
    EXECUTE FUNCTION paytrust_refuse_truncate();
"""
ALLOW = """
DROP TRIGGER staff_act_not_truncated ON apikeys_staffact;
DROP TRIGGER audit_seal_not_truncated ON apikeys_auditseal;
DROP FUNCTION paytrust_refuse_truncate;
"""

# Partitions take over the triggers of rows by themselves, those of statements they do not.
EVERY_PART = """
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT relid FROM pg_partition_tree('apikeys_apikeyauditentry') LOOP
        EXECUTE format({statement}, part);
    END LOOP;
END $$;
"""
GUARD = (
    "CREATE TRIGGER api_key_audit_not_truncated BEFORE TRUNCATE ON {table}"
    " EXECUTE FUNCTION paytrust_refuse_truncate()"
)
GUARD_PARTS = EVERY_PART.format(statement=f"'{GUARD.format(table='%s')}'")
LEAVE_PARTS = EVERY_PART.format(statement="'DROP TRIGGER api_key_audit_not_truncated ON %s'")

ATTACHED = "    RETURN true;\n"
GUARDED = f"    EXECUTE format('{GUARD.format(table='%I')}', partition);\n{ATTACHED}"


def or_replaced(function: str) -> str:
    return function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0007_sign_in_resets")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(REFUSE, ALLOW),
        migrations.RunSQL(GUARD_PARTS, LEAVE_PARTS),
        migrations.RunSQL(
            or_replaced(MAKE_MONTH.replace(ATTACHED, GUARDED)), or_replaced(MAKE_MONTH)
        ),
    ]
