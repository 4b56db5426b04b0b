"""Who may look at what merchants are told."""

from django.db import migrations

ROLES = ["Finance viewer", "Finance operator", "Platform admin"]
SEEN = ["event", "webhookendpoint", "delivery", "deliveryattempt"]


def show_events(apps, schema_editor):
    """Django makes permissions only after all migrations, so make them here."""
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    for model in SEEN:
        content_type, _ = ContentType.objects.get_or_create(app_label="events", model=model)
        view, _ = Permission.objects.get_or_create(
            content_type=content_type,
            codename=f"view_{model}",
            defaults={"name": f"Can view {model}"},
        )
        for role in Group.objects.filter(name__in=ROLES):
            role.permissions.add(view)


class Migration(migrations.Migration):
    dependencies = [("reporting", "0007_reporting"), ("events", "0001_events")]
    operations = [migrations.RunPython(show_events, migrations.RunPython.noop)]
