"""What must hold whoever writes: frozen amounts, legal states, sums that add up."""

from django.db import migrations

LEGAL_CHANGES = {
    "draft": ["pending", "partially_paid", "fully_paid", "failed", "expired", "cancelled"],
    "pending": ["partially_paid", "fully_paid", "failed", "expired", "cancelled"],
    "failed": ["pending", "partially_paid", "fully_paid", "expired", "cancelled"],
    "partially_paid": ["fully_paid", "pending", "failed", "expired", "cancelled"],
    "fully_paid": ["partially_paid", "pending", "failed", "expired", "cancelled"],
    "expired": ["partially_paid", "fully_paid"],
    "cancelled": ["partially_paid", "fully_paid"],
}
CHANGES = ", ".join(
    f"'{before}>{after}'" for before, afters in LEGAL_CHANGES.items() for after in afters
)
FROZEN = (
    "tenant_id",
    "gateway_id",
    "parent_id",
    "currency_code",
    "subtotal_amount",
    "total_tax_amount",
    "total_service_fee_amount",
    "total_amount",
    "fee_percentage",
    "fee_fixed_amount",
    "installment_count",
    "payment_initiated_at",
    "created_at",
)


def row(alias: str, columns: tuple[str, ...]) -> str:
    return f"({', '.join(f'{alias}.{column}' for column in columns)})"


REFUSE = """
CREATE FUNCTION paytrust_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: % of % is refused', TG_ARGV[0], TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_ARGV[0], TABLE = TG_TABLE_NAME;
END $$;
"""

INVOICE_IS_FROZEN = f"""
CREATE TRIGGER invoice_immutable BEFORE UPDATE ON invoices_invoice FOR EACH ROW
    WHEN (OLD.payment_initiated_at IS NOT NULL
          AND {row("OLD", FROZEN)} IS DISTINCT FROM {row("NEW", FROZEN)})
    EXECUTE FUNCTION paytrust_refuse('invoice_immutable');
CREATE TRIGGER invoice_not_deleted BEFORE DELETE ON invoices_invoice FOR EACH ROW
    WHEN (OLD.payment_initiated_at IS NOT NULL)
    EXECUTE FUNCTION paytrust_refuse('invoice_immutable');
CREATE TRIGGER invoice_state_change BEFORE UPDATE OF status ON invoices_invoice FOR EACH ROW
    WHEN (OLD.status <> NEW.status
          AND NOT (OLD.status || '>' || NEW.status) = ANY (ARRAY[{CHANGES}]))
    EXECUTE FUNCTION paytrust_refuse('invoice_state_change');
"""

LINES_ARE_FROZEN = """
CREATE FUNCTION paytrust_line_items_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM changed JOIN invoices_invoice invoice ON invoice.id = changed.invoice_id
               WHERE invoice.payment_initiated_at IS NOT NULL) THEN
        RAISE EXCEPTION 'invoice_immutable: % of line items after payment was initiated', TG_OP
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'invoice_immutable',
                  TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER line_items_not_added AFTER INSERT ON invoices_lineitem
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION paytrust_line_items_frozen();
CREATE TRIGGER line_items_not_changed AFTER UPDATE ON invoices_lineitem
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION paytrust_line_items_frozen();
CREATE TRIGGER line_items_not_moved AFTER UPDATE ON invoices_lineitem
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION paytrust_line_items_frozen();
CREATE TRIGGER line_items_not_deleted AFTER DELETE ON invoices_lineitem
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION paytrust_line_items_frozen();
"""

SUMS = """
CREATE FUNCTION paytrust_check_schedule(of_invoice bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    invoice invoices_invoice;
    parts record;
BEGIN
    SELECT * INTO invoice FROM invoices_invoice WHERE id = of_invoice;
    SELECT count(*) AS n, sum(net_amount) AS net, sum(tax_amount) AS tax,
           sum(service_fee_amount) AS fee, sum(total_amount) AS total
      INTO parts FROM invoices_installment WHERE invoice_id = of_invoice;
    IF (parts.n, parts.net, parts.tax, parts.fee, parts.total) IS DISTINCT FROM
       (invoice.installment_count::bigint, invoice.subtotal_amount::numeric,
        invoice.total_tax_amount::numeric, invoice.total_service_fee_amount::numeric,
        invoice.total_amount::numeric) THEN
        RAISE EXCEPTION 'installments_sum_to_invoice: invoice % and its instalments differ',
            of_invoice USING ERRCODE = 'check_violation',
            CONSTRAINT = 'installments_sum_to_invoice', TABLE = 'invoices_installment';
    END IF;
END $$;

CREATE FUNCTION paytrust_installment_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM paytrust_check_schedule(CASE TG_OP WHEN 'DELETE' THEN OLD.invoice_id
                                                             ELSE NEW.invoice_id END);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER installments_sum_to_invoice
    AFTER INSERT OR DELETE OR UPDATE OF net_amount, tax_amount, service_fee_amount, total_amount,
                                        invoice_id
    ON invoices_installment DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION paytrust_installment_changed();

CREATE FUNCTION paytrust_invoice_made() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lines record;
BEGIN
    PERFORM paytrust_check_schedule(NEW.id);
    SELECT sum(subtotal_amount) AS subtotal, sum(tax_amount) AS tax
      INTO lines FROM invoices_lineitem WHERE invoice_id = NEW.id;
    IF (lines.subtotal, lines.tax) IS DISTINCT FROM
       (NEW.subtotal_amount::numeric, NEW.total_tax_amount::numeric) THEN
        RAISE EXCEPTION 'line_items_sum_to_invoice: invoice % and its lines differ', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'line_items_sum_to_invoice',
                  TABLE = 'invoices_lineitem';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER line_items_sum_to_invoice AFTER INSERT
    ON invoices_invoice DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION paytrust_invoice_made();
"""

PAID_IS_FROZEN = """
CREATE TRIGGER installment_paid_immutable BEFORE UPDATE ON invoices_installment FOR EACH ROW
    WHEN (OLD.status = 'paid'
          AND (OLD.invoice_id, OLD.number, OLD.due_at, OLD.net_amount, OLD.tax_amount,
               OLD.service_fee_amount, OLD.total_amount)
              IS DISTINCT FROM
              (NEW.invoice_id, NEW.number, NEW.due_at, NEW.net_amount, NEW.tax_amount,
               NEW.service_fee_amount, NEW.total_amount))
    EXECUTE FUNCTION paytrust_refuse('installment_paid_immutable');
"""

REVERSE = """
DROP TRIGGER installment_paid_immutable ON invoices_installment;
DROP TRIGGER line_items_sum_to_invoice ON invoices_invoice;
DROP TRIGGER installments_sum_to_invoice ON invoices_installment;
DROP TRIGGER line_items_not_deleted ON invoices_lineitem;
DROP TRIGGER line_items_not_moved ON invoices_lineitem;
DROP TRIGGER line_items_not_changed ON invoices_lineitem;
DROP TRIGGER line_items_not_added ON invoices_lineitem;
DROP TRIGGER invoice_state_change ON invoices_invoice;
DROP TRIGGER invoice_not_deleted ON invoices_invoice;
DROP TRIGGER invoice_immutable ON invoices_invoice;
DROP FUNCTION paytrust_invoice_made;
DROP FUNCTION paytrust_installment_changed;
DROP FUNCTION paytrust_check_schedule;
DROP FUNCTION paytrust_line_items_frozen;
DROP FUNCTION paytrust_refuse;
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0001_initial")]
    operations = [
        migrations.RunSQL(
            REFUSE + INVOICE_IS_FROZEN + LINES_ARE_FROZEN + SUMS + PAID_IS_FROZEN, REVERSE
        )
    ]
