from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("invoices", "0007_find_unpaid")]

    operations = [
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                F("id").desc(), condition=Q(needs_review=True), name="invoice_of_all_to_review"
            ),
        ),
    ]
