from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0003_staff_acts")]

    operations = [
        migrations.AddIndex(
            model_name="apikeyauditentry",
            index=models.Index(fields=["request_id"], name="api_key_audit_request"),
        ),
        migrations.AddIndex(
            model_name="apikeyauditentry",
            index=models.Index(
                condition=models.Q(
                    ("path__startswith", "/invoices/"),
                    models.Q(("method", "GET"), _negated=True),
                ),
                fields=["path"],
                name="api_key_audit_changes",
            ),
        ),
    ]
