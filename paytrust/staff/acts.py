"""Acts of staff on a page: an act asks first, and one button does it.

An act is a class. A page names its acts (`ReadOnlyAdmin.acts`). Each act gets a button and a view,
only for people with its permission.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Generic, TypeVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget

from paytrust.errors import PayTrustError
from paytrust.staff import once, roles

LONGEST_REASON = 500  # characters

Text = str | Promise
Facts = Sequence[tuple[Text, object]]
Subject = TypeVar("Subject")

DONE_ALREADY = _(
    "This was done already, and is not done again. A key that got lost can be rotated."
)


@dataclass(frozen=True, slots=True)
class Warned:
    """The text to show after an act that was done and had no effect."""

    text: Text


class NothingToFill(forms.Form):
    """A form with only the button."""


class ReasonForm(forms.Form):
    """A form for the reason of an act; the reason is kept for ever."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("Kept for good; whoever reads it later was not there."),
    )


class Act(Generic[Subject]):
    """One thing that staff can do about a subject, such as a row of a list.

    A subclass says what the page asks (`title`, `sentences`, `facts`, `form`), what the act does
    (`perform`), and where its page leads afterwards (`back`). Values that depend on the subject are
    properties. The reader sees the errors that `check` raises before the form and `perform` after
    it; neither error changes anything.
    """

    path: ClassVar[str]  # the last part of the address
    label: ClassVar[Text]  # of the button that leads to the question
    permission: ClassVar[str] = roles.OPERATE
    is_about_a_row: ClassVar[bool] = True  # else the list offers it, without a subject

    title: Text
    sentences: Sequence[Text]
    button: Text
    form_class: type[forms.Form] = NothingToFill
    is_harmful: bool = False
    counts_once: bool = False  # its answer is a page; a reload would do it again

    def __init__(self, request: HttpRequest, subject: Subject) -> None:
        self.request, self.subject = request, subject

    def is_offered(self) -> bool:
        """Return whether a row's page shows the button; without it, `check` still answers."""
        return True

    @property
    def facts(self) -> Facts:
        return ()

    @property
    def back(self) -> str:
        raise NotImplementedError

    def form(self, data: Any = None) -> forms.BaseForm:  # noqa: ANN401  # a QueryDict, or none
        return self.form_class(data=data)

    def check(self) -> None:
        """Refuse before the form is filled in."""

    def perform(self, filled: dict[str, Any]) -> Text | Warned | HttpResponse:
        """Do it; return the text for the page that it leads back to, or the whole answer."""
        raise NotImplementedError


def view_of(act: type[Act[Any]]) -> Callable[..., HttpResponse]:
    """Return the method by which a page offers an act, with its button and its permission."""

    def about_a_row(page: Any, request: HttpRequest, object_id: str) -> HttpResponse:  # noqa: ANN401
        _require_sight(page, request)
        return run(act(request, page.subject(request, object_id)))

    def on_the_list(page: Any, request: HttpRequest) -> HttpResponse:  # noqa: ANN401
        _require_sight(page, request)
        return run(act(request, None))

    view = about_a_row if act.is_about_a_row else on_the_list
    view.__name__ = name_of(act)
    offered: Callable[..., HttpResponse] = action(
        description=act.label, url_path=act.path, permissions=[act.permission]
    )(view)
    return offered


def _require_sight(page: Any, request: HttpRequest) -> None:  # noqa: ANN401  # an admin
    if not page.has_view_permission(request):
        raise PermissionDenied


def name_of(act: type[Act[Any]]) -> str:
    """Return the name of the method that `view_of` makes."""
    return f"do_{act.path.replace('-', '_')}"


@never_cache
def _answer(request: HttpRequest, act: Act[Any]) -> HttpResponse:
    if request.method != "POST":
        refused = _refused_by(act)
        return _page(act, None if refused else act.form(), refused=refused)
    form = act.form(request.POST)
    if not form.is_valid():
        return _page(act, form)
    if act.counts_once and not once.spend(request):
        messages.warning(request, str(DONE_ALREADY))
        return HttpResponseRedirect(act.back)
    try:
        said = act.perform(form.cleaned_data)
    except PayTrustError as error:
        form.add_error(None, str(refusal(error)))
        return _page(act, form, status=error.status)
    if isinstance(said, HttpResponse):
        return said
    if isinstance(said, Warned):
        messages.warning(request, str(said.text))
    else:
        messages.success(request, str(said))
    return HttpResponseRedirect(act.back)


def run(act: Act[Any]) -> HttpResponse:
    """Ask, and on POST do it; a refusal is shown above the form, which keeps what was filled in."""
    return _answer(act.request, act)


def refusal(error: PayTrustError) -> str:
    """Return why an act was refused, in the reader's language if the error has a text for staff."""
    text = type(error).for_staff
    return gettext(str(text)) if text else str(error)


def _refused_by(act: Act[Any]) -> PayTrustError | None:
    try:
        act.check()
    except PayTrustError as error:
        return error
    return None


def _page(
    act: Act[Any],
    form: forms.BaseForm | None,
    *,
    status: int = HTTPStatus.OK,
    refused: PayTrustError | None = None,
) -> HttpResponse:
    context = {
        **admin.site.each_context(act.request),
        "title": act.title,
        "act": act,
        "form": form,
        "refused": refusal(refused) if refused else None,
        "once": once.new_token() if act.counts_once else None,
    }
    return render(act.request, "staff/confirm.html", context, status=status)
