"""The rights of each role. A role is a group, made by migration; no form moves money."""

from collections.abc import Callable
from typing import TypeVar

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase

VIEWER = "Finance viewer"
OPERATOR = "Finance operator"
ADMINISTRATOR = "Platform admin"

OPERATE = "reporting.operate"  # the daily acts: propose, approve, replay, note, resolve
ADMINISTER = "reporting.administer"  # keys, gateway accounts, fees, staff

AnyView = TypeVar("AnyView", bound=Callable[..., HttpResponseBase])


def may_operate(request: HttpRequest) -> bool:
    """Return whether the reader may do the daily acts."""
    return request.user.has_perm(OPERATE)


def requires(permission: str) -> Callable[[AnyView], AnyView]:
    """Refuse a view with 403 to people without a permission. Wrap it in `admin_view` as well."""
    return permission_required(permission, raise_exception=True)
