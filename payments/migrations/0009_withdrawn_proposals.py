"""Proposals that were taken back: ended by nobody but who made them, and frozen like the rest."""

from django.conf import settings
from django.db import migrations, models

FROZEN = """
DROP TRIGGER proposal_frozen ON payments_proposal;
CREATE TRIGGER proposal_frozen BEFORE UPDATE ON payments_proposal FOR EACH ROW
    WHEN (OLD.status IN ({ended})
          OR (OLD.id, OLD.tenant_id, OLD.act, OLD.invoice_id, OLD.event_id, OLD.named, OLD.before,
              OLD.after, OLD.reason, OLD.proposed_by_id, OLD.proposed_at)
             IS DISTINCT FROM
             (NEW.id, NEW.tenant_id, NEW.act, NEW.invoice_id, NEW.event_id, NEW.named, NEW.before,
              NEW.after, NEW.reason, NEW.proposed_by_id, NEW.proposed_at))
    EXECUTE FUNCTION paytrust_refuse('proposal_frozen');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0006_withdrawn_proposals"),
        ("invoices", "0009_tenant_of_parts"),
        ("payments", "0008_tenant_of_allocations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="proposal",
            name="proposal_decision_names_who",
        ),
        migrations.AlterField(
            model_name="proposal",
            name="status",
            field=models.CharField(
                choices=[
                    ("open", "waits for a second person"),
                    ("applying", "is being made"),
                    ("applied", "approved and made"),
                    ("rejected", "rejected"),
                    ("withdrawn", "taken back by who proposed it"),
                    ("stale", "can no longer be made"),
                ],
                default="open",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at", None), ("decided_by", None), ("status", "open")),
                    models.Q(
                        ("decided_at__isnull", False), ("decided_by", None), ("status", "withdrawn")
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
        ),
        migrations.RunSQL(
            FROZEN.format(ended="'applied', 'rejected', 'withdrawn', 'stale'"),
            FROZEN.format(ended="'applied', 'rejected', 'stale'"),
        ),
    ]
