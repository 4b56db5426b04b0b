"""The tenants that a member of staff is bound to."""

from django.conf import settings
from django.db import models

from apikeys.tenants.tenancy import NOTHING


class StaffTenant(models.Model):
    """A tenant of a member of staff who works for some tenants only; who has no row works for all.

    Their requests see no other tenant's rows (apikeys.tenants.wall).
    """

    merchants_see = NOTHING

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="bound_to",
        db_index=False,  # the unique constraint starts with it
    )
    tenant = models.ForeignKey(
        "apikeys.Tenant", models.PROTECT, related_name="bound_staff", db_index=False
    )

    class Meta:
        constraints = [models.UniqueConstraint("user", "tenant", name="staff_tenant_once")]

    def __str__(self) -> str:
        return f"{self.user} works for {self.tenant}"
