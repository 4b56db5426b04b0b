"""Let two people move an overpayment, and protect the money that a refund may still give back."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0003_names_for_staff"),
        ("invoices", "0003_transfers"),
        ("payments", "0002_names_for_staff"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="TransferredPayment",
            fields=[],
            options={
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("invoices.transaction",),
        ),
        migrations.RemoveConstraint(
            model_name="proposal",
            name="proposal_names_its_object",
        ),
        migrations.AlterField(
            model_name="proposal",
            name="act",
            field=models.CharField(
                choices=[
                    ("adjust", "adjust instalments"),
                    ("cancel", "cancel the invoice"),
                    ("ignore_webhook", "ignore a notification about money"),
                    ("refund", "give money back"),
                    ("transfer", "move an overpayment to another invoice"),
                ],
                max_length=20,
                verbose_name="act",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("act__in", ["adjust", "transfer"]),
                        ("event", None),
                        ("invoice__isnull", False),
                        ("named__isnull", False),
                        ("refund", None),
                    ),
                    models.Q(
                        ("act", "cancel"),
                        ("event", None),
                        ("invoice__isnull", False),
                        ("named", None),
                        ("refund", None),
                    ),
                    models.Q(
                        ("act", "ignore_webhook"),
                        ("event__isnull", False),
                        ("named", None),
                        ("refund", None),
                    ),
                    models.Q(
                        ("act", "refund"),
                        ("event", None),
                        ("invoice__isnull", False),
                        ("named", None),
                        ("refund__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="proposal_names_its_object",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="transferredpayment",
            trigger=pgtrigger.compiler.Trigger(
                name="transfer_leaves_refunds",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.kind = 'transfer' AND NEW.amount < 0)",
                    func="\nIF EXISTS (SELECT FROM payments_refund\n           WHERE transaction_id = NEW.reverses_id\n             AND status IN ('requested', 'sending', 'pending')) THEN\n    RAISE EXCEPTION 'transfer_leaves_refunds: payment % is being refunded', NEW.reverses_id\n        USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_leaves_refunds',\n              TABLE = TG_TABLE_NAME;\nEND IF;\nRETURN NEW;\n",
                    hash="0c077340d01097253622d92fbb3786f38d32786e",
                    operation="INSERT",
                    pgid="pgtrigger_transfer_leaves_refunds_e4f1b",
                    table="invoices_transaction",
                    when="BEFORE",
                ),
            ),
        ),
    ]
