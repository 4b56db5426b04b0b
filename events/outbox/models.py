"""Events: changes that a merchant can see."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from apikeys.models import Tenant
from apikeys.tenants.tenancy import TenantQuerySet
from events.outbox.columns import CurrentTransaction, OrderedJSONField, TransactionNumberField
from paytrust.operations import triggers

# An event is never edited, except that a customer is taken out of it (`events.outbox.erasing`).
_ERASED = (
    "jsonb_set(jsonb_set(OLD.data::jsonb, '{object,customer}', 'null', false),"
    " '{previous,customer}', 'null', false)"
)
ALL_BUT_ERASING = (
    triggers.changed(
        (
            *("tenant_id", "public_id", "type", "invoice_id", "api_version", "request_id"),
            *("trace_parent", "created_at", "transaction_number"),
        )
    )
    + f" OR NEW.data::jsonb IS DISTINCT FROM {_ERASED}"
)


class Event(models.Model):
    """A change that a merchant can see, written in the transaction that makes it.

    Append-only: triggers refuse UPDATE, TRUNCATE, and DELETE for 90 days.
    """

    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        related_name="events",
        db_index=False,  # event_in_turn starts with it
    )
    public_id = models.CharField(max_length=30)  # evt_ and a ULID
    type = models.CharField(max_length=40)
    # Orders what is about one invoice. No foreign key: this app knows no invoices.
    invoice_id = models.BigIntegerField(null=True)
    data = OrderedJSONField()  # {object, previous}
    api_version = models.CharField(max_length=20)
    request_id = models.CharField(max_length=128, null=True)
    trace_parent = models.CharField(max_length=55, null=True)  # W3C traceparent: see tracing
    created_at = models.DateTimeField()
    # Readers wait for every transaction with a smaller number to end, so that they miss no row.
    transaction_number = TransactionNumberField(db_default=CurrentTransaction(), editable=False)

    objects = TenantQuerySet["Event"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["public_id"], name="event_public_id")]
        indexes = [
            models.Index("tenant", "transaction_number", "id", name="event_in_turn"),
            models.Index("tenant", "created_at", name="event_since"),
            models.Index("created_at", name="event_oldest"),
            models.Index(
                "invoice_id",
                F("id"),
                condition=Q(invoice_id__isnull=False),
                name="event_of_invoice",
            ),
        ]
        triggers = [
            triggers.refused("event_append_only", pgtrigger.Update, condition=ALL_BUT_ERASING),
            triggers.refused(
                "event_kept",
                pgtrigger.Delete,
                condition="OLD.created_at > now() - interval '90 days'",
            ),
            triggers.not_truncated("event"),
        ]

    def __str__(self) -> str:
        return self.public_id
