"""What staff do in the back office: append-only but for the outcome, which is written once."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

APPEND_ONLY = """
CREATE FUNCTION apikeys_refuse_staff_act_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the trail of staff acts is append-only: % refused', TG_OP
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'staff_act_append_only';
END
$$;
CREATE TRIGGER staff_act_append_only BEFORE UPDATE ON apikeys_staffact FOR EACH ROW
    WHEN (OLD.outcome IS NOT NULL OR NEW.outcome IS NULL
          OR (OLD.object_id IS NOT NULL AND OLD.object_id IS DISTINCT FROM NEW.object_id)
          OR (OLD.id, OLD.staff_id, OLD.act, OLD.object_type, OLD.tenant_id, OLD.invoice_id,
              OLD.reason, OLD.request_id, OLD.created_at)
             IS DISTINCT FROM
             (NEW.id, NEW.staff_id, NEW.act, NEW.object_type, NEW.tenant_id, NEW.invoice_id,
              NEW.reason, NEW.request_id, NEW.created_at))
    EXECUTE FUNCTION apikeys_refuse_staff_act_change();
CREATE TRIGGER staff_act_not_deleted BEFORE DELETE ON apikeys_staffact
    FOR EACH ROW EXECUTE FUNCTION apikeys_refuse_staff_act_change();
"""
DROP_APPEND_ONLY = """
DROP TRIGGER staff_act_not_deleted ON apikeys_staffact;
DROP TRIGGER staff_act_append_only ON apikeys_staffact;
DROP FUNCTION apikeys_refuse_staff_act_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0002_audit_by_month"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="StaffAct",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "act",
                    models.CharField(
                        choices=[
                            ("webhook_asked", "asked the gateway about a notification"),
                            ("webhook_retried", "processed a notification again"),
                            ("webhook_ignored", "ignored a notification"),
                            ("discrepancy_noted", "noted something on a discrepancy"),
                            ("discrepancy_resolved", "resolved a discrepancy"),
                            ("change_proposed", "proposed a change"),
                            ("change_approved", "approved a change"),
                            ("change_rejected", "rejected a change"),
                            ("key_issued", "issued an API key"),
                            ("key_rotated", "rotated an API key"),
                            ("key_revoked", "revoked an API key"),
                            ("tenant_created", "made a tenant"),
                            ("fee_changed", "changed a gateway's fee"),
                            ("credentials_stored", "stored a gateway's credentials"),
                            ("list_exported", "exported a list"),
                        ],
                        max_length=30,
                    ),
                ),
                ("object_type", models.CharField(max_length=60)),
                ("object_id", models.BigIntegerField(null=True)),
                ("invoice_id", models.BigIntegerField(null=True)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("request_id", models.CharField(max_length=128, null=True)),
                ("outcome", models.CharField(max_length=40, null=True)),
                ("message", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField()),
                (
                    "staff",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="staff_acts",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="staff_acts",
                        to="apikeys.tenant",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("invoice_id__isnull", False)),
                        fields=["invoice_id"],
                        name="staff_act_of_invoice",
                    ),
                    models.Index(fields=["object_type", "object_id"], name="staff_act_of_object"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("object_type", ""), _negated=True),
                        name="staff_act_is_about_something",
                    )
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, DROP_APPEND_ONLY),
    ]
