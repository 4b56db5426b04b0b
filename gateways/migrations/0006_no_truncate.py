"""The history of fees cannot be emptied."""

from django.db import migrations

REFUSE = """
CREATE TRIGGER fee_history_not_truncated BEFORE TRUNCATE ON gateways_gatewayfeechange
    EXECUTE FUNCTION paytrust_refuse_truncate();
"""
ALLOW = """
DROP TRIGGER fee_history_not_truncated ON gateways_gatewayfeechange;
"""


class Migration(migrations.Migration):
    dependencies = [("gateways", "0005_fee_history"), ("apikeys", "0008_no_truncate")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
