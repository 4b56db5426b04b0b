"""Gateways, their fees and our accounts."""

import django.contrib.postgres.fields
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("apikeys", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Gateway",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.SlugField(unique=True)),
                ("name", models.CharField(max_length=50)),
                (
                    "currencies",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=3), size=None
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="GatewayFee",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("currency_code", models.CharField(max_length=3)),
                (
                    "percentage",
                    models.DecimalField(decimal_places=4, default=Decimal("0"), max_digits=7),
                ),
                ("fixed_amount", models.BigIntegerField(default=0)),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fees",
                        to="gateways.gateway",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="GatewayFeeChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("percentage", models.DecimalField(decimal_places=4, max_digits=7)),
                ("fixed_amount", models.BigIntegerField()),
                ("changed_at", models.DateTimeField()),
                ("changed_by", models.CharField(blank=True, max_length=150)),
                ("reason", models.CharField(blank=True, max_length=500)),
                (
                    "fee",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="changes",
                        to="gateways.gatewayfee",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="GatewayAccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sealed_credentials", models.TextField(editable=False)),
                ("key_name", models.CharField(editable=False, max_length=16)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(editable=False, null=True)),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accounts",
                        to="gateways.gateway",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="gateway_accounts",
                        to="apikeys.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("gateway", "tenant"),
                        name="gateway_account_per_tenant",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("sealed_credentials__startswith", "gAAAAA")),
                        name="gateway_account_is_sealed",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="gatewayaccount",
            trigger=pgtrigger.compiler.Trigger(
                name="fee_history_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'fee_history_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'fee_history_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="e17e8d8a206b711a33244a30d7ac487de53e3678",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_fee_history_append_only_6438d",
                    table="gateways_gatewayaccount",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="gatewayaccount",
            trigger=pgtrigger.compiler.Trigger(
                name="fee_history_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'fee_history_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'fee_history_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="8b1294f5d082859963a1b99472a7ddef9be037be",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_fee_history_not_truncated_58e87",
                    table="gateways_gatewayaccount",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="gatewayfee",
            constraint=models.UniqueConstraint(
                models.F("gateway"), models.F("currency_code"), name="gateway_fee_per_currency"
            ),
        ),
        migrations.AddConstraint(
            model_name="gatewayfee",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("fixed_amount__gte", 0), ("percentage__gte", 0), ("percentage__lte", 100)
                ),
                name="gateway_fee_in_range",
            ),
        ),
    ]
