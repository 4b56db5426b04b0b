"""The tenant of a row that belongs to another row; the database fills it in.

The model's trigger `triggers.tenant_of` fills it in, so no code can write a wrong one. A policy
that compares a column costs nothing; one that looks the owner up takes 7 microseconds a row,
which was most of the time of a report.
"""

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from apikeys.models import Tenant


def column() -> "models.ForeignKey[Tenant | None, Tenant | None]":
    """Return the column as a model declares it; an instance has its value once it was read."""
    return models.ForeignKey(
        "apikeys.Tenant",
        models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,  # the owner's is checked
        editable=False,
        verbose_name=_("tenant"),
        null=True,  # where Django writes it; the database puts the owner's there, and allows none
    )


def required(rule: str) -> models.CheckConstraint:
    """Return the constraint that the trigger has found a tenant."""
    return models.CheckConstraint(
        condition=models.Q(tenant__isnull=False), name=f"{rule}_has_tenant"
    )
