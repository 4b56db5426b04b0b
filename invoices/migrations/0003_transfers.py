"""Let an overpayment be transferred: two rows of the ledger that sum to zero."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0003_names_for_staff"),
        ("gateways", "0003_names_for_staff"),
        ("invoices", "0002_names_for_staff"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="transaction",
            name="transaction_append_only",
        ),
        migrations.RemoveConstraint(
            model_name="ledgerentry",
            name="ledger_entry_sign_matches_kind",
        ),
        migrations.RemoveConstraint(
            model_name="transaction",
            name="transaction_sign_matches_kind",
        ),
        migrations.AddField(
            model_name="transaction",
            name="moved_from",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="moved_to",
                to="invoices.transaction",
                verbose_name="moved from",
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("payment", "Payment"),
                    ("refund", "Refund"),
                    ("reversal", "Reversal"),
                    ("transfer", "Transfer"),
                ],
                max_length=10,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="kind",
            field=models.CharField(
                choices=[
                    ("payment", "Payment"),
                    ("refund", "Refund"),
                    ("reversal", "Reversal"),
                    ("transfer", "Transfer"),
                ],
                default="payment",
                max_length=10,
                verbose_name="kind",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="transaction",
            trigger=pgtrigger.compiler.Trigger(
                name="transaction_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN ((OLD.tenant_id, OLD.invoice_id, OLD.payment_request_id, OLD.gateway_id, OLD.gateway_transaction_id, OLD.kind, OLD.reverses_id, OLD.moved_from_id, OLD.currency_code, OLD.amount, OLD.paid_at, OLD.created_at) IS DISTINCT FROM (NEW.tenant_id, NEW.invoice_id, NEW.payment_request_id, NEW.gateway_id, NEW.gateway_transaction_id, NEW.kind, NEW.reverses_id, NEW.moved_from_id, NEW.currency_code, NEW.amount, NEW.paid_at, NEW.created_at))",
                    func="\nRAISE EXCEPTION 'transaction_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'transaction_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="e97e0c00f0ed3f98338278d4548c114ad8bb617c",
                    operation="UPDATE",
                    pgid="pgtrigger_transaction_append_only_16fcf",
                    table="invoices_transaction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="transaction",
            trigger=pgtrigger.compiler.Trigger(
                name="transfer_sums_to_zero",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.kind = 'transfer')",
                    constraint="CONSTRAINT",
                    func="\nIF NOT EXISTS (\n    SELECT FROM invoices_transaction other\n     WHERE (other.id = NEW.moved_from_id OR other.moved_from_id = NEW.id)\n       AND other.kind = 'transfer' AND other.amount = -NEW.amount\n       AND (other.tenant_id, other.currency_code, other.gateway_id)\n           = (NEW.tenant_id, NEW.currency_code, NEW.gateway_id)\n       AND other.invoice_id <> NEW.invoice_id) THEN\n    RAISE EXCEPTION 'transfer_sums_to_zero: transfer % has no other side', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_sums_to_zero', TABLE = 'invoices_transaction';\nEND IF;\nRETURN NULL;\n",
                    hash="44efbbc0ac393cd179b63811ced0de813dbef7bf",
                    operation="INSERT",
                    pgid="pgtrigger_transfer_sums_to_zero_36067",
                    table="invoices_transaction",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount__gt", 0), ("kind", "payment")),
                    models.Q(("amount__lt", 0), ("kind__in", ["refund", "reversal"])),
                    models.Q(("kind", "transfer"), models.Q(("amount", 0), _negated=True)),
                    _connector="OR",
                ),
                name="ledger_entry_sign_matches_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("amount__gt", 0),
                        ("kind", "payment"),
                        ("moved_from", None),
                        ("reverses", None),
                    ),
                    models.Q(
                        ("amount__lt", 0),
                        ("kind__in", ["refund", "reversal", "transfer"]),
                        ("moved_from", None),
                        ("reverses__isnull", False),
                    ),
                    models.Q(
                        ("amount__gt", 0), ("kind", "transfer"), ("moved_from__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="transaction_sign_matches_kind",
            ),
        ),
    ]
