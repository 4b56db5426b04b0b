"""Allocations name their tenant, so that reading many of them stays quick."""

from django.db import migrations

from apikeys.tenants import columns


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0005_ended_accounts"),
        ("payments", "0007_failed_of_tenant"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        columns.added("payments", "allocation", owner="payments_transaction", by="transaction_id"),
    ]
