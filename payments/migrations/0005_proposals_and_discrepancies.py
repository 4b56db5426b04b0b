"""Changes that two people make, what they write about discrepancies, and that it stays written."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

APPEND_ONLY = """
CREATE TRIGGER proposal_frozen BEFORE UPDATE ON payments_proposal FOR EACH ROW
    WHEN (OLD.status IN ('applied', 'rejected', 'stale')
          OR (OLD.id, OLD.tenant_id, OLD.act, OLD.invoice_id, OLD.event_id, OLD.named, OLD.before,
              OLD.after, OLD.reason, OLD.proposed_by_id, OLD.proposed_at)
             IS DISTINCT FROM
             (NEW.id, NEW.tenant_id, NEW.act, NEW.invoice_id, NEW.event_id, NEW.named, NEW.before,
              NEW.after, NEW.reason, NEW.proposed_by_id, NEW.proposed_at))
    EXECUTE FUNCTION paytrust_refuse('proposal_frozen');
CREATE TRIGGER proposal_not_deleted BEFORE DELETE ON payments_proposal
    FOR EACH ROW EXECUTE FUNCTION paytrust_refuse('proposal_frozen');
CREATE TRIGGER discrepancy_entry_append_only BEFORE UPDATE OR DELETE ON payments_discrepancyentry
    FOR EACH ROW EXECUTE FUNCTION paytrust_refuse('discrepancy_entry_append_only');
"""
REVERSE = """
DROP TRIGGER discrepancy_entry_append_only ON payments_discrepancyentry;
DROP TRIGGER proposal_not_deleted ON payments_proposal;
DROP TRIGGER proposal_frozen ON payments_proposal;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0003_staff_acts"),
        ("invoices", "0005_payment_account"),
        ("payments", "0004_webhook_account"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="webhookevent",
            name="status",
            field=models.CharField(
                choices=[
                    ("received", "Received"),
                    ("processed", "Processed"),
                    ("failed", "Failed"),
                    ("ignored", "Ignored"),
                ],
                default="received",
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="DiscrepancyEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("note", "note"), ("resolved", "resolved")], max_length=10
                    ),
                ),
                ("text", models.CharField(max_length=500)),
                ("review_flags", models.JSONField()),
                ("paid_amount", models.BigIntegerField()),
                ("overpayment_amount", models.BigIntegerField()),
                ("created_at", models.DateTimeField()),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="discrepancy_entries",
                        to="invoices.invoice",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="discrepancy_entries",
                        to="apikeys.tenant",
                    ),
                ),
                (
                    "written_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="discrepancy_entries",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "discrepancy entries",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("text", ""), _negated=True),
                        name="discrepancy_entry_says_something",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["note", "resolved"])),
                        name="discrepancy_entry_kind_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Proposal",
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
                            ("adjust", "adjust instalments"),
                            ("cancel", "cancel the invoice"),
                            ("ignore_webhook", "ignore a notification about money"),
                        ],
                        max_length=20,
                    ),
                ),
                ("named", models.JSONField(null=True)),
                ("before", models.JSONField(null=True)),
                ("after", models.JSONField(null=True)),
                ("reason", models.CharField(max_length=500)),
                ("proposed_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "waits for a second person"),
                            ("applying", "is being made"),
                            ("applied", "approved and made"),
                            ("rejected", "rejected"),
                            ("stale", "can no longer be made"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("decision_reason", models.CharField(blank=True, max_length=500)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("leased_until", models.DateTimeField(null=True)),
                ("failure_reason", models.CharField(blank=True, max_length=500)),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proposals",
                        to="payments.webhookevent",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proposals",
                        to="invoices.invoice",
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proposals",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proposals",
                        to="apikeys.tenant",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(models.F("invoice"), name="proposal_of_invoice"),
                    models.Index(
                        models.OrderBy(models.F("id"), descending=True),
                        condition=models.Q(("status__in", ["open", "applying"])),
                        name="proposal_waiting",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                        name="proposal_decided_by_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("decided_at", None), ("decided_by", None), ("status", "open")
                            ),
                            models.Q(
                                ("decided_at__isnull", False),
                                ("decided_by__isnull", False),
                                ("status__in", ["applying", "applied", "rejected", "stale"]),
                            ),
                            _connector="OR",
                        ),
                        name="proposal_decision_names_who",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="proposal_has_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("act", "adjust"),
                                ("event", None),
                                ("invoice__isnull", False),
                                ("named__isnull", False),
                            ),
                            models.Q(
                                ("act", "cancel"),
                                ("event", None),
                                ("invoice__isnull", False),
                                ("named", None),
                            ),
                            models.Q(
                                ("act", "ignore_webhook"), ("event__isnull", False), ("named", None)
                            ),
                            _connector="OR",
                        ),
                        name="proposal_names_its_object",
                    ),
                    models.UniqueConstraint(
                        models.F("invoice"),
                        condition=models.Q(("event", None), ("status__in", ["open", "applying"])),
                        name="proposal_one_waiting_per_invoice",
                    ),
                    models.UniqueConstraint(
                        models.F("event"),
                        condition=models.Q(
                            ("event__isnull", False), ("status__in", ["open", "applying"])
                        ),
                        name="proposal_one_waiting_per_event",
                    ),
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, REVERSE),
    ]
