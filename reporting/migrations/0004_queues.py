"""The work queues, and who may look at them and at what staff have done."""

from django.db import migrations

ROLES = ["Finance viewer", "Finance operator", "Platform admin"]
SEEN = {
    "apikeys": ["staffact"],
    "gateways": ["gatewayfeechange"],
    "payments": ["proposal", "discrepancyentry"],
    "reporting": ["discrepancy", "overdueinstallment"],
}


def show_queues(apps, schema_editor):
    """Django makes permissions only after all migrations, so make them here."""
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    for app, models in SEEN.items():
        for model in models:
            content_type, _ = ContentType.objects.get_or_create(app_label=app, model=model)
            view, _ = Permission.objects.get_or_create(
                content_type=content_type,
                codename=f"view_{model}",
                defaults={"name": f"Can view {model}"},
            )
            for role in Group.objects.filter(name__in=ROLES):
                role.permissions.add(view)


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0006_find_invoices"),
        ("reporting", "0003_roles"),
    ]

    operations = [
        migrations.CreateModel(
            name="Discrepancy",
            fields=[],
            options={
                "verbose_name": "discrepancy",
                "verbose_name_plural": "discrepancies",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("invoices.invoice",),
        ),
        migrations.CreateModel(
            name="OverdueInstallment",
            fields=[],
            options={
                "verbose_name": "overdue instalment",
                "verbose_name_plural": "overdue instalments",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("invoices.installment",),
        ),
        migrations.RunPython(show_queues, migrations.RunPython.noop),
    ]
