from django.db import migrations, models

MONEY = {
    "apikeys": ["tenant"],
    "gateways": ["gateway", "gatewayfee"],
    "invoices": [
        "invoice",
        "lineitem",
        "installment",
        "paymentrequest",
        "settlemententry",
        "transaction",
        "ledgerentry",
    ],
    "payments": ["webhookevent", "webhookretry", "allocation"],
    "reporting": ["closedday", "dailytotal"],
}
PLATFORM = {
    "apikeys": ["apikey", "apikeyauditentry"],
    "gateways": ["gatewayaccount"],
    "auth": ["user", "group"],
}
SEE_MONEY = [(app, model, "view") for app, names in MONEY.items() for model in names]
SEE_PLATFORM = [(app, model, "view") for app, names in PLATFORM.items() for model in names]
ROLES = {
    "Finance viewer": SEE_MONEY,
    "Finance operator": [*SEE_MONEY, ("reporting", "backoffice", "operate")],
    "Platform admin": [
        *SEE_MONEY,
        *SEE_PLATFORM,
        ("reporting", "backoffice", "administer"),
        ("auth", "user", "add"),
        ("auth", "user", "change"),
    ],
}
NAMES = {
    "operate": "Can do the daily acts of finance",
    "administer": "Can manage keys, gateway accounts, fees and staff",
}


def make_roles(apps, schema_editor):
    """Make the groups. Django makes permissions only after all migrations, so make them here."""
    Group = apps.get_model("auth", "Group")
    for name, permissions in ROLES.items():
        role, _ = Group.objects.get_or_create(name=name)
        role.permissions.add(*(permission(apps, *each) for each in permissions))


def permission(apps, app, model, act):
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    content_type, _ = ContentType.objects.get_or_create(app_label=app, model=model)
    codename = act if act in NAMES else f"{act}_{model}"
    made, _ = Permission.objects.get_or_create(
        content_type=content_type,
        codename=codename,
        defaults={"name": NAMES.get(act, f"Can {act} {model}")},
    )
    return made


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0002_rules"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name="BackOffice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
            options={
                "permissions": [
                    ("operate", "Can do the daily acts of finance"),
                    ("administer", "Can manage keys, gateway accounts, fees and staff"),
                ],
                "managed": False,
                "default_permissions": (),
            },
        ),
        migrations.RunPython(make_roles, migrations.RunPython.noop),
    ]
