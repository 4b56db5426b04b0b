"""Let a customer be taken out of rows that are never edited otherwise."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0003_transfers"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="webhookevent",
            name="webhook_event_kept",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookevent",
            trigger=pgtrigger.compiler.Trigger(
                name="webhook_event_kept",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN ((OLD.gateway_id, OLD.event_id, OLD.received_at) IS DISTINCT FROM (NEW.gateway_id, NEW.event_id, NEW.received_at) OR (NEW.body IS DISTINCT FROM OLD.body AND (octet_length(NEW.body) > 0 OR OLD.status NOT IN ('processed', 'ignored'))))",
                    func="\nRAISE EXCEPTION 'webhook_event_kept: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'webhook_event_kept', TABLE = TG_TABLE_NAME;\n",
                    hash="593764850ea3246ca35eb939a24a6e9657c23044",
                    operation="UPDATE",
                    pgid="pgtrigger_webhook_event_kept_1ef3d",
                    table="payments_webhookevent",
                    when="BEFORE",
                ),
            ),
        ),
    ]
