"""What must hold of money that arrived: append-only rows, and every unit in its place."""

from django.db import migrations

APPEND_ONLY = """
CREATE TRIGGER transaction_append_only BEFORE UPDATE ON payments_transaction FOR EACH ROW
    WHEN ((OLD.tenant_id, OLD.invoice_id, OLD.payment_request_id, OLD.gateway_id,
           OLD.gateway_transaction_id, OLD.kind, OLD.reverses_id, OLD.currency_code, OLD.amount,
           OLD.overpayment_amount, OLD.paid_at, OLD.created_at)
          IS DISTINCT FROM
          (NEW.tenant_id, NEW.invoice_id, NEW.payment_request_id, NEW.gateway_id,
           NEW.gateway_transaction_id, NEW.kind, NEW.reverses_id, NEW.currency_code, NEW.amount,
           NEW.overpayment_amount, NEW.paid_at, NEW.created_at))
    EXECUTE FUNCTION paytrust_refuse('transaction_append_only');
CREATE TRIGGER transaction_not_deleted BEFORE DELETE ON payments_transaction
    FOR EACH ROW EXECUTE FUNCTION paytrust_refuse('transaction_append_only');
CREATE TRIGGER allocation_append_only BEFORE UPDATE OR DELETE ON payments_allocation
    FOR EACH ROW EXECUTE FUNCTION paytrust_refuse('allocation_append_only');
CREATE TRIGGER webhook_event_kept BEFORE UPDATE ON payments_webhookevent FOR EACH ROW
    WHEN ((OLD.gateway_id, OLD.event_id, OLD.body, OLD.received_at)
          IS DISTINCT FROM (NEW.gateway_id, NEW.event_id, NEW.body, NEW.received_at))
    EXECUTE FUNCTION paytrust_refuse('webhook_event_kept');
CREATE TRIGGER webhook_event_not_deleted BEFORE DELETE ON payments_webhookevent
    FOR EACH ROW EXECUTE FUNCTION paytrust_refuse('webhook_event_kept');
CREATE TRIGGER webhook_retry_append_only BEFORE UPDATE OR DELETE ON payments_webhookretry
    FOR EACH ROW EXECUTE FUNCTION paytrust_refuse('webhook_retry_append_only');
"""

BALANCES = """
CREATE FUNCTION paytrust_check_transaction(of_transaction bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM payments_transaction booked WHERE booked.id = of_transaction
           AND booked.amount - booked.overpayment_amount <> (
               SELECT coalesce(sum(amount), 0) FROM payments_allocation
                WHERE transaction_id = of_transaction)
    ) THEN
        RAISE EXCEPTION 'transaction_is_allocated: transaction % and its allocations differ',
            of_transaction USING ERRCODE = 'check_violation',
            CONSTRAINT = 'transaction_is_allocated', TABLE = 'payments_transaction';
    END IF;
END $$;

CREATE FUNCTION paytrust_check_invoice_balance(of_invoice bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    invoice invoices_invoice;
    booked record;
BEGIN
    SELECT * INTO invoice FROM invoices_invoice WHERE id = of_invoice;
    SELECT coalesce(sum(amount), 0) AS paid, coalesce(sum(overpayment_amount), 0) AS over
      INTO booked FROM payments_transaction WHERE invoice_id = of_invoice;
    IF (booked.paid, booked.over) IS DISTINCT FROM
       (invoice.paid_amount::numeric, invoice.overpayment_amount::numeric) THEN
        RAISE EXCEPTION 'invoice_balance: invoice % and its transactions differ', of_invoice
            USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_balance',
                  TABLE = 'invoices_invoice';
    END IF;
END $$;

CREATE FUNCTION paytrust_check_installment_balance(of_installment bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM invoices_installment part WHERE part.id = of_installment
           AND part.paid_amount <> (
               SELECT coalesce(sum(amount), 0) FROM payments_allocation
                WHERE installment_id = of_installment)
    ) THEN
        RAISE EXCEPTION 'installment_balance: instalment % and its allocations differ',
            of_installment USING ERRCODE = 'check_violation',
            CONSTRAINT = 'installment_balance', TABLE = 'invoices_installment';
    END IF;
END $$;

CREATE FUNCTION paytrust_money_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE TG_TABLE_NAME
    WHEN 'payments_transaction' THEN
        PERFORM paytrust_check_transaction(NEW.id);
        PERFORM paytrust_check_invoice_balance(NEW.invoice_id);
    WHEN 'payments_allocation' THEN
        PERFORM paytrust_check_transaction(NEW.transaction_id);
        PERFORM paytrust_check_installment_balance(NEW.installment_id);
    WHEN 'invoices_invoice' THEN
        PERFORM paytrust_check_invoice_balance(NEW.id);
    WHEN 'invoices_installment' THEN
        PERFORM paytrust_check_installment_balance(NEW.id);
    END CASE;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER transaction_is_allocated AFTER INSERT ON payments_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION paytrust_money_moved();
CREATE CONSTRAINT TRIGGER allocation_balance AFTER INSERT ON payments_allocation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION paytrust_money_moved();
CREATE CONSTRAINT TRIGGER invoice_balance AFTER UPDATE OF paid_amount, overpayment_amount
    ON invoices_invoice DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION paytrust_money_moved();
CREATE CONSTRAINT TRIGGER installment_balance AFTER UPDATE OF paid_amount
    ON invoices_installment DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION paytrust_money_moved();
"""

REVERSE = """
DROP TRIGGER installment_balance ON invoices_installment;
DROP TRIGGER invoice_balance ON invoices_invoice;
DROP TRIGGER allocation_balance ON payments_allocation;
DROP TRIGGER transaction_is_allocated ON payments_transaction;
DROP FUNCTION paytrust_money_moved;
DROP FUNCTION paytrust_check_installment_balance;
DROP FUNCTION paytrust_check_invoice_balance;
DROP FUNCTION paytrust_check_transaction;
DROP TRIGGER webhook_retry_append_only ON payments_webhookretry;
DROP TRIGGER webhook_event_not_deleted ON payments_webhookevent;
DROP TRIGGER webhook_event_kept ON payments_webhookevent;
DROP TRIGGER allocation_append_only ON payments_allocation;
DROP TRIGGER transaction_not_deleted ON payments_transaction;
DROP TRIGGER transaction_append_only ON payments_transaction;
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial"), ("invoices", "0002_rules")]
    operations = [migrations.RunSQL(APPEND_ONLY + BALANCES, REVERSE)]
