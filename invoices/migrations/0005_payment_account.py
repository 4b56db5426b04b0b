"""The gateway account that a payment was opened with; none is the one in the environment."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gateways", "0004_accounts_that_ended"),
        ("invoices", "0004_payment_page"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            "paymentrequest",
            "account",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payment_requests",
                to="gateways.gatewayaccount",
            ),
        ),
    ]
