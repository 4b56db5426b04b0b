"""A closed day never changes: what is booked later belongs to the first open day."""

from django.db import migrations

RULES = """
DROP TRIGGER settlement_entry_on_open_day ON invoices_settlemententry;
CREATE TRIGGER ledger_entry_on_open_day BEFORE INSERT ON invoices_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION paytrust_book_on_open_day();
"""
REVERSE = """
DROP TRIGGER ledger_entry_on_open_day ON invoices_ledgerentry;
CREATE TRIGGER settlement_entry_on_open_day BEFORE INSERT ON invoices_settlemententry
    FOR EACH ROW EXECUTE FUNCTION paytrust_book_on_open_day();
"""


class Migration(migrations.Migration):
    dependencies = [("reporting", "0005_audit_runs"), ("invoices", "0011_ledger")]
    operations = [migrations.RunSQL(RULES, REVERSE)]
