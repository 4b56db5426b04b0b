"""Give models and columns the names that staff read; no statement runs."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0003_names_for_staff"),
        ("events", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="delivery",
            options={"verbose_name": "delivery", "verbose_name_plural": "deliveries"},
        ),
        migrations.AlterModelOptions(
            name="webhookendpoint",
            options={
                "verbose_name": "webhook endpoint",
                "verbose_name_plural": "webhook endpoints",
            },
        ),
        migrations.AlterField(
            model_name="delivery",
            name="attempts",
            field=models.PositiveIntegerField(default=0, verbose_name="attempts"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="attempts_before",
            field=models.PositiveIntegerField(default=0, verbose_name="attempts before"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="created_at",
            field=models.DateTimeField(verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="ended_at",
            field=models.DateTimeField(null=True, verbose_name="ended at"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="endpoint",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deliveries",
                to="events.webhookendpoint",
                verbose_name="endpoint",
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="event",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deliveries",
                to="events.event",
                verbose_name="event",
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="first_attempt_at",
            field=models.DateTimeField(null=True, verbose_name="first attempt at"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="invoice_id",
            field=models.BigIntegerField(null=True, verbose_name="invoice id"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="next_attempt_at",
            field=models.DateTimeField(null=True, verbose_name="next attempt at"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="status",
            field=models.CharField(
                choices=[
                    ("pending", "Pending"),
                    ("delivered", "Delivered"),
                    ("failed", "Failed"),
                    ("cancelled", "Cancelled"),
                ],
                default="pending",
                max_length=10,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="contact_email",
            field=models.CharField(max_length=254, null=True, verbose_name="contact email"),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="created_at",
            field=models.DateTimeField(verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="description",
            field=models.CharField(blank=True, max_length=255, verbose_name="description"),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="disabled_at",
            field=models.DateTimeField(null=True, verbose_name="disabled at"),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="disabled_reason",
            field=models.CharField(
                choices=[
                    ("merchant", "by the merchant"),
                    ("staff", "by staff"),
                    ("gone", "it answered 410 Gone"),
                    ("failing", "nothing but failures for 120 hours"),
                ],
                max_length=10,
                null=True,
                verbose_name="disabled reason",
            ),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="event_types",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40), size=None, verbose_name="event types"
            ),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="failing_since",
            field=models.DateTimeField(null=True, verbose_name="failing since"),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="is_slow",
            field=models.BooleanField(default=False, verbose_name="is slow"),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="key_name",
            field=models.CharField(editable=False, max_length=16, verbose_name="key name"),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="lease",
            field=models.UUIDField(editable=False, null=True, verbose_name="lease"),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="leased_until",
            field=models.DateTimeField(editable=False, null=True, verbose_name="leased until"),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="previous_secret_until",
            field=models.DateTimeField(null=True, verbose_name="previous secret until"),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="sealed_previous_secret",
            field=models.TextField(
                editable=False, null=True, verbose_name="sealed previous secret"
            ),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="sealed_secret",
            field=models.TextField(editable=False, verbose_name="sealed secret"),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="slot",
            field=models.PositiveSmallIntegerField(verbose_name="slot"),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="status",
            field=models.CharField(
                choices=[("enabled", "Enabled"), ("disabled", "Disabled"), ("deleted", "Deleted")],
                default="enabled",
                max_length=10,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="webhook_endpoints",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="updated_at",
            field=models.DateTimeField(verbose_name="updated at"),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="url",
            field=models.CharField(max_length=2048, verbose_name="url"),
        ),
    ]
