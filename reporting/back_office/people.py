"""Staff and their roles. A change that gives a person more rights takes two people (ADR 0030).

Only a superuser makes or changes superusers, and people cannot change their own rights.
"""

from collections import defaultdict
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import password_validation
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from apikeys.models import Tenant
from apikeys.people import acts as people
from apikeys.people.acts import Rights
from apikeys.staff_acts import recording
from apikeys.two_people import back_office as two_people
from paytrust.errors import PayTrustError
from paytrust.staff import display, roles
from paytrust.staff.acts import Act, Facts, ReasonForm, Text, refusal
from paytrust.staff.pages import BoundedLists, OffersActs, ReadOnlyAdmin

FIELDS = [
    (None, {"fields": ("username", "password")}),
    (_("Name"), {"fields": ("first_name", "last_name", "email")}),
    (_("Rights"), {"fields": ("is_active", "is_staff", "groups", "merchants", "reason")}),
    (_("History"), {"fields": ("signed_in", "joined")}),
]
SUPERUSER_FIELDS = [*FIELDS, (_("Everything"), {"fields": ("is_superuser",)})]
RIGHTS = ("is_active", "is_staff", "groups", "merchants", "is_superuser")
WANTED = "_paytrust_wanted_rights"
NO_REASON = "set on the page of this account"  # where a single administrator gave no reason


class StaffForm(UserChangeForm):  # type: ignore[misc]  # the theme has no types
    """An account; new rights wait for a second administrator."""

    merchants = forms.CharField(
        label=_("Works for these tenants only"),
        required=False,
        help_text=_("One name per line; empty: for all tenants."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=500,
        help_text=_("Why the rights change; another administrator reads it before approving."),
        widget=UnfoldAdminTextInputWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # as a ModelForm's
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["merchants"] = "\n".join(people.rights_of(self.instance).merchants)

    def clean_merchants(self) -> tuple[str, ...]:
        """Return the names of tenants, in alphabetical order.

        Raises:
            ValidationError: no tenant is called so.
        """
        lines = self.cleaned_data["merchants"].replace("\x00", "").splitlines()
        names = {line.strip() for line in lines if line.strip()}
        known = Tenant.objects.filter(name__in=names).order_by("name")
        found = tuple(known.values_list("name", flat=True))
        if unknown := sorted(names.difference(found)):
            raise forms.ValidationError(
                _("No tenant is called so: %(names)s"), params={"names": ", ".join(unknown)}
            )
        return found


class PasswordForm(ReasonForm):
    """A new password, twice."""

    field_order = ("password1", "password2", "reason")
    password1 = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    password2 = forms.CharField(
        label=_("Password, again"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *, user: User, data: Any = None) -> None:  # noqa: ANN401  # a QueryDict
        super().__init__(data=data)
        self._user = user

    def clean(self) -> dict[str, Any]:
        filled: dict[str, Any] = super().clean() or {}
        first, second = filled.get("password1"), filled.get("password2")
        if first and second and first != second:
            self.add_error("password2", _("The two are not the same."))
        elif first:
            try:
                password_validation.validate_password(first, self._user)
            except forms.ValidationError as error:
                self.add_error("password1", error)
        return filled


class ColleagueAct(Act[User]):
    """An act on how a colleague signs in."""

    permission = roles.ADMINISTER
    form_class = ReasonForm
    is_harmful = True

    def is_offered(self) -> bool:
        return self.subject != self.request.user and may_change(self.request, self.subject)

    @property
    def facts(self) -> Facts:
        return [(_("Username"), self.subject.get_username())]

    @property
    def back(self) -> str:
        return reverse("admin:auth_user_change", args=[self.subject.pk])

    def check(self) -> None:
        if not may_change(self.request, self.subject):
            raise PermissionDenied


class SetPassword(ColleagueAct):
    """Give a colleague another password."""

    path = "set-password"
    label = button = _("Set a password")
    title = _("Give this person another password?")
    sentences = (
        _("Unless you are the only administrator, another one must approve it first."),
        _("Within 30 days neither of you can approve what this person proposes, nor they yours."),
    )

    def form(self, data: Any = None) -> PasswordForm:  # noqa: ANN401  # a QueryDict, or none
        return PasswordForm(user=self.subject, data=data)

    def perform(self, filled: dict[str, Any]) -> Text:
        self.check()
        result = people.set_password(
            actor=recording.actor_of(self.request),
            user=self.subject,
            password=filled["password1"],
            reason=filled["reason"],
            now=timezone.now(),
        )
        return two_people.said(result, _("Done: the password is another one."))


class ResetSignIn(ColleagueAct):
    """Let a colleague who lost their second factor, or is locked out, sign in again."""

    path = "reset-sign-in"
    label = button = _("Reset sign-in")
    title = _("Let this person sign in anew?")
    sentences = (
        _("Their authenticator and recovery codes end, and a lock-out is lifted."),
        _("Whoever has their password sets up a new one: make sure that it is them."),
        _("Unless you are the only administrator, another one must approve it first."),
    )

    def perform(self, filled: dict[str, Any]) -> Text:
        self.check()
        result = people.reset_sign_in(
            actor=recording.actor_of(self.request),
            user=self.subject,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return two_people.said(result, _("Done: the next sign-in asks for a new second factor."))


def may_change(request: HttpRequest, person: User) -> bool:
    """Return whether the reader may change a colleague: only superusers change superusers."""
    return people.may_touch(recording.actor_of(request).user, person)


class StaffAdmin(BoundedLists, OffersActs, UserAdmin):  # type: ignore[type-arg]  # the theme has no types
    checks_class = ReadOnlyAdmin.checks_class
    form = StaffForm
    add_form = UserCreationForm
    add_fieldsets = UserAdmin.add_fieldsets  # because the theme's own, which comes first, is empty
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "email", "is_active", "signed_in")
    list_filter = ("is_active", "groups")
    readonly_fields = ("signed_in", "joined")
    filter_horizontal = ()
    acts = (SetPassword, ResetSignIn)

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:  # noqa: ANN401
        if obj is None:
            return self.add_fieldsets
        return SUPERUSER_FIELDS if request.user.is_superuser else FIELDS

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if isinstance(obj, User) and not may_change(request, obj):
            return False
        return bool(super().has_change_permission(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:  # noqa: ANN401
        own = obj is not None and obj.pk == request.user.pk
        return (*self.readonly_fields, *(RIGHTS if own else ()))

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002  # Django's name
        form_url: str = "",
    ) -> HttpResponse:
        """Open the page that changes one's own password, or ask to set a colleague's."""
        if str(request.user.pk) == id:
            return HttpResponseRedirect(reverse("admin:password_change"))
        if not self.has_change_permission(request, self.subject(request, id)):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:auth_user_do_set_password", args=[id]))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Change names at once, and propose other rights after that."""
        answer: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        wanted: tuple[User, Rights, str] | None = getattr(request, WANTED, None)
        if wanted:
            try:
                self._ask(request, *wanted)
            except PayTrustError as error:
                messages.error(request, refusal(error))
        return answer

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: ANN401
        actor, now = recording.actor_of(request), timezone.now()
        if not change:
            super().save_model(request, obj, form, change)
            people.record_made(actor=actor, user=obj, now=now)
            return
        stored = User.objects.get(pk=obj.pk)
        has, filled = people.rights_of(stored), form.cleaned_data
        wanted = Rights(
            is_active=filled.get("is_active", has.is_active),
            is_staff=filled.get("is_staff", has.is_staff),
            is_superuser=filled.get("is_superuser", has.is_superuser),
            roles=tuple(sorted(role.name for role in filled["groups"]))
            if "groups" in filled
            else has.roles,
            merchants=has.merchants if obj.pk == request.user.pk else filled["merchants"],
        )
        obj.is_active, obj.is_staff, obj.is_superuser = (
            has.is_active,
            has.is_staff,
            has.is_superuser,
        )
        super().save_model(request, obj, form, change)
        if fields := [name for name in form.changed_data if name not in (*RIGHTS, "reason")]:
            people.record_changed(actor=actor, user=obj, fields=fields, now=now)
        if wanted != has:
            setattr(request, WANTED, (obj, wanted, filled.get("reason", "")))

    def message_user(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Leave "was changed successfully" out where rights wait: `_ask` says what happened."""
        if getattr(request, WANTED, None) is None:
            super().message_user(request, *args, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: ANN401
        if not change:
            super().save_related(request, form, formsets, change)

    def _ask(self, request: HttpRequest, user: User, wanted: Rights, reason: str) -> None:
        actor, now = recording.actor_of(request), timezone.now()
        if wanted == replace(people.rights_of(user), is_active=False):
            people.lock_out(actor=actor, user=user, now=now)
            messages.success(request, gettext("The account is inactive."))
            return
        result = people.change_rights(
            actor=actor, user=user, rights=wanted, reason=reason or NO_REASON, now=now
        )
        said = two_people.said(result, _("The rights are changed."))
        messages.success(request, str(said))

    @admin.display(description=_("Last sign-in"), ordering="last_login")
    def signed_in(self, person: User) -> SafeString | str:
        return display.moment(person.last_login)

    @admin.display(description=_("Works for these tenants only"))
    def merchants(self, person: User) -> str:
        return ", ".join(people.rights_of(person).merchants) or display.EMPTY

    @admin.display(description=_("Joined"))
    def joined(self, person: User) -> SafeString | str:
        return display.moment(person.date_joined)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # acts keep the name; who leaves becomes inactive


class RoleAdmin(ReadOnlyAdmin):
    """Roles; migrations define them."""

    list_display = ("name",)
    fields = ("name", "may")
    ordering = ("id",)

    @admin.display(description=_("May"))
    def may(self, role: Group) -> SafeString:
        return display.paragraphs(_rights_of(role))


def _rights_of(role: Group) -> list[str]:
    """Return what a role may do, and which of the pages it may see and change."""
    own, pages = list[str](), defaultdict[Text, list[str]](list)
    rows = role.permissions.select_related("content_type")
    for one in rows.order_by("content_type__app_label", "codename"):
        model = one.content_type.model_class()
        act = ACTS.get(one.codename.partition("_")[0])
        if act is None:
            own.append(gettext(one.name))
        elif model and admin.site.is_registered(model):
            pages[act].append(str(model._meta.verbose_name_plural))  # noqa: SLF001
    return [*own, *(f"{act}: {', '.join(names)}" for act, names in pages.items())]


ACTS = {"view": _("See"), "add": _("Add"), "change": _("Change")}
MODELS = {User: StaffAdmin, Group: RoleAdmin}
