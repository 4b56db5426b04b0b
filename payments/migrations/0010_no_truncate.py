"""What was received, booked and decided cannot be emptied."""

from django.db import migrations

REFUSE = """
CREATE TRIGGER transaction_not_truncated BEFORE TRUNCATE ON payments_transaction
    EXECUTE FUNCTION paytrust_refuse_truncate();
CREATE TRIGGER allocation_not_truncated BEFORE TRUNCATE ON payments_allocation
    EXECUTE FUNCTION paytrust_refuse_truncate();
CREATE TRIGGER webhook_event_not_truncated BEFORE TRUNCATE ON payments_webhookevent
    EXECUTE FUNCTION paytrust_refuse_truncate();
CREATE TRIGGER webhook_retry_not_truncated BEFORE TRUNCATE ON payments_webhookretry
    EXECUTE FUNCTION paytrust_refuse_truncate();
CREATE TRIGGER proposal_not_truncated BEFORE TRUNCATE ON payments_proposal
    EXECUTE FUNCTION paytrust_refuse_truncate();
CREATE TRIGGER discrepancy_entry_not_truncated BEFORE TRUNCATE ON payments_discrepancyentry
    EXECUTE FUNCTION paytrust_refuse_truncate();
"""
ALLOW = """
DROP TRIGGER discrepancy_entry_not_truncated ON payments_discrepancyentry;
DROP TRIGGER proposal_not_truncated ON payments_proposal;
DROP TRIGGER webhook_retry_not_truncated ON payments_webhookretry;
DROP TRIGGER webhook_event_not_truncated ON payments_webhookevent;
DROP TRIGGER allocation_not_truncated ON payments_allocation;
DROP TRIGGER transaction_not_truncated ON payments_transaction;
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0009_withdrawn_proposals"), ("apikeys", "0008_no_truncate")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
