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
        ENABLED = "enabled", _("Enabled")
        DISABLED = "disabled", _("Disabled")
        DELETED = "deleted", _("Deleted")  # its deliveries stay for as long as their events

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
        verbose_name=_("tenant"),
    )
    # 1 to 10: the database keeps a tenant to ten
    slot = models.PositiveSmallIntegerField(_("slot"))
    url = models.CharField(_("url"), max_length=2048)
    # ["*"]: all
    event_types = ArrayField(models.CharField(max_length=40), verbose_name=_("event types"))
    description = models.CharField(_("description"), max_length=255, blank=True)
    contact_email = models.CharField(_("contact email"), max_length=254, null=True)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.ENABLED)
    disabled_reason = models.CharField(
        _("disabled reason"), max_length=10, choices=Reason, null=True
    )
    disabled_at = models.DateTimeField(_("disabled at"), null=True)
    sealed_secret = models.TextField(_("sealed secret"), editable=False)
    sealed_previous_secret = models.TextField(
        _("sealed previous secret"), editable=False, null=True
    )
    # Both sign until then
    previous_secret_until = models.DateTimeField(_("previous secret until"), null=True)
    # Of the key that sealed them
    key_name = models.CharField(_("key name"), max_length=16, editable=False)
    # Nothing but failures since
    failing_since = models.DateTimeField(_("failing since"), null=True)
    # Its last answer took a second or more
    is_slow = models.BooleanField(_("is slow"), default=False)
    # Who delivers to it, and until when
    lease = models.UUIDField(_("lease"), null=True, editable=False)
    leased_until = models.DateTimeField(_("leased until"), null=True, editable=False)
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("updated at"))

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
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
