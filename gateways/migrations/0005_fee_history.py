"""Fees have a history: who changed which, when and why; it starts with those in force."""

import django.db.models.deletion
from django.db import migrations, models
from django.utils import timezone

APPEND_ONLY = """
CREATE FUNCTION gateways_refuse_fee_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of fees is append-only: % refused', TG_OP
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_history_append_only';
END
$$;
CREATE TRIGGER fee_history_append_only BEFORE UPDATE OR DELETE ON gateways_gatewayfeechange
    FOR EACH ROW EXECUTE FUNCTION gateways_refuse_fee_change();
"""
DROP_APPEND_ONLY = """
DROP TRIGGER fee_history_append_only ON gateways_gatewayfeechange;
DROP FUNCTION gateways_refuse_fee_change();
"""


def start_history(apps, schema_editor):
    now = timezone.now()
    changes = apps.get_model("gateways", "GatewayFeeChange").objects
    changes.bulk_create(
        changes.model(
            fee=fee, percentage=fee.percentage, fixed_amount=fee.fixed_amount, changed_at=now
        )
        for fee in apps.get_model("gateways", "GatewayFee").objects.order_by("pk")
    )


class Migration(migrations.Migration):
    dependencies = [
        ("gateways", "0004_accounts_that_ended"),
    ]

    operations = [
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
        migrations.RunPython(start_history, migrations.RunPython.noop),
        migrations.RunSQL(APPEND_ONLY, DROP_APPEND_ONLY),
    ]
