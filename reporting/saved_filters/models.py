"""Filters of lists that members of staff keep under a name."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from apikeys.tenants.tenancy import NOTHING


class SavedFilter(models.Model):
    """How a member of staff narrows a list, under a name of their own."""

    merchants_see = NOTHING

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="saved_filters",
        db_index=False,  # the unique constraint starts with it
    )
    list_name = models.CharField(max_length=60)  # such as invoices_invoice
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=1000)  # of the list's address
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("user", "list_name", "name", name="saved_filter_name_once"),
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(query=""), name="saved_filter_says_something"
            ),
        ]

    def __str__(self) -> str:
        return self.name
