"""What one administrator proposes and another must approve."""

from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.tenants.tenancy import NOTHING
from paytrust.operations import triggers

PROPOSED = (
    "id",
    "kind",
    "object_type",
    "object_id",
    "tenant_id",
    "subject",
    "details",
    "before",
    "reason",
    "proposed_by_id",
    "proposed_at",
)


class StaffProposalQuerySet(models.QuerySet["StaffProposal"]):
    def open(self) -> Self:
        """Those without a decision."""
        return self.filter(status=StaffProposal.Status.OPEN)


class StaffProposal(models.Model):
    """An act on the platform that takes two people: one proposes it, another decides.

    A trigger refuses DELETE, and changes of what was proposed or decided. Secrets that the act
    needs are sealed, and are removed from the row when it ends.
    """

    merchants_see = NOTHING

    class Status(models.TextChoices):
        OPEN = "open", _("waits for a second person")
        APPLIED = "applied", _("approved and made")
        REJECTED = "rejected", _("rejected")
        WITHDRAWN = "withdrawn", _("taken back by who proposed it")
        STALE = "stale", _("can no longer be made")

    kind = models.CharField(_("kind"), max_length=30)  # one of apikeys.two_people.kinds
    object_type = models.CharField(_("object type"), max_length=60)  # such as auth.user
    object_id = models.BigIntegerField(_("object id"), null=True)
    # Whose it is; like the trail, for its readers
    tenant_id = models.BigIntegerField(_("tenant id"), null=True)
    subject = models.CharField(_("subject"), max_length=150)  # what it is about, as people name it
    details = models.JSONField(_("details"), default=dict)  # what it becomes; never a secret
    before = models.JSONField(_("before"), null=True)  # what the proposer saw
    # Secrets, sealed under CREDENTIAL_KEYS while it waits
    sealed = models.TextField(_("sealed"), blank=True)
    reason = models.CharField(_("reason"), max_length=500)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="staff_proposals",
        verbose_name=_("proposed by"),
    )
    proposed_at = models.DateTimeField(_("proposed at"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.OPEN)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="staff_decisions",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)
    decision_reason = models.CharField(_("decision reason"), max_length=500, blank=True)
    failure_reason = models.CharField(_("failure reason"), max_length=500, blank=True)

    objects = StaffProposalQuerySet.as_manager()

    class Meta:
        verbose_name = _("staff proposal")
        verbose_name_plural = _("staff proposals")
        constraints = [
            models.CheckConstraint(
                condition=~Q(decided_by=F("proposed_by")),
                name="staff_proposal_decided_by_another",
            ),
            models.CheckConstraint(
                condition=Q(status="open", decided_by=None, decided_at=None)
                | Q(status="withdrawn", decided_by=None, decided_at__isnull=False)
                | Q(
                    status__in=["applied", "rejected", "stale"],
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                ),
                name="staff_proposal_decision_names_who",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="staff_proposal_has_a_reason"),
            models.CheckConstraint(
                condition=Q(status="open") | Q(sealed=""),
                name="staff_proposal_forgets_secrets",
            ),
            models.UniqueConstraint(
                "kind",
                "subject",
                condition=Q(status="open"),
                name="staff_proposal_one_waiting",
            ),
        ]
        indexes = [
            models.Index(fields=["object_type", "object_id"], name="staff_proposal_of_object"),
        ]
        triggers = [
            triggers.refused(
                "staff_proposal_frozen",
                pgtrigger.Update,
                condition=f"OLD.status <> 'open' OR {triggers.changed(PROPOSED)}",
            ),
            triggers.refused(
                "staff_proposal_begins_open",
                pgtrigger.Insert,
                condition="NEW.status <> 'open'",
            ),
            triggers.refused(
                "staff_proposal_not_deleted", pgtrigger.Delete, rule="staff_proposal_frozen"
            ),
            triggers.not_truncated("staff_proposal"),
        ]

    def __str__(self) -> str:
        return gettext("Proposal %(number)s") % {"number": self.pk}
