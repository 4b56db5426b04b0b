"""What each role may see and do; the groups are updated after each `migrate`."""

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import router

from paytrust.staff import roles

MONEY = (
    *("apikeys.tenant", "apikeys.staffact"),
    *("gateways.gateway", "gateways.gatewayfee", "gateways.gatewayfeechange"),
    *("invoices.invoice", "invoices.lineitem", "invoices.installment", "invoices.paymentrequest"),
    *("invoices.transaction", "invoices.ledgerentry", "invoices.ledgertax"),
    *("payments.webhookevent", "payments.webhookretry", "payments.proposal"),
    *("payments.refund", "payments.dispute", "payments.settlementmismatch"),
    *("payments.settlementimport", "payments.settlementline", "payments.settlementreport"),
    "payments.settlementterms",
    *("payments.bankfile", "payments.bankentry", "payments.bankupload"),
    "payments.discrepancyentry",
    *("events.event", "events.webhookendpoint", "events.delivery", "events.deliveryattempt"),
    *("reporting.closedday", "reporting.dailytotal", "reporting.keptstatement"),
    *("reporting.discrepancy", "reporting.overdueinstallment"),
)
PLATFORM = (
    *("apikeys.apikey", "apikeys.apikeyauditentry", "apikeys.staffproposal"),
    "gateways.gatewayaccount",
    *("auth.user", "auth.group"),
)
SEE_MONEY = tuple(f"{label}.view" for label in MONEY)
SEE_PLATFORM = tuple(f"{label}.view" for label in PLATFORM)
ROLES = {
    roles.VIEWER: SEE_MONEY,
    roles.OPERATOR: (*SEE_MONEY, "reporting.backoffice.operate"),
    roles.ADMINISTRATOR: (
        *SEE_MONEY,
        *SEE_PLATFORM,
        "reporting.backoffice.administer",
        *("auth.user.add", "auth.user.change"),
    ),
}
"""What each role may: `app.model.act`, where an act is a permission's of that model."""


def give_rights(using: str = "default", **_signal: object) -> None:
    """Make the roles and give each exactly the rights in `ROLES`; receives `post_migrate`."""
    if not router.allow_migrate(using, "auth"):
        return
    for name, rights in ROLES.items():
        role, _ = Group.objects.using(using).get_or_create(name=name)
        role.permissions.set([_permission(using, right) for right in rights])


def _permission(using: str, right: str) -> Permission:
    app_label, model, act = right.split(".")
    found = apps.get_model(app_label, model)
    kind = ContentType.objects.db_manager(using).get_for_model(found, for_concrete_model=False)
    own = dict(found._meta.permissions)  # noqa: SLF001  # Django's public way to a model's permissions
    codename = act if act in own else f"{act}_{model}"
    permission, _ = Permission.objects.using(using).get_or_create(
        content_type=kind,
        codename=codename,
        defaults={"name": own.get(act, f"Can {act} {found._meta.verbose_name_raw}")},  # noqa: SLF001
    )
    return permission
