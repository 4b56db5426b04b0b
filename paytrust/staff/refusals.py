"""Refusals: pages for staff, and JSON for all other callers."""

from http import HTTPStatus

from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from paytrust.staff.preferences import STAFF_PATH
from paytrust.web import problems


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a request whose address asks a list for something that it does not filter by."""
    if not isinstance(exception, DisallowedModelAdminLookup):
        return problems.bad_request(request, exception)
    return _page(
        request,
        HTTPStatus.BAD_REQUEST,
        _("This list cannot be narrowed like that"),
        _("Use the filters beside it, or take the part after the question mark away."),
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a request that the reader's rights do not allow."""
    if not request.path_info.startswith(STAFF_PATH):
        return problems.permission_denied(request, exception)
    return _page(
        request,
        HTTPStatus.FORBIDDEN,
        _("You may not do this"),
        _("Your role does not allow it. A platform admin can give you another one."),
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Answer a form that was sent without its CSRF token (CSRF_FAILURE_VIEW)."""
    if not request.path_info.startswith(STAFF_PATH):
        return problems.csrf_failure(request, reason)
    return _page(
        request,
        HTTPStatus.FORBIDDEN,
        _("The form has expired"),
        _("Load the page again and repeat what you did."),
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a request for a page or row that does not exist."""
    if not request.path_info.startswith(STAFF_PATH):
        return problems.not_found(request, exception)
    return _page(
        request,
        HTTPStatus.NOT_FOUND,
        _("There is no such page"),
        _("It may have been moved, or the address is mistyped."),
    )


def _page(
    request: HttpRequest, status: HTTPStatus, title: Promise, why: Promise
) -> HttpResponseBase:
    context = {**admin.site.each_context(request), "title": title, "why": why}
    return render(request, "staff/refused.html", context, status=status)
