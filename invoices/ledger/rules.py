"""What the database itself checks of the ledger at the end of each transaction."""

import pgtrigger


def _broken(constraint: str, table: str, row: str, text: str) -> str:
    return (
        f"RAISE EXCEPTION '{constraint}: {text}', {row} USING ERRCODE = 'check_violation',"
        f" CONSTRAINT = '{constraint}', TABLE = '{table}';"
    )


def _deferred(
    name: str, operation: pgtrigger.Operation, *checks: str, declare: bool = False
) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.After,
        operation=operation,
        timing=pgtrigger.Deferred,
        declare=[("sums", "record")] if declare else None,
        func="\n".join([*checks, "RETURN NULL;"]),
    )


def _taxes_sum_to_entry(entry: str) -> str:
    broken = _broken(
        "ledger_taxes_sum_to_entry",
        "invoices_ledgertax",
        entry,
        "ledger entry % and its taxes differ",
    )
    return f"""
IF (SELECT tax_amount FROM invoices_ledgerentry WHERE id = {entry})
   <> (SELECT coalesce(sum(tax_amount), 0) FROM invoices_ledgertax WHERE entry_id = {entry}) THEN
    {broken}
END IF;"""  # noqa: S608  # nosec B608  # our own names


def _entries_sum_to_transaction(transaction: str) -> str:
    broken = _broken(
        "ledger_entries_sum_to_transaction",
        "invoices_ledgerentry",
        transaction,
        "transaction % and its entries differ",
    )
    return f"""
IF (SELECT amount FROM invoices_transaction WHERE id = {transaction})
   <> (SELECT coalesce(sum(amount), 0) FROM invoices_ledgerentry
        WHERE transaction_id = {transaction}) THEN
    {broken}
END IF;"""  # noqa: S608  # nosec B608  # our own names


def _invoice_balance(invoice: str) -> str:
    broken = _broken(
        "invoice_balance", "invoices_invoice", invoice, "invoice % and its ledger differ"
    )
    return f"""
SELECT coalesce(sum(amount) FILTER (WHERE kind <> 'refund'), 0) AS paid,
       coalesce(sum(amount) FILTER (WHERE installment_id IS NULL), 0) AS over,
       coalesce(-sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded
  INTO sums FROM invoices_ledgerentry WHERE invoice_id = {invoice};
IF EXISTS (SELECT FROM invoices_invoice WHERE id = {invoice}
           AND (paid_amount, overpayment_amount, refunded_amount)
               IS DISTINCT FROM (sums.paid, sums.over, sums.refunded)) THEN
    {broken}
END IF;"""  # noqa: S608  # nosec B608  # our own names


def _installment_balance(installment: str) -> str:
    broken = _broken(
        "installment_balance",
        "invoices_installment",
        installment,
        "instalment % and its ledger differ",
    )
    return f"""
SELECT coalesce(sum(amount) FILTER (WHERE kind <> 'refund'), 0) AS paid,
       coalesce(sum(net_amount) FILTER (WHERE kind <> 'refund'), 0) AS net,
       coalesce(sum(tax_amount) FILTER (WHERE kind <> 'refund'), 0) AS tax,
       coalesce(-sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded
  INTO sums FROM invoices_ledgerentry WHERE installment_id = {installment};
IF EXISTS (SELECT FROM invoices_installment WHERE id = {installment}
           AND ((paid_amount, refunded_amount) IS DISTINCT FROM (sums.paid, sums.refunded)
                OR status = 'paid' AND (net_amount, tax_amount)
                                       IS DISTINCT FROM (sums.net, sums.tax))) THEN
    {broken}
END IF;"""  # noqa: S608  # nosec B608  # our own names


TRANSACTION_SUMS = _deferred(
    "transaction_sums",
    pgtrigger.Insert,
    _entries_sum_to_transaction("NEW.id"),
)
TRANSFER_SUMS = pgtrigger.Trigger(
    name="transfer_sums_to_zero",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    timing=pgtrigger.Deferred,
    condition=pgtrigger.Condition("NEW.kind = 'transfer'"),
    func=f"""
IF NOT EXISTS (
    SELECT FROM invoices_transaction other
     WHERE (other.id = NEW.moved_from_id OR other.moved_from_id = NEW.id)
       AND other.kind = 'transfer' AND other.amount = -NEW.amount
       AND (other.tenant_id, other.currency_code, other.gateway_id)
           = (NEW.tenant_id, NEW.currency_code, NEW.gateway_id)
       AND other.invoice_id <> NEW.invoice_id) THEN
    {
        _broken(
            "transfer_sums_to_zero",
            "invoices_transaction",
            "NEW.id",
            "transfer % has no other side",
        )
    }
END IF;
RETURN NULL;
""",  # nosec B608  # our own names
)
"""What leaves one invoice arrives on another one of the same tenant, currency and gateway."""
ENTRY_SUMS = _deferred(
    "ledger_entry_sums",
    pgtrigger.Insert,
    _taxes_sum_to_entry("NEW.id"),
    _entries_sum_to_transaction("NEW.transaction_id"),
    _invoice_balance("NEW.invoice_id"),
    "IF NEW.installment_id IS NOT NULL THEN",
    _installment_balance("NEW.installment_id"),
    "END IF;",
    declare=True,
)
TAX_SUMS = _deferred("ledger_tax_sums", pgtrigger.Insert, _taxes_sum_to_entry("NEW.entry_id"))
INVOICE_BALANCE = _deferred(
    "invoice_balance",
    pgtrigger.UpdateOf("paid_amount", "overpayment_amount", "refunded_amount"),  # type: ignore[no-untyped-call]
    _invoice_balance("NEW.id"),
    declare=True,
)
INSTALLMENT_BALANCE = _deferred(
    "installment_balance",
    pgtrigger.UpdateOf("paid_amount", "refunded_amount", "status"),  # type: ignore[no-untyped-call]
    _installment_balance("NEW.id"),
    declare=True,
)
