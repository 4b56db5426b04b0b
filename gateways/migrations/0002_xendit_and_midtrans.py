"""The two gateways under their fixed ids, with the fees PayTrust starts with and their history."""

from decimal import Decimal

from django.db import migrations
from django.utils import timezone

GATEWAYS = [
    (1, "xendit", "Xendit", ["IDR", "MYR", "USD"]),
    (2, "midtrans", "Midtrans", ["IDR"]),
]
FEES = [  # gateway, currency, percentage, fixed amount in minor units
    (1, "IDR", "2.5", 2000),
    (1, "MYR", "3", 0),
    (1, "USD", "3.5", 30),
    (2, "IDR", "2", 2500),
]


def create(apps, schema_editor):
    gateway_model = apps.get_model("gateways", "Gateway")
    fee_model = apps.get_model("gateways", "GatewayFee")
    change_model = apps.get_model("gateways", "GatewayFeeChange")
    for pk, code, name, currencies in GATEWAYS:
        gateway_model.objects.create(pk=pk, code=code, name=name, currencies=currencies)
    now = timezone.now()
    for gateway_id, currency_code, percentage, fixed_amount in FEES:
        fee = fee_model.objects.create(
            gateway_id=gateway_id,
            currency_code=currency_code,
            percentage=Decimal(percentage),
            fixed_amount=fixed_amount,
        )
        change_model.objects.create(
            fee=fee, percentage=fee.percentage, fixed_amount=fixed_amount, changed_at=now
        )


class Migration(migrations.Migration):
    dependencies = [("gateways", "0001_initial")]
    operations = [
        migrations.RunPython(create, migrations.RunPython.noop),
        migrations.RunSQL(
            "SELECT setval(pg_get_serial_sequence('gateways_gateway', 'id'), 2)",
            migrations.RunSQL.noop,
        ),
    ]
