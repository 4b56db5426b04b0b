"""Give models and columns the names that staff read; no statement runs."""

import django.core.serializers.json
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0003_names_for_staff"),
        ("gateways", "0003_names_for_staff"),
        ("invoices", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="installment",
            options={"verbose_name": "instalment", "verbose_name_plural": "instalments"},
        ),
        migrations.AlterModelOptions(
            name="invoice",
            options={"verbose_name": "invoice", "verbose_name_plural": "invoices"},
        ),
        migrations.AlterModelOptions(
            name="ledgerentry",
            options={"verbose_name": "ledger entry", "verbose_name_plural": "ledger entries"},
        ),
        migrations.AlterModelOptions(
            name="paymentrequest",
            options={"verbose_name": "payment request", "verbose_name_plural": "payment requests"},
        ),
        migrations.AlterModelOptions(
            name="transaction",
            options={"verbose_name": "transaction", "verbose_name_plural": "transactions"},
        ),
        migrations.AlterField(
            model_name="installment",
            name="due_at",
            field=models.DateTimeField(verbose_name="due at"),
        ),
        migrations.AlterField(
            model_name="installment",
            name="invoice",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="installments",
                to="invoices.invoice",
                verbose_name="invoice",
            ),
        ),
        migrations.AlterField(
            model_name="installment",
            name="net_amount",
            field=models.BigIntegerField(verbose_name="net amount"),
        ),
        migrations.AlterField(
            model_name="installment",
            name="number",
            field=models.PositiveSmallIntegerField(verbose_name="number"),
        ),
        migrations.AlterField(
            model_name="installment",
            name="paid_amount",
            field=models.BigIntegerField(default=0, verbose_name="paid amount"),
        ),
        migrations.AlterField(
            model_name="installment",
            name="paid_at",
            field=models.DateTimeField(null=True, verbose_name="paid at"),
        ),
        migrations.AlterField(
            model_name="installment",
            name="refunded_amount",
            field=models.BigIntegerField(default=0, verbose_name="refunded amount"),
        ),
        migrations.AlterField(
            model_name="installment",
            name="service_fee_amount",
            field=models.BigIntegerField(verbose_name="service fee amount"),
        ),
        migrations.AlterField(
            model_name="installment",
            name="settled_at",
            field=models.DateTimeField(null=True, verbose_name="settled at"),
        ),
        migrations.AlterField(
            model_name="installment",
            name="status",
            field=models.CharField(
                choices=[("unpaid", "Unpaid"), ("paid", "Paid")],
                default="unpaid",
                max_length=10,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="installment",
            name="tax_amount",
            field=models.BigIntegerField(verbose_name="tax amount"),
        ),
        migrations.AlterField(
            model_name="installment",
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
            model_name="installment",
            name="total_amount",
            field=models.BigIntegerField(verbose_name="total amount"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="content_fingerprint",
            field=models.CharField(max_length=64, verbose_name="content fingerprint"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="created_at",
            field=models.DateTimeField(verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="currency_code",
            field=models.CharField(max_length=3, verbose_name="currency code"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="customer",
            field=models.JSONField(null=True, verbose_name="customer"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="description",
            field=models.CharField(max_length=1000, null=True, verbose_name="description"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="ended_as",
            field=models.CharField(
                choices=[("failed", "Failed"), ("expired", "Expired"), ("cancelled", "Cancelled")],
                max_length=20,
                null=True,
                verbose_name="ended as",
            ),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="ended_at",
            field=models.DateTimeField(null=True, verbose_name="ended at"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="expires_at",
            field=models.DateTimeField(verbose_name="expires at"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="external_id",
            field=models.CharField(max_length=255, null=True, verbose_name="external id"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="external_id_freed",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="external id freed"
            ),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="failure_redirect_url",
            field=models.CharField(max_length=255, null=True, verbose_name="failure redirect url"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="fee_fixed_amount",
            field=models.BigIntegerField(verbose_name="fee fixed amount"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="fee_percentage",
            field=models.DecimalField(
                decimal_places=4, max_digits=7, verbose_name="fee percentage"
            ),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="gateway",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="invoices",
                to="gateways.gateway",
                verbose_name="gateway",
            ),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="idempotency_record_id",
            field=models.UUIDField(null=True, verbose_name="idempotency record id"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="installment_count",
            field=models.PositiveSmallIntegerField(default=1, verbose_name="instalment count"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="metadata",
            field=models.JSONField(default=dict, verbose_name="metadata"),
        ),
        # PostgreSQL alters no generated column, and there is nothing to alter.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="invoice",
                    name="needs_review",
                    field=models.GeneratedField(
                        db_persist=True,
                        expression=models.ExpressionWrapper(
                            models.Q(("review_flags", []), _negated=True), models.BooleanField()
                        ),
                        output_field=models.BooleanField(),
                        verbose_name="needs review",
                    ),
                ),
            ]
        ),
        migrations.AlterField(
            model_name="invoice",
            name="open_payment_at",
            field=models.DateTimeField(null=True, verbose_name="open payment at"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="overpayment_amount",
            field=models.BigIntegerField(default=0, verbose_name="overpayment amount"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="paid_amount",
            field=models.BigIntegerField(default=0, verbose_name="paid amount"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="paid_at",
            field=models.DateTimeField(null=True, verbose_name="paid at"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="parent",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="supplementary",
                to="invoices.invoice",
                verbose_name="parent",
            ),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="payment_initiated_at",
            field=models.DateTimeField(null=True, verbose_name="payment initiated at"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="payment_method",
            field=models.JSONField(null=True, verbose_name="payment method"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="refunded_amount",
            field=models.BigIntegerField(default=0, verbose_name="refunded amount"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="request_id",
            field=models.CharField(max_length=128, null=True, verbose_name="request id"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="review_flags",
            field=models.JSONField(default=list, verbose_name="review flags"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="status",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("pending", "Pending"),
                    ("partially_paid", "Partially Paid"),
                    ("fully_paid", "Fully Paid"),
                    ("failed", "Failed"),
                    ("expired", "Expired"),
                    ("cancelled", "Cancelled"),
                ],
                default="draft",
                max_length=20,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="subtotal_amount",
            field=models.BigIntegerField(verbose_name="subtotal amount"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="success_redirect_url",
            field=models.CharField(max_length=255, null=True, verbose_name="success redirect url"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="invoices",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="total_amount",
            field=models.BigIntegerField(verbose_name="total amount"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="total_service_fee_amount",
            field=models.BigIntegerField(verbose_name="total service fee amount"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="total_tax_amount",
            field=models.BigIntegerField(verbose_name="total tax amount"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="updated_at",
            field=models.DateTimeField(verbose_name="updated at"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="version",
            field=models.PositiveIntegerField(default=1, verbose_name="version"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="amount",
            field=models.BigIntegerField(verbose_name="amount"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="booked_at",
            field=models.DateTimeField(verbose_name="booked at"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="currency_code",
            field=models.CharField(max_length=3, verbose_name="currency code"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="gateway",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="ledger_entries",
                to="gateways.gateway",
                verbose_name="gateway",
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="installment",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="ledger_entries",
                to="invoices.installment",
                verbose_name="instalment",
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="invoice",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="ledger_entries",
                to="invoices.invoice",
                verbose_name="invoice",
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="kind",
            field=models.CharField(
                choices=[("payment", "Payment"), ("refund", "Refund"), ("reversal", "Reversal")],
                max_length=10,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="net_amount",
            field=models.BigIntegerField(verbose_name="net amount"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="service_fee_amount",
            field=models.BigIntegerField(verbose_name="service fee amount"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="tax_amount",
            field=models.BigIntegerField(verbose_name="tax amount"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="ledger_entries",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AlterField(
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
        migrations.AlterField(
            model_name="ledgertax",
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
            model_name="paymentrequest",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payment_requests",
                to="gateways.gatewayaccount",
                verbose_name="account",
            ),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="amount",
            field=models.BigIntegerField(verbose_name="amount"),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="created_at",
            field=models.DateTimeField(verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="currency_code",
            field=models.CharField(max_length=3, verbose_name="currency code"),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="ended_at",
            field=models.DateTimeField(null=True, verbose_name="ended at"),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="expires_at",
            field=models.DateTimeField(verbose_name="expires at"),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="gateway",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payment_requests",
                to="gateways.gateway",
                verbose_name="gateway",
            ),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="gateway_charge_id",
            field=models.CharField(max_length=255, null=True, verbose_name="gateway charge id"),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="gateway_page_token",
            field=models.CharField(max_length=255, null=True, verbose_name="gateway page token"),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="gateway_payment_id",
            field=models.CharField(max_length=255, null=True, verbose_name="gateway payment id"),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="installment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payment_requests",
                to="invoices.installment",
                verbose_name="instalment",
            ),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="instructions",
            field=models.JSONField(
                encoder=django.core.serializers.json.DjangoJSONEncoder,
                null=True,
                verbose_name="instructions",
            ),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="invoice",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payment_requests",
                to="invoices.invoice",
                verbose_name="invoice",
            ),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="leased_until",
            field=models.DateTimeField(null=True, verbose_name="leased until"),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="next_check_at",
            field=models.DateTimeField(null=True, verbose_name="next check at"),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="opened_at",
            field=models.DateTimeField(null=True, verbose_name="opened at"),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="page_token",
            field=models.CharField(max_length=64, null=True, verbose_name="page token"),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="payment_url",
            field=models.CharField(max_length=2000, null=True, verbose_name="payment url"),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="reference",
            field=models.CharField(max_length=50, unique=True, verbose_name="reference"),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="sequence",
            field=models.PositiveIntegerField(verbose_name="sequence"),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="status",
            field=models.CharField(
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
        migrations.AlterField(
            model_name="paymentrequest",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payment_requests",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AlterField(
            model_name="paymentrequest",
            name="tries",
            field=models.PositiveIntegerField(default=0, verbose_name="tries"),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="amount",
            field=models.BigIntegerField(verbose_name="amount"),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="created_at",
            field=models.DateTimeField(verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="currency_code",
            field=models.CharField(max_length=3, verbose_name="currency code"),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="gateway",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="transactions",
                to="gateways.gateway",
                verbose_name="gateway",
            ),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="gateway_transaction_id",
            field=models.CharField(max_length=255, verbose_name="gateway transaction id"),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="invoice",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="transactions",
                to="invoices.invoice",
                verbose_name="invoice",
            ),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="iso20022_message_id",
            field=models.CharField(max_length=35, null=True, verbose_name="iso20022 message id"),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="iso20022_transaction_status",
            field=models.CharField(
                max_length=4, null=True, verbose_name="iso20022 transaction status"
            ),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="kind",
            field=models.CharField(
                choices=[("payment", "Payment"), ("refund", "Refund"), ("reversal", "Reversal")],
                default="payment",
                max_length=10,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="paid_at",
            field=models.DateTimeField(verbose_name="paid at"),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="payment_channel",
            field=models.CharField(max_length=50, null=True, verbose_name="payment channel"),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="payment_method",
            field=models.CharField(max_length=50, null=True, verbose_name="payment method"),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="payment_request",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="transactions",
                to="invoices.paymentrequest",
                verbose_name="payment request",
            ),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="reverses",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reversals",
                to="invoices.transaction",
                verbose_name="reverses",
            ),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="transactions",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
    ]
