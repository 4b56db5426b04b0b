"""Give models and columns the names that staff read; no statement runs."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0003_names_for_staff"),
        ("gateways", "0003_names_for_staff"),
        ("invoices", "0002_names_for_staff"),
        ("payments", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="dispute",
            options={"verbose_name": "dispute", "verbose_name_plural": "disputes"},
        ),
        migrations.AlterModelOptions(
            name="proposal",
            options={"verbose_name": "proposal", "verbose_name_plural": "proposals"},
        ),
        migrations.AlterModelOptions(
            name="refund",
            options={"verbose_name": "refund", "verbose_name_plural": "refunds"},
        ),
        migrations.AlterModelOptions(
            name="webhookevent",
            options={"verbose_name": "webhook event", "verbose_name_plural": "webhook events"},
        ),
        migrations.AlterField(
            model_name="dispute",
            name="amount",
            field=models.BigIntegerField(verbose_name="amount"),
        ),
        migrations.AlterField(
            model_name="dispute",
            name="closed_at",
            field=models.DateTimeField(null=True, verbose_name="closed at"),
        ),
        migrations.AlterField(
            model_name="dispute",
            name="currency_code",
            field=models.CharField(max_length=3, verbose_name="currency code"),
        ),
        migrations.AlterField(
            model_name="dispute",
            name="due_at",
            field=models.DateTimeField(null=True, verbose_name="due at"),
        ),
        migrations.AlterField(
            model_name="dispute",
            name="gateway_dispute_id",
            field=models.CharField(max_length=255, verbose_name="gateway dispute id"),
        ),
        migrations.AlterField(
            model_name="dispute",
            name="invoice",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="disputes",
                to="invoices.invoice",
                verbose_name="invoice",
            ),
        ),
        migrations.AlterField(
            model_name="dispute",
            name="opened_at",
            field=models.DateTimeField(verbose_name="opened at"),
        ),
        migrations.AlterField(
            model_name="dispute",
            name="payment_request",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="disputes",
                to="invoices.paymentrequest",
                verbose_name="payment request",
            ),
        ),
        migrations.AlterField(
            model_name="dispute",
            name="raw_status",
            field=models.CharField(max_length=50, verbose_name="raw status"),
        ),
        migrations.AlterField(
            model_name="dispute",
            name="reason",
            field=models.CharField(max_length=255, null=True, verbose_name="reason"),
        ),
        migrations.AlterField(
            model_name="dispute",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="disputes",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AlterField(
            model_name="dispute",
            name="updated_at",
            field=models.DateTimeField(verbose_name="updated at"),
        ),
        migrations.AlterField(
            model_name="eventtransaction",
            name="tenant",
            field=models.ForeignKey(
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
        migrations.AlterField(
            model_name="proposal",
            name="act",
            field=models.CharField(
                choices=[
                    ("adjust", "adjust instalments"),
                    ("cancel", "cancel the invoice"),
                    ("ignore_webhook", "ignore a notification about money"),
                    ("refund", "give money back"),
                ],
                max_length=20,
                verbose_name="act",
            ),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="after",
            field=models.JSONField(null=True, verbose_name="after"),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="before",
            field=models.JSONField(null=True, verbose_name="before"),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="decided_at",
            field=models.DateTimeField(null=True, verbose_name="decided at"),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="decided_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="decisions",
                to=settings.AUTH_USER_MODEL,
                verbose_name="decided by",
            ),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="decision_reason",
            field=models.CharField(blank=True, max_length=500, verbose_name="decision reason"),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="event",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="proposals",
                to="payments.webhookevent",
                verbose_name="event",
            ),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="failure_reason",
            field=models.CharField(blank=True, max_length=500, verbose_name="failure reason"),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="invoice",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="proposals",
                to="invoices.invoice",
                verbose_name="invoice",
            ),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="leased_until",
            field=models.DateTimeField(null=True, verbose_name="leased until"),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="named",
            field=models.JSONField(null=True, verbose_name="named"),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="proposed_at",
            field=models.DateTimeField(verbose_name="proposed at"),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="proposed_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="proposals",
                to=settings.AUTH_USER_MODEL,
                verbose_name="proposed by",
            ),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="reason",
            field=models.CharField(max_length=500, verbose_name="reason"),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="refund",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="proposals",
                to="payments.refund",
                verbose_name="refund",
            ),
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
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="tenant",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="proposals",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AlterField(
            model_name="proposal",
            name="tries",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="tries"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="amount",
            field=models.BigIntegerField(verbose_name="amount"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="bank_reference",
            field=models.CharField(max_length=140, null=True, verbose_name="bank reference"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="booked_as",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="asked_for_by",
                to="invoices.transaction",
                verbose_name="booked as",
            ),
        ),
        migrations.AlterField(
            model_name="refund",
            name="created_at",
            field=models.DateTimeField(verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="currency_code",
            field=models.CharField(max_length=3, verbose_name="currency code"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="ended_at",
            field=models.DateTimeField(null=True, verbose_name="ended at"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="external_id",
            field=models.CharField(max_length=255, null=True, verbose_name="external id"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="failure_code",
            field=models.CharField(max_length=100, null=True, verbose_name="failure code"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="failure_message",
            field=models.CharField(max_length=500, null=True, verbose_name="failure message"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="gateway_refund_id",
            field=models.CharField(max_length=255, null=True, verbose_name="gateway refund id"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="idempotency_record_id",
            field=models.UUIDField(null=True, verbose_name="idempotency record id"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="invoice",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refunds",
                to="invoices.invoice",
                verbose_name="invoice",
            ),
        ),
        migrations.AlterField(
            model_name="refund",
            name="leased_until",
            field=models.DateTimeField(null=True, verbose_name="leased until"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="metadata",
            field=models.JSONField(default=dict, verbose_name="metadata"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="method",
            field=models.CharField(
                choices=[("gateway", "Gateway"), ("manual", "Manual")],
                default="gateway",
                max_length=10,
                verbose_name="method",
            ),
        ),
        migrations.AlterField(
            model_name="refund",
            name="next_check_at",
            field=models.DateTimeField(null=True, verbose_name="next check at"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="note",
            field=models.CharField(max_length=500, null=True, verbose_name="note"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="reason",
            field=models.CharField(
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
        migrations.AlterField(
            model_name="refund",
            name="reference",
            field=models.CharField(max_length=50, unique=True, verbose_name="reference"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="status",
            field=models.CharField(
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
        migrations.AlterField(
            model_name="refund",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refunds",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AlterField(
            model_name="refund",
            name="transaction",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refunds",
                to="invoices.transaction",
                verbose_name="transaction",
            ),
        ),
        migrations.AlterField(
            model_name="refund",
            name="tries",
            field=models.PositiveIntegerField(default=0, verbose_name="tries"),
        ),
        migrations.AlterField(
            model_name="refund",
            name="updated_at",
            field=models.DateTimeField(verbose_name="updated at"),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="webhook_events",
                to="gateways.gatewayaccount",
                verbose_name="account",
            ),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="attempts",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="attempts"),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="attempts_before",
            field=models.PositiveSmallIntegerField(
                db_default=0, default=0, verbose_name="attempts before"
            ),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="body",
            field=models.BinaryField(verbose_name="body"),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="event_id",
            field=models.CharField(max_length=255, verbose_name="event id"),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="failure_reason",
            field=models.CharField(max_length=500, null=True, verbose_name="failure reason"),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="first_failed_at",
            field=models.DateTimeField(null=True, verbose_name="first failed at"),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="gateway",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="webhook_events",
                to="gateways.gateway",
                verbose_name="gateway",
            ),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="headers",
            field=models.JSONField(default=dict, verbose_name="headers"),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="leased_until",
            field=models.DateTimeField(null=True, verbose_name="leased until"),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="next_attempt_at",
            field=models.DateTimeField(null=True, verbose_name="next attempt at"),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="outcome",
            field=models.CharField(max_length=40, null=True, verbose_name="outcome"),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="processed_at",
            field=models.DateTimeField(null=True, verbose_name="processed at"),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="received_at",
            field=models.DateTimeField(verbose_name="received at"),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="reference",
            field=models.CharField(max_length=255, null=True, verbose_name="reference"),
        ),
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
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="webhookevent",
            name="tenant",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="webhook_events",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
    ]
