"""Notes and the assignee of an invoice in the back office."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from apikeys.staff_acts import recording
from apikeys.tenants import wall
from invoices.follow_up import selectors, services
from invoices.invoices.back_office import AboutInvoice
from invoices.models import Assignment
from paytrust.staff.acts import LONGEST_REASON, Text

MINE, FREE = "me", "none"


class NoteForm(forms.Form):
    note = forms.CharField(
        label=_("Note"),
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("Kept for good, in the history of the invoice."),
    )


class Colleague(forms.ModelChoiceField[User]):
    """A choice among members of staff, by their names."""

    def label_from_instance(self, obj: Any) -> str:  # noqa: ANN401  # a User
        return shown_name(obj)


class AssignmentForm(forms.Form):
    """Who looks after the invoice from now on."""

    assignee = Colleague(
        label=_("Assigned to"),
        queryset=User.objects.none(),
        required=False,
        empty_label=_("No person"),
        widget=UnfoldAdminSelectWidget(),
    )
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("What this person has to know; empty is fine."),
    )


class Note(AboutInvoice):
    path = "note"
    label = _("Write a note")
    title = _("Note on an invoice")
    sentences = (_("Colleagues see it in the history of the invoice."),)
    button = _("Keep the note")
    form_class = NoteForm

    def perform(self, filled: dict[str, Any]) -> Text:
        services.note(
            actor=recording.actor_of(self.request),
            invoice_id=self.subject.pk,
            text=filled["note"],
            now=timezone.now(),
        )
        return _("The note is kept.")


class Assign(AboutInvoice):
    """Name the colleague who looks after an invoice."""

    path = "assign"
    label = button = _("Assign")
    title = _("Who looks after this invoice?")
    sentences = (_("One person looks after it; everybody else may still work on it."),)

    def form(self, data: Any = None) -> AssignmentForm:  # noqa: ANN401  # a QueryDict, or none
        with wall.lowered_for_staff():  # whom colleagues are bound to is no tenant's
            people = [person.pk for person in selectors.assignable(self.subject)]
        now = selectors.assignee_of(self.subject)
        form = AssignmentForm(data, initial={"assignee": now.pk if now else None})
        form.fields["assignee"].queryset = User.objects.filter(pk__in=people).order_by(  # type: ignore[attr-defined]
            "first_name", "username"
        )
        return form

    def perform(self, filled: dict[str, Any]) -> Text:
        person: User | None = filled["assignee"]
        services.assign(
            actor=recording.actor_of(self.request),
            invoice_id=self.subject.pk,
            to=person,
            reason=filled["note"],
            now=timezone.now(),
        )
        return _("The invoice is assigned.") if person else _("No person is assigned any more.")


class AssigneeFilter(DropdownFilter):  # type: ignore[misc]  # the theme has no types
    """Rows of invoices that the reader looks after, or that no person does."""

    title = _("assigned to")
    parameter_name = "assigned"
    invoice_column = "pk"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(MINE, str(_("you"))), (FREE, str(_("no person")))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == MINE:
            mine = selectors.assigned_to(request.user.pk or 0).values("invoice_id")
            return queryset.filter(**{f"{self.invoice_column}__in": mine})
        if self.value() == FREE:
            taken = Assignment.objects.filter(invoice_id=OuterRef(self.invoice_column))
            return queryset.filter(~Q(Exists(taken)))
        return queryset


def shown_name(user: User) -> str:
    """Return what colleagues call a member of staff."""
    return user.get_full_name() or user.get_username()
