"""What gateways say they paid out. Nothing here moves money in the ledger (spec 11)."""

from typing import TYPE_CHECKING, Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.tenants.tenancy import TenantQuerySet
from gateways.models import Gateway, GatewayAccount
from gateways.settlements import FeeState, LineKind
from invoices.models import Transaction
from payments.settlement.matching import COUNTED, MISMATCHES, PAIRED, MatchState
from paytrust.operations import triggers

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

STATES: "dict[str, _StrPromise]" = {
    MatchState.MATCHED.value: _("matched"),
    MatchState.AMOUNT_DIFFERS.value: _("amount differs"),
    MatchState.FEE_DIFFERS.value: _("fee differs"),
    MatchState.MISSING_HERE.value: _("missing here"),
    MatchState.MISSING_AT_GATEWAY.value: _("missing at the gateway"),
    MatchState.DUPLICATE.value: _("duplicate"),
    MatchState.NOT_COMPARED.value: _("not compared"),
    MatchState.REPLACED.value: _("replaced"),
    MatchState.WITHDRAWN.value: _("withdrawn"),
}
"""Names of the states, as staff read them."""
_MISMATCHES = [(state.value, STATES[state.value]) for state in sorted(MISMATCHES)]


KINDS: "dict[str, _StrPromise]" = {
    LineKind.PAYMENT.value: _("payment"),
    LineKind.REFUND.value: _("refund"),
    LineKind.CHARGEBACK.value: _("chargeback"),
    LineKind.PAYOUT.value: _("payout"),
    LineKind.OTHER.value: _("other"),
}
FEE_STATES: "dict[str, _StrPromise]" = {
    FeeState.FINAL.value: _("final"),
    FeeState.PENDING.value: _("pending"),
    FeeState.MONTHLY.value: _("billed monthly"),
}


class SettlementTerms(models.Model):
    """How an account's files name their columns, and what its gateway may take."""

    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        null=True,
        related_name="settlement_terms",
        verbose_name=_("tenant"),
    )
    gateway = models.ForeignKey(
        Gateway, models.PROTECT, related_name="settlement_terms", verbose_name=_("gateway")
    )
    account = models.ForeignKey(
        GatewayAccount,
        models.PROTECT,
        null=True,
        related_name="settlement_terms",
        verbose_name=_("account"),
    )
    # Names of columns by our own names for them, such as {"gross": ["Jumlah"]}
    columns = models.JSONField(_("columns"), default=dict)
    # matching.FeeTerm, each as an object
    fees = models.JSONField(_("fees"), default=list)
    updated_at = models.DateTimeField(_("updated at"))

    class Meta:
        verbose_name = _("settlement terms")
        verbose_name_plural = _("settlement terms")
        constraints = [
            models.UniqueConstraint(
                "gateway", "account", nulls_distinct=False, name="settlement_terms_per_account"
            )
        ]

    def __str__(self) -> str:
        return gettext("Settlement terms %(number)s") % {"number": self.pk}


FROZEN_OF_IMPORTS = (
    "id",
    "tenant_id",
    "gateway_id",
    "account_id",
    "source",
    "file_name",
    "size_bytes",
    "starts_at_once",
    "currency_code",
    "withdraws_id",
    "reason",
    "imported_by_id",
    "imported_at",
)


class SettlementImport(models.Model):
    """One file, or one round of a gateway's list, that is read; fixed once it has ended."""

    class Source(models.TextChoices):
        API = "api", _("Gateway")
        REPORT = "report", _("Report")  # of a month, which the gateway made
        UPLOAD = "upload", _("Upload")
        WITHDRAWAL = "withdrawal", _("Withdrawal")  # takes an earlier import back

    class Status(models.TextChoices):
        UPLOADING = "uploading", _("Uploading")  # not all of the file is here
        UPLOADED = "uploaded", _("Uploaded")  # a person looks at the preview
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")  # nothing of it was kept

    # None: of an account that tenants share
    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        null=True,
        related_name="settlement_imports",
        verbose_name=_("tenant"),
    )
    gateway = models.ForeignKey(
        Gateway, models.PROTECT, related_name="settlement_imports", verbose_name=_("gateway")
    )
    # None: the platform's in the environment
    account = models.ForeignKey(
        GatewayAccount,
        models.PROTECT,
        null=True,
        related_name="settlement_imports",
        verbose_name=_("account"),
    )
    source = models.CharField(_("source"), max_length=10, choices=Source)
    file_name = models.CharField(_("file name"), max_length=255, null=True)
    # Bytes that an upload says it has
    size_bytes = models.PositiveBigIntegerField(_("size in bytes"), null=True)
    # None: not all of the file is here
    sha256 = models.CharField(_("SHA-256"), max_length=64, null=True)
    # Whether no person is asked between the upload and the import
    starts_at_once = models.BooleanField(_("starts at once"), default=True)
    # How often the same file was imported and withdrawn before
    repeat = models.PositiveSmallIntegerField(_("repeat"), default=0)
    # Of rows that name none
    currency_code = models.CharField(_("currency code"), max_length=3, null=True)
    status = models.CharField(_("status"), max_length=10, choices=Status)
    # Of an import that runs: how far it is
    line_count = models.PositiveIntegerField(_("line count"), default=0)  # rows that were read
    # Rows that no earlier import had
    new_count = models.PositiveIntegerField(_("new count"), default=0)
    # When a worker may take it, as long as it has not ended
    due_at = models.DateTimeField(_("due at"), null=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    # Why it failed: {"code": ..., "detail": ..., "details": {...}}
    problem = models.JSONField(_("problem"), null=True)
    # What it covers; payments of this time must be in it
    covers_from = models.DateTimeField(_("covers from"), null=True)
    covers_to = models.DateTimeField(_("covers to"), null=True)
    withdraws = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        related_name="withdrawn_by",
        verbose_name=_("withdraws"),
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    imported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="settlement_imports",
        verbose_name=_("imported by"),
    )
    imported_at = models.DateTimeField(_("imported at"))

    objects = TenantQuerySet["SettlementImport"].as_manager()

    class Meta:
        verbose_name = _("settlement import")
        verbose_name_plural = _("settlement imports")
        constraints = [
            models.UniqueConstraint(
                "gateway",
                "account",
                "sha256",
                "repeat",
                condition=Q(withdraws=None, sha256__isnull=False) & ~Q(status="failed"),
                nulls_distinct=False,
                name="settlement_import_once",
            ),
            models.CheckConstraint(
                condition=Q(source="withdrawal", withdraws__isnull=False)
                | (~Q(source="withdrawal") & Q(withdraws=None)),
                name="settlement_import_withdrawal_names_another",
            ),
            models.CheckConstraint(
                condition=Q(new_count__lte=F("line_count")), name="settlement_import_counts"
            ),
            models.CheckConstraint(
                condition=Q(sha256__isnull=False) | Q(status__in=["uploading", "failed"]),
                name="settlement_import_knows_its_file",
            ),
            models.CheckConstraint(
                condition=Q(status="failed", problem__isnull=False)
                | (~Q(status="failed") & Q(problem=None)),
                name="settlement_import_failure_says_why",
            ),
        ]
        indexes = [
            models.Index("due_at", condition=Q(due_at__isnull=False), name="settlement_import_due"),
        ]
        triggers = [
            triggers.refused(
                "settlement_import_append_only",
                pgtrigger.Update,
                condition="OLD.status IN ('done', 'failed') OR "
                + triggers.changed(FROZEN_OF_IMPORTS),
            ),
            triggers.refused(
                "settlement_import_not_deleted",
                pgtrigger.Delete,
                rule="settlement_import_append_only",
            ),
            triggers.not_truncated("settlement_import"),
        ]

    def __str__(self) -> str:
        return gettext("Settlement import %(number)s") % {"number": self.pk}


class SettlementFilePiece(models.Model):
    """A part of an uploaded file, until a worker has read it."""

    imported_in = models.ForeignKey(
        SettlementImport, models.PROTECT, related_name="pieces", db_index=False
    )
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint("imported_in", "number", name="settlement_file_piece_once")
        ]

    def __str__(self) -> str:
        return f"piece {self.number} of settlement import {self.imported_in_id}"


class SettlementControl(models.Model):
    """What the rows of an import sum up to, and what the gateway says of the same time."""

    imported_in = models.OneToOneField(
        SettlementImport, models.PROTECT, related_name="control", verbose_name=_("imported in")
    )
    currency_code = models.CharField(_("currency code"), max_length=3)
    # Minor units: net amounts of all rows of the file, however they match
    lines_amount = models.BigIntegerField(_("lines amount"))
    # Minor units by which the balance grew
    gateway_amount = models.BigIntegerField(_("gateway amount"))
    checked_at = models.DateTimeField(_("checked at"))

    class Meta:
        verbose_name = _("settlement control total")
        verbose_name_plural = _("settlement control totals")
        triggers = [
            triggers.refused("settlement_control_frozen", pgtrigger.Update),
            triggers.refused(
                "settlement_control_not_deleted", pgtrigger.Delete, rule="settlement_control_frozen"
            ),
            triggers.not_truncated("settlement_control"),
        ]

    def __str__(self) -> str:
        return gettext("Control total of settlement import %(number)s") % {
            "number": self.imported_in_id
        }

    @property
    def difference_amount(self) -> int:
        """Return by how much the file has more than the gateway's balance, in minor units."""
        return self.lines_amount - self.gateway_amount


class SettlementReport(models.Model):
    """A month of one account and currency that the gateway lists in a file, and that we import."""

    class Status(models.TextChoices):
        WANTED = "wanted", _("Wanted")
        ASKED = "asked", _("Asked for")  # the gateway makes it
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    # None: of an account that tenants share
    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        null=True,
        related_name="settlement_reports",
        verbose_name=_("tenant"),
    )
    gateway = models.ForeignKey(
        Gateway, models.PROTECT, related_name="settlement_reports", verbose_name=_("gateway")
    )
    # None: the platform's in the environment
    account = models.ForeignKey(
        GatewayAccount,
        models.PROTECT,
        null=True,
        related_name="settlement_reports",
        verbose_name=_("account"),
    )
    currency_code = models.CharField(_("currency code"), max_length=3)
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    status = models.CharField(_("status"), max_length=10, choices=Status)
    gateway_report_id = models.CharField(_("gateway's report id"), max_length=255, null=True)
    asked_at = models.DateTimeField(_("asked at"), null=True)
    # When the gateway is called about it again, as long as it has not ended
    due_at = models.DateTimeField(_("due at"), null=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    problem = models.CharField(_("problem"), max_length=500, blank=True)
    imported_in = models.OneToOneField(
        SettlementImport,
        models.PROTECT,
        null=True,
        related_name="report",
        verbose_name=_("imported in"),
    )
    # Lines of the gateway's list that the report does not have
    absent_count = models.PositiveIntegerField(_("absent count"), null=True)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("settlement report")
        verbose_name_plural = _("settlement reports")
        constraints = [
            models.UniqueConstraint(
                "gateway",
                "account",
                "currency_code",
                "starts_at",
                nulls_distinct=False,
                name="settlement_report_once",
            ),
            models.CheckConstraint(
                condition=Q(status="done", imported_in__isnull=False, absent_count__isnull=False)
                | (~Q(status="done") & Q(imported_in=None, absent_count=None)),
                name="settlement_report_done_is_imported",
            ),
            models.CheckConstraint(
                condition=((Q(status="wanted") | Q(status="asked")) & Q(due_at__isnull=False))
                | ((Q(status="done") | Q(status="failed")) & Q(due_at=None)),
                name="settlement_report_open_is_due",
            ),
            models.CheckConstraint(
                condition=~Q(status="asked") | Q(gateway_report_id__isnull=False),
                name="settlement_report_asked_has_a_name",
            ),
        ]
        indexes = [
            models.Index("due_at", condition=Q(due_at__isnull=False), name="settlement_report_due"),
        ]

    def __str__(self) -> str:
        return gettext("Settlement report %(number)s") % {"number": self.pk}


FROZEN_OF_LINES = (
    "id",
    "imported_in_id",
    "gateway_id",
    "account_id",
    "identity",
    "digest",
    "kind",
    "is_final",
    "currency_code",
    "gross_amount",
    "gateway_fee_amount",
    "vat_amount",
    "withholding_amount",
    "net_amount",
    "fee_state",
    "reference",
    "gateway_ids",
    "channel",
    "occurred_at",
    "settlement_at",
    "payout_id",
    "as_of",
)
# As it came, or blanked because a person is erased
RAW_CHANGED = "(OLD.raw IS DISTINCT FROM NEW.raw AND NEW.raw <> '{}'::jsonb)"

ONE_LINE = sorted(state.value for state in PAIRED)


class SettlementLineQuerySet(TenantQuerySet["SettlementLine"]):
    def locked(self) -> Self:
        """Row locks in key order. Evaluate it inside a transaction, or no lock is taken."""
        return self.order_by("pk").select_for_update(of=("self",))

    def counted(self) -> Self:
        """Lines that are in force: neither replaced nor withdrawn."""
        return self.filter(state__in=COUNTED)

    def paired(self) -> Self:
        """Lines that tell what a payment of ours cost and brought."""
        return self.filter(state__in=PAIRED)


class SettlementLine(models.Model):
    """One row of a gateway, as it came. Only its match changes, when more becomes known."""

    State = MatchState

    # Whose payment it is; None: not known
    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        null=True,
        related_name="settlement_lines",
        db_index=False,
        verbose_name=_("tenant"),
    )
    imported_in = models.ForeignKey(
        SettlementImport, models.PROTECT, related_name="lines", verbose_name=_("imported in")
    )
    gateway = models.ForeignKey(
        Gateway,
        models.PROTECT,
        related_name="settlement_lines",
        db_index=False,
        verbose_name=_("gateway"),
    )
    account = models.ForeignKey(
        GatewayAccount,
        models.PROTECT,
        null=True,
        related_name="settlement_lines",
        db_index=False,
        verbose_name=_("account"),
    )
    identity = models.CharField(_("identity"), max_length=64)  # equal for versions of one line
    digest = models.CharField(_("digest"), max_length=64)  # of what it says
    kind = models.CharField(_("kind"), max_length=10, choices=list(KINDS.items()))
    is_final = models.BooleanField(_("is final"))
    currency_code = models.CharField(_("currency code"), max_length=3)
    # Minor units; money that leaves the account is negative
    gross_amount = models.BigIntegerField(_("gross amount"))
    gateway_fee_amount = models.BigIntegerField(_("gateway fee amount"))
    vat_amount = models.BigIntegerField(_("VAT amount"))
    withholding_amount = models.BigIntegerField(_("withholding amount"))
    net_amount = models.BigIntegerField(_("net amount"))
    fee_state = models.CharField(_("fee state"), max_length=10, choices=list(FEE_STATES.items()))
    reference = models.CharField(_("reference"), max_length=255, null=True)
    gateway_ids = ArrayField(models.CharField(max_length=255), verbose_name=_("gateway ids"))
    channel = models.CharField(_("channel"), max_length=50, null=True)
    occurred_at = models.DateTimeField(_("occurred at"), null=True)
    settlement_at = models.DateTimeField(_("settled at"), null=True)
    payout_id = models.CharField(_("payout id"), max_length=255, null=True)
    as_of = models.DateTimeField(_("as of"), null=True)
    raw = models.JSONField(_("as it came"))
    state = models.CharField(_("state"), max_length=20, choices=list(STATES.items()))
    transaction = models.ForeignKey(
        Transaction,
        models.PROTECT,
        null=True,
        related_name="settlement_lines",
        verbose_name=_("transaction"),
    )
    created_at = models.DateTimeField(_("created at"))

    objects = SettlementLineQuerySet.as_manager()

    class Meta:
        verbose_name = _("settlement line")
        verbose_name_plural = _("settlement lines")
        constraints = [
            models.UniqueConstraint(
                "imported_in", "identity", "digest", name="settlement_line_once"
            ),
            models.UniqueConstraint(
                "transaction",
                condition=Q(state__in=ONE_LINE),
                name="settlement_line_one_per_transaction",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ONE_LINE, transaction__isnull=False) | ~Q(state__in=ONE_LINE),
                name="settlement_line_paired_names_money",
            ),
        ]
        indexes = [
            models.Index("tenant", F("id").desc(), name="settlement_line_newest"),
            models.Index("reference", "gateway", name="settlement_line_reference"),
            models.Index("identity", "gateway", name="settlement_line_identity"),
            GinIndex("gateway_ids", name="settlement_line_gateway_ids"),
            models.Index(
                "gateway",
                "account",
                condition=Q(state="missing_here"),
                name="settlement_line_missing_here",
            ),
            models.Index("tenant", "payout_id", F("id").desc(), name="settlement_line_payout"),
            models.Index(
                "payout_id", condition=Q(payout_id__isnull=False), name="settlement_line_of_payout"
            ),
            # What staff look for among a million payments
            models.Index(
                "kind",
                F("id").desc(),
                condition=~Q(kind=LineKind.PAYMENT.value),
                name="settlement_line_newest_other",
            ),
            models.Index(
                "tenant", "currency_code", "settlement_at", name="settlement_line_settled"
            ),
        ]
        triggers = [
            triggers.refused(
                "settlement_line_append_only",
                pgtrigger.Update,
                condition=f"{triggers.changed(FROZEN_OF_LINES)} OR {RAW_CHANGED}",
            ),
            triggers.refused(
                "settlement_line_not_deleted", pgtrigger.Delete, rule="settlement_line_append_only"
            ),
            triggers.not_truncated("settlement_line"),
        ]

    def __str__(self) -> str:
        return gettext("Settlement line %(number)s") % {"number": self.pk}

    @property
    def costs_amount(self) -> int:
        """Return what the gateway took, with taxes, in minor units."""
        return self.gateway_fee_amount + self.vat_amount + self.withholding_amount


class SettlementMismatch(models.Model):
    """A line and our books do not agree, until a later import or a person ends it."""

    # Whose payment it is; None: not known
    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        null=True,
        related_name="settlement_mismatches",
        verbose_name=_("tenant"),
    )
    # None: the gateway has none
    line = models.ForeignKey(
        SettlementLine,
        models.PROTECT,
        null=True,
        related_name="mismatches",
        verbose_name=_("line"),
    )
    # None: we have none
    transaction = models.ForeignKey(
        Transaction,
        models.PROTECT,
        null=True,
        related_name="settlement_mismatches",
        verbose_name=_("transaction"),
    )
    state = models.CharField(
        _("state"),
        max_length=20,
        choices=_MISMATCHES,
    )
    found_at = models.DateTimeField(_("found at"))
    ended_at = models.DateTimeField(_("ended at"), null=True)
    # None: a later import ended it
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="settlement_mismatches",
        verbose_name=_("ended by"),
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True)

    objects = TenantQuerySet["SettlementMismatch"].as_manager()

    class Meta:
        verbose_name = _("settlement mismatch")
        verbose_name_plural = _("settlement mismatches")
        constraints = [
            models.CheckConstraint(
                condition=Q(state="missing_at_gateway", line=None, transaction__isnull=False)
                | (~Q(state="missing_at_gateway") & Q(line__isnull=False)),
                name="settlement_mismatch_names_its_object",
            ),
            models.UniqueConstraint(
                "line",
                condition=Q(ended_at=None, line__isnull=False),
                name="settlement_mismatch_one_open_per_line",
            ),
            models.UniqueConstraint(
                "transaction",
                condition=Q(ended_at=None, line=None),
                name="settlement_mismatch_one_open_per_missing",
            ),
            models.CheckConstraint(
                condition=Q(ended_by=None) | (Q(ended_at__isnull=False) & ~Q(reason="")),
                name="settlement_mismatch_ended_by_a_person_with_reason",
            ),
        ]
        indexes = [
            models.Index(
                F("id").desc(), condition=Q(ended_at=None), name="settlement_mismatch_open"
            ),
        ]
        triggers = [
            triggers.refused(
                "settlement_mismatch_frozen",
                pgtrigger.Update,
                condition="OLD.ended_at IS NOT NULL OR "
                + triggers.changed(
                    ("id", "tenant_id", "line_id", "transaction_id", "state", "found_at")
                ),
            ),
            triggers.refused(
                "settlement_mismatch_not_deleted",
                pgtrigger.Delete,
                rule="settlement_mismatch_frozen",
            ),
            triggers.not_truncated("settlement_mismatch"),
        ]

    def __str__(self) -> str:
        return gettext("Settlement mismatch %(number)s") % {"number": self.pk}
