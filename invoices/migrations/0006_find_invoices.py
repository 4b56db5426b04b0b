from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies = [("invoices", "0005_payment_account")]

    operations = [
        migrations.AddField(
            model_name="invoice",
            name="request_id",
            field=models.CharField(max_length=128, null=True),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(F("created_at"), F("id"), name="invoice_newest_of_all"),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                F("status"), F("created_at"), F("id"), name="invoice_of_all_by_status"
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                F("currency_code"), F("created_at"), F("id"), name="invoice_of_all_by_currency"
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                Lower(KT("customer__email")),
                condition=Q(customer__isnull=False),
                name="invoice_customer_email",
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                F("request_id"), condition=Q(request_id__isnull=False), name="invoice_request"
            ),
        ),
        migrations.AddIndex(
            model_name="paymentrequest",
            index=models.Index(F("created_at"), F("id"), name="payment_request_newest"),
        ),
    ]
