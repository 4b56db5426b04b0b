"""A notification is processed by one task at a time, and may be given all its attempts again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_rules")]
    operations = [
        migrations.AddField(
            model_name="webhookevent",
            name="leased_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="webhookevent",
            name="attempts_before",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
    ]
