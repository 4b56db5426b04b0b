"""The page on which a member of staff chooses their notices by e-mail."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apikeys.tenants import wall
from reporting.notices import selectors, services
from reporting.notices.models import NoticeProfile


class NoticesForm(forms.Form):
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Tell me when"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"), choices=NoticeProfile.Language.choices
    )

    def __init__(self, *, user: User, **more: Any) -> None:  # noqa: ANN401  # as a form's
        super().__init__(**more)
        kinds = [(kind.value, kind.label) for kind in selectors.kinds_for(user)]
        self.fields["kinds"].choices = kinds  # type: ignore[attr-defined]


def notices(request: HttpRequest) -> HttpResponse:
    """Show what a member of staff chose, and keep what they choose."""
    assert isinstance(request.user, User), "only staff reach the pages for staff"
    if request.method == "POST":
        form = NoticesForm(user=request.user, data=request.POST)
        if form.is_valid():
            with wall.lowered_for_staff():  # it is no tenant's
                services.choose(
                    user=request.user,
                    kinds=form.cleaned_data["kinds"],
                    language=form.cleaned_data["language"],
                    now=timezone.now(),
                )
            messages.success(request, _("Your choice is kept."))
            return HttpResponseRedirect(reverse("admin:notices"))
    else:
        with wall.lowered_for_staff():
            chosen = NoticeProfile.objects.filter(user=request.user).first()
        initial: dict[str, Any] = {"language": translation.get_language(), "kinds": []}
        if chosen:
            initial = {"language": chosen.language, "kinds": chosen.kinds}
        form = NoticesForm(user=request.user, initial=initial)
    context = {**admin.site.each_context(request), "title": _("Notices by e-mail"), "form": form}
    return render(request, "staff/notices.html", context)
