"""Indexes by which lists of invoices and transactions are narrowed down; metadata as rows."""

import django.db.models.deletion
import django.db.models.fields.json
import django.db.models.functions.text
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


# What the trigger does for each new invoice.
REMEMBER = """
INSERT INTO invoices_invoicemetadata (tenant_id, key, value, invoice_id)
SELECT tenant_id, pair.key, pair.value, invoice.id
FROM invoices_invoice invoice, jsonb_each_text(invoice.metadata) pair
WHERE invoice.metadata <> '{}'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0003_names_for_staff"),
        ("gateways", "0003_names_for_staff"),
        ("invoices", "0003_transfers"),
    ]

    operations = [
        migrations.CreateModel(
            name="InvoiceMetadata",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant",
                        "key",
                        "value",
                        "invoice",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="apikeys.tenant",
                    ),
                ),
                ("key", models.CharField(max_length=40)),
                ("value", models.CharField(max_length=500)),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="invoices.invoice",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "invoice metadata",
            },
        ),
        migrations.RunSQL(REMEMBER, migrations.RunSQL.noop, elidable=True),
        migrations.RemoveIndex(
            model_name="invoice",
            name="invoice_customer_email",
        ),
        migrations.AddField(
            model_name="invoice",
            name="customer_email",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.text.Lower(
                    django.db.models.fields.json.KeyTextTransform("email", "customer")
                ),
                output_field=models.TextField(null=True),
                verbose_name="customer email",
            ),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="invoices",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="invoice",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="transactions",
                to="invoices.invoice",
                verbose_name="invoice",
            ),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="transactions",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("tenant"),
                models.F("currency_code"),
                models.OrderBy(models.F("id"), descending=True),
                name="invoice_newest_by_currency",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("tenant"),
                models.F("gateway"),
                models.OrderBy(models.F("id"), descending=True),
                name="invoice_newest_by_gateway",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(models.F("tenant"), models.F("updated_at"), name="invoice_updated"),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("customer_email"),
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("customer_email__isnull", False)),
                name="invoice_newest_of_customer",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("customer_email__isnull", False)),
                name="invoice_newest_with_customer",
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                name="transaction_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                models.F("tenant"),
                models.F("kind"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("kind__in", ["refund", "reversal", "transfer"])),
                name="transaction_newest_back",
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                models.F("tenant"),
                models.F("currency_code"),
                models.OrderBy(models.F("id"), descending=True),
                name="transaction_newest_by_currency",
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                models.F("tenant"),
                models.F("gateway"),
                models.OrderBy(models.F("id"), descending=True),
                name="transaction_newest_by_gateway",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_metadata_added",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.metadata <> '{}')",
                    func="\nINSERT INTO invoices_invoicemetadata (tenant_id, key, value, invoice_id)\nSELECT NEW.tenant_id, key, value, NEW.id FROM jsonb_each_text(NEW.metadata);\nRETURN NULL;",
                    hash="dab5721b335f8d58767b9fbecb3dd7673f5ef6d6",
                    operation="INSERT",
                    pgid="pgtrigger_invoice_metadata_added_0bfa6",
                    table="invoices_invoice",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_metadata_changed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.metadata <> NEW.metadata)",
                    func="\nDELETE FROM invoices_invoicemetadata pair USING jsonb_each_text(OLD.metadata) gone\nWHERE pair.tenant_id = OLD.tenant_id AND pair.key = gone.key AND pair.value = gone.value\n  AND pair.invoice_id = OLD.id;\n\nINSERT INTO invoices_invoicemetadata (tenant_id, key, value, invoice_id)\nSELECT NEW.tenant_id, key, value, NEW.id FROM jsonb_each_text(NEW.metadata);\nRETURN NULL;",
                    hash="b38b4b2019bccdebdb2f5840834440cfda7f349b",
                    operation='UPDATE OF "metadata"',
                    pgid="pgtrigger_invoice_metadata_changed_05913",
                    table="invoices_invoice",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_metadata_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.metadata <> '{}')",
                    func="\nDELETE FROM invoices_invoicemetadata pair USING jsonb_each_text(OLD.metadata) gone\nWHERE pair.tenant_id = OLD.tenant_id AND pair.key = gone.key AND pair.value = gone.value\n  AND pair.invoice_id = OLD.id;\nRETURN NULL;",
                    hash="880d2e7de50b5ae6d418468a3eef6f61a8056dde",
                    operation="DELETE",
                    pgid="pgtrigger_invoice_metadata_deleted_0e9fc",
                    table="invoices_invoice",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoicemetadata",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_metadata_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'invoice_metadata_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'invoice_metadata_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="c62cfad5cf55ebd85945f139efef6388d0a52c01",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_invoice_metadata_not_truncated_27096",
                    table="invoices_invoicemetadata",
                    when="BEFORE",
                ),
            ),
        ),
    ]
