"""The one way in which queries are limited to a tenant."""

from typing import TYPE_CHECKING, Self, TypeVar

from django.db import models

if TYPE_CHECKING:
    from apikeys.models import Tenant

OWN, ALL, NOTHING = "own", "all", "nothing"
"""What bound requests may see of a model's rows: the values of `merchants_see` and `staff_see`."""

Row_co = TypeVar("Row_co", bound=models.Model, covariant=True)


class TenantQuerySet(models.QuerySet[Row_co]):
    """Base for querysets of models with a `tenant` foreign key.

    Every query made for a merchant starts with `Model.objects.for_tenant(tenant)`. Another
    tenant's row is then missing, exactly as if it did not exist.
    """

    def for_tenant(self, tenant: "Tenant") -> Self:
        return self.filter(tenant=tenant)
