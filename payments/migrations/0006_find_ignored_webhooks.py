from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0005_proposals_and_discrepancies"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="webhookevent",
            index=models.Index(
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("status", "ignored")),
                name="webhook_event_ignored",
            ),
        ),
    ]
