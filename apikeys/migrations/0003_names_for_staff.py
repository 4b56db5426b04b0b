"""Give models and columns the names that staff read; no statement runs."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0002_two_people"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="apikey",
            options={"verbose_name": "api key", "verbose_name_plural": "api keys"},
        ),
        migrations.AlterModelOptions(
            name="apikeyauditentry",
            options={
                "verbose_name": "api key audit entry",
                "verbose_name_plural": "API key audit entries",
            },
        ),
        migrations.AlterModelOptions(
            name="staffact",
            options={"verbose_name": "staff act", "verbose_name_plural": "staff acts"},
        ),
        migrations.AlterModelOptions(
            name="staffproposal",
            options={"verbose_name": "staff proposal", "verbose_name_plural": "staff proposals"},
        ),
        migrations.AlterModelOptions(
            name="tenant",
            options={"verbose_name": "tenant", "verbose_name_plural": "tenants"},
        ),
        migrations.AlterField(
            model_name="apikey",
            name="created_at",
            field=models.DateTimeField(verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="description",
            field=models.CharField(max_length=255, verbose_name="description"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="key_digest",
            field=models.CharField(max_length=64, verbose_name="key digest"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="key_hash",
            field=models.CharField(max_length=255, verbose_name="key hash"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="key_prefix",
            field=models.CharField(max_length=4, verbose_name="key prefix"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="last_used_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="last used at"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="revoked_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="revoked at"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="rotated_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="rotated at"),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="status",
            field=models.CharField(
                choices=[("active", "Active"), ("rotated", "Rotated"), ("revoked", "Revoked")],
                default="active",
                max_length=10,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="api_keys",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AlterField(
            model_name="apikeyauditentry",
            name="actor_identifier",
            field=models.CharField(max_length=255, verbose_name="actor identifier"),
        ),
        migrations.AlterField(
            model_name="apikeyauditentry",
            name="api_key",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="audit_entries",
                to="apikeys.apikey",
                verbose_name="api key",
            ),
        ),
        migrations.AlterField(
            model_name="apikeyauditentry",
            name="created_at",
            field=models.DateTimeField(verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="apikeyauditentry",
            name="error_message",
            field=models.CharField(max_length=255, null=True, verbose_name="error message"),
        ),
        migrations.AlterField(
            model_name="apikeyauditentry",
            name="ip_address",
            field=models.GenericIPAddressField(null=True, verbose_name="ip address"),
        ),
        migrations.AlterField(
            model_name="apikeyauditentry",
            name="method",
            field=models.CharField(max_length=10, null=True, verbose_name="method"),
        ),
        migrations.AlterField(
            model_name="apikeyauditentry",
            name="old_key_hash",
            field=models.CharField(max_length=255, null=True, verbose_name="old key hash"),
        ),
        migrations.AlterField(
            model_name="apikeyauditentry",
            name="operation_type",
            field=models.CharField(
                choices=[
                    ("created", "Created"),
                    ("rotated", "Rotated"),
                    ("revoked", "Revoked"),
                    ("used", "Used"),
                ],
                max_length=10,
                verbose_name="operation type",
            ),
        ),
        migrations.AlterField(
            model_name="apikeyauditentry",
            name="path",
            field=models.CharField(max_length=500, null=True, verbose_name="path"),
        ),
        migrations.AlterField(
            model_name="apikeyauditentry",
            name="request_id",
            field=models.CharField(max_length=128, null=True, verbose_name="request id"),
        ),
        migrations.AlterField(
            model_name="apikeyauditentry",
            name="status_code",
            field=models.PositiveSmallIntegerField(null=True, verbose_name="status code"),
        ),
        migrations.AlterField(
            model_name="apikeyauditentry",
            name="success",
            field=models.BooleanField(verbose_name="success"),
        ),
        migrations.AlterField(
            model_name="apikeyauditentry",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="audit_entries",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AlterField(
            model_name="staffact",
            name="act",
            field=models.CharField(max_length=30, verbose_name="act"),
        ),
        migrations.AlterField(
            model_name="staffact",
            name="created_at",
            field=models.DateTimeField(verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="staffact",
            name="invoice_id",
            field=models.BigIntegerField(null=True, verbose_name="invoice id"),
        ),
        migrations.AlterField(
            model_name="staffact",
            name="message",
            field=models.CharField(blank=True, max_length=500, verbose_name="message"),
        ),
        migrations.AlterField(
            model_name="staffact",
            name="object_id",
            field=models.BigIntegerField(null=True, verbose_name="object id"),
        ),
        migrations.AlterField(
            model_name="staffact",
            name="object_type",
            field=models.CharField(max_length=60, verbose_name="object type"),
        ),
        migrations.AlterField(
            model_name="staffact",
            name="outcome",
            field=models.CharField(max_length=40, null=True, verbose_name="outcome"),
        ),
        migrations.AlterField(
            model_name="staffact",
            name="reason",
            field=models.CharField(blank=True, max_length=500, verbose_name="reason"),
        ),
        migrations.AlterField(
            model_name="staffact",
            name="request_id",
            field=models.CharField(max_length=128, null=True, verbose_name="request id"),
        ),
        migrations.AlterField(
            model_name="staffact",
            name="staff",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="staff_acts",
                to=settings.AUTH_USER_MODEL,
                verbose_name="staff",
            ),
        ),
        migrations.AlterField(
            model_name="staffact",
            name="tenant",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="staff_acts",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="before",
            field=models.JSONField(null=True, verbose_name="before"),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="decided_at",
            field=models.DateTimeField(null=True, verbose_name="decided at"),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="decided_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="staff_decisions",
                to=settings.AUTH_USER_MODEL,
                verbose_name="decided by",
            ),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="decision_reason",
            field=models.CharField(blank=True, max_length=500, verbose_name="decision reason"),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="details",
            field=models.JSONField(default=dict, verbose_name="details"),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="failure_reason",
            field=models.CharField(blank=True, max_length=500, verbose_name="failure reason"),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="kind",
            field=models.CharField(max_length=30, verbose_name="kind"),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="object_id",
            field=models.BigIntegerField(null=True, verbose_name="object id"),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="object_type",
            field=models.CharField(max_length=60, verbose_name="object type"),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="proposed_at",
            field=models.DateTimeField(verbose_name="proposed at"),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="proposed_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="staff_proposals",
                to=settings.AUTH_USER_MODEL,
                verbose_name="proposed by",
            ),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="reason",
            field=models.CharField(max_length=500, verbose_name="reason"),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="sealed",
            field=models.TextField(blank=True, verbose_name="sealed"),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="status",
            field=models.CharField(
                choices=[
                    ("open", "waits for a second person"),
                    ("applied", "approved and made"),
                    ("rejected", "rejected"),
                    ("withdrawn", "taken back by who proposed it"),
                    ("stale", "can no longer be made"),
                ],
                default="open",
                max_length=10,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="subject",
            field=models.CharField(max_length=150, verbose_name="subject"),
        ),
        migrations.AlterField(
            model_name="staffproposal",
            name="tenant_id",
            field=models.BigIntegerField(null=True, verbose_name="tenant id"),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="created_at",
            field=models.DateTimeField(verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="name",
            field=models.CharField(max_length=140, verbose_name="name"),
        ),
    ]
