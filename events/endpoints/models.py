"""The webhook endpoints of merchants."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.tenants.tenancy import TenantQuerySet
from paytrust.operations.sealing import SEALED_START

MOST_PER_TENANT = 10


class WebhookEndpointQuerySet(TenantQuerySet["WebhookEndpoint"]):
    def locked(self) -> Self:
        """Row locks in key order. Evaluate it inside a transaction, or no lock is taken."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


class WebhookEndpoint(models.Model):
    """A merchant's URL that receives events of some types, and its state."""

    class Status(models.TextChoices):
        ENABLED = "enabled"
        DISABLED = "disabled"
        DELETED = "deleted"  # its deliveries stay for as long as their events

    class Reason(models.TextChoices):
        """Why an endpoint is disabled."""

        MERCHANT = "merchant", _("by the merchant")
        STAFF = "staff", _("by staff")
        GONE = "gone", _("it answered 410 Gone")
        FAILING = "failing", _("nothing but failures for 120 hours")

    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        related_name="webhook_endpoints",
        db_index=False,  # the indexes below start with it
    )
    slot = models.PositiveSmallIntegerField()  # 1 to 10: the database keeps a tenant to ten
    url = models.CharField(max_length=2048)
    event_types = ArrayField(models.CharField(max_length=40))  # ["*"]: all
    description = models.CharField(max_length=255, blank=True)
    contact_email = models.CharField(max_length=254, null=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.ENABLED)
    disabled_reason = models.CharField(max_length=10, choices=Reason, null=True)
    disabled_at = models.DateTimeField(null=True)
    sealed_secret = models.TextField(editable=False)
    sealed_previous_secret = models.TextField(editable=False, null=True)
    previous_secret_until = models.DateTimeField(null=True)  # both sign until then
    key_name = models.CharField(max_length=16, editable=False)  # of the key that sealed them
    failing_since = models.DateTimeField(null=True)  # nothing but failures since
    is_slow = models.BooleanField(default=False)  # its last answer took a second or more
    lease = models.UUIDField(null=True, editable=False)  # who delivers to it ...
    leased_until = models.DateTimeField(null=True, editable=False)  # ... and until when
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "slot"],
                condition=~Q(status="deleted"),
                name="webhook_endpoint_slot",
            ),
            models.CheckConstraint(
                condition=Q(slot__range=(1, MOST_PER_TENANT)),
                name="webhook_endpoint_ten_slots",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["enabled", "disabled", "deleted"]),
                name="webhook_endpoint_status_known",
            ),
            models.CheckConstraint(
                condition=~Q(status="disabled")
                | Q(disabled_reason__isnull=False, disabled_at__isnull=False),
                name="webhook_endpoint_disabled_has_reason",
            ),
            models.CheckConstraint(
                condition=Q(("sealed_secret__startswith", SEALED_START))
                & (
                    Q(sealed_previous_secret=None)
                    | Q(("sealed_previous_secret__startswith", SEALED_START))
                ),
                name="webhook_endpoint_is_sealed",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant"], condition=Q(status="enabled"), name="webhook_endpoint_to_tell"
            ),
            models.Index(fields=["tenant", "-id"], name="webhook_endpoint_newest"),
        ]

    def __str__(self) -> str:
        return gettext("Webhook endpoint %(number)s") % {"number": self.pk}
