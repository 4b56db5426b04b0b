"""Add what gateways say they paid out: imports, lines, mismatches and terms of accounts."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0005_keys_of_merchants"),
        ("gateways", "0003_names_for_staff"),
        ("invoices", "0004_finding"),
        ("payments", "0004_erasing_customers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
                ("sha256", models.CharField(max_length=64, verbose_name="SHA-256")),
                ("repeat", models.PositiveSmallIntegerField(default=0, verbose_name="repeat")),
                ("line_count", models.PositiveIntegerField(verbose_name="line count")),
                ("new_count", models.PositiveIntegerField(verbose_name="new count")),
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
                            ("monthly", "monthly"),
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
        migrations.AddConstraint(
            model_name="settlementimport",
            constraint=models.UniqueConstraint(
                models.F("gateway"),
                models.F("account"),
                models.F("sha256"),
                models.F("repeat"),
                condition=models.Q(("withdraws", None)),
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
        pgtrigger.migrations.AddTrigger(
            model_name="settlementimport",
            trigger=pgtrigger.compiler.Trigger(
                name="settlement_import_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nRAISE EXCEPTION 'settlement_import_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_import_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="9278ca3d140ac7105150583ce2832883b338fd20",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_settlement_import_append_only_b7304",
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
                models.F("gateway"), models.F("reference"), name="settlement_line_reference"
            ),
        ),
        migrations.AddIndex(
            model_name="settlementline",
            index=models.Index(
                models.F("gateway"), models.F("identity"), name="settlement_line_identity"
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
                    condition="WHEN ((OLD.id, OLD.imported_in_id, OLD.gateway_id, OLD.account_id, OLD.identity, OLD.digest, OLD.kind, OLD.is_final, OLD.currency_code, OLD.gross_amount, OLD.gateway_fee_amount, OLD.vat_amount, OLD.withholding_amount, OLD.net_amount, OLD.fee_state, OLD.reference, OLD.gateway_ids, OLD.channel, OLD.occurred_at, OLD.settlement_at, OLD.payout_id, OLD.as_of, OLD.raw) IS DISTINCT FROM (NEW.id, NEW.imported_in_id, NEW.gateway_id, NEW.account_id, NEW.identity, NEW.digest, NEW.kind, NEW.is_final, NEW.currency_code, NEW.gross_amount, NEW.gateway_fee_amount, NEW.vat_amount, NEW.withholding_amount, NEW.net_amount, NEW.fee_state, NEW.reference, NEW.gateway_ids, NEW.channel, NEW.occurred_at, NEW.settlement_at, NEW.payout_id, NEW.as_of, NEW.raw))",
                    func="\nRAISE EXCEPTION 'settlement_line_append_only: % of % is refused', TG_OP, TG_TABLE_NAME\n    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_line_append_only', TABLE = TG_TABLE_NAME;\n",
                    hash="f636fb6852b76d211da0562c7ff942b41bdc1174",
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
    ]
