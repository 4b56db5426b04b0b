"""The site of the back office: who may enter, the index page, and the pages without a model."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from unfold.sites import UnfoldAdminSite

from apikeys.limits import throttling
from paytrust.operations import replica
from paytrust.staff import preferences, second_factor, sign_in
from reporting.back_office import (
    costs_page,
    dashboard,
    navigation,
    notice_page,
    report_page,
    saved_filter_pages,
    search,
)


class BackOfficeSite(UnfoldAdminSite):  # type: ignore[misc]  # the theme has no types
    login_form = sign_in.SignInForm

    def has_permission(self, request: HttpRequest) -> bool:
        return sign_in.may_enter(request)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        user: Any = request.user
        knows_password = user.is_authenticated and user.is_active and user.is_staff
        if (
            knows_password
            and not self.has_permission(request)
            and not sign_in.has_second_factor(user)
        ):
            return HttpResponseRedirect(reverse("admin:second_factor"))
        if request.method == "POST":
            standing = throttling.take_sign_in(request)
            if standing is not None and not standing.allowed:
                return sign_in.come_later(request, seconds=standing.reset_seconds)
        answer: HttpResponse = super().login(request, extra_context)
        return answer

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        shown = {"money": None}
        if request.user.has_perm("invoices.view_invoice"):
            with replica.reading():
                days = dashboard.chosen_days(request.GET.get("days", ""))
                shown = dashboard.context(now=timezone.now(), days=days)
        answer: TemplateResponse = super().index(
            request, {"title": _("Overview"), **shown, **(extra_context or {})}
        )
        return answer

    def get_urls(self) -> list[URLPattern]:
        return [
            path("language/", preferences.set_language, name="language"),
            path("zone/", preferences.set_zone, name="zone"),
            path("second-factor/", second_factor.second_factor, name="second_factor"),
            path("find/", self.admin_view(search.find), name="find"),
            path(
                "saved-filters/keep/",
                self.admin_view(saved_filter_pages.keep),
                name="saved_filter_keep",
            ),
            path(
                "saved-filters/<int:filter_id>/remove/",
                self.admin_view(saved_filter_pages.remove),
                name="saved_filter_remove",
            ),
            path("notices/", self.admin_view(notice_page.notices), name="notices"),
            path("report/", self.admin_view(report_page.show), name="report"),
            path(
                "report/export.<slug:suffix>",
                self.admin_view(report_page.download),
                name="report_export",
            ),
            path("costs/", self.admin_view(costs_page.show), name="costs"),
            *super().get_urls(),
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {
            **super().each_context(request),
            "colors": None,  # in staff.css, because the policy allows no inline style sheet
            "zones": preferences.ZONES,
            "zone": preferences.zone_of(request).key,
        }

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:  # noqa: ANN401
        """Return Django's list of the models, made when a page shows it: the menu does not."""
        return SimpleLazyObject(
            lambda: super(BackOfficeSite, self).get_app_list(request, app_label)
        )

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        return navigation.sections(request)
