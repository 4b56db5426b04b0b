"""What banks say arrived on our accounts. Nothing here moves money in the ledger."""

from typing import TYPE_CHECKING

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateways.models import Gateway
from payments.bank.matching import BankState, MatchedBy
from paytrust.operations import triggers

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

STATES: "dict[str, _StrPromise]" = {
    BankState.MATCHED.value: _("matched"),
    BankState.UNMATCHED.value: _("not matched"),
    BankState.AMBIGUOUS.value: _("ambiguous"),
    BankState.NOT_COMPARED.value: _("not compared"),
    BankState.REVERSED.value: _("reversed by the bank"),
    BankState.WITHDRAWN.value: _("withdrawn"),
}
MATCHED_BY: "dict[str, _StrPromise]" = {
    MatchedBy.REFERENCE.value: _("reference"),
    MatchedBy.AMOUNT.value: _("amount and date"),
}
WITHDRAWN_ONCE = "OLD.withdrawn_at IS NOT NULL OR "


class BankFile(models.Model):
    """A camt.053 that was imported; a person can take it back once."""

    file_name = models.CharField(_("file name"), max_length=255)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    imported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="bank_files",
        verbose_name=_("imported by"),
    )
    imported_at = models.DateTimeField(_("imported at"))
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="bank_files_withdrawn",
        verbose_name=_("withdrawn by"),
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("bank statement file")
        verbose_name_plural = _("bank statement files")
        constraints = [
            models.UniqueConstraint(
                "sha256", condition=Q(withdrawn_at=None), name="bank_file_once"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None, reason="")
                | (Q(withdrawn_at__isnull=False) & ~Q(reason="")),
                name="bank_file_withdrawn_with_reason",
            ),
        ]
        triggers = [
            triggers.refused(
                "bank_file_frozen",
                pgtrigger.Update,
                condition=WITHDRAWN_ONCE
                + triggers.changed(("id", "file_name", "sha256", "imported_by_id", "imported_at")),
            ),
            triggers.refused("bank_file_not_deleted", pgtrigger.Delete, rule="bank_file_frozen"),
            triggers.not_truncated("bank_file"),
        ]

    def __str__(self) -> str:
        return gettext("Bank statement file %(number)s") % {"number": self.pk}


class BankUpload(models.Model):
    """A file that staff upload, until a worker has imported it; then it names the import."""

    class Status(models.TextChoices):
        UPLOADING = "uploading", _("Uploading")  # not all of the file is here
        WAITING = "waiting", _("Waiting")  # for a worker, or a worker imports it
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")  # nothing of it was kept

    file_name = models.CharField(_("file name"), max_length=255)
    size_bytes = models.PositiveBigIntegerField(_("size in bytes"))
    status = models.CharField(_("status"), max_length=10, choices=Status)
    # When a worker may take it, as long as it has not ended
    due_at = models.DateTimeField(_("due at"), null=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    problem = models.CharField(_("problem"), max_length=1000, blank=True)
    file = models.OneToOneField(
        BankFile, models.PROTECT, null=True, related_name="upload", verbose_name=_("file")
    )
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="bank_uploads",
        verbose_name=_("uploaded by"),
    )
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("bank statement upload")
        verbose_name_plural = _("bank statement uploads")
        constraints = [
            models.CheckConstraint(
                condition=Q(status="done", file__isnull=False) | (~Q(status="done") & Q(file=None)),
                name="bank_upload_done_is_imported",
            ),
            models.CheckConstraint(
                condition=((Q(status="uploading") | Q(status="waiting")) & Q(due_at__isnull=False))
                | ((Q(status="done") | Q(status="failed")) & Q(due_at=None)),
                name="bank_upload_open_is_due",
            ),
        ]
        indexes = [
            models.Index("due_at", condition=Q(due_at__isnull=False), name="bank_upload_due"),
        ]

    def __str__(self) -> str:
        return gettext("Bank statement upload %(number)s") % {"number": self.pk}


class BankUploadPiece(models.Model):
    """A part of an uploaded file, until a worker has read it."""

    upload = models.ForeignKey(BankUpload, models.PROTECT, related_name="pieces", db_index=False)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint("upload", "number", name="bank_upload_piece_once")]

    def __str__(self) -> str:
        return f"piece {self.number} of bank statement upload {self.upload_id}"


class BankStatement(models.Model):
    """One statement of one account, or one page of it."""

    file = models.ForeignKey(
        BankFile, models.PROTECT, related_name="statements", verbose_name=_("file")
    )
    account = models.CharField(_("account"), max_length=34)  # IBAN, or another number
    statement_id = models.CharField(_("statement id"), max_length=35)
    page = models.CharField(_("page"), max_length=5)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True)  # with its file

    class Meta:
        verbose_name = _("bank statement")
        verbose_name_plural = _("bank statements")
        constraints = [
            models.UniqueConstraint(
                "account",
                "statement_id",
                "page",
                condition=Q(withdrawn_at=None),
                name="bank_statement_once",
            ),
        ]
        triggers = [
            triggers.refused(
                "bank_statement_frozen",
                pgtrigger.Update,
                condition=WITHDRAWN_ONCE
                + triggers.changed(("id", "file_id", "account", "statement_id", "page")),
            ),
            triggers.refused(
                "bank_statement_not_deleted", pgtrigger.Delete, rule="bank_statement_frozen"
            ),
            triggers.not_truncated("bank_statement"),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.statement_id}"


FROZEN_OF_ENTRIES = (
    "id",
    "statement_id",
    "entry_number",
    "booked_on",
    "is_booked",
    "is_credit",
    "is_reversal",
    "currency_code",
    "amount",
    "reference",
    "end_to_end_id",
)
# As they came, or blanked because a person is erased
TEXTS_CHANGED = (
    "((OLD.remittance_text, OLD.raw) IS DISTINCT FROM (NEW.remittance_text, NEW.raw)"
    " AND (NEW.remittance_text, NEW.raw) <> ('', ''))"
)


class BankEntry(models.Model):
    """One movement on an account, as it came from the bank. Only its match changes."""

    statement = models.ForeignKey(
        BankStatement, models.PROTECT, related_name="entries", verbose_name=_("statement")
    )
    entry_number = models.PositiveIntegerField(_("entry number"))
    booked_on = models.DateField(_("booked on"), null=True)
    is_booked = models.BooleanField(_("is booked"))
    is_credit = models.BooleanField(_("is a credit"))
    is_reversal = models.BooleanField(_("is a reversal"))
    currency_code = models.CharField(_("currency code"), max_length=3)
    amount = models.BigIntegerField(_("amount"))  # minor units, never negative
    reference = models.CharField(_("reference"), max_length=35, null=True)  # the bank's
    end_to_end_id = models.CharField(_("end-to-end id"), max_length=35, null=True)
    remittance_text = models.TextField(_("remittance text"))
    raw = models.TextField(_("as it came"))  # XML
    status = models.CharField(_("state"), max_length=20, choices=list(STATES.items()))
    # Of a matched one: the payout, as the gateway names it
    gateway = models.ForeignKey(
        Gateway,
        models.PROTECT,
        null=True,
        related_name="bank_entries",
        db_index=False,
        verbose_name=_("gateway"),
    )
    payout_id = models.CharField(_("payout id"), max_length=255, null=True)
    payout_currency_code = models.CharField(_("currency code"), max_length=3, null=True)
    matched_by = models.CharField(
        _("matched by"), max_length=10, null=True, choices=list(MATCHED_BY.items())
    )

    class Meta:
        verbose_name = _("bank entry")
        verbose_name_plural = _("bank entries")
        constraints = [
            models.UniqueConstraint("statement", "entry_number", name="bank_entry_once"),
            models.UniqueConstraint(
                "gateway",
                "payout_id",
                "payout_currency_code",
                condition=Q(status="matched"),
                name="bank_entry_one_per_payout",
            ),
            models.CheckConstraint(
                condition=Q(
                    status="matched",
                    gateway__isnull=False,
                    payout_id__isnull=False,
                    payout_currency_code__isnull=False,
                    matched_by__isnull=False,
                )
                | (
                    ~Q(status="matched")
                    & Q(gateway=None, payout_id=None, payout_currency_code=None, matched_by=None)
                ),
                name="bank_entry_matched_names_its_payout",
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="bank_entry_amount"),
        ]
        indexes = [
            models.Index("payout_id", name="bank_entry_payout"),
            models.Index("end_to_end_id", name="bank_entry_end_to_end"),
            models.Index("reference", name="bank_entry_reference"),
            models.Index("status", F("id").desc(), name="bank_entry_by_state"),
        ]
        triggers = [
            triggers.refused(
                "bank_entry_frozen",
                pgtrigger.Update,
                condition=f"{triggers.changed(FROZEN_OF_ENTRIES)} OR {TEXTS_CHANGED}",
            ),
            triggers.refused("bank_entry_not_deleted", pgtrigger.Delete, rule="bank_entry_frozen"),
            triggers.not_truncated("bank_entry"),
        ]

    def __str__(self) -> str:
        return gettext("Bank entry %(number)s") % {"number": self.pk}
