"""Instalments and settled taxes name their tenant, so that reading many of them stays quick."""

from django.db import migrations

from apikeys.tenants import columns


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0005_ended_accounts"),
        ("invoices", "0008_find_discrepancies"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        columns.added("invoices", "installment", owner="invoices_invoice", by="invoice_id"),
        columns.added("invoices", "settlementtax", owner="invoices_settlemententry", by="entry_id"),
    ]
