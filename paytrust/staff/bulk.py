"""Acts on the rows that staff tick in a list: a page asks once, and each row has its own record."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from paytrust.errors import PayTrustError
from paytrust.staff.acts import Act, Facts, Text, Warned, refusal, run

MOST = 200  # rows at once: their ids are in one address, and a person must be able to read them

Row = TypeVar("Row", bound=Model)


class BulkAct(Act[Sequence[Row]]):
    """One thing that staff can do about several rows of a list.

    A subclass says what each row is (`fact_of`) and does it for one row (`do_one`). A row that is
    refused does not stop the others.
    """

    is_about_a_row: ClassVar[bool] = False

    @property
    def facts(self) -> Facts:
        return [self.fact_of(row) for row in self.subject]

    @property
    def back(self) -> str:
        return list_of(type(self.subject[0]))

    def fact_of(self, row: Row) -> tuple[Text, object]:
        """Return the name of a row, and what a person has to know about it."""
        raise NotImplementedError

    def do_one(self, row: Row, filled: dict[str, Any]) -> Text:
        """Do it for one row, and return in words what was done."""
        raise NotImplementedError

    def perform(self, filled: dict[str, Any]) -> Text | Warned:
        done, refused = Counter[str](), Counter[str]()
        for row in self.subject:
            try:
                done[str(self.do_one(row, filled))] += 1
            except PayTrustError as error:
                refused[refusal(error)] += 1
        said = " ".join(map(_counted, (done + refused).items()))
        return Warned(said) if refused else said


def action_of(act: type[BulkAct[Any]]) -> Callable[..., HttpResponse]:
    """Return the action of a list that leads to an act's page, for the rows that are ticked."""

    def lead(page: Any, request: HttpRequest, rows: "QuerySet[Any]") -> HttpResponse:  # noqa: ANN401
        ids = list(rows.values_list("pk", flat=True)[: MOST + 1])
        if len(ids) > MOST:
            text = ngettext("Choose at most %(most)s row.", "Choose at most %(most)s rows.", MOST)
            messages.error(request, text % {"most": MOST})
            return HttpResponseRedirect(request.get_full_path())
        return HttpResponseRedirect(address_of(act, page.model, ids))

    lead.__name__ = f"bulk_{act.path}"
    return lead


def view_of(act: type[BulkAct[Any]], page: Any) -> Callable[..., HttpResponse]:  # noqa: ANN401
    """Return the page of an act; the address has the ids of its rows."""

    def view(request: HttpRequest) -> HttpResponse:
        if not (page.has_view_permission(request) and request.user.has_perm(act.permission)):
            raise PermissionDenied
        asked = request.GET.get("ids", "").split(",")
        ids = {int(one) for one in asked if one.isascii() and one.isdecimal() and len(one) < 19}
        rows = page.get_queryset(request).filter(pk__in=sorted(ids)[:MOST])
        found = list(rows.select_related(*(page.list_select_related or ())).order_by("pk"))
        if not found:
            messages.warning(request, _("No row was chosen."))
            return HttpResponseRedirect(list_of(page.model))
        return run(act(request, found))

    return view


def address_of(act: type[BulkAct[Any]], model: type[Model], ids: Sequence[int]) -> str:
    """Return the address at which an act asks about these rows."""
    page = reverse(f"admin:{name_of(act, model)}")
    return f"{page}?{urlencode({'ids': ','.join(map(str, ids))}, safe=',')}"


def name_of(act: type[BulkAct[Any]], model: type[Model]) -> str:
    """Return the name of an act's address."""
    about = model._meta  # noqa: SLF001  # public
    return f"{about.app_label}_{about.model_name}_bulk_{act.path}"


def list_of(model: type[Model]) -> str:
    """Return the address of the list of a model's rows."""
    about = model._meta  # noqa: SLF001  # public
    return reverse(f"admin:{about.app_label}_{about.model_name}_changelist")


def _counted(said: tuple[str, int]) -> str:
    text, count = said
    return f"{text.removesuffix('.')}: {count}."
