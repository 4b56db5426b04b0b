"""Grace of old secrets; scopes, expiry and addresses of keys; the log of one merchant by index."""

import apikeys.models
import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0004_answers_without_status"),
    ]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="allowed_addresses",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=50),
                blank=True,
                default=list,
                size=None,
                verbose_name="allowed addresses",
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="expires_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="expires at"),
        ),
        migrations.AddField(
            model_name="apikey",
            name="grace_ends_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="grace ends at"),
        ),
        migrations.AddField(
            model_name="apikey",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("read", "Read"),
                        ("write", "Write"),
                        ("refund", "Refund"),
                        ("reports", "Reports"),
                    ],
                    max_length=20,
                ),
                default=apikeys.models.all_scopes,
                size=None,
                verbose_name="scopes",
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="successor",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="old_secrets",
                to="apikeys.apikey",
                verbose_name="successor",
            ),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="key_prefix",
            field=models.CharField(max_length=20, verbose_name="key prefix"),
        ),
        migrations.AddIndex(
            model_name="apikey",
            index=models.Index(
                condition=models.Q(("successor__isnull", False)),
                fields=["successor"],
                name="api_key_old_secrets",
            ),
        ),
        migrations.AddIndex(
            model_name="apikey",
            index=models.Index(
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                name="api_key_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="apikeyauditentry",
            index=models.Index(
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                name="api_key_audit_of_tenant",
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("scopes__contained_by", ["read", "write", "refund", "reports"]),
                    models.Q(("scopes", []), _negated=True),
                ),
                name="api_key_scopes_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "active"), _negated=True),
                    models.Q(("grace_ends_at", None), ("successor", None)),
                    _connector="OR",
                ),
                name="api_key_active_is_no_old_secret",
            ),
        ),
    ]
