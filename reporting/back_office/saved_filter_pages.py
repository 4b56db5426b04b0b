"""Keeping and removing filters above a list."""

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apikeys.tenants import wall
from paytrust.staff import bulk
from paytrust.staff.acts import refusal
from reporting.saved_filters import services
from reporting.saved_filters.models import SavedFilter
from reporting.saved_filters.services import FilterNotKept


@require_POST
def keep(request: HttpRequest) -> HttpResponse:
    """Keep how the reader has narrowed a list, under a name."""
    assert isinstance(request.user, User), "only staff reach the pages for staff"
    list_name, query = request.POST.get("list", ""), request.POST.get("query", "")
    address = _address(request, list_name)
    try:
        with wall.lowered_for_staff():  # it is no tenant's
            services.keep(
                user=request.user,
                list_name=list_name,
                name=request.POST.get("name", ""),
                query=query,
                now=timezone.now(),
            )
    except FilterNotKept as error:
        messages.error(request, refusal(error))
    else:
        messages.success(request, _("The filter is kept."))
    return HttpResponseRedirect(f"{address}?{services.normalized(query)}")


@require_POST
def remove(request: HttpRequest, filter_id: int) -> HttpResponse:
    """Remove a filter that the reader kept."""
    assert isinstance(request.user, User), "only staff reach the pages for staff"
    with wall.lowered_for_staff():
        try:
            removed = services.remove(user=request.user, filter_id=filter_id)
        except SavedFilter.DoesNotExist as error:
            raise Http404 from error
    messages.success(request, _("The filter is removed."))
    return HttpResponseRedirect(_address(request, removed.list_name))


def _address(request: HttpRequest, list_name: str) -> str:
    """Return the address of a list that the reader may open.

    Raises:
        Http404: there is no such list for them.
    """
    for model, page in admin.site._registry.items():  # noqa: SLF001  # Django has no public way
        if name_of(model) == list_name and page.has_view_permission(request):
            return bulk.list_of(model)
    raise Http404


def name_of(model: type[Model]) -> str:
    """Return the name by which a list's filters are kept."""
    about = model._meta  # noqa: SLF001  # public
    return f"{about.app_label}_{about.model_name}"
