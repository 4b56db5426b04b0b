"""Who is asking: tenants, their keys, what was done with them, and which calls were made once."""

import uuid
from datetime import datetime

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.people.models import StaffTenant
from apikeys.tenants.tenancy import NOTHING, OWN, TenantQuerySet
from apikeys.two_people.models import StaffProposal
from paytrust.operations import triggers

__all__ = [
    "ApiKey",
    "ApiKeyAuditEntry",
    "AuditSeal",
    "IdempotencyRecord",
    "StaffAct",
    "StaffProposal",
    "StaffTenant",
    "Tenant",
]


class Tenant(models.Model):
    """A merchant. Everything a merchant can see belongs to exactly one tenant."""

    name = models.CharField(_("name"), max_length=140)  # ISO 20022 Max140Text: the initiating party
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
        constraints = [models.UniqueConstraint(fields=["name"], name="tenant_name")]

    def __str__(self) -> str:
        return self.name


def all_scopes() -> list[str]:
    """Return what a key may do unless less was asked for."""
    return list(ApiKey.Scope.values)


class ApiKey(models.Model):
    """A merchant's key. The key itself is shown once and never stored."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        ROTATED = "rotated", _("Rotated")  # replaced by a new key of the same tenant
        REVOKED = "revoked", _("Revoked")

    class Scope(models.TextChoices):
        READ = "read"  # every GET but reports, and quotes
        WRITE = "write"  # everything that changes something, but refunds
        REFUND = "refund"  # giving money back
        REPORTS = "reports"  # reports, exports, statements

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="api_keys", verbose_name=_("tenant")
    )
    description = models.CharField(_("description"), max_length=255)
    # So that people can recognize their keys
    key_prefix = models.CharField(_("key prefix"), max_length=20)
    key_hash = models.CharField(_("key hash"), max_length=255)  # Argon2id
    # HMAC-SHA-256 under API_KEY_PEPPER, hex
    key_digest = models.CharField(_("key digest"), max_length=64)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.ACTIVE)
    scopes = ArrayField(
        models.CharField(max_length=20, choices=Scope), verbose_name=_("scopes"), default=all_scopes
    )
    allowed_addresses = ArrayField(
        models.CharField(max_length=50),
        verbose_name=_("allowed addresses"),
        default=list,
        blank=True,
    )
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"))
    rotated_at = models.DateTimeField(_("rotated at"), null=True, blank=True)
    # Of an old secret: the key that has the new one, and until when the old one is accepted too.
    successor = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="old_secrets",
        db_index=False,
        verbose_name=_("successor"),
    )
    grace_ends_at = models.DateTimeField(_("grace ends at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True)

    objects = TenantQuerySet["ApiKey"].as_manager()

    class Meta:
        verbose_name = _("api key")
        verbose_name_plural = _("api keys")
        constraints = [
            models.UniqueConstraint(fields=["key_digest"], name="api_key_digest"),
            models.CheckConstraint(
                condition=Q(status__in=["active", "rotated", "revoked"]),
                name="api_key_status_known",
            ),
            models.CheckConstraint(
                condition=~Q(status="rotated") | Q(rotated_at__isnull=False),
                name="api_key_rotated_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="revoked") | Q(revoked_at__isnull=False),
                name="api_key_revoked_has_time",
            ),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=["read", "write", "refund", "reports"])
                & ~Q(scopes=[]),
                name="api_key_scopes_known",
            ),
            models.CheckConstraint(
                condition=~Q(status="active") | Q(successor=None, grace_ends_at=None),
                name="api_key_active_is_no_old_secret",
            ),
        ]
        indexes = [
            models.Index(
                fields=["successor"],
                condition=Q(successor__isnull=False),
                name="api_key_old_secrets",
            ),
            models.Index("tenant", models.F("id").desc(), name="api_key_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.key_prefix}... {self.description}"

    @property
    def key_id(self) -> int:
        """The id of the key; an old secret has the id of a row of its own beside it."""
        return self.successor_id or self.pk

    def has_expired(self, now: datetime) -> bool:
        """Whether the key's own time is over."""
        return self.expires_at is not None and now >= self.expires_at

    def is_accepted(self, now: datetime) -> bool:
        """Whether a request with this secret is served: it is the key's own, or in its grace."""
        if self.has_expired(now):
            return False
        if self.status == ApiKey.Status.ROTATED:
            return self.grace_ends_at is not None and now < self.grace_ends_at
        return self.status == ApiKey.Status.ACTIVE


class ApiKeyAuditEntry(models.Model):
    """One thing done with a key. Append-only: a trigger refuses UPDATE and DELETE.

    The table is partitioned by month of `created_at`, which its primary key therefore contains.
    Keys and tenants are never deleted, so no foreign key is checked each time one is used.
    """

    merchants_see = NOTHING
    merchants_add = "operation_type = 'used'"  # with the trip that makes their answer
    staff_see = OWN

    class Operation(models.TextChoices):
        CREATED = "created", _("Created")
        ROTATED = "rotated", _("Rotated")
        REVOKED = "revoked", _("Revoked")
        CHANGED = "changed", _("Changed")
        USED = "used", _("Used")  # also a refused use: see `success`

    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        related_name="audit_entries",
        db_constraint=False,
        db_index=False,
        verbose_name=_("tenant"),
    )
    api_key = models.ForeignKey(
        ApiKey,
        models.PROTECT,
        related_name="audit_entries",
        db_constraint=False,
        db_index=False,
        verbose_name=_("api key"),
    )
    operation_type = models.CharField(_("operation type"), max_length=10, choices=Operation)
    actor_identifier = models.CharField(_("actor identifier"), max_length=255)
    ip_address = models.GenericIPAddressField(_("ip address"), null=True)
    method = models.CharField(_("method"), max_length=10, null=True)
    path = models.CharField(_("path"), max_length=500, null=True)
    status_code = models.PositiveSmallIntegerField(_("status code"), null=True)
    request_id = models.CharField(_("request id"), max_length=128, null=True)
    success = models.BooleanField(_("success"))
    error_message = models.CharField(_("error message"), max_length=255, null=True)
    # Of a rotated key
    old_key_hash = models.CharField(_("old key hash"), max_length=255, null=True)
    # Of a changed key: by field, what was there before and what is there now
    changes = models.JSONField(_("changes"), null=True, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(_("created at"))

    objects = TenantQuerySet["ApiKeyAuditEntry"].as_manager()

    class Meta:
        verbose_name = _("api key audit entry")
        verbose_name_plural = _("API key audit entries")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    operation_type__in=["created", "rotated", "revoked", "changed", "used"]
                ),
                name="api_key_audit_operation_known",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="api_key_audit_newest"),
            models.Index(fields=["api_key", "-created_at"], name="api_key_audit_by_key"),
            models.Index("tenant", models.F("id").desc(), name="api_key_audit_of_tenant"),
            models.Index(fields=["request_id"], name="api_key_audit_request"),
            models.Index(
                fields=["path"],
                condition=Q(path__startswith="/invoices/") & ~Q(method="GET"),
                name="api_key_audit_changes",  # what was done to an invoice
            ),
        ]
        # Migration 0002 partitions the table by month and refuses TRUNCATE of each partition.
        triggers = [
            triggers.refused("api_key_audit_append_only", pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return gettext("Audit entry %(number)s") % {"number": self.pk}


class AuditSeal(models.Model):
    """A link of a chain over one month's entries of a log (apikeys.audit.seals).

    It holds each entry's SHA-256 and is bound to the link before it by an HMAC whose key is not
    in the database. Append-only: a trigger refuses UPDATE, and DELETE for a year.
    """

    merchants_see = NOTHING

    log = models.CharField(max_length=10, default="keys")  # or staff, which is the platform's
    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        null=True,
        related_name="audit_seals",
        db_index=False,  # the unique constraint starts with it
    )
    sequence = models.BigIntegerField()  # 1, 2, 3 ... per chain
    month = models.DateField()  # the first day of the entries' month
    entry_ids = ArrayField(models.BigIntegerField())  # ascending
    digests = models.BinaryField()  # 32 bytes for each of entry_ids
    newest_at = models.DateTimeField()  # created_at of the youngest entry
    previous_hash = models.CharField(max_length=64, blank=True)  # hex; empty in the first link
    hash = models.CharField(max_length=64)  # hex
    sealed_at = models.DateTimeField()

    objects = TenantQuerySet["AuditSeal"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "log", "sequence"],
                nulls_distinct=False,
                name="audit_seal_sequence",
            ),
            models.CheckConstraint(
                condition=Q(log="keys", tenant__isnull=False) | Q(log="staff", tenant=None),
                name="audit_seal_names_its_chain",
            ),
        ]
        indexes = [models.Index(fields=["newest_at"], name="audit_seal_newest")]
        triggers = [
            triggers.refused("audit_seal_append_only", pgtrigger.Update),
            triggers.refused(
                "audit_seal_kept",
                pgtrigger.Delete,
                rule="audit_seal_append_only",
                condition="OLD.log <> 'keys' OR OLD.newest_at >= now() - interval '1 year'",
            ),
            triggers.not_truncated("audit_seal"),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id or self.log}/{self.sequence}: {len(self.entry_ids)} entries"


class IdempotencyRecord(models.Model):
    """A call made under an Idempotency-Key, and its answer once there is one."""

    class State(models.TextChoices):
        IN_PROGRESS = "in_progress"  # a process works on it until `leased_until`
        RELEASED = "released"  # stopped half-way; the same call continues from there
        COMPLETED = "completed"  # the same call gets the stored answer

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        related_name="idempotency_records",
        db_index=False,  # the unique constraint starts with it
    )
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # sha256 of method, path and body, hex
    state = models.CharField(max_length=12, choices=State, default=State.IN_PROGRESS)
    response_body = models.BinaryField(null=True)
    created_at = models.DateTimeField()
    leased_until = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["IdempotencyRecord"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "key"], name="idempotency_key_per_tenant"),
            models.CheckConstraint(
                condition=Q(state__in=["in_progress", "released"], completed_at=None)
                | Q(
                    state="completed",
                    completed_at__isnull=False,
                    response_body__isnull=False,
                ),
                name="idempotency_completed_has_answer",
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_oldest")]

    def __str__(self) -> str:
        return self.key


FROZEN_OF_ACTS = (
    "id",
    "staff_id",
    "act",
    "object_type",
    "tenant_id",
    "invoice_id",
    "reason",
    "request_id",
    "created_at",
)


class StaffAct(models.Model):
    """One thing that a member of staff did in the back office, and how it ended.

    Append-only: a trigger refuses DELETE, and UPDATE of all except the outcome, which is
    written once. An act without an outcome was interrupted.
    """

    merchants_see = NOTHING
    staff_see = OWN

    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="staff_acts", verbose_name=_("staff")
    )
    act = models.CharField(_("act"), max_length=30)  # one of apikeys.staff_acts.kinds
    object_type = models.CharField(_("object type"), max_length=60)  # such as payments.webhookevent
    object_id = models.BigIntegerField(_("object id"), null=True)
    tenant = models.ForeignKey(
        Tenant, models.PROTECT, null=True, related_name="staff_acts", verbose_name=_("tenant")
    )
    # No foreign key: this app knows no invoices
    invoice_id = models.BigIntegerField(_("invoice id"), null=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    request_id = models.CharField(_("request id"), max_length=128, null=True)
    # Done, or the code of what prevented it
    outcome = models.CharField(_("outcome"), max_length=40, null=True)
    message = models.CharField(_("message"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("staff act")
        verbose_name_plural = _("staff acts")
        constraints = [
            models.CheckConstraint(
                condition=~Q(object_type=""), name="staff_act_is_about_something"
            ),
        ]
        indexes = [
            models.Index(
                fields=["invoice_id"],
                condition=Q(invoice_id__isnull=False),
                name="staff_act_of_invoice",
            ),
            models.Index(fields=["object_type", "object_id"], name="staff_act_of_object"),
            models.Index(fields=["request_id"], name="staff_act_by_request"),
            models.Index(fields=["act", "created_at"], name="staff_act_newest_of_kind"),
        ]
        triggers = [
            triggers.refused(
                "staff_act_append_only",
                pgtrigger.Update,
                condition="OLD.outcome IS NOT NULL OR NEW.outcome IS NULL"
                " OR (OLD.object_id IS NOT NULL AND OLD.object_id IS DISTINCT FROM NEW.object_id)"
                f" OR {triggers.changed(FROZEN_OF_ACTS)}",
            ),
            triggers.refused(
                "staff_act_not_deleted", pgtrigger.Delete, rule="staff_act_append_only"
            ),
            triggers.not_truncated("staff_act"),
        ]

    def __str__(self) -> str:
        return gettext("Act %(number)s") % {"number": self.pk}
