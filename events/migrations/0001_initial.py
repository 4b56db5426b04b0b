"""Events, webhook endpoints and deliveries."""

import django.contrib.postgres.fields
import django.db.models.deletion
import events.outbox.columns
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("apikeys", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_id", models.CharField(max_length=30)),
                ("type", models.CharField(max_length=40)),
                ("invoice_id", models.BigIntegerField(null=True)),
                (
                    "data",
                    events.outbox.columns.OrderedJSONField(
                        decoder=events.outbox.columns.ExactDecoder
                    ),
                ),
                ("api_version", models.CharField(max_length=20)),
                ("request_id", models.CharField(max_length=128, null=True)),
                ("trace_parent", models.CharField(max_length=55, null=True)),
                ("created_at", models.DateTimeField()),
                (
                    "transaction_number",
                    events.outbox.columns.TransactionNumberField(
                        db_default=events.outbox.columns.CurrentTransaction(), editable=False
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="apikeys.tenant",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slot", models.PositiveSmallIntegerField(verbose_name="slot")),
                ("url", models.CharField(max_length=2048, verbose_name="url")),
                (
                    "event_types",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40),
                        size=None,
                        verbose_name="event types",
                    ),
                ),
                (
                    "description",
                    models.CharField(blank=True, max_length=255, verbose_name="description"),
                ),
                (
                    "contact_email",
                    models.CharField(max_length=254, null=True, verbose_name="contact email"),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("enabled", "Enabled"),
                            ("disabled", "Disabled"),
                            ("deleted", "Deleted"),
                        ],
                        default="enabled",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "disabled_reason",
                    models.CharField(
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
                ("disabled_at", models.DateTimeField(null=True, verbose_name="disabled at")),
                ("sealed_secret", models.TextField(editable=False, verbose_name="sealed secret")),
                (
                    "sealed_previous_secret",
                    models.TextField(
                        editable=False, null=True, verbose_name="sealed previous secret"
                    ),
                ),
                (
                    "previous_secret_until",
                    models.DateTimeField(null=True, verbose_name="previous secret until"),
                ),
                (
                    "key_name",
                    models.CharField(editable=False, max_length=16, verbose_name="key name"),
                ),
                ("failing_since", models.DateTimeField(null=True, verbose_name="failing since")),
                ("is_slow", models.BooleanField(default=False, verbose_name="is slow")),
                ("lease", models.UUIDField(editable=False, null=True, verbose_name="lease")),
                (
                    "leased_until",
                    models.DateTimeField(editable=False, null=True, verbose_name="leased until"),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("updated_at", models.DateTimeField(verbose_name="updated at")),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="webhook_endpoints",
                        to="apikeys.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook endpoint",
                "verbose_name_plural": "webhook endpoints",
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("invoice_id", models.BigIntegerField(null=True, verbose_name="invoice id")),
                (
                    "status",
                    models.CharField(
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
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                (
                    "attempts_before",
                    models.PositiveIntegerField(default=0, verbose_name="attempts before"),
                ),
                (
                    "first_attempt_at",
                    models.DateTimeField(null=True, verbose_name="first attempt at"),
                ),
                (
                    "next_attempt_at",
                    models.DateTimeField(null=True, verbose_name="next attempt at"),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended at")),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="apikeys.tenant",
                        verbose_name="tenant",
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="events.event",
                        verbose_name="event",
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="events.webhookendpoint",
                        verbose_name="endpoint",
                    ),
                ),
            ],
            options={
                "verbose_name": "delivery",
                "verbose_name_plural": "deliveries",
            },
        ),
        migrations.CreateModel(
            name="DeliveryAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("attempted_at", models.DateTimeField()),
                ("duration_ms", models.PositiveIntegerField()),
                ("status_code", models.PositiveSmallIntegerField(null=True)),
                ("error", models.CharField(max_length=255, null=True)),
                ("answer", models.TextField(blank=True)),
                (
                    "delivery",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tries",
                        to="events.delivery",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="apikeys.tenant",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["attempted_at"], name="delivery_attempt_oldest")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("delivery", "number"), name="delivery_attempt_number"
                    )
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="deliveryattempt",
            trigger=pgtrigger.compiler.Trigger(
                name="delivery_attempt_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'delivery_attempt_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'delivery_attempt_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="2d2d6a98e0525a5aee17e5200bb26816973fb69c",
                    operation="UPDATE",
                    pgid="pgtrigger_delivery_attempt_append_only_128bd",
                    table="events_deliveryattempt",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="deliveryattempt",
            trigger=pgtrigger.compiler.Trigger(
                name="delivery_attempt_kept",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.attempted_at > now() - interval '90 days')",
                    func="\nRAISE EXCEPTION 'delivery_attempt_kept: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'delivery_attempt_kept', TABLE = TG_TABLE_NAME;\n",
                    hash="a6d685e7db61d62587fa1d31f4ccecc1fd86d61e",
                    operation="DELETE",
                    pgid="pgtrigger_delivery_attempt_kept_1a739",
                    table="events_deliveryattempt",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="deliveryattempt",
            trigger=pgtrigger.compiler.Trigger(
                name="delivery_attempt_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'delivery_attempt_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'delivery_attempt_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="4bea617c37a42c0b9ec898df974cfeaa62314cc8",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_delivery_attempt_not_truncated_f67cb",
                    table="events_deliveryattempt",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("tenant"),
                models.F("transaction_number"),
                models.F("id"),
                name="event_in_turn",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(models.F("tenant"), models.F("created_at"), name="event_since"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(models.F("created_at"), name="event_oldest"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("invoice_id"),
                models.F("id"),
                condition=models.Q(("invoice_id__isnull", False)),
                name="event_of_invoice",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.UniqueConstraint(fields=("public_id",), name="event_public_id"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="event",
            trigger=pgtrigger.compiler.Trigger(
                name="event_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN ((OLD.tenant_id, OLD.public_id, OLD.type, OLD.invoice_id, OLD.api_version, OLD.request_id, OLD.trace_parent, OLD.created_at, OLD.transaction_number) IS DISTINCT FROM (NEW.tenant_id, NEW.public_id, NEW.type, NEW.invoice_id, NEW.api_version, NEW.request_id, NEW.trace_parent, NEW.created_at, NEW.transaction_number) OR NEW.data::jsonb IS DISTINCT FROM jsonb_set(jsonb_set(OLD.data::jsonb, '{object,customer}', 'null', false), '{previous,customer}', 'null', false))",
                    func="\nRAISE EXCEPTION 'event_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'event_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="930a1b46ffdd431c5122dcd4572fc596bde4359f",
                    operation="UPDATE",
                    pgid="pgtrigger_event_append_only_3d407",
                    table="events_event",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="event",
            trigger=pgtrigger.compiler.Trigger(
                name="event_kept",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.created_at > now() - interval '90 days')",
                    func="\nRAISE EXCEPTION 'event_kept: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'event_kept', TABLE = TG_TABLE_NAME;\n",
                    hash="c61ea5743b90acfe9ea8db6ada70b75d7b41ad81",
                    operation="DELETE",
                    pgid="pgtrigger_event_kept_8f097",
                    table="events_event",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="event",
            trigger=pgtrigger.compiler.Trigger(
                name="event_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'event_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'event_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="7521c78472957762d12ef754f41b7d0797a0b94d",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_event_not_truncated_ca458",
                    table="events_event",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="webhookendpoint",
            index=models.Index(
                condition=models.Q(("status", "enabled")),
                fields=["tenant"],
                name="webhook_endpoint_to_tell",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookendpoint",
            index=models.Index(fields=["tenant", "-id"], name="webhook_endpoint_newest"),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "deleted"), _negated=True),
                fields=("tenant", "slot"),
                name="webhook_endpoint_slot",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("slot__range", (1, 10))), name="webhook_endpoint_ten_slots"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["enabled", "disabled", "deleted"])),
                name="webhook_endpoint_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "disabled"), _negated=True),
                    models.Q(("disabled_at__isnull", False), ("disabled_reason__isnull", False)),
                    _connector="OR",
                ),
                name="webhook_endpoint_disabled_has_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("sealed_secret__startswith", "gAAAAA"),
                    models.Q(
                        ("sealed_previous_secret", None),
                        ("sealed_previous_secret__startswith", "gAAAAA"),
                        _connector="OR",
                    ),
                ),
                name="webhook_endpoint_is_sealed",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["endpoint", "-id"], name="delivery_newest"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["endpoint", "next_attempt_at"],
                name="delivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["endpoint", "invoice_id", "id"],
                name="delivery_in_order",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["created_at"],
                name="delivery_oldest_pending",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("status", "failed")), fields=["-id"], name="delivery_failed"
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(fields=("event", "endpoint"), name="delivery_once"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("ended_at", None),
                        ("next_attempt_at__isnull", False),
                        ("status", "pending"),
                    ),
                    models.Q(
                        ("ended_at__isnull", False),
                        ("next_attempt_at", None),
                        ("status__in", ["delivered", "failed", "cancelled"]),
                    ),
                    _connector="OR",
                ),
                name="delivery_pending_is_due_sometime",
            ),
        ),
    ]
