"""A closed day never changes: what is booked later belongs to the first open day."""

from django.db import migrations

RULES = """
CREATE FUNCTION paytrust_book_on_open_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT greatest(NEW.booked_at, (max(day_date) + 1)::timestamp AT TIME ZONE 'UTC')
      INTO NEW.booked_at FROM reporting_closedday;
    RETURN NEW;
END $$;
CREATE TRIGGER settlement_entry_on_open_day BEFORE INSERT ON invoices_settlemententry
    FOR EACH ROW EXECUTE FUNCTION paytrust_book_on_open_day();
CREATE TRIGGER settlement_entry_append_only BEFORE UPDATE OR DELETE ON invoices_settlemententry
    FOR EACH ROW EXECUTE FUNCTION paytrust_refuse('settlement_entry_append_only');
CREATE TRIGGER settlement_tax_append_only BEFORE UPDATE OR DELETE ON invoices_settlementtax
    FOR EACH ROW EXECUTE FUNCTION paytrust_refuse('settlement_entry_append_only');
"""
REVERSE = """
DROP TRIGGER settlement_tax_append_only ON invoices_settlementtax;
DROP TRIGGER settlement_entry_append_only ON invoices_settlemententry;
DROP TRIGGER settlement_entry_on_open_day ON invoices_settlemententry;
DROP FUNCTION paytrust_book_on_open_day;
"""


class Migration(migrations.Migration):
    dependencies = [("reporting", "0001_initial"), ("invoices", "0003_settlements")]
    operations = [migrations.RunSQL(RULES, REVERSE)]
