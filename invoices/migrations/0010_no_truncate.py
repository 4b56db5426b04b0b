"""What was asked for and what settled cannot be emptied."""

from django.db import migrations

REFUSE = """
CREATE TRIGGER invoice_not_truncated BEFORE TRUNCATE ON invoices_invoice
    EXECUTE FUNCTION paytrust_refuse_truncate();
CREATE TRIGGER line_item_not_truncated BEFORE TRUNCATE ON invoices_lineitem
    EXECUTE FUNCTION paytrust_refuse_truncate();
CREATE TRIGGER installment_not_truncated BEFORE TRUNCATE ON invoices_installment
    EXECUTE FUNCTION paytrust_refuse_truncate();
CREATE TRIGGER payment_request_not_truncated BEFORE TRUNCATE ON invoices_paymentrequest
    EXECUTE FUNCTION paytrust_refuse_truncate();
CREATE TRIGGER settlement_entry_not_truncated BEFORE TRUNCATE ON invoices_settlemententry
    EXECUTE FUNCTION paytrust_refuse_truncate();
CREATE TRIGGER settlement_tax_not_truncated BEFORE TRUNCATE ON invoices_settlementtax
    EXECUTE FUNCTION paytrust_refuse_truncate();
"""
ALLOW = """
DROP TRIGGER settlement_tax_not_truncated ON invoices_settlementtax;
DROP TRIGGER settlement_entry_not_truncated ON invoices_settlemententry;
DROP TRIGGER payment_request_not_truncated ON invoices_paymentrequest;
DROP TRIGGER installment_not_truncated ON invoices_installment;
DROP TRIGGER line_item_not_truncated ON invoices_lineitem;
DROP TRIGGER invoice_not_truncated ON invoices_invoice;
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0009_tenant_of_parts"), ("apikeys", "0008_no_truncate")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
