"""What the database itself enforces on an invoice: frozen amounts, legal states, sums of lines."""

import pgtrigger

from invoices.invoices.statuses import LEGAL_CHANGES
from paytrust.operations import triggers

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
"""What cannot change once a payment was started (FR-046)."""

INVOICE_IS_FROZEN = [
    triggers.refused(
        "invoice_immutable",
        pgtrigger.Update,
        condition=f"OLD.payment_initiated_at IS NOT NULL AND {triggers.changed(FROZEN)}",
    ),
    triggers.refused(
        "invoice_not_deleted",
        pgtrigger.Delete,
        rule="invoice_immutable",
        condition="OLD.payment_initiated_at IS NOT NULL",
    ),
]

_CHANGES = ", ".join(
    sorted(f"'{before}>{after}'" for before, afters in LEGAL_CHANGES.items() for after in afters)
)
ONLY_LEGAL_CHANGES = triggers.refused(
    "invoice_state_change",
    pgtrigger.UpdateOf("status"),  # type: ignore[no-untyped-call]
    condition="OLD.status <> NEW.status"
    f" AND NOT (OLD.status || '>' || NEW.status) = ANY (ARRAY[{_CHANGES}])",
)

LINES_SUM_TO_INVOICE = pgtrigger.Trigger(
    name="line_items_sum_to_invoice",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    timing=pgtrigger.Deferred,
    declare=[("lines", "record")],
    func="""
SELECT sum(subtotal_amount) AS subtotal, sum(tax_amount) AS tax
  INTO lines FROM invoices_lineitem WHERE invoice_id = NEW.id;
IF (lines.subtotal, lines.tax) IS DISTINCT FROM
   (NEW.subtotal_amount::numeric, NEW.total_tax_amount::numeric) THEN
    RAISE EXCEPTION 'line_items_sum_to_invoice: invoice % and its lines differ', NEW.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'line_items_sum_to_invoice',
              TABLE = 'invoices_lineitem';
END IF;
RETURN NULL;
""",
)


def _lines_frozen(name: str, operation: pgtrigger.Operation, rows: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(**{rows: "changed"}),  # type: ignore[no-untyped-call]
        # One look-up for each invoice: a join's plan, made while the tables are empty and kept by
        # the connection, would read all invoices each time.
        func="""
IF EXISTS (SELECT FROM (SELECT DISTINCT invoice_id AS id FROM changed) own
           WHERE (SELECT invoice.payment_initiated_at IS NOT NULL
                    FROM invoices_invoice invoice WHERE invoice.id = own.id)) THEN
    RAISE EXCEPTION 'invoice_immutable: % of line items after payment was initiated', TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'invoice_immutable',
              TABLE = TG_TABLE_NAME;
END IF;
RETURN NULL;
""",
    )


LINES_ARE_FROZEN = [
    _lines_frozen("line_items_not_added", pgtrigger.Insert, "new"),
    _lines_frozen("line_items_not_changed", pgtrigger.Update, "old"),
    _lines_frozen("line_items_not_moved", pgtrigger.Update, "new"),
    _lines_frozen("line_items_not_deleted", pgtrigger.Delete, "old"),
]

_ADD_PAIRS = """
INSERT INTO invoices_invoicemetadata (tenant_id, key, value, invoice_id)
SELECT NEW.tenant_id, key, value, NEW.id FROM jsonb_each_text(NEW.metadata);
"""
_DELETE_PAIRS = """
DELETE FROM invoices_invoicemetadata pair USING jsonb_each_text(OLD.metadata) gone
WHERE pair.tenant_id = OLD.tenant_id AND pair.key = gone.key AND pair.value = gone.value
  AND pair.invoice_id = OLD.id;
"""
METADATA_IS_FOUND = [
    pgtrigger.Trigger(
        name="invoice_metadata_added",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        condition=pgtrigger.Condition("NEW.metadata <> '{}'"),
        func=f"{_ADD_PAIRS}RETURN NULL;",
    ),
    pgtrigger.Trigger(
        name="invoice_metadata_changed",
        when=pgtrigger.After,
        operation=pgtrigger.UpdateOf("metadata"),  # type: ignore[no-untyped-call]
        condition=pgtrigger.Condition("OLD.metadata <> NEW.metadata"),
        func=f"{_DELETE_PAIRS}{_ADD_PAIRS}RETURN NULL;",
    ),
    pgtrigger.Trigger(
        name="invoice_metadata_deleted",
        when=pgtrigger.After,
        operation=pgtrigger.Delete,
        condition=pgtrigger.Condition("OLD.metadata <> '{}'"),
        func=f"{_DELETE_PAIRS}RETURN NULL;",
    ),
]
"""Each pair of an invoice's metadata is a row of its own, by which lists find the invoice."""
