"""The lease by which one of several beats acts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Lease",
            fields=[
                ("role", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("holder", models.CharField(max_length=100)),
                ("held_until", models.DateTimeField()),
            ],
        ),
    ]
