"""Accounts that were replaced stay, for the payments that were opened with them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gateways", "0003_accounts")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            "gatewayaccount", "ended_at", models.DateTimeField(editable=False, null=True)
        ),
        migrations.RemoveConstraint("gatewayaccount", "gateway_account_per_tenant"),
        migrations.AddConstraint(
            "gatewayaccount",
            models.UniqueConstraint(
                condition=models.Q(("ended_at", None)),
                fields=("gateway", "tenant"),
                name="gateway_account_per_tenant",
                nulls_distinct=False,
            ),
        ),
    ]
