"""Let totals of a day be of transfers."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="dailytotal",
            name="kind",
            field=models.CharField(
                choices=[
                    ("payment", "Payment"),
                    ("refund", "Refund"),
                    ("reversal", "Reversal"),
                    ("transfer", "Transfer"),
                ],
                max_length=10,
            ),
        ),
    ]
