"""Give models and columns the names that staff read; no statement runs."""

import django.contrib.postgres.fields
import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0003_names_for_staff"),
        ("gateways", "0002_xendit_and_midtrans"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="gateway",
            options={"verbose_name": "gateway", "verbose_name_plural": "gateways"},
        ),
        migrations.AlterModelOptions(
            name="gatewayaccount",
            options={"verbose_name": "gateway account", "verbose_name_plural": "gateway accounts"},
        ),
        migrations.AlterModelOptions(
            name="gatewayfee",
            options={"verbose_name": "gateway fee", "verbose_name_plural": "gateway fees"},
        ),
        migrations.AlterField(
            model_name="gateway",
            name="code",
            field=models.SlugField(unique=True, verbose_name="code"),
        ),
        migrations.AlterField(
            model_name="gateway",
            name="currencies",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=3), size=None, verbose_name="currencies"
            ),
        ),
        migrations.AlterField(
            model_name="gateway",
            name="name",
            field=models.CharField(max_length=50, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="gatewayaccount",
            name="created_at",
            field=models.DateTimeField(verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="gatewayaccount",
            name="ended_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="ended at"),
        ),
        migrations.AlterField(
            model_name="gatewayaccount",
            name="gateway",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="accounts",
                to="gateways.gateway",
                verbose_name="gateway",
            ),
        ),
        migrations.AlterField(
            model_name="gatewayaccount",
            name="key_name",
            field=models.CharField(editable=False, max_length=16, verbose_name="key name"),
        ),
        migrations.AlterField(
            model_name="gatewayaccount",
            name="sealed_credentials",
            field=models.TextField(editable=False, verbose_name="sealed credentials"),
        ),
        migrations.AlterField(
            model_name="gatewayaccount",
            name="tenant",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="gateway_accounts",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AlterField(
            model_name="gatewayaccount",
            name="updated_at",
            field=models.DateTimeField(verbose_name="updated at"),
        ),
        migrations.AlterField(
            model_name="gatewayfee",
            name="currency_code",
            field=models.CharField(max_length=3, verbose_name="currency code"),
        ),
        migrations.AlterField(
            model_name="gatewayfee",
            name="fixed_amount",
            field=models.BigIntegerField(default=0, verbose_name="fixed amount"),
        ),
        migrations.AlterField(
            model_name="gatewayfee",
            name="gateway",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="fees",
                to="gateways.gateway",
                verbose_name="gateway",
            ),
        ),
        migrations.AlterField(
            model_name="gatewayfee",
            name="percentage",
            field=models.DecimalField(
                decimal_places=4, default=Decimal("0"), max_digits=7, verbose_name="percentage"
            ),
        ),
    ]
