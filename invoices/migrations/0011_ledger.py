"""One ledger: transactions, and where each unit of their money went."""

import django.db.models.deletion
import django.db.models.expressions
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

from apikeys.tenants import columns

MOVED = """
ALTER TABLE payments_transaction RENAME TO invoices_transaction;
ALTER SEQUENCE payments_transaction_id_seq RENAME TO invoices_transaction_id_seq;
ALTER TABLE invoices_transaction DROP event_id;
ALTER TABLE invoices_transaction DROP CONSTRAINT transaction_sign_matches_kind;
DO $$
DECLARE
    old text;
BEGIN
    FOR old IN SELECT indexname FROM pg_indexes WHERE tablename = 'invoices_transaction'
               AND schemaname = current_schema() AND indexname LIKE 'payments|_transaction%' ESCAPE '|'
    LOOP
        EXECUTE format('ALTER INDEX %I RENAME TO %I', old, replace(old, 'payments_', 'invoices_'));
    END LOOP;
END $$;
CREATE OR REPLACE FUNCTION payments_allocation_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT tenant_id INTO NEW.tenant_id FROM invoices_transaction WHERE id = NEW.transaction_id;
    RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION paytrust_check_transaction(of_transaction bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM invoices_transaction booked WHERE booked.id = of_transaction
           AND booked.amount - booked.overpayment_amount <> (
               SELECT coalesce(sum(amount), 0) FROM payments_allocation
                WHERE transaction_id = of_transaction)
    ) THEN
        RAISE EXCEPTION 'transaction_is_allocated: transaction % and its allocations differ',
            of_transaction USING ERRCODE = 'check_violation',
            CONSTRAINT = 'transaction_is_allocated', TABLE = 'invoices_transaction';
    END IF;
END $$;
CREATE OR REPLACE FUNCTION paytrust_check_invoice_balance(of_invoice bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    invoice invoices_invoice;
    booked record;
BEGIN
    SELECT * INTO invoice FROM invoices_invoice WHERE id = of_invoice;
    SELECT coalesce(sum(amount), 0) AS paid, coalesce(sum(overpayment_amount), 0) AS over
      INTO booked FROM invoices_transaction WHERE invoice_id = of_invoice;
    IF (booked.paid, booked.over) IS DISTINCT FROM
       (invoice.paid_amount::numeric, invoice.overpayment_amount::numeric) THEN
        RAISE EXCEPTION 'invoice_balance: invoice % and its transactions differ', of_invoice
            USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_balance',
                  TABLE = 'invoices_invoice';
    END IF;
END $$;
CREATE OR REPLACE FUNCTION paytrust_money_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE TG_TABLE_NAME
    WHEN 'invoices_transaction' THEN
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
"""


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0008_no_truncate"),
        ("gateways", "0006_no_truncate"),
        ("invoices", "0011_charges"),
        ("payments", "0010_no_truncate"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Transaction",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("gateway_transaction_id", models.CharField(max_length=255)),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("payment", "Payment"),
                                    ("refund", "Refund"),
                                    ("reversal", "Reversal"),
                                ],
                                default="payment",
                                max_length=10,
                            ),
                        ),
                        ("currency_code", models.CharField(max_length=3)),
                        ("amount", models.BigIntegerField()),
                        ("overpayment_amount", models.BigIntegerField(default=0)),
                        ("payment_method", models.CharField(max_length=50, null=True)),
                        ("payment_channel", models.CharField(max_length=50, null=True)),
                        ("paid_at", models.DateTimeField()),
                        ("created_at", models.DateTimeField()),
                        ("iso20022_message_id", models.CharField(max_length=35, null=True)),
                        ("iso20022_transaction_status", models.CharField(max_length=4, null=True)),
                        (
                            "gateway",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="transactions",
                                to="gateways.gateway",
                            ),
                        ),
                        (
                            "invoice",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="transactions",
                                to="invoices.invoice",
                            ),
                        ),
                        (
                            "payment_request",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="transactions",
                                to="invoices.paymentrequest",
                            ),
                        ),
                        (
                            "reverses",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reversals",
                                to="invoices.transaction",
                            ),
                        ),
                        (
                            "tenant",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="transactions",
                                to="apikeys.tenant",
                            ),
                        ),
                    ],
                ),
                migrations.AddIndex(
                    model_name="transaction",
                    index=models.Index(
                        models.F("invoice"), models.F("id"), name="transaction_of_invoice"
                    ),
                ),
                migrations.AddIndex(
                    model_name="transaction",
                    index=models.Index(
                        models.F("tenant"), models.F("created_at"), name="transaction_booked"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="transaction",
                    constraint=models.UniqueConstraint(
                        models.F("gateway"),
                        models.F("gateway_transaction_id"),
                        models.F("tenant"),
                        name="transaction_once",
                    ),
                ),
            ],
            database_operations=[migrations.RunSQL(MOVED)],
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount__gt", 0), ("kind", "payment"), ("reverses", None)),
                    models.Q(
                        ("amount__lt", 0),
                        ("kind__in", ["refund", "reversal"]),
                        ("reverses__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="transaction_sign_matches_kind",
            ),
        ),
        migrations.CreateModel(
            name="LedgerEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("payment", "Payment"),
                            ("refund", "Refund"),
                            ("reversal", "Reversal"),
                        ],
                        max_length=10,
                    ),
                ),
                ("currency_code", models.CharField(max_length=3)),
                ("amount", models.BigIntegerField()),
                ("net_amount", models.BigIntegerField()),
                ("tax_amount", models.BigIntegerField()),
                ("service_fee_amount", models.BigIntegerField()),
                ("booked_at", models.DateTimeField()),
                (
                    "gateway",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger_entries",
                        to="gateways.gateway",
                    ),
                ),
                (
                    "installment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger_entries",
                        to="invoices.installment",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger_entries",
                        to="invoices.invoice",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger_entries",
                        to="apikeys.tenant",
                    ),
                ),
                (
                    "transaction",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="invoices.transaction",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "ledger entries",
            },
        ),
        migrations.CreateModel(
            name="LedgerTax",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("tax_rate", models.DecimalField(decimal_places=4, max_digits=5)),
                ("tax_amount", models.BigIntegerField()),
                (
                    "entry",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="taxes",
                        to="invoices.ledgerentry",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "ledger taxes",
                "constraints": [
                    models.UniqueConstraint(
                        models.F("entry"), models.F("tax_rate"), name="ledger_tax_rate"
                    )
                ],
            },
        ),
        columns.added("invoices", "ledgertax", owner="invoices_ledgerentry", by="entry_id"),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgertax",
            trigger=pgtrigger.compiler.Trigger(
                name="refuse_ledger_tax_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'ledger_tax_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_tax_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="6335f0c5b81701ea6b7342bc851b52ba63c519ee",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_refuse_ledger_tax_append_only_6def0",
                    table="invoices_ledgertax",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgertax",
            trigger=pgtrigger.compiler.Trigger(
                name="refuse_ledger_tax_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'ledger_tax_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_tax_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="a9cbfbdc715199aab0ef80be2432bbe9fe74684f",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_refuse_ledger_tax_not_truncated_887e4",
                    table="invoices_ledgertax",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgertax",
            trigger=pgtrigger.compiler.Trigger(
                name="ledger_tax_sums",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\nIF (SELECT entry.tax_amount FROM invoices_ledgerentry entry WHERE entry.id = NEW.entry_id)\n   <> (SELECT coalesce(sum(tax.tax_amount), 0) FROM invoices_ledgertax tax\n        WHERE tax.entry_id = NEW.entry_id) THEN\n    RAISE EXCEPTION 'ledger_taxes_sum_to_entry: ledger entry % and its taxes differ', NEW.entry_id\n        USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_taxes_sum_to_entry',\n              TABLE = 'invoices_ledgertax';\nEND IF;\nRETURN NULL;",
                    hash="7f043c4c7237848c76d4c24aec2d030b927e5f5d",
                    operation="INSERT",
                    pgid="pgtrigger_ledger_tax_sums_f98b4",
                    table="invoices_ledgertax",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(
                models.F("tenant"), models.F("booked_at"), name="ledger_entry_booked"
            ),
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(models.F("booked_at"), name="ledger_entry_day"),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.UniqueConstraint(
                models.F("transaction"),
                models.F("installment"),
                name="ledger_entry_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount__gt", 0), ("kind", "payment")),
                    models.Q(("amount__lt", 0), ("kind__in", ["refund", "reversal"])),
                    _connector="OR",
                ),
                name="ledger_entry_sign_matches_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        (
                            "amount",
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("net_amount"), "+", models.F("tax_amount")
                                ),
                                "+",
                                models.F("service_fee_amount"),
                            ),
                        ),
                        ("installment__isnull", False),
                    ),
                    models.Q(
                        ("installment", None),
                        ("net_amount", 0),
                        ("service_fee_amount", 0),
                        ("tax_amount", 0),
                    ),
                    _connector="OR",
                ),
                name="ledger_entry_amount_is_its_shares",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="refuse_ledger_entry_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'ledger_entry_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_entry_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="562d95fcfed91d8343f2afab3a57f9c071b92afe",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_refuse_ledger_entry_append_only_e7da1",
                    table="invoices_ledgerentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="refuse_ledger_entry_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'ledger_entry_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_entry_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="b66283deaf7960af203615c485fb2cd14b53bfaa",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_refuse_ledger_entry_not_truncated_e9dc3",
                    table="invoices_ledgerentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="ledger_entry_sums",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\nIF (SELECT entry.tax_amount FROM invoices_ledgerentry entry WHERE entry.id = NEW.id)\n   <> (SELECT coalesce(sum(tax.tax_amount), 0) FROM invoices_ledgertax tax\n        WHERE tax.entry_id = NEW.id) THEN\n    RAISE EXCEPTION 'ledger_taxes_sum_to_entry: ledger entry % and its taxes differ', NEW.id\n        USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_taxes_sum_to_entry',\n              TABLE = 'invoices_ledgertax';\nEND IF;\n\nIF (SELECT booked.amount FROM invoices_transaction booked WHERE booked.id = NEW.transaction_id)\n   <> (SELECT coalesce(sum(entry.amount), 0) FROM invoices_ledgerentry entry\n        WHERE entry.transaction_id = NEW.transaction_id) THEN\n    RAISE EXCEPTION 'ledger_entries_sum_to_transaction: transaction % and its entries differ',\n        NEW.transaction_id USING ERRCODE = 'check_violation',\n        CONSTRAINT = 'ledger_entries_sum_to_transaction', TABLE = 'invoices_ledgerentry';\nEND IF;\nRETURN NULL;",
                    hash="919c1d073d4ad6396a78e58c43f3e6a6e53a598c",
                    operation="INSERT",
                    pgid="pgtrigger_ledger_entry_sums_25681",
                    table="invoices_ledgerentry",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
    ]
