"""Monthly reports in the back office: which the gateway made, and what each added to the list."""

from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from payments.settlement.models import SettlementReport
from payments.settlement.reports import ZONE
from paytrust.staff import display
from paytrust.staff.filters import CurrencyFilter
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str
Status = SettlementReport.Status
TONES = {Status.DONE: "good", Status.FAILED: "bad"}


class SettlementReportAdmin(ReadOnlyAdmin):
    """Reports of closed months, and how far each is."""

    fields = (
        "state",
        "problem",
        "gateway",
        "account",
        "tenant",
        "month",
        "currency_code",
        "gateway_report_id",
        "asked",
        "imported_in",
        "rows",
        "added",
        "absent",
    )
    list_display = (
        "id",
        "month",
        "gateway",
        "tenant",
        "currency_code",
        "state",
        "rows",
        "added",
        "absent",
    )
    list_filter: ClassVar = ["status", "gateway", CurrencyFilter]
    list_select_related = ("tenant", "gateway", "account", "imported_in")
    ordering: ClassVar = ("-id",)

    @admin.display(description=_("Month"))
    def month(self, report: SettlementReport) -> Shown:
        return f"{report.starts_at.astimezone(ZONE):%Y-%m}"

    @admin.display(description=_("State"))
    def state(self, report: SettlementReport) -> Shown:
        tone = TONES.get(Status(report.status), "plain")
        return display.label(report.get_status_display(), tone)

    @admin.display(description=_("Asked"))
    def asked(self, report: SettlementReport) -> Shown:
        return display.moment(report.asked_at)

    @admin.display(description=_("Rows of the report"))
    def rows(self, report: SettlementReport) -> Shown:
        return str(report.imported_in.line_count) if report.imported_in else display.EMPTY

    @admin.display(description=_("New or changed"))
    def added(self, report: SettlementReport) -> Shown:
        return str(report.imported_in.new_count) if report.imported_in else display.EMPTY

    @admin.display(description=_("In the list only"))
    def absent(self, report: SettlementReport) -> Shown:
        return display.EMPTY if report.absent_count is None else str(report.absent_count)
