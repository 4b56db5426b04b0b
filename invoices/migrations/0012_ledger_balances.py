"""Balances follow the ledger, and an invoice tells what was refunded and how often it changed."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


OLD_BALANCES = """
DROP TRIGGER installment_balance ON invoices_installment;
DROP TRIGGER invoice_balance ON invoices_invoice;
DROP TRIGGER allocation_balance ON payments_allocation;
DROP TRIGGER transaction_is_allocated ON invoices_transaction;
DROP FUNCTION paytrust_money_moved;
DROP FUNCTION paytrust_check_installment_balance;
DROP FUNCTION paytrust_check_invoice_balance;
DROP FUNCTION paytrust_check_transaction;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0008_no_truncate"),
        ("gateways", "0006_no_truncate"),
        ("invoices", "0011_ledger"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(OLD_BALANCES),
        pgtrigger.migrations.RemoveTrigger(
            model_name="ledgerentry",
            name="ledger_entry_sums",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="ledgertax",
            name="ledger_tax_sums",
        ),
        migrations.RemoveConstraint(
            model_name="installment",
            name="installment_amounts_in_range",
        ),
        migrations.AddField(
            model_name="installment",
            name="refunded_amount",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="invoice",
            name="paid_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="invoice",
            name="refunded_amount",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="invoice",
            name="version",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("refunded_amount__gt", 0)),
                name="invoice_newest_refunded",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="installment",
            trigger=pgtrigger.compiler.Trigger(
                name="installment_balance",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    declare="DECLARE sums record;",
                    func="\nSELECT coalesce(sum(amount) FILTER (WHERE kind <> 'refund'), 0) AS paid,\n       coalesce(sum(net_amount) FILTER (WHERE kind <> 'refund'), 0) AS net,\n       coalesce(sum(tax_amount) FILTER (WHERE kind <> 'refund'), 0) AS tax,\n       coalesce(-sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded\n  INTO sums FROM invoices_ledgerentry WHERE installment_id = NEW.id;\nIF EXISTS (SELECT FROM invoices_installment WHERE id = NEW.id\n           AND ((paid_amount, refunded_amount) IS DISTINCT FROM (sums.paid, sums.refunded)\n                OR status = 'paid' AND (net_amount, tax_amount)\n                                       IS DISTINCT FROM (sums.net, sums.tax))) THEN\n    RAISE EXCEPTION 'installment_balance: instalment % and its ledger differ', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'installment_balance', TABLE = 'invoices_installment';\nEND IF;\nRETURN NULL;",
                    hash="0bac7bf756fb46833416a1cb62b3a22f1d10e876",
                    operation='UPDATE OF "paid_amount", "refunded_amount", "status"',
                    pgid="pgtrigger_installment_balance_25713",
                    table="invoices_installment",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_balance",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    declare="DECLARE sums record;",
                    func="\nSELECT coalesce(sum(amount) FILTER (WHERE kind <> 'refund'), 0) AS paid,\n       coalesce(sum(amount) FILTER (WHERE installment_id IS NULL), 0) AS over,\n       coalesce(-sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded\n  INTO sums FROM invoices_ledgerentry WHERE invoice_id = NEW.id;\nIF EXISTS (SELECT FROM invoices_invoice WHERE id = NEW.id\n           AND (paid_amount, overpayment_amount, refunded_amount)\n               IS DISTINCT FROM (sums.paid, sums.over, sums.refunded)) THEN\n    RAISE EXCEPTION 'invoice_balance: invoice % and its ledger differ', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_balance', TABLE = 'invoices_invoice';\nEND IF;\nRETURN NULL;",
                    hash="17c0eab0a509e37734011447352e5f70c0485c97",
                    operation='UPDATE OF "paid_amount", "overpayment_amount", "refunded_amount"',
                    pgid="pgtrigger_invoice_balance_57037",
                    table="invoices_invoice",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="ledger_entry_sums",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    declare="DECLARE sums record;",
                    func="\nIF (SELECT tax_amount FROM invoices_ledgerentry WHERE id = NEW.id)\n   <> (SELECT coalesce(sum(tax_amount), 0) FROM invoices_ledgertax WHERE entry_id = NEW.id) THEN\n    RAISE EXCEPTION 'ledger_taxes_sum_to_entry: ledger entry % and its taxes differ', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_taxes_sum_to_entry', TABLE = 'invoices_ledgertax';\nEND IF;\n\nIF (SELECT amount FROM invoices_transaction WHERE id = NEW.transaction_id)\n   <> (SELECT coalesce(sum(amount), 0) FROM invoices_ledgerentry\n        WHERE transaction_id = NEW.transaction_id) THEN\n    RAISE EXCEPTION 'ledger_entries_sum_to_transaction: transaction % and its entries differ', NEW.transaction_id USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_sum_to_transaction', TABLE = 'invoices_ledgerentry';\nEND IF;\n\nSELECT coalesce(sum(amount) FILTER (WHERE kind <> 'refund'), 0) AS paid,\n       coalesce(sum(amount) FILTER (WHERE installment_id IS NULL), 0) AS over,\n       coalesce(-sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded\n  INTO sums FROM invoices_ledgerentry WHERE invoice_id = NEW.invoice_id;\nIF EXISTS (SELECT FROM invoices_invoice WHERE id = NEW.invoice_id\n           AND (paid_amount, overpayment_amount, refunded_amount)\n               IS DISTINCT FROM (sums.paid, sums.over, sums.refunded)) THEN\n    RAISE EXCEPTION 'invoice_balance: invoice % and its ledger differ', NEW.invoice_id USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_balance', TABLE = 'invoices_invoice';\nEND IF;\nIF NEW.installment_id IS NOT NULL THEN\n\nSELECT coalesce(sum(amount) FILTER (WHERE kind <> 'refund'), 0) AS paid,\n       coalesce(sum(net_amount) FILTER (WHERE kind <> 'refund'), 0) AS net,\n       coalesce(sum(tax_amount) FILTER (WHERE kind <> 'refund'), 0) AS tax,\n       coalesce(-sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded\n  INTO sums FROM invoices_ledgerentry WHERE installment_id = NEW.installment_id;\nIF EXISTS (SELECT FROM invoices_installment WHERE id = NEW.installment_id\n           AND ((paid_amount, refunded_amount) IS DISTINCT FROM (sums.paid, sums.refunded)\n                OR status = 'paid' AND (net_amount, tax_amount)\n                                       IS DISTINCT FROM (sums.net, sums.tax))) THEN\n    RAISE EXCEPTION 'installment_balance: instalment % and its ledger differ', NEW.installment_id USING ERRCODE = 'check_violation', CONSTRAINT = 'installment_balance', TABLE = 'invoices_installment';\nEND IF;\nEND IF;\nRETURN NULL;",
                    hash="06128927e70dfbf457064e7b9b3ef060c58ddaf0",
                    operation="INSERT",
                    pgid="pgtrigger_ledger_entry_sums_25681",
                    table="invoices_ledgerentry",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgertax",
            trigger=pgtrigger.compiler.Trigger(
                name="ledger_tax_sums",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\nIF (SELECT tax_amount FROM invoices_ledgerentry WHERE id = NEW.entry_id)\n   <> (SELECT coalesce(sum(tax_amount), 0) FROM invoices_ledgertax WHERE entry_id = NEW.entry_id) THEN\n    RAISE EXCEPTION 'ledger_taxes_sum_to_entry: ledger entry % and its taxes differ', NEW.entry_id USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_taxes_sum_to_entry', TABLE = 'invoices_ledgertax';\nEND IF;\nRETURN NULL;",
                    hash="c2a2c1b4581f8834dbdd67d0a8271ffec0c1daeb",
                    operation="INSERT",
                    pgid="pgtrigger_ledger_tax_sums_f98b4",
                    table="invoices_ledgertax",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="transaction",
            trigger=pgtrigger.compiler.Trigger(
                name="transaction_sums",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\nIF (SELECT amount FROM invoices_transaction WHERE id = NEW.id)\n   <> (SELECT coalesce(sum(amount), 0) FROM invoices_ledgerentry\n        WHERE transaction_id = NEW.id) THEN\n    RAISE EXCEPTION 'ledger_entries_sum_to_transaction: transaction % and its entries differ', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_sum_to_transaction', TABLE = 'invoices_ledgerentry';\nEND IF;\nRETURN NULL;",
                    hash="8bb46eeca7630f5ef0c1401631d0c319d107cda7",
                    operation="INSERT",
                    pgid="pgtrigger_transaction_sums_75b3c",
                    table="invoices_transaction",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="installment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("net_amount__gte", 0),
                    ("paid_amount__gte", models.F("refunded_amount")),
                    ("paid_amount__lte", models.F("total_amount")),
                    ("refunded_amount__gte", 0),
                    ("service_fee_amount__gte", 0),
                    ("tax_amount__gte", 0),
                    ("total_amount__gte", 1),
                ),
                name="installment_amounts_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("refunded_amount__gte", 0), ("refunded_amount__lte", models.F("paid_amount"))
                ),
                name="invoice_refunds_what_was_paid",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("paid_at__isnull", False), ("status", "fully_paid")),
                    models.Q(models.Q(("status", "fully_paid"), _negated=True), ("paid_at", None)),
                    _connector="OR",
                ),
                name="invoice_paid_at_means_fully_paid",
            ),
        ),
    ]
