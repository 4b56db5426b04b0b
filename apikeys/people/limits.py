"""Staff who work for some tenants only: what they may do, and the wall around their requests.

The database hides the rows of other tenants from them (apikeys.tenants.wall). Pages about the
platform, such as those of staff and of the bank's entries, are not theirs at all.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from apikeys.people.models import StaffTenant
from apikeys.tenants import policies, wall
from paytrust.staff import roles
from paytrust.staff.preferences import STAFF_PATH

KEPT = "_paytrust_tenant_ids"  # on the account, for as long as a request


def tenant_ids_of(user: Any) -> tuple[int, ...]:  # noqa: ANN401  # an AbstractBaseUser
    """Return the tenants that a member of staff is bound to; none: they work for all."""
    known: tuple[int, ...] | None = getattr(user, KEPT, None)
    if known is None:
        with wall.lowered_for_staff():
            rows = StaffTenant.objects.filter(user_id=user.pk).order_by("tenant_id")
            known = tuple(rows.values_list("tenant_id", flat=True))
        setattr(user, KEPT, known)
    return known


def bind(*, user: User, tenant_ids: Iterable[int]) -> None:
    """Bind a member of staff to these tenants, and to no others; without one, to none."""
    StaffTenant.objects.filter(user=user).delete()
    StaffTenant.objects.bulk_create(
        StaffTenant(user=user, tenant_id=tenant_id) for tenant_id in tenant_ids
    )
    vars(user).pop(KEPT, None)


class LimitsBackend:
    """Withholds from bound staff what is not about their tenants, whatever their role gives.

    It signs no person in, so it has no `get_user`, by which Django chooses a session's backend.
    """

    def authenticate(self, request: HttpRequest | None, **_credentials: object) -> None:
        """Know no person."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:  # noqa: ANN401  # Django's
        """Give nothing.

        Raises:
            PermissionDenied: no other backend is asked, either.
        """
        if user_obj.is_active and perm not in _permissions() and tenant_ids_of(user_obj):
            raise PermissionDenied
        return False


@cache
def _permissions() -> frozenset[str]:
    """Return what bound staff may do: see their rows and those of no tenant, and operate."""
    seen = {
        f"{model._meta.app_label}.view_{model._meta.model_name}"  # noqa: SLF001  # public
        for model in apps.get_models()
        if policies.seen_by_staff(model)
    }
    return frozenset({*seen, roles.OPERATE})


class StaffWallMiddleware:
    """Raises the wall around the requests of bound staff, and around what is streamed to them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_for_staff = request.path_info.startswith(STAFF_PATH) and request.user.is_authenticated
        tenant_ids = tenant_ids_of(request.user) if is_for_staff else ()
        if not tenant_ids:
            return self._get_response(request)
        try:
            wall.raise_for_staff(tenant_ids)
        except wall.NoWall:
            return _refused(request)
        try:
            answer = self._get_response(request)
        finally:
            wall.lower()
        if answer.streaming:
            pieces: Any = answer.streaming_content  # type: ignore[attr-defined]  # it streams
            answer.streaming_content = _behind_the_wall(pieces, tenant_ids)  # type: ignore[attr-defined]
        return answer


def _behind_the_wall(pieces: Iterable[bytes], tenant_ids: Sequence[int]) -> Iterator[bytes]:
    """Yield what is made while it is sent, when the middleware has ended already.

    Where sending ends early, Django closes what makes the pieces first, and this after it.
    """
    wall.raise_for_staff(tenant_ids)
    try:
        yield from pieces
    finally:
        wall.lower()


def _refused(request: HttpRequest) -> HttpResponse:
    context = {
        "title": _("This database has no wall between tenants"),
        "sentence": _(
            "Your account works for some tenants only, and nothing here could hide the others."
            " Ask a platform admin to run `migrate`."
        ),
    }
    return render(request, "staff/no_wall.html", context, status=503)
