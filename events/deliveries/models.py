"""Deliveries of events to endpoints, and their attempts."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.tenants.tenancy import TenantQuerySet
from events.endpoints.models import WebhookEndpoint
from events.outbox.models import Event
from paytrust.operations import triggers


class Delivery(models.Model):
    """One event on its way to one endpoint; made in the event's own transaction."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed")  # at every attempt
        CANCELLED = "cancelled", _("Cancelled")  # the endpoint was disabled or deleted

    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("tenant"),
    )
    endpoint = models.ForeignKey(
        WebhookEndpoint,
        models.PROTECT,
        related_name="deliveries",
        db_index=False,  # delivery_newest starts with it
        verbose_name=_("endpoint"),
    )
    event = models.ForeignKey(
        Event,
        models.PROTECT,
        related_name="deliveries",
        db_index=False,  # the unique constraint starts with it
        verbose_name=_("event"),
    )
    # The event's: one at a time, in order
    invoice_id = models.BigIntegerField(_("invoice id"), null=True)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    # Those before it was sent again
    attempts_before = models.PositiveIntegerField(_("attempts before"), default=0)
    # Since it was sent (again)
    first_attempt_at = models.DateTimeField(_("first attempt at"), null=True)
    next_attempt_at = models.DateTimeField(_("next attempt at"), null=True)
    created_at = models.DateTimeField(_("created at"))
    ended_at = models.DateTimeField(_("ended at"), null=True)

    objects = TenantQuerySet["Delivery"].as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="delivery_once"),
            models.CheckConstraint(
                condition=Q(status="pending", next_attempt_at__isnull=False, ended_at=None)
                | Q(
                    status__in=["delivered", "failed", "cancelled"],
                    next_attempt_at=None,
                    ended_at__isnull=False,
                ),
                name="delivery_pending_is_due_sometime",
            ),
        ]
        indexes = [
            models.Index(fields=["endpoint", "-id"], name="delivery_newest"),
            models.Index(
                fields=["endpoint", "next_attempt_at"],
                condition=Q(status="pending"),
                name="delivery_due",
            ),
            models.Index(
                fields=["endpoint", "invoice_id", "id"],
                condition=Q(status="pending"),
                name="delivery_in_order",
            ),
            models.Index(
                fields=["created_at"], condition=Q(status="pending"), name="delivery_oldest_pending"
            ),
            models.Index(fields=["-id"], condition=Q(status="failed"), name="delivery_failed"),
        ]

    def __str__(self) -> str:
        return gettext("Delivery %(number)s") % {"number": self.pk}


class DeliveryAttempt(models.Model):
    """One attempt to deliver an event, and its outcome. Append-only."""

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    delivery = models.ForeignKey(Delivery, models.PROTECT, related_name="tries", db_index=False)
    number = models.PositiveIntegerField()  # 1, 2, 3 ...
    attempted_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status_code = models.PositiveSmallIntegerField(null=True)  # none: there was no answer
    error = models.CharField(max_length=255, null=True)  # why it failed
    answer = models.TextField(blank=True)  # the first 1024 bytes of the answer

    objects = TenantQuerySet["DeliveryAttempt"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="delivery_attempt_number"),
        ]
        indexes = [models.Index(fields=["attempted_at"], name="delivery_attempt_oldest")]
        triggers = [
            triggers.refused("delivery_attempt_append_only", pgtrigger.Update),
            triggers.refused(
                "delivery_attempt_kept",
                pgtrigger.Delete,
                condition="OLD.attempted_at > now() - interval '90 days'",
            ),
            triggers.not_truncated("delivery_attempt"),
        ]

    def __str__(self) -> str:
        return gettext("Attempt %(number)s of delivery %(delivery)s") % {
            "number": self.number,
            "delivery": self.delivery_id,
        }
