"""Statements in the back office: those that are kept, and what they say about a merchant."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from apikeys.models import Tenant
from apikeys.staff_acts import recording
from paytrust.staff import display
from paytrust.staff.acts import Act, Facts, Text
from paytrust.staff.filters import DatesFilter
from paytrust.staff.pages import ReadOnlyAdmin
from reporting.models import KeptStatement, StatementProfile
from reporting.statements import acts, services

Shown = SafeString | str
TYPES = {"pdf": "application/pdf", "csv": "text/csv; charset=utf-8"}


class ProfileForm(forms.ModelForm[StatementProfile]):
    """What statements say about a merchant, and who gets them."""

    email = forms.EmailField(
        label=_("Email"),
        required=False,
        max_length=254,
        help_text=_("Gets each month's statement. Empty: statements are kept, and not sent."),
        widget=UnfoldAdminEmailInputWidget,
    )

    class Meta:
        model = StatementProfile
        fields = services.FIELDS
        help_texts: ClassVar = {
            "registration_number": _("Such as NIB in Indonesia, SSM in Malaysia."),
            "tax_number": _("Such as NPWP in Indonesia, SST in Malaysia."),
            "zone": _("Its midnights separate months and days."),
        }
        widgets: ClassVar = {
            "legal_name": UnfoldAdminTextInputWidget,
            "registration_number": UnfoldAdminTextInputWidget,
            "tax_number": UnfoldAdminTextInputWidget,
            "address": UnfoldAdminTextareaWidget(attrs={"rows": 4}),
            "language": UnfoldAdminSelectWidget,
            "zone": UnfoldAdminSelectWidget,
        }


class SetProfile(Act[Tenant]):
    """Say what a merchant's statements say about the merchant."""

    path = "statement-profile"
    label = title = _("Legal fields of statements")
    button = _("Keep")
    sentences = (_("Statements that are kept already stay as they are."),)

    @property
    def facts(self) -> Facts:
        return [(_("Tenant"), self.subject.name)]

    @property
    def back(self) -> str:
        return reverse("admin:apikeys_tenant_change", args=(self.subject.pk,))

    def form(self, data: Any = None) -> ProfileForm:  # noqa: ANN401  # a QueryDict, or none
        return ProfileForm(data, instance=services.profile_of(self.subject))

    def perform(self, filled: dict[str, Any]) -> Text:
        acts.set_profile(
            actor=recording.actor_of(self.request),
            tenant=self.subject,
            changes=filled,
            now=timezone.now(),
        )
        return _("Kept. The next statement says so.")


class KeptStatementAdmin(ReadOnlyAdmin):
    """Monthly statements as they were made."""

    fields = ("tenant", "shown_month", "zone", "language", "files", "made", "sent")
    list_display = ("id", "tenant", "shown_month", "language", "files", "made", "sent")
    list_filter: ClassVar = [
        ("month", DatesFilter),
        "language",
        ("tenant", AutocompleteSelectFilter),
    ]
    list_select_related = ("tenant",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[KeptStatement]:
        rows: QuerySet[KeptStatement] = super().get_queryset(request)
        return rows.defer("pdf", "csv")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.download)
        return [
            path("<int:pk>/statement.<slug:suffix>", view, name="reporting_keptstatement_file"),
            *super().get_urls(),
        ]

    def download(self, request: HttpRequest, pk: int, suffix: str) -> HttpResponse:
        """Return a kept statement as the file that it was."""
        kept = KeptStatement.objects.filter(pk=pk).first()
        if kept is None or suffix not in TYPES or not self.has_view_permission(request):
            raise Http404
        answer = HttpResponse(bytes(getattr(kept, suffix)), content_type=TYPES[suffix])
        name = f"statement-{kept.month:%Y-%m}-{kept.tenant_id}.{suffix}"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    @admin.display(description=_("Month"))
    def shown_month(self, kept: KeptStatement) -> str:
        return f"{kept.month:%Y-%m}"

    @admin.display(description=_("Files"))
    def files(self, kept: KeptStatement) -> Shown:
        links = [
            format_html(
                '<a class="staff-link" href="{}">{}</a>',
                reverse("admin:reporting_keptstatement_file", args=(kept.pk, suffix)),
                suffix.upper(),
            )
            for suffix in TYPES
        ]
        return format_html("{} {}", *links)

    @admin.display(description=_("Made"))
    def made(self, kept: KeptStatement) -> Shown:
        return display.moment(kept.made_at)

    @admin.display(description=_("Sent"))
    def sent(self, kept: KeptStatement) -> Shown:
        return display.moment(kept.sent_at)
