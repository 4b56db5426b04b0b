"""The token that opens our own payment page."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0003_settlements"),
    ]

    operations = [
        migrations.AddField(
            model_name="paymentrequest",
            name="page_token",
            field=models.CharField(max_length=64, null=True),
        ),
        migrations.AddConstraint(
            model_name="paymentrequest",
            constraint=models.UniqueConstraint(
                models.F("page_token"),
                condition=models.Q(("page_token__isnull", False)),
                name="payment_request_page_token",
            ),
        ),
    ]
