"""Who may look after an invoice, and who does."""

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet

from apikeys.models import StaffTenant
from invoices.models import Assignment, Invoice
from paytrust.staff import roles


def assignable(invoice: Invoice) -> QuerySet[User]:
    """Return the members of staff who may work on an invoice, by name."""
    app_label, codename = roles.OPERATE.split(".")
    operates = Q(is_superuser=True) | Q(
        groups__permissions__codename=codename,
        groups__permissions__content_type__app_label=app_label,
    )
    bound = StaffTenant.objects.filter(user=OuterRef("pk"))
    free = ~Exists(bound) | Exists(bound.filter(tenant_id=invoice.tenant_id))
    return (
        User.objects.filter(operates, free, is_active=True, is_staff=True)
        .distinct()
        .order_by("first_name", "username")
    )


def assigned_to(user_id: int) -> QuerySet[Assignment]:
    """Return the invoices that a member of staff looks after."""
    return Assignment.objects.filter(assignee_id=user_id)


def assignee_of(invoice: Invoice) -> User | None:
    """Return who looks after an invoice, if a person does."""
    found = Assignment.objects.filter(invoice=invoice).select_related("assignee").first()
    return found.assignee if found else None
