"""Pages that show rows: no form changes them, and no list counts or sorts a whole table."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cache
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.checks import ModelAdminChecks
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, SuspiciousOperation
from django.db.models import IntegerField, Model, QuerySet
from django.http import Http404, HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from paytrust.operations import replica
from paytrust.staff import bulk, display, export, narrowing
from paytrust.staff.acts import Act, name_of, view_of
from paytrust.staff.bulk import BulkAct
from paytrust.staff.pagination import CappedPaginator
from paytrust.web.spreadsheets import TooManyRows

FILES = {"csv": export.csv_file, "xlsx": export.xlsx_file}


class OffersActs(ModelAdmin):  # type: ignore[misc]  # the theme has no types
    """A page that offers the acts that it names: each has a button and a view."""

    acts: ClassVar[Sequence[type[Act[Any]]]] = ()

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "acts" in vars(cls):
            for act in cls.acts:
                setattr(cls, name_of(act), view_of(act))
            cls.actions_detail = tuple(name_of(act) for act in cls.acts if act.is_about_a_row)
            cls.actions_list = tuple(name_of(act) for act in cls.acts if not act.is_about_a_row)

    def subject(self, request: HttpRequest, object_id: str) -> Any:  # noqa: ANN401  # its row
        """Return the row that an act is about.

        Raises:
            Http404: the row does not exist.
        """
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return row

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Return the buttons of a row's page, for the acts that are possible now."""
        row = self.get_object(request, object_id)
        if row is None:
            return []
        offered = {act.path for act in self.acts if act(request, row).is_offered()}
        buttons = super().get_actions_detail(request, object_id)
        return [button for button in buttons if button.path in offered]


NARROWS = ("tenant__id__exact", "_at_from")  # a filter that leaves few rows to sort
FILTER_ENDINGS = ("", "__exact", "__isnull", "__id__exact", "_from", "_to")


class BoundedLists:
    """Lists that accept any query in an address and never reveal what they do not show.

    Django lets an address filter by any column and lookup, such as the start of a digest or a text
    in a body. These lists accept only what their own filters ask.
    """

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Return whether a filter of this list asks so; everything else is refused with 400."""
        own = self.get_list_filter(request)  # type: ignore[attr-defined]  # ModelAdmin's
        asked = {name + ending for name in map(_asked_by, own) for ending in FILTER_ENDINGS}
        return lookup in asked

    def get_changelist_instance(self, request: HttpRequest) -> Any:  # noqa: ANN401  # unfold's
        """Return the list without the NUL characters of its query; PostgreSQL takes none."""
        cleaned = QueryDict(mutable=True)
        for name, values in request.GET.lists():
            cleaned.setlist(_without_nul(name), [_without_nul(value) for value in values])
        request.GET = cleaned  # type: ignore[assignment]  # the same, but for its characters
        return super().get_changelist_instance(request)  # type: ignore[misc]  # ModelAdmin's


def _without_nul(text: str) -> str:
    return text.replace("\x00", "\ufffd")


def _asked_by(list_filter: Any) -> str:  # noqa: ANN401  # the forms that Django knows
    if isinstance(list_filter, tuple | list):
        return str(list_filter[0])
    return str(getattr(list_filter, "parameter_name", list_filter))


class ReadOnlyAdmin(BoundedLists, OffersActs):
    """The base of every page for staff. Services make and change rows, never a form.

    `exact_search` names lookups that an index answers; each gets the whole search term. Django's
    own search would look for the term inside every row. A whole number also finds the row with that
    id.
    """

    checks_class = ModelAdminChecks  # the theme's would ask a database that may not exist yet
    paginator = CappedPaginator
    list_per_page = 50
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # they count rows for each choice of each filter
    sortable_by: ClassVar[Sequence[str]] = ()
    ordering: ClassVar[Sequence[str]] = ("-id",)
    list_filter_submit = True
    list_fullwidth = True
    list_before_template = "staff/list_head.html"
    list_export: ClassVar[Sequence[str]] = ()  # columns that only the file has
    export_select_related: ClassVar[Sequence[str]] = ()
    sortable_narrowed: ClassVar[Sequence[str]] = ()  # columns that no index sorts
    actions: ClassVar[Sequence[Any]] = ()
    bulk_acts: ClassVar[Sequence[type[BulkAct[Any]]]] = ()  # about the rows that staff tick
    exact_search: ClassVar[Sequence[str]] = ()

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        export = self.admin_site.admin_view(self.export)
        return [
            path("export.<slug:suffix>", export, name=name),
            *(
                path(
                    f"bulk/{act.path}/",
                    self.admin_site.admin_view(bulk.view_of(act, self)),
                    name=bulk.name_of(act, self.model),
                )
                for act in self.bulk_acts
            ),
            *super().get_urls(),
        ]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the reader may do about rows that they tick."""
        return {
            f"bulk_{act.path}": (bulk.action_of(act), f"bulk_{act.path}", act.label)
            for act in self.bulk_acts
            if self.offers_bulk(request) and request.user.has_perm(act.permission)
        }

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:  # noqa: ANN401
        """Lead to the page that asks about the rows that are ticked."""
        if not all(map(is_id, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            raise SuspiciousOperation
        return super().response_action(request, queryset)

    def offers_bulk(self, request: HttpRequest) -> bool:
        """Return whether the rows of this list, as it is narrowed, can be ticked."""
        return True

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Return the list; it follows a change where it has a message to show, which is new."""
        changed = request.method != "GET" or len(messages.get_messages(request))
        with nullcontext() if changed else replica.reading():
            answer: HttpResponseBase = super().changelist_view(request, extra_context)
            if not isinstance(answer, TemplateResponse):
                return answer
            shown = answer.context_data or {}
            if "cl" in shown:
                shown["chips"] = narrowing.chips(request, shown["cl"])
                shown["months"] = narrowing.months(shown["cl"], now=timezone.now())
            return answer.render()

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:  # noqa: ANN401
        """Return the fields of a row's page; none links to a page that the reader may not open."""
        return [self._readable(request, name) for name in super().get_fields(request, obj)]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:  # noqa: ANN401
        """Return every field: no form changes a row."""
        return self.get_fields(request, obj)

    def _readable(self, request: HttpRequest, name: Any) -> Any:  # noqa: ANN401  # a field's name
        if not isinstance(name, str) or hasattr(self, name):
            return name
        try:
            field = self.opts.get_field(name)
        except FieldDoesNotExist:
            return name
        pages = self.admin_site.get_model_admin if field.is_relation else None
        if pages is None or not self.admin_site.is_registered(field.related_model):
            return name
        return name if pages(field.related_model).has_view_permission(request) else _as_text(field)

    def get_sortable_by(self, request: HttpRequest) -> Sequence[str]:
        """Return the columns to sort by: those of an index, and more in a list that is narrowed."""
        if any(request.GET.get(name) for name in request.GET if name.endswith(NARROWS)):
            return (*self.sortable_by, *self.sortable_narrowed)
        return self.sortable_by

    def get_changelist_instance(self, request: HttpRequest) -> Any:  # noqa: ANN401  # unfold's
        """Return the list; an order that it does not offer is left out of its address."""
        if not self._offers(request, request.GET.get("o", "")):
            asked = request.GET.copy()
            del asked["o"]
            request.GET = asked  # type: ignore[assignment]  # the same, but for its order
        return super().get_changelist_instance(request)

    def _offers(self, request: HttpRequest, order: str) -> bool:
        columns, sortable = self.get_list_display(request), self.get_sortable_by(request)
        if self.get_actions(request):
            columns = ("action_checkbox", *columns)  # as Django counts them
        for place in filter(None, order.split(".")):
            number = place.removeprefix("-")
            if not (number.isascii() and number.isdecimal() and len(number) < 3):
                return False
            if not 0 <= int(number) < len(columns) or columns[int(number)] not in sortable:
                return False
        return True

    def export(self, request: HttpRequest, suffix: str) -> HttpResponseBase:
        """Return the list, with its filters and search, as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if suffix not in FILES:
            raise Http404
        try:
            return FILES[suffix](request, self.get_changelist_instance(request))
        except TooManyRows:
            self.message_user(
                request,
                _("A workbook cannot hold so many rows: narrow the list, or take the CSV."),
                messages.ERROR,
            )
            return redirect(f"{request.path.rpartition('/')[0]}/?{request.GET.urlencode()}")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        return self.search_fields or self.exact_search

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not self.exact_search:
            found: tuple[QuerySet[Any], bool] = super().get_search_results(
                request, queryset, search_term
            )
            return found
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(pk__in=self.ids_found(term)), False

    def ids_found(self, term: str) -> list[int]:
        """Return the ids of the rows that match a search term: one indexed query per lookup."""
        rows = self.model.objects
        found: set[int] = set()
        if "\x00" in term:
            return []
        if is_id(term):
            found.update(rows.filter(pk=int(term)).values_list("pk", flat=True))
        for lookup in self.exact_search:
            if is_id(term) or not _is_of_numbers(self.model, lookup):
                found.update(
                    rows.filter(**{lookup: term}).values_list("pk", flat=True)[:MOST_FOUND]
                )
        return sorted(found)


@cache
def _as_text(field: Any) -> Callable[[Any], str]:  # noqa: ANN401  # a foreign key
    """Return a column of a row's page that names what a foreign key leads to."""

    @admin.display(description=field.verbose_name)
    def shown(row: Any) -> str:  # noqa: ANN401  # whatever the page is about
        found = getattr(row, field.name)
        return display.EMPTY if found is None else str(found)

    shown.__name__ = field.name
    return shown


class OfMerchants(ReadOnlyAdmin):
    """A list of rows that each belong to a merchant; its name narrows the list to it."""

    tenant_path: ClassVar[str] = "tenant"

    @admin.display(description=gettext_lazy("Tenant"))
    def merchant(self, row: Any) -> SafeString | str:  # noqa: ANN401  # a row of the list
        tenant = row
        for name in self.tenant_path.split("__"):
            tenant = getattr(tenant, name)
        if tenant is None:
            return display.EMPTY
        return display.narrowing_link({f"{self.tenant_path}__id__exact": tenant.pk}, tenant.name)


MOST_FOUND = 1000  # rows per lookup; a customer with more needs filters anyway


def is_id(term: str) -> bool:
    """Return whether a search term can be a row's id."""
    return term.isascii() and term.isdecimal() and len(term) <= 18


def _is_of_numbers(model: type[Model], lookup: str) -> bool:
    """Return whether a lookup's column holds numbers; other terms cannot match it."""
    column = get_fields_from_path(model, lookup)[-1]
    return isinstance(getattr(column, "target_field", column), IntegerField)
