"""Notifications, bookings, refunds, disputes, settlement and what staff propose."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("apikeys", "0001_initial"),
        ("gateways", "0002_xendit_and_midtrans"),
        ("invoices", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="TransferredPayment",
            fields=[],
            options={
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("invoices.transaction",),
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
            },
        ),
        migrations.CreateModel(
            name="Dispute",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "gateway_dispute_id",
                    models.CharField(max_length=255, verbose_name="gateway dispute id"),
                ),
                ("raw_status", models.CharField(max_length=50, verbose_name="raw status")),
                ("reason", models.CharField(max_length=255, null=True, verbose_name="reason")),
                ("currency_code", models.CharField(max_length=3, verbose_name="currency code")),
                ("amount", models.BigIntegerField(verbose_name="amount")),
                ("due_at", models.DateTimeField(null=True, verbose_name="due at")),
                ("opened_at", models.DateTimeField(verbose_name="opened at")),
                ("updated_at", models.DateTimeField(verbose_name="updated at")),
                ("closed_at", models.DateTimeField(null=True, verbose_name="closed at")),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="disputes",
                        to="invoices.invoice",
                        verbose_name="invoice",
                    ),
                ),
                (
                    "payment_request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="disputes",
                        to="invoices.paymentrequest",
                        verbose_name="payment request",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="disputes",
                        to="apikeys.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "dispute",
                "verbose_name_plural": "disputes",
            },
        ),
        migrations.CreateModel(
            name="Refund",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("amount", models.BigIntegerField(verbose_name="amount")),
                ("currency_code", models.CharField(max_length=3, verbose_name="currency code")),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("duplicate", "Duplicate"),
                            ("fraudulent", "Fraudulent"),
                            ("requested_by_customer", "Requested By Customer"),
                            ("cancellation", "Cancellation"),
                            ("other", "Other"),
                        ],
                        max_length=25,
                        verbose_name="reason",
                    ),
                ),
                ("note", models.CharField(max_length=500, null=True, verbose_name="note")),
                (
                    "external_id",
                    models.CharField(max_length=255, null=True, verbose_name="external id"),
                ),
                ("metadata", models.JSONField(default=dict, verbose_name="metadata")),
                (
                    "method",
                    models.CharField(
                        choices=[("gateway", "Gateway"), ("manual", "Manual")],
                        default="gateway",
                        max_length=10,
                        verbose_name="method",
                    ),
                ),
                (
                    "reference",
                    models.CharField(max_length=50, unique=True, verbose_name="reference"),
                ),
                (
                    "bank_reference",
                    models.CharField(max_length=140, null=True, verbose_name="bank reference"),
                ),
                (
                    "gateway_refund_id",
                    models.CharField(max_length=255, null=True, verbose_name="gateway refund id"),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("requested", "waits for two people"),
                            ("sending", "is being sent, or the outcome is unknown"),
                            ("pending", "the gateway is carrying it out"),
                            ("succeeded", "gone back"),
                            ("failed", "failed"),
                            ("cancelled", "not approved"),
                        ],
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "failure_code",
                    models.CharField(max_length=100, null=True, verbose_name="failure code"),
                ),
                (
                    "failure_message",
                    models.CharField(max_length=500, null=True, verbose_name="failure message"),
                ),
                ("leased_until", models.DateTimeField(null=True, verbose_name="leased until")),
                ("tries", models.PositiveIntegerField(default=0, verbose_name="tries")),
                ("next_check_at", models.DateTimeField(null=True, verbose_name="next check at")),
                (
                    "idempotency_record_id",
                    models.UUIDField(null=True, verbose_name="idempotency record id"),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("updated_at", models.DateTimeField(verbose_name="updated at")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended at")),
                (
                    "booked_as",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="asked_for_by",
                        to="invoices.transaction",
                        verbose_name="booked as",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="invoices.invoice",
                        verbose_name="invoice",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="apikeys.tenant",
                        verbose_name="tenant",
                    ),
                ),
                (
                    "transaction",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="invoices.transaction",
                        verbose_name="transaction",
                    ),
                ),
            ],
            options={
                "verbose_name": "refund",
                "verbose_name_plural": "refunds",
            },
        ),
        migrations.CreateModel(
            name="RefundLimit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("currency_code", models.CharField(max_length=3)),
                ("amount", models.BigIntegerField()),
                ("updated_at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refund_limits",
                        to="apikeys.tenant",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SettlementImport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("api", "Gateway"),
                            ("upload", "Upload"),
                            ("withdrawal", "Withdrawal"),
                        ],
                        max_length=10,
                        verbose_name="source",
                    ),
                ),
                (
                    "file_name",
                    models.CharField(max_length=255, null=True, verbose_name="file name"),
                ),
                (
                    "size_bytes",
                    models.PositiveBigIntegerField(null=True, verbose_name="size in bytes"),
                ),
                ("sha256", models.CharField(max_length=64, null=True, verbose_name="SHA-256")),
                (
                    "starts_at_once",
                    models.BooleanField(default=True, verbose_name="starts at once"),
                ),
                ("repeat", models.PositiveSmallIntegerField(default=0, verbose_name="repeat")),
                (
                    "currency_code",
                    models.CharField(max_length=3, null=True, verbose_name="currency code"),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("uploading", "Uploading"),
                            ("uploaded", "Uploaded"),
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("line_count", models.PositiveIntegerField(default=0, verbose_name="line count")),
                ("new_count", models.PositiveIntegerField(default=0, verbose_name="new count")),
                ("due_at", models.DateTimeField(null=True, verbose_name="due at")),
                ("tries", models.PositiveSmallIntegerField(default=0, verbose_name="tries")),
                ("problem", models.JSONField(null=True, verbose_name="problem")),
                ("covers_from", models.DateTimeField(null=True, verbose_name="covers from")),
                ("covers_to", models.DateTimeField(null=True, verbose_name="covers to")),
                ("reason", models.CharField(blank=True, max_length=500, verbose_name="reason")),
                ("imported_at", models.DateTimeField(verbose_name="imported at")),
                (
                    "account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlement_imports",
                        to="gateways.gatewayaccount",
                        verbose_name="account",
                    ),
                ),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlement_imports",
                        to="gateways.gateway",
                        verbose_name="gateway",
                    ),
                ),
                (
                    "imported_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlement_imports",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="imported by",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlement_imports",
                        to="apikeys.tenant",
                        verbose_name="tenant",
                    ),
                ),
                (
                    "withdraws",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="withdrawn_by",
                        to="payments.settlementimport",
                        verbose_name="withdraws",
                    ),
                ),
            ],
            options={
                "verbose_name": "settlement import",
                "verbose_name_plural": "settlement imports",
            },
        ),
        migrations.CreateModel(
            name="SettlementFilePiece",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("content", models.BinaryField()),
                (
                    "imported_in",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="pieces",
                        to="payments.settlementimport",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SettlementLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("identity", models.CharField(max_length=64, verbose_name="identity")),
                ("digest", models.CharField(max_length=64, verbose_name="digest")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("payment", "payment"),
                            ("refund", "refund"),
                            ("chargeback", "chargeback"),
                            ("payout", "payout"),
                            ("other", "other"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("is_final", models.BooleanField(verbose_name="is final")),
                ("currency_code", models.CharField(max_length=3, verbose_name="currency code")),
                ("gross_amount", models.BigIntegerField(verbose_name="gross amount")),
                ("gateway_fee_amount", models.BigIntegerField(verbose_name="gateway fee amount")),
                ("vat_amount", models.BigIntegerField(verbose_name="VAT amount")),
                ("withholding_amount", models.BigIntegerField(verbose_name="withholding amount")),
                ("net_amount", models.BigIntegerField(verbose_name="net amount")),
                (
                    "fee_state",
                    models.CharField(
                        choices=[
                            ("final", "final"),
                            ("pending", "pending"),
                            ("monthly", "billed monthly"),
                        ],
                        max_length=10,
                        verbose_name="fee state",
                    ),
                ),
                (
                    "reference",
                    models.CharField(max_length=255, null=True, verbose_name="reference"),
                ),
                (
                    "gateway_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=255),
                        size=None,
                        verbose_name="gateway ids",
                    ),
                ),
                ("channel", models.CharField(max_length=50, null=True, verbose_name="channel")),
                ("occurred_at", models.DateTimeField(null=True, verbose_name="occurred at")),
                ("settlement_at", models.DateTimeField(null=True, verbose_name="settled at")),
                (
                    "payout_id",
                    models.CharField(max_length=255, null=True, verbose_name="payout id"),
                ),
                ("as_of", models.DateTimeField(null=True, verbose_name="as of")),
                ("raw", models.JSONField(verbose_name="as it came")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("matched", "matched"),
                            ("amount_differs", "amount differs"),
                            ("fee_differs", "fee differs"),
                            ("missing_here", "missing here"),
                            ("missing_at_gateway", "missing at the gateway"),
                            ("duplicate", "duplicate"),
                            ("not_compared", "not compared"),
                            ("replaced", "replaced"),
                            ("withdrawn", "withdrawn"),
                        ],
                        max_length=20,
                        verbose_name="state",
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlement_lines",
                        to="gateways.gatewayaccount",
                        verbose_name="account",
                    ),
                ),
                (
                    "gateway",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlement_lines",
                        to="gateways.gateway",
                        verbose_name="gateway",
                    ),
                ),
                (
                    "imported_in",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="payments.settlementimport",
                        verbose_name="imported in",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlement_lines",
                        to="apikeys.tenant",
                        verbose_name="tenant",
                    ),
                ),
                (
                    "transaction",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlement_lines",
                        to="invoices.transaction",
                        verbose_name="transaction",
                    ),
                ),
            ],
            options={
                "verbose_name": "settlement line",
                "verbose_name_plural": "settlement lines",
            },
        ),
        migrations.CreateModel(
            name="SettlementMismatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("amount_differs", "amount differs"),
                            ("duplicate", "duplicate"),
                            ("fee_differs", "fee differs"),
                            ("missing_at_gateway", "missing at the gateway"),
                            ("missing_here", "missing here"),
                        ],
                        max_length=20,
                        verbose_name="state",
                    ),
                ),
                ("found_at", models.DateTimeField(verbose_name="found at")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended at")),
                ("reason", models.CharField(blank=True, max_length=500, verbose_name="reason")),
                (
                    "ended_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlement_mismatches",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="ended by",
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="mismatches",
                        to="payments.settlementline",
                        verbose_name="line",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlement_mismatches",
                        to="apikeys.tenant",
                        verbose_name="tenant",
                    ),
                ),
                (
                    "transaction",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlement_mismatches",
                        to="invoices.transaction",
                        verbose_name="transaction",
                    ),
                ),
            ],
            options={
                "verbose_name": "settlement mismatch",
                "verbose_name_plural": "settlement mismatches",
            },
        ),
        migrations.CreateModel(
            name="SettlementTerms",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("columns", models.JSONField(default=dict)),
                ("fees", models.JSONField(default=list)),
                ("updated_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlement_terms",
                        to="gateways.gatewayaccount",
                    ),
                ),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlement_terms",
                        to="gateways.gateway",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="settlement_terms",
                        to="apikeys.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "settlement terms",
            },
        ),
        migrations.CreateModel(
            name="WebhookEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("event_id", models.CharField(max_length=255, verbose_name="event id")),
                (
                    "reference",
                    models.CharField(max_length=255, null=True, verbose_name="reference"),
                ),
                ("headers", models.JSONField(default=dict, verbose_name="headers")),
                ("body", models.BinaryField(verbose_name="body")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("received", "Received"),
                            ("processed", "Processed"),
                            ("failed", "Failed"),
                            ("ignored", "Ignored"),
                        ],
                        default="received",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("outcome", models.CharField(max_length=40, null=True, verbose_name="outcome")),
                (
                    "failure_reason",
                    models.CharField(max_length=500, null=True, verbose_name="failure reason"),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                (
                    "attempts_before",
                    models.PositiveSmallIntegerField(
                        db_default=0, default=0, verbose_name="attempts before"
                    ),
                ),
                (
                    "first_failed_at",
                    models.DateTimeField(null=True, verbose_name="first failed at"),
                ),
                (
                    "next_attempt_at",
                    models.DateTimeField(null=True, verbose_name="next attempt at"),
                ),
                ("leased_until", models.DateTimeField(null=True, verbose_name="leased until")),
                ("received_at", models.DateTimeField(verbose_name="received at")),
                ("processed_at", models.DateTimeField(null=True, verbose_name="processed at")),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="webhook_events",
                        to="gateways.gatewayaccount",
                        verbose_name="account",
                    ),
                ),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="webhook_events",
                        to="gateways.gateway",
                        verbose_name="gateway",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="webhook_events",
                        to="apikeys.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "notification",
                "verbose_name_plural": "notifications",
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
                            ("refund", "give money back"),
                            ("transfer", "move an overpayment to another invoice"),
                        ],
                        max_length=20,
                        verbose_name="act",
                    ),
                ),
                ("named", models.JSONField(null=True, verbose_name="named")),
                ("before", models.JSONField(null=True, verbose_name="before")),
                ("after", models.JSONField(null=True, verbose_name="after")),
                ("reason", models.CharField(max_length=500, verbose_name="reason")),
                ("proposed_at", models.DateTimeField(verbose_name="proposed at")),
                (
                    "status",
                    models.CharField(
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
                        verbose_name="status",
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True, verbose_name="decided at")),
                (
                    "decision_reason",
                    models.CharField(blank=True, max_length=500, verbose_name="decision reason"),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0, verbose_name="tries")),
                ("leased_until", models.DateTimeField(null=True, verbose_name="leased until")),
                (
                    "failure_reason",
                    models.CharField(blank=True, max_length=500, verbose_name="failure reason"),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="decided by",
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
                        verbose_name="invoice",
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proposals",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="proposed by",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proposals",
                        to="apikeys.tenant",
                        verbose_name="tenant",
                    ),
                ),
                (
                    "refund",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proposals",
                        to="payments.refund",
                        verbose_name="refund",
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
                        verbose_name="event",
                    ),
                ),
            ],
            options={
                "verbose_name": "proposal",
                "verbose_name_plural": "proposals",
            },
        ),
        migrations.CreateModel(
            name="EventTransaction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="apikeys.tenant",
                        verbose_name="tenant",
                    ),
                ),
                (
                    "transaction",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="booked_by",
                        to="invoices.transaction",
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bookings",
                        to="payments.webhookevent",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="WebhookRetry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("attempt", models.PositiveSmallIntegerField()),
                ("attempted_at", models.DateTimeField()),
                ("outcome", models.CharField(max_length=40)),
                ("failure_reason", models.CharField(max_length=500, null=True)),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="retries",
                        to="payments.webhookevent",
                    ),
                ),
            ],
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="transferredpayment",
            trigger=pgtrigger.compiler.Trigger(
                name="transfer_leaves_refunds",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.kind = 'transfer' AND NEW.amount < 0)",
                    func="\nIF EXISTS (SELECT FROM payments_refund\n           WHERE transaction_id = NEW.reverses_id\n             AND status IN ('requested', 'sending', 'pending')) THEN\n    RAISE EXCEPTION 'transfer_leaves_refunds: payment % is being refunded', NEW.reverses_id\n        USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_leaves_refunds',\n              TABLE = TG_TABLE_NAME;\nEND IF;\nRETURN NEW;\n",
                    hash="0c077340d01097253622d92fbb3786f38d32786e",
                    operation="INSERT",
                    pgid="pgtrigger_transfer_leaves_refunds_e4f1b",
                    table="invoices_transaction",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="discrepancyentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("text", ""), _negated=True),
                name="discrepancy_entry_says_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="discrepancyentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["note", "resolved"])),
                name="discrepancy_entry_kind_known",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="discrepancyentry",
            trigger=pgtrigger.compiler.Trigger(
                name="discrepancy_entry_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'discrepancy_entry_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'discrepancy_entry_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="e7b8c4e28eaad4e42feef8c4178785310ec6230e",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_discrepancy_entry_append_only_4c74b",
                    table="payments_discrepancyentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="discrepancyentry",
            trigger=pgtrigger.compiler.Trigger(
                name="discrepancy_entry_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'discrepancy_entry_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'discrepancy_entry_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="796b42b47ee156269ad9cfcec6ac5c4309752739",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_discrepancy_entry_not_truncated_b947f",
                    table="payments_discrepancyentry",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="dispute",
            index=models.Index(models.F("invoice"), models.F("id"), name="dispute_of_invoice"),
        ),
        migrations.AddIndex(
            model_name="dispute",
            index=models.Index(
                models.F("due_at"),
                models.F("id"),
                condition=models.Q(("closed_at", None)),
                name="dispute_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.UniqueConstraint(
                models.F("payment_request"),
                models.F("gateway_dispute_id"),
                name="dispute_once_per_payment",
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="dispute_amount_positive"
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                name="refund_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(models.F("invoice"), models.F("id"), name="refund_of_invoice"),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(models.F("tenant"), models.F("updated_at"), name="refund_updated"),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                models.F("next_check_at"),
                condition=models.Q(("next_check_at__isnull", False)),
                name="refund_to_check",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("status", "requested")),
                name="refund_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(models.F("gateway_refund_id"), name="refund_gateway_id"),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                models.F("transaction"),
                condition=models.Q(("status__in", ("requested", "sending", "pending"))),
                name="refund_one_active_per_payment",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                models.F("tenant"),
                models.F("external_id"),
                condition=models.Q(
                    ("external_id__isnull", False),
                    models.Q(("status__in", ["failed", "cancelled"]), _negated=True),
                ),
                name="refund_external_id",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                models.F("idempotency_record_id"),
                condition=models.Q(("idempotency_record_id__isnull", False)),
                name="refund_once_per_call",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="refund_amount_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("bank_reference", None), ("method", "gateway")),
                    models.Q(("bank_reference__isnull", False), ("method", "manual")),
                    _connector="OR",
                ),
                name="refund_manual_names_the_bank",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("next_check_at__isnull", False), ("status__in", ("sending", "pending"))
                    ),
                    ("next_check_at", None),
                    _connector="OR",
                ),
                name="refund_asked_about_has_a_due_time",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refund",
            trigger=pgtrigger.compiler.Trigger(
                name="refund_state_change",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status <> NEW.status AND NOT (OLD.status || '>' || NEW.status) = ANY (ARRAY['failed>sending', 'failed>succeeded', 'pending>failed', 'pending>succeeded', 'requested>cancelled', 'requested>sending', 'requested>succeeded', 'sending>failed', 'sending>pending', 'sending>succeeded']))",
                    func="\nRAISE EXCEPTION 'refund_state_change: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'refund_state_change', TABLE = TG_TABLE_NAME;\n",
                    hash="a85eb1a03e30ebc14e0169d6e34afe726e5d2950",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_refund_state_change_0bcdc",
                    table="payments_refund",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refund",
            trigger=pgtrigger.compiler.Trigger(
                name="refund_within_payment",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.status IN ('requested', 'sending', 'pending'))",
                    func="\nIF NEW.amount > (\n    SELECT t.amount + coalesce((SELECT sum(r.amount) FROM invoices_transaction r\n                                WHERE r.reverses_id = t.id), 0)\n    FROM invoices_transaction t WHERE t.id = NEW.transaction_id\n) AND (TG_OP = 'INSERT' OR OLD.status <> NEW.status OR OLD.amount <> NEW.amount) THEN\n    RAISE EXCEPTION 'refund_within_payment: more than payment % can give', NEW.transaction_id\n        USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_within_payment',\n              TABLE = TG_TABLE_NAME;\nEND IF;\nRETURN NEW;\n",
                    hash="d4b9ffd644d90948e49a037c2dcc10b453427800",
                    operation='INSERT OR UPDATE OF "status", "amount"',
                    pgid="pgtrigger_refund_within_payment_c53a9",
                    table="payments_refund",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refund",
            trigger=pgtrigger.compiler.Trigger(
                name="refund_frozen",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN ((OLD.tenant_id, OLD.invoice_id, OLD.transaction_id, OLD.amount, OLD.currency_code, OLD.method, OLD.reference, OLD.created_at) IS DISTINCT FROM (NEW.tenant_id, NEW.invoice_id, NEW.transaction_id, NEW.amount, NEW.currency_code, NEW.method, NEW.reference, NEW.created_at))",
                    func="\nRAISE EXCEPTION 'refund_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'refund_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="d51134a1f9210f45ce3a5c15131a517dd901c66f",
                    operation="UPDATE",
                    pgid="pgtrigger_refund_frozen_be0df",
                    table="payments_refund",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refund",
            trigger=pgtrigger.compiler.Trigger(
                name="refund_not_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'refund_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'refund_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="97ba3273a269022faf79b8a5955261d8f9f5e376",
                    operation="DELETE",
                    pgid="pgtrigger_refund_not_deleted_4238a",
                    table="payments_refund",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refund",
            trigger=pgtrigger.compiler.Trigger(
                name="refund_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'refund_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'refund_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="0e952c5360fb3753b36cecd0c91d5508007da787",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_refund_not_truncated_75779",
                    table="payments_refund",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="refundlimit",
            constraint=models.UniqueConstraint(
                models.F("tenant"), models.F("currency_code"), name="refund_limit_per_currency"
            ),
        ),
        migrations.AddConstraint(
            model_name="refundlimit",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gte", 0)), name="refund_limit_not_negative"
            ),
        ),
        migrations.AddIndex(
            model_name="settlementimport",
            index=models.Index(
                models.F("due_at"),
                condition=models.Q(("due_at__isnull", False)),
                name="settlement_import_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementimport",
            constraint=models.UniqueConstraint(
                models.F("gateway"),
                models.F("account"),
                models.F("sha256"),
                models.F("repeat"),
                condition=models.Q(
                    ("sha256__isnull", False),
                    ("withdraws", None),
                    models.Q(("status", "failed"), _negated=True),
                ),
                name="settlement_import_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementimport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("source", "withdrawal"), ("withdraws__isnull", False)),
                    models.Q(
                        models.Q(("source", "withdrawal"), _negated=True), ("withdraws", None)
                    ),
                    _connector="OR",
                ),
                name="settlement_import_withdrawal_names_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementimport",
            constraint=models.CheckConstraint(
                condition=models.Q(("new_count__lte", models.F("line_count"))),
                name="settlement_import_counts",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementimport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("sha256__isnull", False),
                    ("status__in", ["uploading", "failed"]),
                    _connector="OR",
                ),
                name="settlement_import_knows_its_file",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementimport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("problem__isnull", False), ("status", "failed")),
                    models.Q(models.Q(("status", "failed"), _negated=True), ("problem", None)),
                    _connector="OR",
                ),
                name="settlement_import_failure_says_why",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="settlementimport",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_import_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status IN ('done', 'failed') OR (OLD.id, OLD.tenant_id, OLD.gateway_id, OLD.account_id, OLD.source, OLD.file_name, OLD.size_bytes, OLD.starts_at_once, OLD.currency_code, OLD.withdraws_id, OLD.reason, OLD.imported_by_id, OLD.imported_at) IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.gateway_id, NEW.account_id, NEW.source, NEW.file_name, NEW.size_bytes, NEW.starts_at_once, NEW.currency_code, NEW.withdraws_id, NEW.reason, NEW.imported_by_id, NEW.imported_at))",
                    func="\nRAISE EXCEPTION 'settlement_import_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_import_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="6c2d992ed68998d43da5d350a9cef6e6f4da4425",
                    operation="UPDATE",
                    pgid="pgtrigger_settlement_import_append_only_b7304",
                    table="payments_settlementimport",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="settlementimport",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_import_not_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'settlement_import_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_import_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="b112c8446ead1e60f6d3f49df830ef2e17e90315",
                    operation="DELETE",
                    pgid="pgtrigger_settlement_import_not_deleted_e7b99",
                    table="payments_settlementimport",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="settlementimport",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_import_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'settlement_import_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_import_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="ca893e2bd993b2e0ecdde0c0aba2a5b189411dc6",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_settlement_import_not_truncated_2ce3a",
                    table="payments_settlementimport",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementfilepiece",
            constraint=models.UniqueConstraint(
                models.F("imported_in"), models.F("number"), name="settlement_file_piece_once"
            ),
        ),
        migrations.AddIndex(
            model_name="settlementline",
            index=models.Index(
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                name="settlement_line_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="settlementline",
            index=models.Index(
                models.F("reference"), models.F("gateway"), name="settlement_line_reference"
            ),
        ),
        migrations.AddIndex(
            model_name="settlementline",
            index=models.Index(
                models.F("identity"), models.F("gateway"), name="settlement_line_identity"
            ),
        ),
        migrations.AddIndex(
            model_name="settlementline",
            index=django.contrib.postgres.indexes.GinIndex(
                models.F("gateway_ids"), name="settlement_line_gateway_ids"
            ),
        ),
        migrations.AddIndex(
            model_name="settlementline",
            index=models.Index(
                models.F("gateway"),
                models.F("account"),
                condition=models.Q(("state", "missing_here")),
                name="settlement_line_missing_here",
            ),
        ),
        migrations.AddIndex(
            model_name="settlementline",
            index=models.Index(
                models.F("tenant"),
                models.F("payout_id"),
                models.OrderBy(models.F("id"), descending=True),
                name="settlement_line_payout",
            ),
        ),
        migrations.AddIndex(
            model_name="settlementline",
            index=models.Index(
                models.F("tenant"),
                models.F("currency_code"),
                models.F("settlement_at"),
                name="settlement_line_settled",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementline",
            constraint=models.UniqueConstraint(
                models.F("imported_in"),
                models.F("identity"),
                models.F("digest"),
                name="settlement_line_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementline",
            constraint=models.UniqueConstraint(
                models.F("transaction"),
                condition=models.Q(("state__in", ["amount_differs", "fee_differs", "matched"])),
                name="settlement_line_one_per_transaction",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("state__in", ["amount_differs", "fee_differs", "matched"]),
                        ("transaction__isnull", False),
                    ),
                    models.Q(
                        ("state__in", ["amount_differs", "fee_differs", "matched"]), _negated=True
                    ),
                    _connector="OR",
                ),
                name="settlement_line_paired_names_money",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="settlementline",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_line_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN ((OLD.id, OLD.imported_in_id, OLD.gateway_id, OLD.account_id, OLD.identity, OLD.digest, OLD.kind, OLD.is_final, OLD.currency_code, OLD.gross_amount, OLD.gateway_fee_amount, OLD.vat_amount, OLD.withholding_amount, OLD.net_amount, OLD.fee_state, OLD.reference, OLD.gateway_ids, OLD.channel, OLD.occurred_at, OLD.settlement_at, OLD.payout_id, OLD.as_of) IS DISTINCT FROM (NEW.id, NEW.imported_in_id, NEW.gateway_id, NEW.account_id, NEW.identity, NEW.digest, NEW.kind, NEW.is_final, NEW.currency_code, NEW.gross_amount, NEW.gateway_fee_amount, NEW.vat_amount, NEW.withholding_amount, NEW.net_amount, NEW.fee_state, NEW.reference, NEW.gateway_ids, NEW.channel, NEW.occurred_at, NEW.settlement_at, NEW.payout_id, NEW.as_of) OR (OLD.raw IS DISTINCT FROM NEW.raw AND NEW.raw <> '{}'::jsonb))",
                    func="\nRAISE EXCEPTION 'settlement_line_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_line_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="6314dc55cebcac0367db32011dadaa8772e5d7aa",
                    operation="UPDATE",
                    pgid="pgtrigger_settlement_line_append_only_7be46",
                    table="payments_settlementline",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="settlementline",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_line_not_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'settlement_line_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_line_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="b7ce01e9d4d98634b60640f944ae36bab46e2c14",
                    operation="DELETE",
                    pgid="pgtrigger_settlement_line_not_deleted_2367f",
                    table="payments_settlementline",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="settlementline",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_line_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'settlement_line_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_line_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="5f42b9090c4b38df035b2c902b5f2bef4da567b2",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_settlement_line_not_truncated_71296",
                    table="payments_settlementline",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="settlementmismatch",
            index=models.Index(
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("ended_at", None)),
                name="settlement_mismatch_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementmismatch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("line", None),
                        ("state", "missing_at_gateway"),
                        ("transaction__isnull", False),
                    ),
                    models.Q(
                        models.Q(("state", "missing_at_gateway"), _negated=True),
                        ("line__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="settlement_mismatch_names_its_object",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementmismatch",
            constraint=models.UniqueConstraint(
                models.F("line"),
                condition=models.Q(("ended_at", None), ("line__isnull", False)),
                name="settlement_mismatch_one_open_per_line",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementmismatch",
            constraint=models.UniqueConstraint(
                models.F("transaction"),
                condition=models.Q(("ended_at", None), ("line", None)),
                name="settlement_mismatch_one_open_per_missing",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementmismatch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ended_by", None),
                    models.Q(("ended_at__isnull", False), models.Q(("reason", ""), _negated=True)),
                    _connector="OR",
                ),
                name="settlement_mismatch_ended_by_a_person_with_reason",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="settlementmismatch",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_mismatch_frozen",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.ended_at IS NOT NULL OR (OLD.id, OLD.tenant_id, OLD.line_id, OLD.transaction_id, OLD.state, OLD.found_at) IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.line_id, NEW.transaction_id, NEW.state, NEW.found_at))",
                    func="\nRAISE EXCEPTION 'settlement_mismatch_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_mismatch_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="282a3d4550fa1bd6274185cda1db10acb63f47be",
                    operation="UPDATE",
                    pgid="pgtrigger_settlement_mismatch_frozen_51e1b",
                    table="payments_settlementmismatch",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="settlementmismatch",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_mismatch_not_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'settlement_mismatch_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_mismatch_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="1784c8e4e90571f69028467af59d197c8b522d6e",
                    operation="DELETE",
                    pgid="pgtrigger_settlement_mismatch_not_deleted_09b52",
                    table="payments_settlementmismatch",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="settlementmismatch",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_mismatch_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'settlement_mismatch_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_mismatch_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="1a11684d8ec11dba0adf6e3d87f800b114e7e0e2",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_settlement_mismatch_not_truncated_14a58",
                    table="payments_settlementmismatch",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementterms",
            constraint=models.UniqueConstraint(
                models.F("gateway"),
                models.F("account"),
                name="settlement_terms_per_account",
                nulls_distinct=False,
            ),
        ),
        migrations.AddIndex(
            model_name="webhookevent",
            index=models.Index(
                models.F("next_attempt_at"),
                condition=models.Q(("status", "received")),
                name="webhook_event_due",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookevent",
            index=models.Index(
                django.db.models.functions.comparison.Coalesce("tenant_id", 0),
                models.F("next_attempt_at"),
                condition=models.Q(("status", "received")),
                name="webhook_event_due_of_tenant",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookevent",
            index=models.Index(
                models.OrderBy(models.F("received_at"), descending=True),
                condition=models.Q(("status", "failed")),
                name="webhook_event_failed",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookevent",
            index=models.Index(
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("status", "ignored")),
                name="webhook_event_ignored",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookevent",
            index=models.Index(models.F("reference"), name="webhook_event_reference"),
        ),
        migrations.AddIndex(
            model_name="webhookevent",
            index=models.Index(models.F("received_at"), name="webhook_event_received"),
        ),
        migrations.AddIndex(
            model_name="webhookevent",
            index=models.Index(
                models.F("tenant"),
                models.F("id"),
                condition=models.Q(("status", "failed")),
                name="webhook_event_failed_of_tenant",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookevent",
            constraint=models.UniqueConstraint(
                models.F("gateway"),
                models.F("event_id"),
                models.F("tenant"),
                name="webhook_event_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "received"), _negated=True),
                    ("next_attempt_at__isnull", False),
                    _connector="OR",
                ),
                name="webhook_event_waiting_has_a_due_time",
            ),
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
        pgtrigger.migrations.AddTrigger(
            model_name="webhookevent",
            trigger=pgtrigger.compiler.Trigger(
                name="webhook_event_not_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'webhook_event_kept: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'webhook_event_kept', TABLE = TG_TABLE_NAME;\n",
                    hash="2cc08f9678eeda8652c446077b97158b05285196",
                    operation="DELETE",
                    pgid="pgtrigger_webhook_event_not_deleted_f08ec",
                    table="payments_webhookevent",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookevent",
            trigger=pgtrigger.compiler.Trigger(
                name="webhook_event_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'webhook_event_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'webhook_event_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="5b72efccfef68bc7268b4eb0653a2710599ca0c8",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_webhook_event_not_truncated_f11f4",
                    table="payments_webhookevent",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="proposal",
            index=models.Index(models.F("invoice"), name="proposal_of_invoice"),
        ),
        migrations.AddIndex(
            model_name="proposal",
            index=models.Index(models.F("refund"), name="proposal_of_refund"),
        ),
        migrations.AddIndex(
            model_name="proposal",
            index=models.Index(
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("status__in", ["open", "applying"])),
                name="proposal_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                name="proposal_decided_by_another",
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
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="proposal_has_a_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("act__in", ["adjust", "transfer"]),
                        ("event", None),
                        ("invoice__isnull", False),
                        ("named__isnull", False),
                        ("refund", None),
                    ),
                    models.Q(
                        ("act", "cancel"),
                        ("event", None),
                        ("invoice__isnull", False),
                        ("named", None),
                        ("refund", None),
                    ),
                    models.Q(
                        ("act", "ignore_webhook"),
                        ("event__isnull", False),
                        ("named", None),
                        ("refund", None),
                    ),
                    models.Q(
                        ("act", "refund"),
                        ("event", None),
                        ("invoice__isnull", False),
                        ("named", None),
                        ("refund__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="proposal_names_its_object",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.UniqueConstraint(
                models.F("invoice"),
                condition=models.Q(("event", None), ("status__in", ["open", "applying"])),
                name="proposal_one_waiting_per_invoice",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.UniqueConstraint(
                models.F("event"),
                condition=models.Q(("event__isnull", False), ("status__in", ["open", "applying"])),
                name="proposal_one_waiting_per_event",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="proposal",
            trigger=pgtrigger.compiler.Trigger(
                name="proposal_frozen",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status IN ('applied', 'rejected', 'withdrawn', 'stale') OR (OLD.id, OLD.tenant_id, OLD.act, OLD.invoice_id, OLD.event_id, OLD.refund_id, OLD.named, OLD.before, OLD.after, OLD.reason, OLD.proposed_by_id, OLD.proposed_at) IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.act, NEW.invoice_id, NEW.event_id, NEW.refund_id, NEW.named, NEW.before, NEW.after, NEW.reason, NEW.proposed_by_id, NEW.proposed_at))",
                    func="\nRAISE EXCEPTION 'proposal_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'proposal_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="ff645bf53ce8264be2bfcb330bcb4a809ce91fdc",
                    operation="UPDATE",
                    pgid="pgtrigger_proposal_frozen_f6c3d",
                    table="payments_proposal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="proposal",
            trigger=pgtrigger.compiler.Trigger(
                name="proposal_not_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'proposal_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'proposal_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="823473e9ec289f8b657f2e150442d26e26aabc42",
                    operation="DELETE",
                    pgid="pgtrigger_proposal_not_deleted_3b599",
                    table="payments_proposal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="proposal",
            trigger=pgtrigger.compiler.Trigger(
                name="proposal_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'proposal_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'proposal_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="628897f779f73c3f432d850e0729e61975dd873b",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_proposal_not_truncated_436d6",
                    table="payments_proposal",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="eventtransaction",
            constraint=models.CheckConstraint(
                condition=models.Q(("tenant__isnull", False)), name="event_transaction_has_tenant"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="eventtransaction",
            trigger=pgtrigger.compiler.Trigger(
                name="event_transaction_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'event_transaction_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'event_transaction_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="78491491a150224607924c651ec0e950d8144f11",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_event_transaction_append_only_1eb5e",
                    table="payments_eventtransaction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="eventtransaction",
            trigger=pgtrigger.compiler.Trigger(
                name="event_transaction_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'event_transaction_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'event_transaction_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="1a6161d05b7545fcf89af013dbe6eaba12393c6d",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_event_transaction_not_truncated_def15",
                    table="payments_eventtransaction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="eventtransaction",
            trigger=pgtrigger.compiler.Trigger(
                name="event_transaction_tenant",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="SELECT tenant_id INTO NEW.tenant_id FROM invoices_transaction WHERE id = NEW.transaction_id; RETURN NEW;",
                    hash="f38475c51c2ea19c21eba56ddc0b9ac7736c9907",
                    operation='INSERT OR UPDATE OF "tenant_id", "transaction_id"',
                    pgid="pgtrigger_event_transaction_tenant_4f0aa",
                    table="payments_eventtransaction",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookretry",
            constraint=models.UniqueConstraint(
                models.F("event"), models.F("attempt"), name="webhook_retry_attempt"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookretry",
            trigger=pgtrigger.compiler.Trigger(
                name="webhook_retry_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'webhook_retry_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'webhook_retry_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="5be79d688f2a10088366b31e1845696fba99ca6b",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_webhook_retry_append_only_ceb8f",
                    table="payments_webhookretry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookretry",
            trigger=pgtrigger.compiler.Trigger(
                name="webhook_retry_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'webhook_retry_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'webhook_retry_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="5be574ba96a3937eb46482f923ab2ec6d1654722",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_webhook_retry_not_truncated_6d4be",
                    table="payments_webhookretry",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.CreateModel(
            name="BankFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("file_name", models.CharField(max_length=255, verbose_name="file name")),
                ("sha256", models.CharField(max_length=64, verbose_name="SHA-256")),
                ("imported_at", models.DateTimeField(verbose_name="imported at")),
                ("withdrawn_at", models.DateTimeField(null=True, verbose_name="withdrawn at")),
                ("reason", models.CharField(blank=True, max_length=500, verbose_name="reason")),
                (
                    "imported_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_files",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="imported by",
                    ),
                ),
                (
                    "withdrawn_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_files_withdrawn",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="withdrawn by",
                    ),
                ),
            ],
            options={
                "verbose_name": "bank statement file",
                "verbose_name_plural": "bank statement files",
            },
        ),
        migrations.CreateModel(
            name="BankStatement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("account", models.CharField(max_length=34, verbose_name="account")),
                ("statement_id", models.CharField(max_length=35, verbose_name="statement id")),
                ("page", models.CharField(max_length=5, verbose_name="page")),
                ("withdrawn_at", models.DateTimeField(null=True, verbose_name="withdrawn at")),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="statements",
                        to="payments.bankfile",
                        verbose_name="file",
                    ),
                ),
            ],
            options={
                "verbose_name": "bank statement",
                "verbose_name_plural": "bank statements",
            },
        ),
        migrations.CreateModel(
            name="BankEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("entry_number", models.PositiveIntegerField(verbose_name="entry number")),
                ("booked_on", models.DateField(null=True, verbose_name="booked on")),
                ("is_booked", models.BooleanField(verbose_name="is booked")),
                ("is_credit", models.BooleanField(verbose_name="is a credit")),
                ("is_reversal", models.BooleanField(verbose_name="is a reversal")),
                ("currency_code", models.CharField(max_length=3, verbose_name="currency code")),
                ("amount", models.BigIntegerField(verbose_name="amount")),
                ("reference", models.CharField(max_length=35, null=True, verbose_name="reference")),
                (
                    "end_to_end_id",
                    models.CharField(max_length=35, null=True, verbose_name="end-to-end id"),
                ),
                ("remittance_text", models.TextField(verbose_name="remittance text")),
                ("raw", models.TextField(verbose_name="as it came")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("matched", "matched"),
                            ("unmatched", "not matched"),
                            ("ambiguous", "ambiguous"),
                            ("not_compared", "not compared"),
                            ("reversed", "reversed by the bank"),
                            ("withdrawn", "withdrawn"),
                        ],
                        max_length=20,
                        verbose_name="state",
                    ),
                ),
                (
                    "payout_id",
                    models.CharField(max_length=255, null=True, verbose_name="payout id"),
                ),
                (
                    "payout_currency_code",
                    models.CharField(max_length=3, null=True, verbose_name="currency code"),
                ),
                (
                    "matched_by",
                    models.CharField(
                        choices=[("reference", "reference"), ("amount", "amount and date")],
                        max_length=10,
                        null=True,
                        verbose_name="matched by",
                    ),
                ),
                (
                    "gateway",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_entries",
                        to="gateways.gateway",
                        verbose_name="gateway",
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="payments.bankstatement",
                        verbose_name="statement",
                    ),
                ),
            ],
            options={
                "verbose_name": "bank entry",
                "verbose_name_plural": "bank entries",
            },
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.UniqueConstraint(
                models.F("sha256"),
                condition=models.Q(("withdrawn_at", None)),
                name="bank_file_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("reason", ""), ("withdrawn_at", None)),
                    models.Q(
                        ("withdrawn_at__isnull", False), models.Q(("reason", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="bank_file_withdrawn_with_reason",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bankfile",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_file_frozen",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.withdrawn_at IS NOT NULL OR (OLD.id, OLD.file_name, OLD.sha256, OLD.imported_by_id, OLD.imported_at) IS DISTINCT FROM (NEW.id, NEW.file_name, NEW.sha256, NEW.imported_by_id, NEW.imported_at))",
                    func="\nRAISE EXCEPTION 'bank_file_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_file_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="17206476de528f6cdeb2520aed133033d87cc01a",
                    operation="UPDATE",
                    pgid="pgtrigger_bank_file_frozen_1591e",
                    table="payments_bankfile",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bankfile",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_file_not_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'bank_file_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_file_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="522d2bc0c9dbfba9945bd2fdb0786a5c3cbaa255",
                    operation="DELETE",
                    pgid="pgtrigger_bank_file_not_deleted_5168a",
                    table="payments_bankfile",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bankfile",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_file_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'bank_file_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_file_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="10412b57af46356da8617dbd4062de6e3148d377",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_bank_file_not_truncated_0ba6d",
                    table="payments_bankfile",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="bankstatement",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("statement_id"),
                models.F("page"),
                condition=models.Q(("withdrawn_at", None)),
                name="bank_statement_once",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bankstatement",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_statement_frozen",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.withdrawn_at IS NOT NULL OR (OLD.id, OLD.file_id, OLD.account, OLD.statement_id, OLD.page) IS DISTINCT FROM (NEW.id, NEW.file_id, NEW.account, NEW.statement_id, NEW.page))",
                    func="\nRAISE EXCEPTION 'bank_statement_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_statement_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="18518d3a67cbdedab9265e7415376e415944b4fa",
                    operation="UPDATE",
                    pgid="pgtrigger_bank_statement_frozen_94ed5",
                    table="payments_bankstatement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bankstatement",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_statement_not_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'bank_statement_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_statement_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="1c9f0e6171f0ab2045a73f8a713a35972d3b712c",
                    operation="DELETE",
                    pgid="pgtrigger_bank_statement_not_deleted_d84e7",
                    table="payments_bankstatement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bankstatement",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_statement_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'bank_statement_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_statement_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="9e203a3af767cd548192593702470618ca24cb2d",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_bank_statement_not_truncated_1e246",
                    table="payments_bankstatement",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="bankentry",
            index=models.Index(models.F("payout_id"), name="bank_entry_payout"),
        ),
        migrations.AddIndex(
            model_name="bankentry",
            index=models.Index(models.F("end_to_end_id"), name="bank_entry_end_to_end"),
        ),
        migrations.AddIndex(
            model_name="bankentry",
            index=models.Index(models.F("reference"), name="bank_entry_reference"),
        ),
        migrations.AddIndex(
            model_name="bankentry",
            index=models.Index(
                models.F("status"),
                models.OrderBy(models.F("id"), descending=True),
                name="bank_entry_by_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.UniqueConstraint(
                models.F("statement"), models.F("entry_number"), name="bank_entry_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.UniqueConstraint(
                models.F("gateway"),
                models.F("payout_id"),
                models.F("payout_currency_code"),
                condition=models.Q(("status", "matched")),
                name="bank_entry_one_per_payout",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("gateway__isnull", False),
                        ("matched_by__isnull", False),
                        ("payout_currency_code__isnull", False),
                        ("payout_id__isnull", False),
                        ("status", "matched"),
                    ),
                    models.Q(
                        models.Q(("status", "matched"), _negated=True),
                        ("gateway", None),
                        ("matched_by", None),
                        ("payout_currency_code", None),
                        ("payout_id", None),
                    ),
                    _connector="OR",
                ),
                name="bank_entry_matched_names_its_payout",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gte", 0)), name="bank_entry_amount"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bankentry",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_entry_frozen",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN ((OLD.id, OLD.statement_id, OLD.entry_number, OLD.booked_on, OLD.is_booked, OLD.is_credit, OLD.is_reversal, OLD.currency_code, OLD.amount, OLD.reference, OLD.end_to_end_id) IS DISTINCT FROM (NEW.id, NEW.statement_id, NEW.entry_number, NEW.booked_on, NEW.is_booked, NEW.is_credit, NEW.is_reversal, NEW.currency_code, NEW.amount, NEW.reference, NEW.end_to_end_id) OR ((OLD.remittance_text, OLD.raw) IS DISTINCT FROM (NEW.remittance_text, NEW.raw) AND (NEW.remittance_text, NEW.raw) <> ('', '')))",
                    func="\nRAISE EXCEPTION 'bank_entry_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_entry_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="ce26c22fe3981fc60cdd85bb15a771ab89e759b0",
                    operation="UPDATE",
                    pgid="pgtrigger_bank_entry_frozen_c7cc9",
                    table="payments_bankentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bankentry",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_entry_not_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'bank_entry_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_entry_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="a8e387b21497841812eb9f866f5fa66dad66a00a",
                    operation="DELETE",
                    pgid="pgtrigger_bank_entry_not_deleted_66179",
                    table="payments_bankentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bankentry",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_entry_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'bank_entry_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_entry_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="ba31b437008e8ce20326b4a38860ca228d3d18bc",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_bank_entry_not_truncated_e71d9",
                    table="payments_bankentry",
                    when="BEFORE",
                ),
            ),
        ),
    ]
