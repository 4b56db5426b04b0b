"""Money that arrives: gateway notifications, transactions and where each unit went."""

from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.tenants import columns
from gateways.models import Gateway, GatewayAccount
from invoices.models import Invoice, Transaction
from payments.bank.models import (
    BankEntry,
    BankFile,
    BankStatement,
    BankUpload,
    BankUploadPiece,
)
from payments.disputes.models import Dispute
from payments.refunds.models import Refund, RefundLimit
from payments.settlement.models import (
    SettlementControl,
    SettlementFilePiece,
    SettlementImport,
    SettlementLine,
    SettlementMismatch,
    SettlementReport,
    SettlementTerms,
)
from paytrust.operations import triggers

__all__ = [
    "BankEntry",
    "BankFile",
    "BankStatement",
    "BankUpload",
    "BankUploadPiece",
    "DiscrepancyEntry",
    "Dispute",
    "EventTransaction",
    "Proposal",
    "Refund",
    "RefundLimit",
    "SettlementControl",
    "SettlementFilePiece",
    "SettlementImport",
    "SettlementLine",
    "SettlementMismatch",
    "SettlementReport",
    "SettlementTerms",
    "TransferredPayment",
    "WebhookEvent",
    "WebhookRetry",
]


class TransferredPayment(Transaction):
    """No table: the rule that a transfer leaves what a refund under way may still give back."""

    class Meta:
        proxy = True
        triggers = [
            pgtrigger.Trigger(
                name="transfer_leaves_refunds",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.kind = 'transfer' AND NEW.amount < 0"),
                func="""
IF EXISTS (SELECT FROM payments_refund
           WHERE transaction_id = NEW.reverses_id
             AND status IN ('requested', 'sending', 'pending')) THEN
    RAISE EXCEPTION 'transfer_leaves_refunds: payment % is being refunded', NEW.reverses_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_leaves_refunds',
              TABLE = TG_TABLE_NAME;
END IF;
RETURN NEW;
""",
            )
        ]


class WebhookEvent(models.Model):
    """A gateway's notification as it came; it moves no money by itself (spec 4.4)."""

    # Before it is processed, one of the platform's account says whose it is by its reference alone.
    staff_also_see = (
        "EXISTS (SELECT FROM invoices_paymentrequest request"
        " WHERE request.reference = payments_webhookevent.reference AND request.tenant_id = {ids})"
    )

    class Status(models.TextChoices):
        RECEIVED = "received", _("Received")  # stored, or waiting for its next attempt
        PROCESSED = "processed", _("Processed")
        FAILED = "failed", _("Failed")  # shown to operators
        IGNORED = "ignored", _("Ignored")  # an operator gave the reason

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, null=True, related_name="webhook_events", verbose_name=_("tenant")
    )
    gateway = models.ForeignKey(
        Gateway, models.PROTECT, related_name="webhook_events", verbose_name=_("gateway")
    )
    # Whose secret proved it; none: the platform's in the environment
    account = models.ForeignKey(
        GatewayAccount,
        models.PROTECT,
        null=True,
        related_name="webhook_events",
        db_index=False,
        verbose_name=_("account"),
    )
    event_id = models.CharField(_("event id"), max_length=255)
    # As the gateway wrote it
    reference = models.CharField(_("reference"), max_length=255, null=True)
    headers = models.JSONField(_("headers"), default=dict)  # those that matter, secrets left out
    body = models.BinaryField(_("body"))  # the bytes as received
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.RECEIVED)
    outcome = models.CharField(_("outcome"), max_length=40, null=True)  # what it did, in one word
    failure_reason = models.CharField(_("failure reason"), max_length=500, null=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    # The last retry
    attempts_before = models.PositiveSmallIntegerField(
        _("attempts before"), default=0, db_default=0
    )
    first_failed_at = models.DateTimeField(_("first failed at"), null=True)
    next_attempt_at = models.DateTimeField(_("next attempt at"), null=True)
    # A task is processing it until then
    leased_until = models.DateTimeField(_("leased until"), null=True)
    received_at = models.DateTimeField(_("received at"))
    processed_at = models.DateTimeField(_("processed at"), null=True)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        constraints = [
            models.UniqueConstraint(
                "gateway", "event_id", "tenant", name="webhook_event_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=~Q(status="received") | Q(next_attempt_at__isnull=False),
                name="webhook_event_waiting_has_a_due_time",
            ),
        ]
        indexes = [
            models.Index(
                "next_attempt_at", condition=Q(status="received"), name="webhook_event_due"
            ),
            models.Index(
                Coalesce("tenant_id", 0),
                "next_attempt_at",
                condition=Q(status="received"),
                name="webhook_event_due_of_tenant",
            ),
            models.Index(
                F("received_at").desc(), condition=Q(status="failed"), name="webhook_event_failed"
            ),
            models.Index(
                F("id").desc(), condition=Q(status="ignored"), name="webhook_event_ignored"
            ),
            models.Index("reference", name="webhook_event_reference"),
            models.Index("received_at", name="webhook_event_received"),
            models.Index(
                "tenant", "id", condition=Q(status="failed"), name="webhook_event_failed_of_tenant"
            ),
        ]
        triggers = [
            triggers.refused(
                "webhook_event_kept",
                pgtrigger.Update,
                # A body may go when a customer is erased, once the notification had its effect.
                condition=triggers.changed(("gateway_id", "event_id", "received_at"))
                + " OR (NEW.body IS DISTINCT FROM OLD.body AND (octet_length(NEW.body) > 0"
                " OR OLD.status NOT IN ('processed', 'ignored')))",
            ),
            triggers.refused(
                "webhook_event_not_deleted", pgtrigger.Delete, rule="webhook_event_kept"
            ),
            triggers.not_truncated("webhook_event"),
        ]

    def __str__(self) -> str:
        return gettext("Notification %(number)s") % {"number": self.pk}


class WebhookRetry(models.Model):
    """One attempt at an event and how it ended."""

    event = models.ForeignKey(WebhookEvent, models.PROTECT, related_name="retries")
    attempt = models.PositiveSmallIntegerField()
    attempted_at = models.DateTimeField()
    outcome = models.CharField(max_length=40)
    failure_reason = models.CharField(max_length=500, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("event", "attempt", name="webhook_retry_attempt"),
        ]
        triggers = triggers.append_only("webhook_retry")

    def __str__(self) -> str:
        return f"attempt {self.attempt} at event {self.event_id}"


class EventTransaction(models.Model):
    """The link from a notification to a transaction that it booked. Append-only."""

    tenant = columns.column()
    event = models.ForeignKey(WebhookEvent, models.PROTECT, related_name="bookings")
    transaction = models.OneToOneField(Transaction, models.PROTECT, related_name="booked_by")

    class Meta:
        constraints = [columns.required("event_transaction")]
        triggers = [
            *triggers.append_only("event_transaction"),
            triggers.tenant_of(
                "event_transaction", owner="invoices_transaction", by="transaction_id"
            ),
        ]

    def __str__(self) -> str:
        return f"event {self.event_id} booked transaction {self.transaction_id}"


class ProposalQuerySet(models.QuerySet["Proposal"]):
    def locked(self) -> Self:
        """Row locks in key order. Evaluate it inside a transaction, or no lock is taken."""
        return self.order_by("pk").select_for_update(of=("self",))

    def waiting(self) -> Self:
        """Proposals on which a person has to decide, or is deciding."""
        return self.filter(status__in=Proposal.WAITING)


FROZEN_OF_PROPOSALS = (
    "id",
    "tenant_id",
    "act",
    "invoice_id",
    "event_id",
    "refund_id",
    "named",
    "before",
    "after",
    "reason",
    "proposed_by_id",
    "proposed_at",
)


class Proposal(models.Model):
    """A change to what a customer owes: one member of staff proposes it, another decides."""

    class Act(models.TextChoices):
        ADJUST = "adjust", _("adjust instalments")
        CANCEL = "cancel", _("cancel the invoice")
        IGNORE_WEBHOOK = "ignore_webhook", _("ignore a notification about money")
        REFUND = "refund", _("give money back")
        TRANSFER = "transfer", _("move an overpayment to another invoice")

    class Status(models.TextChoices):
        OPEN = "open", _("waits for a second person")
        APPLYING = "applying", _("is being made")
        APPLIED = "applied", _("approved and made")
        REJECTED = "rejected", _("rejected")
        WITHDRAWN = "withdrawn", _("taken back by who proposed it")
        STALE = "stale", _("can no longer be made")

    WAITING = (Status.OPEN, Status.APPLYING)

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, null=True, related_name="proposals", verbose_name=_("tenant")
    )
    act = models.CharField(_("act"), max_length=20, choices=Act)
    invoice = models.ForeignKey(
        Invoice,
        models.PROTECT,
        null=True,
        related_name="proposals",
        db_index=False,
        verbose_name=_("invoice"),
    )
    event = models.ForeignKey(
        WebhookEvent,
        models.PROTECT,
        null=True,
        related_name="proposals",
        db_index=False,
        verbose_name=_("event"),
    )
    refund = models.ForeignKey(
        Refund,
        models.PROTECT,
        null=True,
        related_name="proposals",
        db_index=False,
        verbose_name=_("refund"),
    )
    # New totals in minor units by instalment number; for a transfer: to which invoice how much
    named = models.JSONField(_("named"), null=True)
    # invoices.schedule.adjusting.Owed, as the proposer saw it
    before = models.JSONField(_("before"), null=True)
    # The same, after the change; for a refund: what goes back from which instalment; for a
    # transfer: `payments.changes.transferring.Effect`.
    after = models.JSONField(_("after"), null=True)
    reason = models.CharField(_("reason"), max_length=500)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="proposals",
        verbose_name=_("proposed by"),
    )
    proposed_at = models.DateTimeField(_("proposed at"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.OPEN)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="decisions",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)
    decision_reason = models.CharField(_("decision reason"), max_length=500, blank=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)  # how often it was approved
    # An approval holds it until then
    leased_until = models.DateTimeField(_("leased until"), null=True)
    # Of the last try
    failure_reason = models.CharField(_("failure reason"), max_length=500, blank=True)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        verbose_name = _("proposal")
        verbose_name_plural = _("proposals")
        constraints = [
            models.CheckConstraint(
                condition=~Q(decided_by=F("proposed_by")), name="proposal_decided_by_another"
            ),
            models.CheckConstraint(
                condition=Q(status="open", decided_by=None, decided_at=None)
                | Q(status="withdrawn", decided_by=None, decided_at__isnull=False)
                | Q(
                    status__in=["applying", "applied", "rejected", "stale"],
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                ),
                name="proposal_decision_names_who",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="proposal_has_a_reason"),
            models.CheckConstraint(
                condition=Q(
                    act__in=["adjust", "transfer"],
                    invoice__isnull=False,
                    event=None,
                    refund=None,
                    named__isnull=False,
                )
                | Q(act="cancel", invoice__isnull=False, event=None, refund=None, named=None)
                | Q(act="ignore_webhook", event__isnull=False, refund=None, named=None)
                | Q(
                    act="refund",
                    invoice__isnull=False,
                    event=None,
                    refund__isnull=False,
                    named=None,
                ),
                name="proposal_names_its_object",
            ),
            models.UniqueConstraint(
                "invoice",
                condition=Q(status__in=["open", "applying"], event=None),
                name="proposal_one_waiting_per_invoice",
            ),
            models.UniqueConstraint(
                "event",
                condition=Q(status__in=["open", "applying"], event__isnull=False),
                name="proposal_one_waiting_per_event",
            ),
        ]
        indexes = [
            models.Index("invoice", name="proposal_of_invoice"),
            models.Index("refund", name="proposal_of_refund"),
            models.Index(
                F("id").desc(),
                condition=Q(status__in=["open", "applying"]),
                name="proposal_waiting",
            ),
        ]
        triggers = [
            triggers.refused(
                "proposal_frozen",
                pgtrigger.Update,
                condition="OLD.status IN ('applied', 'rejected', 'withdrawn', 'stale')"
                f" OR {triggers.changed(FROZEN_OF_PROPOSALS)}",
            ),
            triggers.refused("proposal_not_deleted", pgtrigger.Delete, rule="proposal_frozen"),
            triggers.not_truncated("proposal"),
        ]

    def __str__(self) -> str:
        return gettext("Proposal %(number)s") % {"number": self.pk}


class DiscrepancyEntry(models.Model):
    """What staff wrote about an invoice whose payments differ from what it asks for.

    Append-only. An entry that resolves says which difference it means; if another one appears, or
    the same one grows, the invoice is a discrepancy again.
    """

    class Kind(models.TextChoices):
        NOTE = "note", _("note")
        RESOLVED = "resolved", _("resolved")

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="discrepancy_entries")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="discrepancy_entries")
    kind = models.CharField(max_length=10, choices=Kind)
    text = models.CharField(max_length=500)
    review_flags = models.JSONField()  # of the invoice at that time
    paid_amount = models.BigIntegerField()  # at that time
    overpayment_amount = models.BigIntegerField()  # at that time
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="discrepancy_entries"
    )
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "discrepancy entries"
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="discrepancy_entry_says_something"),
            models.CheckConstraint(
                condition=Q(kind__in=["note", "resolved"]), name="discrepancy_entry_kind_known"
            ),
        ]
        triggers = triggers.append_only("discrepancy_entry")

    def __str__(self) -> str:
        return f"{self.kind} on invoice {self.invoice_id}"
