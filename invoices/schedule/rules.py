"""What the database itself enforces on a schedule: sums, and no change of what is paid."""

import pgtrigger

from paytrust.operations import triggers

FROZEN = (
    "invoice_id",
    "number",
    "due_at",
    "net_amount",
    "tax_amount",
    "service_fee_amount",
    "total_amount",
)
PAID_IS_FROZEN = triggers.refused(
    "installment_paid_immutable",
    pgtrigger.Update,
    condition=f"OLD.status = 'paid' AND {triggers.changed(FROZEN)}",
)

_SUMS = """
SELECT * INTO invoice FROM invoices_invoice WHERE id = {invoice};
SELECT count(*) AS n, sum(net_amount) AS net, sum(tax_amount) AS tax,
       sum(service_fee_amount) AS fee, sum(total_amount) AS total
  INTO sums FROM invoices_installment WHERE invoice_id = {invoice};
IF (sums.n, sums.net, sums.tax, sums.fee, sums.total) IS DISTINCT FROM
   (invoice.installment_count::bigint, invoice.subtotal_amount::numeric,
    invoice.total_tax_amount::numeric, invoice.total_service_fee_amount::numeric,
    invoice.total_amount::numeric) THEN
    RAISE EXCEPTION 'installments_sum_to_invoice: invoice % and its installments differ',
        {invoice} USING ERRCODE = 'check_violation',
        CONSTRAINT = 'installments_sum_to_invoice', TABLE = 'invoices_installment';
END IF;
RETURN NULL;
"""


def _sums(name: str, operation: pgtrigger.Operation, invoice: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.After,
        operation=operation,
        timing=pgtrigger.Deferred,
        declare=[("invoice", "invoices_invoice"), ("sums", "record")],
        func=_SUMS.format(invoice=invoice),
    )


INSTALLMENTS_SUM_TO_INVOICE = [
    _sums(
        "installments_sum_to_invoice",
        pgtrigger.Insert
        | pgtrigger.UpdateOf(  # type: ignore[no-untyped-call]
            "net_amount", "tax_amount", "service_fee_amount", "total_amount", "invoice_id"
        ),
        "NEW.invoice_id",
    ),
    _sums("installments_sum_without_one", pgtrigger.Delete, "OLD.invoice_id"),
]

SCHEDULE_IS_THERE = _sums("invoice_has_its_installments", pgtrigger.Insert, "NEW.id")
"""For the invoice itself: one that is made without installments is refused at commit."""
