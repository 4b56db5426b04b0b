from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0006_withdrawn_proposals"),
    ]

    operations = [
        migrations.AlterField(
            model_name="staffact",
            name="act",
            field=models.CharField(
                choices=[
                    ("webhook_asked", "asked the gateway about a notification"),
                    ("webhook_retried", "processed a notification again"),
                    ("webhook_ignored", "ignored a notification"),
                    ("discrepancy_noted", "noted something on a discrepancy"),
                    ("discrepancy_resolved", "resolved a discrepancy"),
                    ("change_proposed", "proposed a change"),
                    ("change_approved", "approved a change"),
                    ("change_rejected", "rejected a change"),
                    ("change_withdrawn", "took a proposed change back"),
                    ("key_issued", "issued an API key"),
                    ("key_rotated", "rotated an API key"),
                    ("key_revoked", "revoked an API key"),
                    ("tenant_created", "made a tenant"),
                    ("fee_changed", "changed a gateway's fee"),
                    ("credentials_stored", "stored a gateway's credentials"),
                    ("account_ended", "ended a tenant's own account with a gateway"),
                    ("sign_in_reset", "let a colleague sign in anew"),
                    ("list_exported", "exported a list"),
                ],
                max_length=30,
            ),
        ),
    ]
