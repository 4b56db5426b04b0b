"""The function by which several statements in one trip refuse together (paytrust.operations.trips)."""

from django.db import migrations

REQUIRE = """
CREATE OR REPLACE FUNCTION paytrust_require(is_so boolean, rule text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF is_so IS NOT TRUE THEN
        RAISE EXCEPTION '%: it is not so', rule
            USING ERRCODE = 'check_violation', CONSTRAINT = rule;
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0005_keys_of_merchants")]

    operations = [
        migrations.RunSQL(REQUIRE, "DROP FUNCTION paytrust_require(boolean, text)"),
    ]
