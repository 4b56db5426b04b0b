"""Let a customer be taken out of rows that are never edited otherwise."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0002_names_for_staff"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="event",
            name="event_append_only",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="event",
            trigger=pgtrigger.compiler.Trigger(
                name="event_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN ((OLD.tenant_id, OLD.public_id, OLD.type, OLD.invoice_id, OLD.api_version, OLD.request_id, OLD.created_at, OLD.transaction_number) IS DISTINCT FROM (NEW.tenant_id, NEW.public_id, NEW.type, NEW.invoice_id, NEW.api_version, NEW.request_id, NEW.created_at, NEW.transaction_number) OR NEW.data::jsonb IS DISTINCT FROM jsonb_set(jsonb_set(OLD.data::jsonb, '{object,customer}', 'null', false), '{previous,customer}', 'null', false))",
                    func="\nRAISE EXCEPTION 'event_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'event_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="aa5011c992518fa791b8d9d0e50eb24bba1018ea",
                    operation="UPDATE",
                    pgid="pgtrigger_event_append_only_3d407",
                    table="events_event",
                    when="BEFORE",
                ),
            ),
        ),
    ]
