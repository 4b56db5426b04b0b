from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0006_find_invoices"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="installment",
            index=models.Index(
                models.F("due_at"),
                models.F("id"),
                condition=models.Q(("status", "unpaid")),
                name="installment_unpaid",
            ),
        ),
    ]
