"""Acts of staff that wait for a second administrator, and sealed staff acts."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


# The application's role owns no table: it asks for a month to be dropped, if a year has passed.
DROP_MONTH = """
CREATE FUNCTION apikeys_drop_audit_month(wanted date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF wanted + interval '1 month' > now() - interval '366 days' THEN
        RAISE EXCEPTION 'the audit log is kept for a year: % may not go', wanted
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'audit_month_kept';
    END IF;
    EXECUTE format('DROP TABLE %I', 'apikeys_audit_' || to_char(wanted, 'YYYY_MM'));
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="StaffProposal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=30)),
                ("object_type", models.CharField(max_length=60)),
                ("object_id", models.BigIntegerField(null=True)),
                ("tenant_id", models.BigIntegerField(null=True)),
                ("subject", models.CharField(max_length=150)),
                ("details", models.JSONField(default=dict)),
                ("before", models.JSONField(null=True)),
                ("sealed", models.TextField(blank=True)),
                ("reason", models.CharField(max_length=500)),
                ("proposed_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "waits for a second person"),
                            ("applied", "approved and made"),
                            ("rejected", "rejected"),
                            ("withdrawn", "taken back by who proposed it"),
                            ("stale", "can no longer be made"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("decision_reason", models.CharField(blank=True, max_length=500)),
                ("failure_reason", models.CharField(blank=True, max_length=500)),
            ],
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="auditseal",
            name="audit_seal_kept",
        ),
        migrations.RemoveConstraint(
            model_name="auditseal",
            name="audit_seal_sequence",
        ),
        migrations.AddField(
            model_name="auditseal",
            name="log",
            field=models.CharField(default="keys", max_length=10),
        ),
        migrations.AlterField(
            model_name="auditseal",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="audit_seals",
                to="apikeys.tenant",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auditseal",
            trigger=pgtrigger.compiler.Trigger(
                name="audit_seal_kept",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.log <> 'keys' OR OLD.newest_at >= now() - interval '1 year')",
                    func="\nRAISE EXCEPTION 'audit_seal_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'audit_seal_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="500ea27b4bd2285cfa5a733638e37dd2ada3e5df",
                    operation="DELETE",
                    pgid="pgtrigger_audit_seal_kept_35e92",
                    table="apikeys_auditseal",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="auditseal",
            constraint=models.UniqueConstraint(
                fields=("tenant", "log", "sequence"),
                name="audit_seal_sequence",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="auditseal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("log", "keys"), ("tenant__isnull", False)),
                    models.Q(("log", "staff"), ("tenant", None)),
                    _connector="OR",
                ),
                name="audit_seal_names_its_chain",
            ),
        ),
        migrations.AddField(
            model_name="staffproposal",
            name="decided_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="staff_decisions",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="staffproposal",
            name="proposed_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="staff_proposals",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="staffproposal",
            index=models.Index(
                fields=["object_type", "object_id"], name="staff_proposal_of_object"
            ),
        ),
        migrations.AddConstraint(
            model_name="staffproposal",
            constraint=models.CheckConstraint(
                condition=models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                name="staff_proposal_decided_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="staffproposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at", None), ("decided_by", None), ("status", "open")),
                    models.Q(
                        ("decided_at__isnull", False), ("decided_by", None), ("status", "withdrawn")
                    ),
                    models.Q(
                        ("decided_at__isnull", False),
                        ("decided_by__isnull", False),
                        ("status__in", ["applied", "rejected", "stale"]),
                    ),
                    _connector="OR",
                ),
                name="staff_proposal_decision_names_who",
            ),
        ),
        migrations.AddConstraint(
            model_name="staffproposal",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True),
                name="staff_proposal_has_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="staffproposal",
            constraint=models.CheckConstraint(
                condition=models.Q(("status", "open"), ("sealed", ""), _connector="OR"),
                name="staff_proposal_forgets_secrets",
            ),
        ),
        migrations.AddConstraint(
            model_name="staffproposal",
            constraint=models.UniqueConstraint(
                models.F("kind"),
                models.F("subject"),
                condition=models.Q(("status", "open")),
                name="staff_proposal_one_waiting",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="staffproposal",
            trigger=pgtrigger.compiler.Trigger(
                name="staff_proposal_frozen",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status <> 'open' OR (OLD.id, OLD.kind, OLD.object_type, OLD.object_id, OLD.tenant_id, OLD.subject, OLD.details, OLD.before, OLD.reason, OLD.proposed_by_id, OLD.proposed_at) IS DISTINCT FROM (NEW.id, NEW.kind, NEW.object_type, NEW.object_id, NEW.tenant_id, NEW.subject, NEW.details, NEW.before, NEW.reason, NEW.proposed_by_id, NEW.proposed_at))",
                    func="\nRAISE EXCEPTION 'staff_proposal_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'staff_proposal_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="a9f8dfb6b49589470b0bc2e4940bae53aa663dfb",
                    operation="UPDATE",
                    pgid="pgtrigger_staff_proposal_frozen_687ac",
                    table="apikeys_staffproposal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="staffproposal",
            trigger=pgtrigger.compiler.Trigger(
                name="staff_proposal_begins_open",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.status <> 'open')",
                    func="\nRAISE EXCEPTION 'staff_proposal_begins_open: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'staff_proposal_begins_open', TABLE = TG_TABLE_NAME;\n",
                    hash="4506d907f1f8fc43be185729db844a5ee207a2b6",
                    operation="INSERT",
                    pgid="pgtrigger_staff_proposal_begins_open_11161",
                    table="apikeys_staffproposal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="staffproposal",
            trigger=pgtrigger.compiler.Trigger(
                name="staff_proposal_not_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'staff_proposal_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'staff_proposal_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="ebd6639c0e3458031804ae70e63da509acf15500",
                    operation="DELETE",
                    pgid="pgtrigger_staff_proposal_not_deleted_2efb6",
                    table="apikeys_staffproposal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="staffproposal",
            trigger=pgtrigger.compiler.Trigger(
                name="staff_proposal_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'staff_proposal_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'staff_proposal_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="85a7ba414796a8a7022c15089f8311da6b3caa67",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_staff_proposal_not_truncated_611af",
                    table="apikeys_staffproposal",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.RunSQL(DROP_MONTH, "DROP FUNCTION apikeys_drop_audit_month"),
    ]
