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
                ("code", models.SlugField(unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=50, verbose_name="name")),
                (
                    "currencies",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=3),
                        size=None,
                        verbose_name="currencies",
                    ),
                ),
            ],
            options={
                "verbose_name": "gateway",
                "verbose_name_plural": "gateways",
            },
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
                ("currency_code", models.CharField(max_length=3, verbose_name="currency code")),
                (
                    "percentage",
                    models.DecimalField(
                        decimal_places=4,
                        default=Decimal("0"),
                        max_digits=7,
                        verbose_name="percentage",
                    ),
                ),
                ("fixed_amount", models.BigIntegerField(default=0, verbose_name="fixed amount")),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fees",
                        to="gateways.gateway",
                        verbose_name="gateway",
                    ),
                ),
            ],
            options={
                "verbose_name": "gateway fee",
                "verbose_name_plural": "gateway fees",
            },
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
                (
                    "sealed_credentials",
                    models.TextField(editable=False, verbose_name="sealed credentials"),
                ),
                (
                    "key_name",
                    models.CharField(editable=False, max_length=16, verbose_name="key name"),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("updated_at", models.DateTimeField(verbose_name="updated at")),
                (
                    "ended_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="ended at"),
                ),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accounts",
                        to="gateways.gateway",
                        verbose_name="gateway",
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
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "gateway account",
                "verbose_name_plural": "gateway accounts",
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
        pgtrigger.migrations.AddTrigger(
            model_name="gatewayfeechange",
            trigger=pgtrigger.compiler.Trigger(
                name="fee_history_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'fee_history_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'fee_history_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="d68b7a46e944ac9b5fb59f72730c3f051da835b8",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_fee_history_append_only_0a380",
                    table="gateways_gatewayfeechange",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="gatewayfeechange",
            trigger=pgtrigger.compiler.Trigger(
                name="fee_history_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'fee_history_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'fee_history_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="828ba4ce2a54d8f2b16d76cc96510c00ac6e0a3a",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_fee_history_not_truncated_976f8",
                    table="gateways_gatewayfeechange",
                    when="BEFORE",
                ),
            ),
        ),
    ]
