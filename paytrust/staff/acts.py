"""Pages that ask before something is done: what it is, why, and one button."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget

from paytrust.errors import PayTrustError
from paytrust.staff import once

LONGEST_REASON = 500  # characters

Text = str | Promise
View = TypeVar("View", bound=Callable[..., HttpResponse])

REFUSALS: dict[str, Text] = {
    "missing_reason": _("Say why, in at most 500 characters."),
    "proposal_waiting": _(
        "A change has been proposed already; it must be decided on before another one."
    ),
    "own_proposal": _("You proposed this change, so another person must decide on it."),
    "not_your_proposal": _("Somebody else proposed this change: approve or reject it instead."),
    "proposal_decided": _("This proposal has ended, or somebody is deciding on it right now."),
    "invoice_changed": _(
        "Something else is owed now than when this change was proposed. Look at the invoice again."
    ),
    "paid_meanwhile": _(
        "The customer paid before the change could be made. Look at the invoice again."
    ),
    "payment_in_progress": _(
        "A payment of this invoice is being worked on. Try again in a minute."
    ),
    "gateway_timeout": _("The gateway did not answer in time. Nothing was changed; try again."),
    "gateway_unavailable": _("The gateway is away. Nothing was changed; try again later."),
    "invoice_not_cancellable": _(
        "Money is on this invoice, or it has ended: it cannot be cancelled."
    ),
    "invoice_not_payable": _("This invoice is paid or has ended: nothing on it can be changed."),
    "invalid_installments": _("The new totals do not fit what is left to pay."),
    "installment_too_small": _("An instalment would not cover its own tax and fee."),
    "notification_not_failed": _("This notification was processed or ignored, or is still tried."),
    "no_payment_to_ask_about": _("This notification names no payment of ours."),
    "second_person_needed": _("This may be about money: propose it, and another person approves."),
    "no_discrepancy": _("Nothing differs on this invoice, or that was resolved already."),
    "own_sign_in": _("This is your own account: a colleague has to do this."),
    "api_key_not_active": _("This key was rotated or revoked already."),
}
"""What refuses an act, in the reader's language; others are told as they are."""
DONE_ALREADY = _(
    "This was done already, and is not done again. A key that got lost can be rotated."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody is asked before they do something."""

    title: Text
    sentences: Sequence[Text]
    button: Text
    facts: Sequence[tuple[Text, object]] = ()
    is_harmful: bool = False
    counts_once: bool = False  # its answer is a page, and reloading that would do it again


@dataclass(frozen=True, slots=True)
class Warned:
    """What to say after an act that was done and yet came to nothing."""

    text: Text


class NothingToFill(forms.Form):
    """Only the button."""


class ReasonForm(forms.Form):
    """Why something is done; it is kept for good."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("Kept for good; whoever reads it later was not there."),
    )


def button(text: Text, *, path: str, permission: str) -> Callable[[View], View]:
    """Offer a view as a button on an admin's pages, to those with a permission.

    Others get neither the button nor, by its address, the view.
    """
    offered: Callable[[View], View] = action(
        description=text, url_path=path, permissions=[permission]
    )
    return offered


@never_cache
def confirm(
    request: HttpRequest,
    *,
    question: Question,
    back: str,
    act: Callable[[dict[str, Any]], Text | Warned | HttpResponse],
    form_class: Callable[..., forms.Form] = NothingToFill,
    check: Callable[[], object] | None = None,
) -> HttpResponse:
    """Ask, and on POST do it: `act` gets what was filled in.

    It returns what to say on the page that it leads back to, or the whole answer. A refusal is
    shown above the form, which keeps what was filled in; what `check` refuses before anything
    is filled in is shown without a form.
    """
    if request.method != "POST":
        refused = _refused_by(check)
        form = None if refused else form_class()
        return _page(request, question, back, form, refused=refused)
    form = form_class(data=request.POST)
    if not form.is_valid():
        return _page(request, question, back, form)
    if question.counts_once and not once.spend(request):
        messages.warning(request, str(DONE_ALREADY))
        return HttpResponseRedirect(back)
    try:
        said = act(form.cleaned_data)
    except PayTrustError as error:
        form.add_error(None, str(refusal(error)))
        return _page(request, question, back, form, status=error.status)
    if isinstance(said, HttpResponse):
        return said
    if isinstance(said, Warned):
        messages.warning(request, str(said.text))
    else:
        messages.success(request, str(said))
    return HttpResponseRedirect(back)


def refusal(error: PayTrustError) -> Text:
    """Return why something was refused, in the reader's language where we have it."""
    return REFUSALS.get(error.code, str(error))


def _refused_by(check: Callable[[], object] | None) -> PayTrustError | None:
    try:
        if check is not None:
            check()
    except PayTrustError as error:
        return error
    return None


def _page(
    request: HttpRequest,
    question: Question,
    back: str,
    form: forms.Form | None,
    *,
    status: int = HTTPStatus.OK,
    refused: PayTrustError | None = None,
) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": question.title,
        "question": question,
        "form": form,
        "refused": refusal(refused) if refused else None,
        "once": once.new_token() if question.counts_once else None,
        "back": back,
    }
    return render(request, "staff/confirm.html", context, status=status)
