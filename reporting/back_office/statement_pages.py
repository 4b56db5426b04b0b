"""Kept statements in the back office: the list, and each one to download."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from paytrust.staff import display
from paytrust.staff.filters import DatesFilter
from paytrust.staff.pages import ReadOnlyAdmin
from reporting.models import KeptStatement

Shown = SafeString | str
TYPES = {"pdf": "application/pdf", "csv": "text/csv; charset=utf-8"}


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
