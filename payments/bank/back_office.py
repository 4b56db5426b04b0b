"""Bank statements in the back office: upload one, see what of it is a payout, take it back."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget

from apikeys.staff_acts import recording
from payments.bank import acts, uploads
from payments.bank.matching import BankState
from payments.bank.models import BankEntry, BankFile
from paytrust.staff import display
from paytrust.staff.acts import Act, ReasonForm, Text
from paytrust.staff.filters import CurrencyFilter
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str
TONES = {
    BankState.MATCHED: "good",
    BankState.UNMATCHED: "warn",
    BankState.AMBIGUOUS: "warn",
    BankState.REVERSED: "bad",
}


class StatementForm(forms.Form):
    """A file; the page's script sends it piece by piece."""

    file = forms.FileField(
        label=_("File"),
        help_text=_("camt.053.001.08 (XML), at most 10 MB."),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".xml"}),
    )

    def __init__(self, *, data: Any = None) -> None:  # noqa: ANN401  # a QueryDict, or none
        super().__init__(data=data)
        address = reverse("admin:payments_bankupload_begin")
        self.fields["file"].widget.attrs |= {"data-upload": address}


class ImportStatement(Act[None]):
    """Import a bank statement."""

    path = "import"
    label = title = _("Import a bank statement")
    button = _("Import")
    is_about_a_row = False
    form_class = StatementForm
    sentences = (_("No money moves. Payouts are matched with what arrived in the bank."),)

    @property
    def back(self) -> str:
        return reverse("admin:payments_bankfile_changelist")

    def perform(self, filled: dict[str, Any]) -> Text:
        raise uploads.BankUploadEnded  # the script of the page sends files, no form does


class WithdrawStatement(Act[BankFile]):
    """Take a bank statement back."""

    path = "withdraw"
    label = title = _("Withdraw this bank statement")
    button = _("Withdraw")
    is_harmful = True
    form_class = ReasonForm
    sentences = (
        _("Its entries stay, and count no more."),
        _("The same file can be imported again."),
    )

    @property
    def back(self) -> str:
        return reverse("admin:payments_bankfile_change", args=(self.subject.pk,))

    def is_offered(self) -> bool:
        return self.subject.withdrawn_at is None

    def perform(self, filled: dict[str, Any]) -> Text:
        acts.withdraw(
            actor=recording.actor_of(self.request),
            file=self.subject,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("The bank statement was withdrawn.")


class BankFileAdmin(ReadOnlyAdmin):
    """Bank statements that were imported."""

    fields = (
        "file_name",
        "sha256",
        "statements",
        "imported_by",
        "imported",
        "withdrawn",
        "withdrawn_by",
        "reason",
    )
    list_display = ("id", "file_name", "statements", "imported_by", "imported", "withdrawn")
    list_select_related = ("imported_by",)
    exact_search = ("sha256",)
    acts = (ImportStatement, WithdrawStatement)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BankFile]:
        rows: QuerySet[BankFile] = super().get_queryset(request)
        return rows.prefetch_related("statements")

    @admin.display(description=_("Statements"))
    def statements(self, file: BankFile) -> Shown:
        return display.paragraphs(file.statements.all())

    @admin.display(description=_("Imported"))
    def imported(self, file: BankFile) -> Shown:
        return display.moment(file.imported_at)

    @admin.display(description=_("Withdrawn"))
    def withdrawn(self, file: BankFile) -> Shown:
        return display.moment(file.withdrawn_at)


class BankEntryAdmin(ReadOnlyAdmin):
    """Movements on our accounts, as they came from the bank."""

    fields = (
        "state",
        "matched_by",
        "gateway",
        "payout_id",
        "of",
        "booked_on",
        "shown_amount",
        "is_credit",
        "is_reversal",
        "is_booked",
        "reference",
        "end_to_end_id",
        "remittance_text",
        "file",
        "raw",
    )
    list_display = (
        "id",
        "state",
        "booked_on",
        "shown_amount",
        "is_credit",
        "of",
        "shown_text",
        "payout_id",
        "gateway",
    )
    list_filter: ClassVar = ["status", "is_credit", CurrencyFilter]
    list_select_related = ("statement__file", "gateway")
    exact_search = ("payout_id", "end_to_end_id", "reference")

    @admin.display(description=_("State"))
    def state(self, entry: BankEntry) -> Shown:
        tone = TONES.get(BankState(entry.status), "plain")
        return display.label(entry.get_status_display(), tone)

    @admin.display(description=_("Amount"))
    def shown_amount(self, entry: BankEntry) -> Shown:
        return display.money(entry.amount, entry.currency_code)

    @admin.display(description=_("Account and statement"))
    def of(self, entry: BankEntry) -> Shown:
        return str(entry.statement)

    @admin.display(description=_("Remittance text"))
    def shown_text(self, entry: BankEntry) -> Shown:
        return display.long_text(entry.remittance_text)

    @admin.display(description=_("File"))
    def file(self, entry: BankEntry) -> Shown:
        return display.link("payments_bankfile", entry.statement.file_id, entry.statement.file)
