"""Invoices, schedules, payment requests and the ledger."""

import django.contrib.postgres.indexes
import django.core.serializers.json
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.fields.json
import django.db.models.functions.math
import django.db.models.functions.text
import pgtrigger.compiler
import pgtrigger.migrations
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("apikeys", "0001_initial"),
        ("gateways", "0002_xendit_and_midtrans"),
    ]

    operations = [
        TrigramExtension(),  # trusted: the database's owner may create it
        migrations.CreateModel(
            name="Invoice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "external_id",
                    models.CharField(max_length=255, null=True, verbose_name="external id"),
                ),
                (
                    "external_id_freed",
                    models.BooleanField(
                        db_default=False, default=False, verbose_name="external id freed"
                    ),
                ),
                (
                    "idempotency_record_id",
                    models.UUIDField(null=True, verbose_name="idempotency record id"),
                ),
                (
                    "request_id",
                    models.CharField(max_length=128, null=True, verbose_name="request id"),
                ),
                (
                    "content_fingerprint",
                    models.CharField(max_length=64, verbose_name="content fingerprint"),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("pending", "Pending"),
                            ("partially_paid", "Partially paid"),
                            ("fully_paid", "Fully paid"),
                            ("failed", "Failed"),
                            ("expired", "Expired"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="draft",
                        max_length=20,
                        verbose_name="status",
                    ),
                ),
                (
                    "ended_as",
                    models.CharField(
                        choices=[
                            ("failed", "Failed"),
                            ("expired", "Expired"),
                            ("cancelled", "Cancelled"),
                        ],
                        max_length=20,
                        null=True,
                        verbose_name="ended as",
                    ),
                ),
                ("currency_code", models.CharField(max_length=3, verbose_name="currency code")),
                ("subtotal_amount", models.BigIntegerField(verbose_name="subtotal amount")),
                ("total_tax_amount", models.BigIntegerField(verbose_name="total tax amount")),
                (
                    "total_service_fee_amount",
                    models.BigIntegerField(verbose_name="total service fee amount"),
                ),
                ("total_amount", models.BigIntegerField(verbose_name="total amount")),
                (
                    "fee_percentage",
                    models.DecimalField(
                        decimal_places=4, max_digits=7, verbose_name="fee percentage"
                    ),
                ),
                ("fee_fixed_amount", models.BigIntegerField(verbose_name="fee fixed amount")),
                ("paid_amount", models.BigIntegerField(default=0, verbose_name="paid amount")),
                (
                    "overpayment_amount",
                    models.BigIntegerField(default=0, verbose_name="overpayment amount"),
                ),
                (
                    "refunded_amount",
                    models.BigIntegerField(default=0, verbose_name="refunded amount"),
                ),
                (
                    "installment_count",
                    models.PositiveSmallIntegerField(default=1, verbose_name="instalment count"),
                ),
                ("review_flags", models.JSONField(default=list, verbose_name="review flags")),
                (
                    "needs_review",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.ExpressionWrapper(
                            models.Q(("review_flags", []), _negated=True), models.BooleanField()
                        ),
                        output_field=models.BooleanField(),
                        verbose_name="needs review",
                    ),
                ),
                (
                    "description",
                    models.CharField(max_length=1000, null=True, verbose_name="description"),
                ),
                ("customer", models.JSONField(null=True, verbose_name="customer")),
                (
                    "customer_email",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.functions.text.Lower(
                            django.db.models.fields.json.KeyTextTransform("email", "customer")
                        ),
                        output_field=models.TextField(null=True),
                        verbose_name="customer email",
                    ),
                ),
                ("metadata", models.JSONField(default=dict, verbose_name="metadata")),
                (
                    "success_redirect_url",
                    models.CharField(
                        max_length=255, null=True, verbose_name="success redirect url"
                    ),
                ),
                (
                    "failure_redirect_url",
                    models.CharField(
                        max_length=255, null=True, verbose_name="failure redirect url"
                    ),
                ),
                ("payment_method", models.JSONField(null=True, verbose_name="payment method")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("updated_at", models.DateTimeField(verbose_name="updated at")),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
                ("expires_at", models.DateTimeField(verbose_name="expires at")),
                ("paid_at", models.DateTimeField(null=True, verbose_name="paid at")),
                (
                    "payment_initiated_at",
                    models.DateTimeField(null=True, verbose_name="payment initiated at"),
                ),
                (
                    "open_payment_at",
                    models.DateTimeField(null=True, verbose_name="open payment at"),
                ),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended at")),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoices",
                        to="gateways.gateway",
                        verbose_name="gateway",
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="supplementary",
                        to="invoices.invoice",
                        verbose_name="parent",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoices",
                        to="apikeys.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "invoice",
                "verbose_name_plural": "invoices",
            },
        ),
        migrations.CreateModel(
            name="Installment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveSmallIntegerField(verbose_name="number")),
                ("due_at", models.DateTimeField(verbose_name="due at")),
                ("net_amount", models.BigIntegerField(verbose_name="net amount")),
                ("tax_amount", models.BigIntegerField(verbose_name="tax amount")),
                ("service_fee_amount", models.BigIntegerField(verbose_name="service fee amount")),
                ("total_amount", models.BigIntegerField(verbose_name="total amount")),
                ("paid_amount", models.BigIntegerField(default=0, verbose_name="paid amount")),
                (
                    "refunded_amount",
                    models.BigIntegerField(default=0, verbose_name="refunded amount"),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("unpaid", "Unpaid"), ("paid", "Paid")],
                        default="unpaid",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("paid_at", models.DateTimeField(null=True, verbose_name="paid at")),
                ("settled_at", models.DateTimeField(null=True, verbose_name="settled at")),
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
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="installments",
                        to="invoices.invoice",
                        verbose_name="invoice",
                    ),
                ),
            ],
            options={
                "verbose_name": "instalment",
                "verbose_name_plural": "instalments",
            },
        ),
        migrations.CreateModel(
            name="InvoiceMetadata",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant",
                        "key",
                        "value",
                        "invoice",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("key", models.CharField(max_length=40)),
                ("value", models.CharField(max_length=500)),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="invoices.invoice",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="apikeys.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "invoice metadata",
            },
        ),
        migrations.CreateModel(
            name="LedgerEntry",
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
                        choices=[
                            ("payment", "Payment"),
                            ("refund", "Refund"),
                            ("reversal", "Reversal"),
                            ("transfer", "Transfer"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("currency_code", models.CharField(max_length=3, verbose_name="currency code")),
                ("amount", models.BigIntegerField(verbose_name="amount")),
                ("net_amount", models.BigIntegerField(verbose_name="net amount")),
                ("tax_amount", models.BigIntegerField(verbose_name="tax amount")),
                ("service_fee_amount", models.BigIntegerField(verbose_name="service fee amount")),
                ("booked_at", models.DateTimeField(verbose_name="booked at")),
                (
                    "gateway",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger_entries",
                        to="gateways.gateway",
                        verbose_name="gateway",
                    ),
                ),
                (
                    "installment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger_entries",
                        to="invoices.installment",
                        verbose_name="instalment",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger_entries",
                        to="invoices.invoice",
                        verbose_name="invoice",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger_entries",
                        to="apikeys.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "ledger entry",
                "verbose_name_plural": "ledger entries",
            },
        ),
        migrations.CreateModel(
            name="LedgerTax",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("tax_rate", models.DecimalField(decimal_places=4, max_digits=5)),
                ("tax_amount", models.BigIntegerField()),
                (
                    "entry",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="taxes",
                        to="invoices.ledgerentry",
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
            ],
            options={
                "verbose_name_plural": "ledger taxes",
            },
        ),
        migrations.CreateModel(
            name="LineItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField()),
                ("product_name", models.CharField(max_length=255)),
                ("quantity", models.DecimalField(decimal_places=3, max_digits=19)),
                ("unit_price_amount", models.BigIntegerField()),
                ("discount_amount", models.BigIntegerField(db_default=0, default=0)),
                ("tax_rate", models.DecimalField(decimal_places=4, max_digits=5)),
                ("tax_category", models.CharField(max_length=35, null=True)),
                ("country_code", models.CharField(max_length=2, null=True)),
                ("subtotal_amount", models.BigIntegerField()),
                ("tax_amount", models.BigIntegerField()),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="line_items",
                        to="invoices.invoice",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PaymentRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sequence", models.PositiveIntegerField(verbose_name="sequence")),
                (
                    "reference",
                    models.CharField(max_length=50, unique=True, verbose_name="reference"),
                ),
                ("amount", models.BigIntegerField(verbose_name="amount")),
                ("currency_code", models.CharField(max_length=3, verbose_name="currency code")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("opening", "Opening"),
                            ("open", "Open"),
                            ("paid", "Paid"),
                            ("expired", "Expired"),
                            ("failed", "Failed"),
                            ("closing", "Closing"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="opening",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("leased_until", models.DateTimeField(null=True, verbose_name="leased until")),
                ("tries", models.PositiveIntegerField(default=0, verbose_name="tries")),
                (
                    "gateway_payment_id",
                    models.CharField(max_length=255, null=True, verbose_name="gateway payment id"),
                ),
                (
                    "gateway_charge_id",
                    models.CharField(max_length=255, null=True, verbose_name="gateway charge id"),
                ),
                (
                    "payment_url",
                    models.CharField(max_length=2000, null=True, verbose_name="payment url"),
                ),
                (
                    "instructions",
                    models.JSONField(
                        encoder=django.core.serializers.json.DjangoJSONEncoder,
                        null=True,
                        verbose_name="instructions",
                    ),
                ),
                (
                    "page_token",
                    models.CharField(max_length=64, null=True, verbose_name="page token"),
                ),
                (
                    "gateway_page_token",
                    models.CharField(max_length=255, null=True, verbose_name="gateway page token"),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("opened_at", models.DateTimeField(null=True, verbose_name="opened at")),
                ("expires_at", models.DateTimeField(verbose_name="expires at")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended at")),
                ("next_check_at", models.DateTimeField(null=True, verbose_name="next check at")),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payment_requests",
                        to="gateways.gatewayaccount",
                        verbose_name="account",
                    ),
                ),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payment_requests",
                        to="gateways.gateway",
                        verbose_name="gateway",
                    ),
                ),
                (
                    "installment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payment_requests",
                        to="invoices.installment",
                        verbose_name="instalment",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payment_requests",
                        to="invoices.invoice",
                        verbose_name="invoice",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payment_requests",
                        to="apikeys.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "payment request",
                "verbose_name_plural": "payment requests",
            },
        ),
        migrations.CreateModel(
            name="Transaction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "gateway_transaction_id",
                    models.CharField(max_length=255, verbose_name="gateway transaction id"),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("payment", "Payment"),
                            ("refund", "Refund"),
                            ("reversal", "Reversal"),
                            ("transfer", "Transfer"),
                        ],
                        default="payment",
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("currency_code", models.CharField(max_length=3, verbose_name="currency code")),
                ("amount", models.BigIntegerField(verbose_name="amount")),
                (
                    "payment_method",
                    models.CharField(max_length=50, null=True, verbose_name="payment method"),
                ),
                (
                    "payment_channel",
                    models.CharField(max_length=50, null=True, verbose_name="payment channel"),
                ),
                ("paid_at", models.DateTimeField(verbose_name="paid at")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                (
                    "iso20022_message_id",
                    models.CharField(max_length=35, null=True, verbose_name="iso20022 message id"),
                ),
                (
                    "iso20022_transaction_status",
                    models.CharField(
                        max_length=4, null=True, verbose_name="iso20022 transaction status"
                    ),
                ),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transactions",
                        to="gateways.gateway",
                        verbose_name="gateway",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transactions",
                        to="invoices.invoice",
                        verbose_name="invoice",
                    ),
                ),
                (
                    "moved_from",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="moved_to",
                        to="invoices.transaction",
                        verbose_name="moved from",
                    ),
                ),
                (
                    "payment_request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transactions",
                        to="invoices.paymentrequest",
                        verbose_name="payment request",
                    ),
                ),
                (
                    "reverses",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reversals",
                        to="invoices.transaction",
                        verbose_name="reverses",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transactions",
                        to="apikeys.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "transaction",
                "verbose_name_plural": "transactions",
            },
        ),
        migrations.AddField(
            model_name="ledgerentry",
            name="transaction",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="entries",
                to="invoices.transaction",
                verbose_name="transaction",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                name="invoice_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("tenant"),
                models.F("status"),
                models.OrderBy(models.F("id"), descending=True),
                name="invoice_newest_by_status",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(models.F("tenant"), models.F("created_at"), name="invoice_created"),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("created_at"), models.F("id"), name="invoice_newest_of_all"
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("status"),
                models.F("created_at"),
                models.F("id"),
                name="invoice_of_all_by_status",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("currency_code"),
                models.F("created_at"),
                models.F("id"),
                name="invoice_of_all_by_currency",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("tenant"),
                models.F("currency_code"),
                models.OrderBy(models.F("id"), descending=True),
                name="invoice_newest_by_currency",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("tenant"),
                models.F("gateway"),
                models.OrderBy(models.F("id"), descending=True),
                name="invoice_newest_by_gateway",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(models.F("tenant"), models.F("updated_at"), name="invoice_updated"),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("customer_email"),
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("customer_email__isnull", False)),
                name="invoice_newest_of_customer",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("customer_email__isnull", False)),
                name="invoice_newest_with_customer",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("tenant"),
                models.F("external_id"),
                condition=models.Q(("external_id__isnull", False)),
                name="invoice_external_id",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("request_id"),
                condition=models.Q(("request_id__isnull", False)),
                name="invoice_request",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("expires_at"),
                condition=models.Q(("status__in", ["draft", "pending", "failed"])),
                name="invoice_to_expire",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("open_payment_at"),
                condition=models.Q(("open_payment_at__isnull", False)),
                name="invoice_to_open",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("needs_review", True)),
                name="invoice_to_review",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("needs_review", True)),
                name="invoice_of_all_to_review",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("refunded_amount__gt", 0)),
                name="invoice_newest_refunded",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("parent"),
                condition=models.Q(("parent__isnull", False)),
                name="invoice_of_parent",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper(
                        django.db.models.fields.json.KT("customer__name")
                    ),
                    "gin_trgm_ops",
                ),
                name="invoice_customer_name",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper("external_id"), "gin_trgm_ops"
                ),
                name="invoice_external_id_trigrams",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                models.F("currency_code"),
                models.F("total_amount"),
                models.OrderBy(models.F("id"), descending=True),
                name="invoice_newest_of_total",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.UniqueConstraint(
                models.F("tenant"),
                models.F("external_id"),
                condition=models.Q(("external_id_freed", False)),
                name="invoice_external_id_per_tenant",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.UniqueConstraint(
                models.F("idempotency_record_id"), name="invoice_per_idempotency_record"
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "total_amount",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.F("subtotal_amount"), "+", models.F("total_tax_amount")
                            ),
                            "+",
                            models.F("total_service_fee_amount"),
                        ),
                    )
                ),
                name="invoice_total_is_its_sum",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("subtotal_amount__gte", 1),
                    ("total_amount__gte", 1),
                    ("total_amount__lte", 9007199254740991),
                    ("total_service_fee_amount__gte", 0),
                    ("total_tax_amount__gte", 0),
                ),
                name="invoice_amounts_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("overpayment_amount__gte", 0),
                    ("paid_amount__gte", models.F("overpayment_amount")),
                ),
                name="invoice_paid_amount_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("refunded_amount__gte", 0), ("refunded_amount__lte", models.F("paid_amount"))
                ),
                name="invoice_refunds_what_was_paid",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("paid_at__isnull", False), ("status", "fully_paid")),
                    models.Q(models.Q(("status", "fully_paid"), _negated=True), ("paid_at", None)),
                    _connector="OR",
                ),
                name="invoice_paid_at_means_fully_paid",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "fully_paid"), _negated=True),
                    (
                        "paid_amount__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("total_amount"), "+", models.F("overpayment_amount")
                        ),
                    ),
                    _connector="OR",
                ),
                name="invoice_fully_paid_covers_total",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["partially_paid", "fully_paid"]),
                    ("paid_amount", 0),
                    _connector="OR",
                ),
                name="invoice_state_follows_money",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            "draft",
                            "pending",
                            "partially_paid",
                            "fully_paid",
                            "failed",
                            "expired",
                            "cancelled",
                        ],
                    )
                ),
                name="invoice_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(("currency_code__in", ["IDR", "MYR", "USD"])),
                name="invoice_currency_served",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(("installment_count__range", (1, 12))),
                name="invoice_installments_1_to_12",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(("parent", models.F("pk")), _negated=True),
                name="invoice_is_not_its_own_parent",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.payment_initiated_at IS NOT NULL AND (OLD.tenant_id, OLD.gateway_id, OLD.parent_id, OLD.currency_code, OLD.subtotal_amount, OLD.total_tax_amount, OLD.total_service_fee_amount, OLD.total_amount, OLD.fee_percentage, OLD.fee_fixed_amount, OLD.installment_count, OLD.payment_initiated_at, OLD.created_at) IS DISTINCT FROM (NEW.tenant_id, NEW.gateway_id, NEW.parent_id, NEW.currency_code, NEW.subtotal_amount, NEW.total_tax_amount, NEW.total_service_fee_amount, NEW.total_amount, NEW.fee_percentage, NEW.fee_fixed_amount, NEW.installment_count, NEW.payment_initiated_at, NEW.created_at))",
                    func="\nRAISE EXCEPTION 'invoice_immutable: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'invoice_immutable', TABLE = TG_TABLE_NAME;\n",
                    hash="a6136de3360c11378141f43a1e5101f87ea89b9a",
                    operation="UPDATE",
                    pgid="pgtrigger_invoice_immutable_2747e",
                    table="invoices_invoice",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_not_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.payment_initiated_at IS NOT NULL)",
                    func="\nRAISE EXCEPTION 'invoice_immutable: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'invoice_immutable', TABLE = TG_TABLE_NAME;\n",
                    hash="5c9ab84f18a610e6387c1e1cebb1d788b204ae8c",
                    operation="DELETE",
                    pgid="pgtrigger_invoice_not_deleted_3c330",
                    table="invoices_invoice",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_state_change",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status <> NEW.status AND NOT (OLD.status || '>' || NEW.status) = ANY (ARRAY['cancelled>fully_paid', 'cancelled>partially_paid', 'draft>cancelled', 'draft>expired', 'draft>failed', 'draft>fully_paid', 'draft>partially_paid', 'draft>pending', 'expired>fully_paid', 'expired>partially_paid', 'failed>cancelled', 'failed>expired', 'failed>fully_paid', 'failed>partially_paid', 'failed>pending', 'fully_paid>cancelled', 'fully_paid>expired', 'fully_paid>failed', 'fully_paid>partially_paid', 'fully_paid>pending', 'partially_paid>cancelled', 'partially_paid>expired', 'partially_paid>failed', 'partially_paid>fully_paid', 'partially_paid>pending', 'pending>cancelled', 'pending>expired', 'pending>failed', 'pending>fully_paid', 'pending>partially_paid']))",
                    func="\nRAISE EXCEPTION 'invoice_state_change: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'invoice_state_change', TABLE = TG_TABLE_NAME;\n",
                    hash="1820fb098b7d26630c232e748d1ad3f57db08ab3",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_invoice_state_change_d4438",
                    table="invoices_invoice",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="line_items_sum_to_invoice",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    declare="DECLARE lines record;",
                    func="\nSELECT sum(subtotal_amount) AS subtotal, sum(tax_amount) AS tax\n  INTO lines FROM invoices_lineitem WHERE invoice_id = NEW.id;\nIF (lines.subtotal, lines.tax) IS DISTINCT FROM\n   (NEW.subtotal_amount::numeric, NEW.total_tax_amount::numeric) THEN\n    RAISE EXCEPTION 'line_items_sum_to_invoice: invoice % and its lines differ', NEW.id\n        USING ERRCODE = 'check_violation', CONSTRAINT = 'line_items_sum_to_invoice',\n              TABLE = 'invoices_lineitem';\nEND IF;\nRETURN NULL;\n",
                    hash="6c200e10794c83c0fba03989443acfbbc843617c",
                    operation="INSERT",
                    pgid="pgtrigger_line_items_sum_to_invoice_149ce",
                    table="invoices_invoice",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_has_its_installments",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    declare="DECLARE invoice invoices_invoice; sums record;",
                    func="\nSELECT * INTO invoice FROM invoices_invoice WHERE id = NEW.id;\nSELECT count(*) AS n, sum(net_amount) AS net, sum(tax_amount) AS tax,\n       sum(service_fee_amount) AS fee, sum(total_amount) AS total\n  INTO sums FROM invoices_installment WHERE invoice_id = NEW.id;\nIF (sums.n, sums.net, sums.tax, sums.fee, sums.total) IS DISTINCT FROM\n   (invoice.installment_count::bigint, invoice.subtotal_amount::numeric,\n    invoice.total_tax_amount::numeric, invoice.total_service_fee_amount::numeric,\n    invoice.total_amount::numeric) THEN\n    RAISE EXCEPTION 'installments_sum_to_invoice: invoice % and its installments differ',\n        NEW.id USING ERRCODE = 'check_violation',\n        CONSTRAINT = 'installments_sum_to_invoice', TABLE = 'invoices_installment';\nEND IF;\nRETURN NULL;\n",
                    hash="c4b385e1ae7ea6045c282ab80a537f4312311a09",
                    operation="INSERT",
                    pgid="pgtrigger_invoice_has_its_installments_50053",
                    table="invoices_invoice",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_metadata_added",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.metadata <> '{}')",
                    func="\nINSERT INTO invoices_invoicemetadata (tenant_id, key, value, invoice_id)\nSELECT NEW.tenant_id, key, value, NEW.id FROM jsonb_each_text(NEW.metadata);\nRETURN NULL;",
                    hash="dab5721b335f8d58767b9fbecb3dd7673f5ef6d6",
                    operation="INSERT",
                    pgid="pgtrigger_invoice_metadata_added_0bfa6",
                    table="invoices_invoice",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_metadata_changed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.metadata <> NEW.metadata)",
                    func="\nDELETE FROM invoices_invoicemetadata pair USING jsonb_each_text(OLD.metadata) gone\nWHERE pair.tenant_id = OLD.tenant_id AND pair.key = gone.key AND pair.value = gone.value\n  AND pair.invoice_id = OLD.id;\n\nINSERT INTO invoices_invoicemetadata (tenant_id, key, value, invoice_id)\nSELECT NEW.tenant_id, key, value, NEW.id FROM jsonb_each_text(NEW.metadata);\nRETURN NULL;",
                    hash="b38b4b2019bccdebdb2f5840834440cfda7f349b",
                    operation='UPDATE OF "metadata"',
                    pgid="pgtrigger_invoice_metadata_changed_05913",
                    table="invoices_invoice",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_metadata_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.metadata <> '{}')",
                    func="\nDELETE FROM invoices_invoicemetadata pair USING jsonb_each_text(OLD.metadata) gone\nWHERE pair.tenant_id = OLD.tenant_id AND pair.key = gone.key AND pair.value = gone.value\n  AND pair.invoice_id = OLD.id;\nRETURN NULL;",
                    hash="880d2e7de50b5ae6d418468a3eef6f61a8056dde",
                    operation="DELETE",
                    pgid="pgtrigger_invoice_metadata_deleted_0e9fc",
                    table="invoices_invoice",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'invoice_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'invoice_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="ada2596023c8babf0b912f410bf7de3a62604b9e",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_invoice_not_truncated_3c7e9",
                    table="invoices_invoice",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_balance",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    declare="DECLARE sums record;",
                    func="\nSELECT coalesce(sum(amount) FILTER (WHERE kind <> 'refund'), 0) AS paid,\n       coalesce(sum(amount) FILTER (WHERE installment_id IS NULL), 0) AS over,\n       coalesce(-sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded\n  INTO sums FROM invoices_ledgerentry WHERE invoice_id = NEW.id;\nIF EXISTS (SELECT FROM invoices_invoice WHERE id = NEW.id\n           AND (paid_amount, overpayment_amount, refunded_amount)\n               IS DISTINCT FROM (sums.paid, sums.over, sums.refunded)) THEN\n    RAISE EXCEPTION 'invoice_balance: invoice % and its ledger differ', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_balance', TABLE = 'invoices_invoice';\nEND IF;\nRETURN NULL;",
                    hash="17c0eab0a509e37734011447352e5f70c0485c97",
                    operation='UPDATE OF "paid_amount", "overpayment_amount", "refunded_amount"',
                    pgid="pgtrigger_invoice_balance_57037",
                    table="invoices_invoice",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="installment",
            index=models.Index(
                models.F("settled_at"),
                condition=models.Q(("settled_at__isnull", False)),
                name="installment_settled",
            ),
        ),
        migrations.AddIndex(
            model_name="installment",
            index=models.Index(
                models.F("due_at"),
                models.F("id"),
                condition=models.Q(("status", "unpaid")),
                name="installment_unpaid",
            ),
        ),
        migrations.AddConstraint(
            model_name="installment",
            constraint=models.CheckConstraint(
                condition=models.Q(("tenant__isnull", False)), name="installment_has_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="installment",
            constraint=models.UniqueConstraint(
                models.F("invoice"), models.F("number"), name="installment_number"
            ),
        ),
        migrations.AddConstraint(
            model_name="installment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "total_amount",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.F("net_amount"), "+", models.F("tax_amount")
                            ),
                            "+",
                            models.F("service_fee_amount"),
                        ),
                    )
                ),
                name="installment_total_is_its_sum",
            ),
        ),
        migrations.AddConstraint(
            model_name="installment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("net_amount__gte", 0),
                    ("paid_amount__gte", models.F("refunded_amount")),
                    ("paid_amount__lte", models.F("total_amount")),
                    ("refunded_amount__gte", 0),
                    ("service_fee_amount__gte", 0),
                    ("tax_amount__gte", 0),
                    ("total_amount__gte", 1),
                ),
                name="installment_amounts_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="installment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("settled_at", None), ("status", "unpaid")),
                    models.Q(
                        ("paid_amount", models.F("total_amount")),
                        ("settled_at__isnull", False),
                        ("status", "paid"),
                    ),
                    _connector="OR",
                ),
                name="installment_paid_is_paid_in_full",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="installment",
            trigger=pgtrigger.compiler.Trigger(
                name="installments_sum_to_invoice",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    declare="DECLARE invoice invoices_invoice; sums record;",
                    func="\nSELECT * INTO invoice FROM invoices_invoice WHERE id = NEW.invoice_id;\nSELECT count(*) AS n, sum(net_amount) AS net, sum(tax_amount) AS tax,\n       sum(service_fee_amount) AS fee, sum(total_amount) AS total\n  INTO sums FROM invoices_installment WHERE invoice_id = NEW.invoice_id;\nIF (sums.n, sums.net, sums.tax, sums.fee, sums.total) IS DISTINCT FROM\n   (invoice.installment_count::bigint, invoice.subtotal_amount::numeric,\n    invoice.total_tax_amount::numeric, invoice.total_service_fee_amount::numeric,\n    invoice.total_amount::numeric) THEN\n    RAISE EXCEPTION 'installments_sum_to_invoice: invoice % and its installments differ',\n        NEW.invoice_id USING ERRCODE = 'check_violation',\n        CONSTRAINT = 'installments_sum_to_invoice', TABLE = 'invoices_installment';\nEND IF;\nRETURN NULL;\n",
                    hash="f4b703946457f3a35f65e297d0f815ecac8adb7d",
                    operation='INSERT OR UPDATE OF "net_amount", "tax_amount", "service_fee_amount", "total_amount", "invoice_id"',
                    pgid="pgtrigger_installments_sum_to_invoice_b054e",
                    table="invoices_installment",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="installment",
            trigger=pgtrigger.compiler.Trigger(
                name="installments_sum_without_one",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    declare="DECLARE invoice invoices_invoice; sums record;",
                    func="\nSELECT * INTO invoice FROM invoices_invoice WHERE id = OLD.invoice_id;\nSELECT count(*) AS n, sum(net_amount) AS net, sum(tax_amount) AS tax,\n       sum(service_fee_amount) AS fee, sum(total_amount) AS total\n  INTO sums FROM invoices_installment WHERE invoice_id = OLD.invoice_id;\nIF (sums.n, sums.net, sums.tax, sums.fee, sums.total) IS DISTINCT FROM\n   (invoice.installment_count::bigint, invoice.subtotal_amount::numeric,\n    invoice.total_tax_amount::numeric, invoice.total_service_fee_amount::numeric,\n    invoice.total_amount::numeric) THEN\n    RAISE EXCEPTION 'installments_sum_to_invoice: invoice % and its installments differ',\n        OLD.invoice_id USING ERRCODE = 'check_violation',\n        CONSTRAINT = 'installments_sum_to_invoice', TABLE = 'invoices_installment';\nEND IF;\nRETURN NULL;\n",
                    hash="038700afc480fbeaec34534f49253b1845b2bae2",
                    operation="DELETE",
                    pgid="pgtrigger_installments_sum_without_one_599d0",
                    table="invoices_installment",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="installment",
            trigger=pgtrigger.compiler.Trigger(
                name="installment_paid_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status = 'paid' AND (OLD.invoice_id, OLD.number, OLD.due_at, OLD.net_amount, OLD.tax_amount, OLD.service_fee_amount, OLD.total_amount) IS DISTINCT FROM (NEW.invoice_id, NEW.number, NEW.due_at, NEW.net_amount, NEW.tax_amount, NEW.service_fee_amount, NEW.total_amount))",
                    func="\nRAISE EXCEPTION 'installment_paid_immutable: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'installment_paid_immutable', TABLE = TG_TABLE_NAME;\n",
                    hash="bca60204b0c0dbd9471736ccb5e75df99d413e42",
                    operation="UPDATE",
                    pgid="pgtrigger_installment_paid_immutable_01f8c",
                    table="invoices_installment",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="installment",
            trigger=pgtrigger.compiler.Trigger(
                name="installment_tenant",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="SELECT tenant_id INTO NEW.tenant_id FROM invoices_invoice WHERE id = NEW.invoice_id; RETURN NEW;",
                    hash="2167da3395ce7ff891403f85b8b6f1857529d18a",
                    operation='INSERT OR UPDATE OF "tenant_id", "invoice_id"',
                    pgid="pgtrigger_installment_tenant_69589",
                    table="invoices_installment",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="installment",
            trigger=pgtrigger.compiler.Trigger(
                name="installment_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'installment_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'installment_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="589b137e5d449be9d763236ccb6740f1501c31c3",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_installment_not_truncated_ec45a",
                    table="invoices_installment",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="installment",
            trigger=pgtrigger.compiler.Trigger(
                name="installment_balance",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    declare="DECLARE sums record;",
                    func="\nSELECT coalesce(sum(amount) FILTER (WHERE kind <> 'refund'), 0) AS paid,\n       coalesce(sum(net_amount) FILTER (WHERE kind <> 'refund'), 0) AS net,\n       coalesce(sum(tax_amount) FILTER (WHERE kind <> 'refund'), 0) AS tax,\n       coalesce(-sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded\n  INTO sums FROM invoices_ledgerentry WHERE installment_id = NEW.id;\nIF EXISTS (SELECT FROM invoices_installment WHERE id = NEW.id\n           AND ((paid_amount, refunded_amount) IS DISTINCT FROM (sums.paid, sums.refunded)\n                OR status = 'paid' AND (net_amount, tax_amount)\n                                       IS DISTINCT FROM (sums.net, sums.tax))) THEN\n    RAISE EXCEPTION 'installment_balance: instalment % and its ledger differ', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'installment_balance', TABLE = 'invoices_installment';\nEND IF;\nRETURN NULL;",
                    hash="0bac7bf756fb46833416a1cb62b3a22f1d10e876",
                    operation='UPDATE OF "paid_amount", "refunded_amount", "status"',
                    pgid="pgtrigger_installment_balance_25713",
                    table="invoices_installment",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoicemetadata",
            trigger=pgtrigger.compiler.Trigger(
                name="invoice_metadata_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'invoice_metadata_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'invoice_metadata_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="c62cfad5cf55ebd85945f139efef6388d0a52c01",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_invoice_metadata_not_truncated_27096",
                    table="invoices_invoicemetadata",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgertax",
            constraint=models.CheckConstraint(
                condition=models.Q(("tenant__isnull", False)), name="ledger_tax_has_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgertax",
            constraint=models.UniqueConstraint(
                models.F("entry"), models.F("tax_rate"), name="ledger_tax_rate"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgertax",
            trigger=pgtrigger.compiler.Trigger(
                name="ledger_tax_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'ledger_tax_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_tax_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="63204c1378555c771cdd8758d4633de876c85474",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_ledger_tax_append_only_322e7",
                    table="invoices_ledgertax",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgertax",
            trigger=pgtrigger.compiler.Trigger(
                name="ledger_tax_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'ledger_tax_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_tax_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="954b3ce28713ca3d3fc7c1c6b424cd337b0dc117",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_ledger_tax_not_truncated_1dbda",
                    table="invoices_ledgertax",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgertax",
            trigger=pgtrigger.compiler.Trigger(
                name="ledger_tax_tenant",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="SELECT tenant_id INTO NEW.tenant_id FROM invoices_ledgerentry WHERE id = NEW.entry_id; RETURN NEW;",
                    hash="17b2e8f2e5d1584b9ea433ec260884637193318e",
                    operation='INSERT OR UPDATE OF "tenant_id", "entry_id"',
                    pgid="pgtrigger_ledger_tax_tenant_b769f",
                    table="invoices_ledgertax",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgertax",
            trigger=pgtrigger.compiler.Trigger(
                name="ledger_tax_sums",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\nIF (SELECT tax_amount FROM invoices_ledgerentry WHERE id = NEW.entry_id)\n   <> (SELECT coalesce(sum(tax_amount), 0) FROM invoices_ledgertax WHERE entry_id = NEW.entry_id) THEN\n    RAISE EXCEPTION 'ledger_taxes_sum_to_entry: ledger entry % and its taxes differ', NEW.entry_id USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_taxes_sum_to_entry', TABLE = 'invoices_ledgertax';\nEND IF;\nRETURN NULL;",
                    hash="c2a2c1b4581f8834dbdd67d0a8271ffec0c1daeb",
                    operation="INSERT",
                    pgid="pgtrigger_ledger_tax_sums_f98b4",
                    table="invoices_ledgertax",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="lineitem",
            constraint=models.UniqueConstraint(
                models.F("invoice"), models.F("position"), name="line_item_position"
            ),
        ),
        migrations.AddConstraint(
            model_name="lineitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("discount_amount__gte", 0),
                    ("quantity__gt", 0),
                    ("subtotal_amount__gte", 0),
                    ("tax_amount__gte", 0),
                    ("unit_price_amount__gte", 0),
                ),
                name="line_item_amounts_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="lineitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "subtotal_amount",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.functions.math.Round(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("quantity"), "*", models.F("unit_price_amount")
                                )
                            ),
                            "-",
                            models.F("discount_amount"),
                        ),
                    )
                ),
                name="line_item_subtotal_is_its_price",
            ),
        ),
        migrations.AddConstraint(
            model_name="lineitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "subtotal_amount__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.Value(9007199254740991), "-", models.F("discount_amount")
                        ),
                    )
                ),
                name="line_item_price_at_most",
            ),
        ),
        migrations.AddConstraint(
            model_name="lineitem",
            constraint=models.CheckConstraint(
                condition=models.Q(("tax_rate__gte", 0), ("tax_rate__lte", 1)),
                name="line_item_tax_rate_is_a_rate",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="lineitem",
            trigger=pgtrigger.compiler.Trigger(
                name="line_items_not_added",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF EXISTS (SELECT FROM changed JOIN invoices_invoice invoice ON invoice.id = changed.invoice_id\n           WHERE invoice.payment_initiated_at IS NOT NULL) THEN\n    RAISE EXCEPTION 'invoice_immutable: % of line items after payment was initiated', TG_OP\n        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'invoice_immutable',\n              TABLE = TG_TABLE_NAME;\nEND IF;\nRETURN NULL;\n",
                    hash="a76666e262fc27c1976ae5afd8cd33f6e90d0598",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_line_items_not_added_01609",
                    referencing="REFERENCING NEW TABLE AS changed ",
                    table="invoices_lineitem",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="lineitem",
            trigger=pgtrigger.compiler.Trigger(
                name="line_items_not_changed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF EXISTS (SELECT FROM changed JOIN invoices_invoice invoice ON invoice.id = changed.invoice_id\n           WHERE invoice.payment_initiated_at IS NOT NULL) THEN\n    RAISE EXCEPTION 'invoice_immutable: % of line items after payment was initiated', TG_OP\n        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'invoice_immutable',\n              TABLE = TG_TABLE_NAME;\nEND IF;\nRETURN NULL;\n",
                    hash="db0c3517721e5793c0dfb20a8d8276d76c16ec65",
                    level="STATEMENT",
                    operation="UPDATE",
                    pgid="pgtrigger_line_items_not_changed_eb1e7",
                    referencing="REFERENCING OLD TABLE AS changed ",
                    table="invoices_lineitem",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="lineitem",
            trigger=pgtrigger.compiler.Trigger(
                name="line_items_not_moved",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF EXISTS (SELECT FROM changed JOIN invoices_invoice invoice ON invoice.id = changed.invoice_id\n           WHERE invoice.payment_initiated_at IS NOT NULL) THEN\n    RAISE EXCEPTION 'invoice_immutable: % of line items after payment was initiated', TG_OP\n        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'invoice_immutable',\n              TABLE = TG_TABLE_NAME;\nEND IF;\nRETURN NULL;\n",
                    hash="0e806cac2406431874887aacae042a14a08d41c8",
                    level="STATEMENT",
                    operation="UPDATE",
                    pgid="pgtrigger_line_items_not_moved_3873f",
                    referencing="REFERENCING NEW TABLE AS changed ",
                    table="invoices_lineitem",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="lineitem",
            trigger=pgtrigger.compiler.Trigger(
                name="line_items_not_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF EXISTS (SELECT FROM changed JOIN invoices_invoice invoice ON invoice.id = changed.invoice_id\n           WHERE invoice.payment_initiated_at IS NOT NULL) THEN\n    RAISE EXCEPTION 'invoice_immutable: % of line items after payment was initiated', TG_OP\n        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'invoice_immutable',\n              TABLE = TG_TABLE_NAME;\nEND IF;\nRETURN NULL;\n",
                    hash="252af8b8e32fe6dfd1c912ab73058f65643ddcf5",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_line_items_not_deleted_76c0d",
                    referencing="REFERENCING OLD TABLE AS changed ",
                    table="invoices_lineitem",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="lineitem",
            trigger=pgtrigger.compiler.Trigger(
                name="line_item_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'line_item_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'line_item_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="720e56f83cc9c0fd0a66e8470e26790d7d7ef930",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_line_item_not_truncated_5e5eb",
                    table="invoices_lineitem",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="paymentrequest",
            index=models.Index(
                models.F("next_check_at"),
                condition=models.Q(("status__in", ["opening", "open", "closing"])),
                name="payment_request_to_check",
            ),
        ),
        migrations.AddIndex(
            model_name="paymentrequest",
            index=models.Index(
                models.F("gateway"),
                models.F("gateway_payment_id"),
                name="payment_request_gateway_id",
            ),
        ),
        migrations.AddIndex(
            model_name="paymentrequest",
            index=models.Index(
                models.F("gateway"),
                models.F("gateway_charge_id"),
                condition=models.Q(("gateway_charge_id__isnull", False)),
                name="payment_request_charge_id",
            ),
        ),
        migrations.AddIndex(
            model_name="paymentrequest",
            index=models.Index(
                models.F("created_at"), models.F("id"), name="payment_request_newest"
            ),
        ),
        migrations.AddIndex(
            model_name="paymentrequest",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper("reference"), "gin_trgm_ops"
                ),
                name="payment_request_trigrams",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentrequest",
            constraint=models.UniqueConstraint(
                models.F("installment"),
                condition=models.Q(("status__in", ["opening", "open", "closing"])),
                name="payment_request_one_open_per_installment",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentrequest",
            constraint=models.UniqueConstraint(
                models.F("installment"), models.F("sequence"), name="payment_request_sequence"
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentrequest",
            constraint=models.UniqueConstraint(
                models.F("page_token"),
                condition=models.Q(("page_token__isnull", False)),
                name="payment_request_page_token",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gte", 1)), name="payment_request_amount_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "open"), _negated=True),
                    ("payment_url__isnull", False),
                    _connector="OR",
                ),
                name="payment_request_open_has_url",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="paymentrequest",
            trigger=pgtrigger.compiler.Trigger(
                name="payment_request_state_change",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status <> NEW.status AND NOT (OLD.status || '>' || NEW.status) = ANY (ARRAY['cancelled>paid', 'closing>cancelled', 'closing>paid', 'expired>paid', 'failed>paid', 'open>cancelled', 'open>closing', 'open>expired', 'open>failed', 'open>paid', 'opening>cancelled', 'opening>closing', 'opening>expired', 'opening>failed', 'opening>open', 'opening>paid']))",
                    func="\nRAISE EXCEPTION 'payment_request_state_change: % to % is refused', OLD.status, NEW.status\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payment_request_state_change',\n          TABLE = TG_TABLE_NAME;\n",
                    hash="0cd68d067d7395b01b6167fabab1fccb9dc15f04",
                    operation='UPDATE OF "status"',
                    pgid="pgtrigger_payment_request_state_change_554da",
                    table="invoices_paymentrequest",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="paymentrequest",
            trigger=pgtrigger.compiler.Trigger(
                name="payment_request_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'payment_request_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payment_request_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="f9287b7a4cf790a66e83d84a5500ee620ea2d3b8",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_payment_request_not_truncated_1e1a4",
                    table="invoices_paymentrequest",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(models.F("invoice"), models.F("id"), name="transaction_of_invoice"),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                models.F("tenant"), models.F("created_at"), name="transaction_booked"
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                name="transaction_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                models.F("created_at"), models.F("id"), name="transaction_newest_of_all"
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                models.F("tenant"),
                models.F("kind"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("kind__in", ["refund", "reversal", "transfer"])),
                name="transaction_newest_back",
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                models.F("tenant"),
                models.F("currency_code"),
                models.OrderBy(models.F("id"), descending=True),
                name="transaction_newest_by_currency",
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                models.F("tenant"),
                models.F("gateway"),
                models.OrderBy(models.F("id"), descending=True),
                name="transaction_newest_by_gateway",
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                models.F("currency_code"),
                django.db.models.functions.math.Abs("amount"),
                models.OrderBy(models.F("id"), descending=True),
                name="transaction_newest_of_amount",
            ),
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.UniqueConstraint(
                models.F("gateway"),
                models.F("gateway_transaction_id"),
                models.F("tenant"),
                name="transaction_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("amount__gt", 0),
                        ("kind", "payment"),
                        ("moved_from", None),
                        ("reverses", None),
                    ),
                    models.Q(
                        ("amount__lt", 0),
                        ("kind__in", ["refund", "reversal", "transfer"]),
                        ("moved_from", None),
                        ("reverses__isnull", False),
                    ),
                    models.Q(
                        ("amount__gt", 0), ("kind", "transfer"), ("moved_from__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="transaction_sign_matches_kind",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="transaction",
            trigger=pgtrigger.compiler.Trigger(
                name="transaction_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN ((OLD.tenant_id, OLD.invoice_id, OLD.payment_request_id, OLD.gateway_id, OLD.gateway_transaction_id, OLD.kind, OLD.reverses_id, OLD.moved_from_id, OLD.currency_code, OLD.amount, OLD.paid_at, OLD.created_at) IS DISTINCT FROM (NEW.tenant_id, NEW.invoice_id, NEW.payment_request_id, NEW.gateway_id, NEW.gateway_transaction_id, NEW.kind, NEW.reverses_id, NEW.moved_from_id, NEW.currency_code, NEW.amount, NEW.paid_at, NEW.created_at))",
                    func="\nRAISE EXCEPTION 'transaction_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'transaction_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="e97e0c00f0ed3f98338278d4548c114ad8bb617c",
                    operation="UPDATE",
                    pgid="pgtrigger_transaction_append_only_16fcf",
                    table="invoices_transaction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="transaction",
            trigger=pgtrigger.compiler.Trigger(
                name="transaction_not_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'transaction_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'transaction_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="76bf1d0ede78299eed1b994705406b1f20d682cb",
                    operation="DELETE",
                    pgid="pgtrigger_transaction_not_deleted_65db7",
                    table="invoices_transaction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="transaction",
            trigger=pgtrigger.compiler.Trigger(
                name="transaction_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'transaction_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'transaction_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="f8ec2ecf7ba6b3dbfed3f4e0ea9c4335c0174e11",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_transaction_not_truncated_e8f93",
                    table="invoices_transaction",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="transaction",
            trigger=pgtrigger.compiler.Trigger(
                name="transaction_sums",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\nIF (SELECT amount FROM invoices_transaction WHERE id = NEW.id)\n   <> (SELECT coalesce(sum(amount), 0) FROM invoices_ledgerentry\n        WHERE transaction_id = NEW.id) THEN\n    RAISE EXCEPTION 'ledger_entries_sum_to_transaction: transaction % and its entries differ', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_sum_to_transaction', TABLE = 'invoices_ledgerentry';\nEND IF;\nRETURN NULL;",
                    hash="8bb46eeca7630f5ef0c1401631d0c319d107cda7",
                    operation="INSERT",
                    pgid="pgtrigger_transaction_sums_75b3c",
                    table="invoices_transaction",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="transaction",
            trigger=pgtrigger.compiler.Trigger(
                name="transfer_sums_to_zero",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.kind = 'transfer')",
                    constraint="CONSTRAINT",
                    func="\nIF NOT EXISTS (\n    SELECT FROM invoices_transaction other\n     WHERE (other.id = NEW.moved_from_id OR other.moved_from_id = NEW.id)\n       AND other.kind = 'transfer' AND other.amount = -NEW.amount\n       AND (other.tenant_id, other.currency_code, other.gateway_id)\n           = (NEW.tenant_id, NEW.currency_code, NEW.gateway_id)\n       AND other.invoice_id <> NEW.invoice_id) THEN\n    RAISE EXCEPTION 'transfer_sums_to_zero: transfer % has no other side', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_sums_to_zero', TABLE = 'invoices_transaction';\nEND IF;\nRETURN NULL;\n",
                    hash="44efbbc0ac393cd179b63811ced0de813dbef7bf",
                    operation="INSERT",
                    pgid="pgtrigger_transfer_sums_to_zero_36067",
                    table="invoices_transaction",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(
                models.F("tenant"), models.F("booked_at"), name="ledger_entry_booked"
            ),
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(models.F("booked_at"), name="ledger_entry_day"),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.UniqueConstraint(
                models.F("transaction"),
                models.F("installment"),
                name="ledger_entry_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount__gt", 0), ("kind", "payment")),
                    models.Q(("amount__lt", 0), ("kind__in", ["refund", "reversal"])),
                    models.Q(("kind", "transfer"), models.Q(("amount", 0), _negated=True)),
                    _connector="OR",
                ),
                name="ledger_entry_sign_matches_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        (
                            "amount",
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("net_amount"), "+", models.F("tax_amount")
                                ),
                                "+",
                                models.F("service_fee_amount"),
                            ),
                        ),
                        ("installment__isnull", False),
                    ),
                    models.Q(
                        ("installment", None),
                        ("net_amount", 0),
                        ("service_fee_amount", 0),
                        ("tax_amount", 0),
                    ),
                    _connector="OR",
                ),
                name="ledger_entry_amount_is_its_shares",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="ledger_entry_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'ledger_entry_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_entry_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="f025ea9423ae192112480e15585ff4467caea449",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_ledger_entry_append_only_c97ac",
                    table="invoices_ledgerentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="ledger_entry_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'ledger_entry_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_entry_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="67562b538cb3554fb331315548f296726a33577f",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_ledger_entry_not_truncated_14e30",
                    table="invoices_ledgerentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="ledger_entry_sums",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    declare="DECLARE sums record;",
                    func="\nIF (SELECT tax_amount FROM invoices_ledgerentry WHERE id = NEW.id)\n   <> (SELECT coalesce(sum(tax_amount), 0) FROM invoices_ledgertax WHERE entry_id = NEW.id) THEN\n    RAISE EXCEPTION 'ledger_taxes_sum_to_entry: ledger entry % and its taxes differ', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_taxes_sum_to_entry', TABLE = 'invoices_ledgertax';\nEND IF;\n\nIF (SELECT amount FROM invoices_transaction WHERE id = NEW.transaction_id)\n   <> (SELECT coalesce(sum(amount), 0) FROM invoices_ledgerentry\n        WHERE transaction_id = NEW.transaction_id) THEN\n    RAISE EXCEPTION 'ledger_entries_sum_to_transaction: transaction % and its entries differ', NEW.transaction_id USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_sum_to_transaction', TABLE = 'invoices_ledgerentry';\nEND IF;\n\nSELECT coalesce(sum(amount) FILTER (WHERE kind <> 'refund'), 0) AS paid,\n       coalesce(sum(amount) FILTER (WHERE installment_id IS NULL), 0) AS over,\n       coalesce(-sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded\n  INTO sums FROM invoices_ledgerentry WHERE invoice_id = NEW.invoice_id;\nIF EXISTS (SELECT FROM invoices_invoice WHERE id = NEW.invoice_id\n           AND (paid_amount, overpayment_amount, refunded_amount)\n               IS DISTINCT FROM (sums.paid, sums.over, sums.refunded)) THEN\n    RAISE EXCEPTION 'invoice_balance: invoice % and its ledger differ', NEW.invoice_id USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_balance', TABLE = 'invoices_invoice';\nEND IF;\nIF NEW.installment_id IS NOT NULL THEN\n\nSELECT coalesce(sum(amount) FILTER (WHERE kind <> 'refund'), 0) AS paid,\n       coalesce(sum(net_amount) FILTER (WHERE kind <> 'refund'), 0) AS net,\n       coalesce(sum(tax_amount) FILTER (WHERE kind <> 'refund'), 0) AS tax,\n       coalesce(-sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded\n  INTO sums FROM invoices_ledgerentry WHERE installment_id = NEW.installment_id;\nIF EXISTS (SELECT FROM invoices_installment WHERE id = NEW.installment_id\n           AND ((paid_amount, refunded_amount) IS DISTINCT FROM (sums.paid, sums.refunded)\n                OR status = 'paid' AND (net_amount, tax_amount)\n                                       IS DISTINCT FROM (sums.net, sums.tax))) THEN\n    RAISE EXCEPTION 'installment_balance: instalment % and its ledger differ', NEW.installment_id USING ERRCODE = 'check_violation', CONSTRAINT = 'installment_balance', TABLE = 'invoices_installment';\nEND IF;\nEND IF;\nRETURN NULL;",
                    hash="06128927e70dfbf457064e7b9b3ef060c58ddaf0",
                    operation="INSERT",
                    pgid="pgtrigger_ledger_entry_sums_25681",
                    table="invoices_ledgerentry",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
    ]
