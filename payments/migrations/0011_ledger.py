"""What a notification booked is named in a table of its own."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

from apikeys.tenants import columns


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0008_no_truncate"),
        ("invoices", "0011_ledger"),
        ("payments", "0010_no_truncate"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(  # its table is the invoices app's now
            state_operations=[
                migrations.AlterField(
                    model_name="allocation",
                    name="transaction",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="allocations",
                        to="invoices.transaction",
                    ),
                ),
                migrations.DeleteModel(
                    name="Transaction",
                ),
            ],
        ),
        migrations.CreateModel(
            name="EventTransaction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bookings",
                        to="payments.webhookevent",
                    ),
                ),
                (
                    "transaction",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="booked_by",
                        to="invoices.transaction",
                    ),
                ),
            ],
        ),
        columns.added(
            "payments", "eventtransaction", owner="invoices_transaction", by="transaction_id"
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="eventtransaction",
            trigger=pgtrigger.compiler.Trigger(
                name="refuse_event_transaction_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'event_transaction_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'event_transaction_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="4130f38dbf95280bd4bdcb2799dee7f9ed535744",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_refuse_event_transaction_append_only_f50fd",
                    table="payments_eventtransaction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="eventtransaction",
            trigger=pgtrigger.compiler.Trigger(
                name="refuse_event_transaction_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'event_transaction_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'event_transaction_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="9f0383c8f86b0f7e91b51b39eab55876ffcd1f65",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_refuse_event_transaction_not_truncated_27115",
                    table="payments_eventtransaction",
                    when="BEFORE",
                ),
            ),
        ),
    ]
