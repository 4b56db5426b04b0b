"""Totals of closed days, audit runs and work queues."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
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
            name="BackOffice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
            options={
                "permissions": [
                    ("operate", "Can do the daily acts of finance"),
                    ("administer", "Can manage keys, gateway accounts, fees and staff"),
                ],
                "managed": False,
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AuditRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("seconds", models.FloatField()),
                ("invoice_id_count", models.PositiveBigIntegerField()),
                ("finding_count", models.PositiveBigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="ClosedDay",
            fields=[
                ("day_date", models.DateField(primary_key=True, serialize=False)),
                ("closed_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="DailyTotal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day_date", models.DateField()),
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
                    ),
                ),
                ("currency_code", models.CharField(max_length=3)),
                ("tax_rate", models.DecimalField(decimal_places=4, max_digits=5, null=True)),
                ("transaction_count", models.PositiveIntegerField()),
                ("installment_transaction_count", models.PositiveIntegerField()),
                ("overpayment_transaction_count", models.PositiveIntegerField()),
                ("subtotal_amount", models.BigIntegerField()),
                ("total_tax_amount", models.BigIntegerField()),
                ("total_service_fee_amount", models.BigIntegerField()),
                ("overpayment_amount", models.BigIntegerField()),
                ("total_amount", models.BigIntegerField()),
            ],
            options={
                "verbose_name": "daily total",
                "verbose_name_plural": "daily totals",
            },
        ),
        migrations.CreateModel(
            name="NoticeProfile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kinds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("proposal", "A proposal waits for a second person"),
                                (
                                    "staff_proposal",
                                    "A proposed act waits for a second administrator",
                                ),
                                ("failed", "A notification could not be processed"),
                                ("dispute", "A customer disputes a payment"),
                                ("endpoint", "A webhook endpoint was disabled"),
                                ("books", "The nightly audit found something in the books"),
                            ],
                            max_length=20,
                        ),
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        choices=[
                            ("en", "English"),
                            ("id", "Bahasa Indonesia"),
                            ("ms", "Bahasa Melayu"),
                        ],
                        default="en",
                        max_length=2,
                    ),
                ),
                ("sent_until", models.DateTimeField()),
                ("leased_until", models.DateTimeField(null=True)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notice_profile",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="KeptStatement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month", models.DateField(verbose_name="month")),
                ("zone", models.CharField(max_length=20, verbose_name="time zone")),
                ("language", models.CharField(max_length=2, verbose_name="language")),
                ("pdf", models.BinaryField(verbose_name="PDF")),
                ("csv", models.BinaryField(verbose_name="CSV")),
                ("made_at", models.DateTimeField(verbose_name="made at")),
                ("sent_at", models.DateTimeField(null=True, verbose_name="sent at")),
            ],
            options={
                "verbose_name": "statement",
                "verbose_name_plural": "statements",
            },
        ),
        migrations.CreateModel(
            name="StatementProfile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "legal_name",
                    models.CharField(blank=True, max_length=140, verbose_name="legal name"),
                ),
                (
                    "registration_number",
                    models.CharField(blank=True, max_length=50, verbose_name="registration number"),
                ),
                (
                    "tax_number",
                    models.CharField(blank=True, max_length=50, verbose_name="tax number"),
                ),
                ("address", models.TextField(blank=True, max_length=500, verbose_name="address")),
                (
                    "language",
                    models.CharField(
                        choices=[
                            ("en", "English"),
                            ("id", "Bahasa Indonesia"),
                            ("ms", "Bahasa Melayu"),
                        ],
                        default="en",
                        max_length=2,
                        verbose_name="language",
                    ),
                ),
                (
                    "zone",
                    models.CharField(
                        choices=[
                            ("UTC", "UTC"),
                            ("Asia/Jakarta", "Jakarta"),
                            ("Asia/Makassar", "Makassar"),
                            ("Asia/Jayapura", "Jayapura"),
                            ("Asia/Kuala_Lumpur", "Kuala Lumpur"),
                            ("Asia/Singapore", "Singapore"),
                        ],
                        default="UTC",
                        max_length=20,
                        verbose_name="time zone",
                    ),
                ),
                ("email", models.EmailField(max_length=254, null=True, verbose_name="email")),
                ("updated_at", models.DateTimeField(verbose_name="updated at")),
            ],
            options={
                "verbose_name": "statement profile",
                "verbose_name_plural": "statement profiles",
            },
        ),
        migrations.CreateModel(
            name="Discrepancy",
            fields=[],
            options={
                "verbose_name": "discrepancy",
                "verbose_name_plural": "discrepancies",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("invoices.invoice",),
        ),
        migrations.CreateModel(
            name="EntryOnOpenDay",
            fields=[],
            options={
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("invoices.ledgerentry",),
        ),
        migrations.CreateModel(
            name="OverdueInstallment",
            fields=[],
            options={
                "verbose_name": "overdue instalment",
                "verbose_name_plural": "overdue instalments",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("invoices.installment",),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="closedday",
            trigger=pgtrigger.compiler.Trigger(
                name="closed_day_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'closed_day_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'closed_day_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="d488b8b7d81c409bcaa0d49e2c83d53c5c5f974c",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_closed_day_append_only_ff997",
                    table="reporting_closedday",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="closedday",
            trigger=pgtrigger.compiler.Trigger(
                name="closed_day_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'closed_day_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'closed_day_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="cb3effc43f63d45bbee6cc4a190664cd7fb68fbf",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_closed_day_not_truncated_1c8ef",
                    table="reporting_closedday",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="dailytotal",
            name="gateway",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="daily_totals",
                to="gateways.gateway",
            ),
        ),
        migrations.AddField(
            model_name="dailytotal",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="daily_totals",
                to="apikeys.tenant",
            ),
        ),
        migrations.AddField(
            model_name="keptstatement",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="statements",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AddField(
            model_name="statementprofile",
            name="tenant",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="statement_profile",
                to="apikeys.tenant",
                verbose_name="tenant",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="entryonopenday",
            trigger=pgtrigger.compiler.Trigger(
                name="ledger_entry_on_open_day",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nSELECT greatest(NEW.booked_at, (max(day_date) + 1)::timestamp AT TIME ZONE 'UTC')\n  INTO NEW.booked_at FROM reporting_closedday;\nRETURN NEW;\n",
                    hash="f8c326d2f654078b8dbc8d35f5550866d4e6d4b1",
                    operation="INSERT",
                    pgid="pgtrigger_ledger_entry_on_open_day_9d557",
                    table="invoices_ledgerentry",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="dailytotal",
            index=models.Index(models.F("day_date"), name="daily_total_day"),
        ),
        migrations.AddConstraint(
            model_name="dailytotal",
            constraint=models.UniqueConstraint(
                models.F("tenant"),
                models.F("day_date"),
                models.F("kind"),
                models.F("currency_code"),
                models.F("gateway"),
                models.F("tax_rate"),
                name="daily_total_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="dailytotal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "total_amount",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("subtotal_amount"), "+", models.F("total_tax_amount")
                                ),
                                "+",
                                models.F("total_service_fee_amount"),
                            ),
                            "+",
                            models.F("overpayment_amount"),
                        ),
                    )
                ),
                name="daily_total_is_its_sum",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="dailytotal",
            trigger=pgtrigger.compiler.Trigger(
                name="daily_total_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'daily_total_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'daily_total_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="25221cbaab012fd52d98d172b3cc1fc333142788",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_daily_total_append_only_d6cb5",
                    table="reporting_dailytotal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="dailytotal",
            trigger=pgtrigger.compiler.Trigger(
                name="daily_total_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'daily_total_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'daily_total_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="3da51a2400a537ce6ecebfadf102416cad73b320",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_daily_total_not_truncated_38940",
                    table="reporting_dailytotal",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="keptstatement",
            constraint=models.UniqueConstraint(
                models.F("tenant"), models.F("month"), name="kept_statement_per_month"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="keptstatement",
            trigger=pgtrigger.compiler.Trigger(
                name="kept_statement_frozen",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN ((OLD.id, OLD.tenant_id, OLD.month, OLD.zone, OLD.language, OLD.pdf, OLD.csv, OLD.made_at) IS DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.month, NEW.zone, NEW.language, NEW.pdf, NEW.csv, NEW.made_at))",
                    func="\nRAISE EXCEPTION 'kept_statement_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'kept_statement_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="726867acf78c27a8b2ff27c733d7cc302c43617f",
                    operation="UPDATE",
                    pgid="pgtrigger_kept_statement_frozen_ef92d",
                    table="reporting_keptstatement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="keptstatement",
            trigger=pgtrigger.compiler.Trigger(
                name="kept_statement_not_deleted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'kept_statement_frozen: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'kept_statement_frozen', TABLE = TG_TABLE_NAME;\n",
                    hash="47d993310cec9ac565558ff96ef5aaf87ba9e395",
                    operation="DELETE",
                    pgid="pgtrigger_kept_statement_not_deleted_4c607",
                    table="reporting_keptstatement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="keptstatement",
            trigger=pgtrigger.compiler.Trigger(
                name="kept_statement_not_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'kept_statement_not_truncated: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'kept_statement_not_truncated', TABLE = TG_TABLE_NAME;\n",
                    hash="e703d4e8daf7afd3056d731a7f16c1932b510b42",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_kept_statement_not_truncated_38a55",
                    table="reporting_keptstatement",
                    when="BEFORE",
                ),
            ),
        ),
    ]
