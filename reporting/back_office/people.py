"""Staff and their roles. Only a superuser makes superusers or touches one."""

from collections import defaultdict
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from apikeys.keys import acts as administering
from apikeys.staff_acts import recording
from paytrust.staff import display, roles
from paytrust.staff.acts import Act, Facts, ReasonForm, Text
from paytrust.staff.pages import BoundedLists, OffersActs, ReadOnlyAdmin

FIELDS = [
    (None, {"fields": ("username", "password")}),
    (_("Name"), {"fields": ("first_name", "last_name", "email")}),
    (_("Rights"), {"fields": ("is_active", "is_staff", "groups")}),
    (_("History"), {"fields": ("signed_in", "joined")}),
]
SUPERUSER_FIELDS = [*FIELDS, (_("Everything"), {"fields": ("is_superuser",)})]


class ResetSignIn(Act[User]):
    """Let a colleague who lost their second factor, or is locked out, sign in anew."""

    path = "reset-sign-in"
    label = button = _("Reset sign-in")
    permission = roles.ADMINISTER
    title = _("Let this person sign in anew?")
    sentences = (
        _("Their authenticator and recovery codes end, and a lock-out is lifted."),
        _("Whoever has their password sets up a new one: make sure that it is them."),
    )
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

    def perform(self, filled: dict[str, Any]) -> Text:
        self.check()
        administering.reset_sign_in(
            actor=recording.actor_of(self.request),
            user=self.subject,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("Done: the next sign-in asks for a new second factor.")


def may_change(request: HttpRequest, person: User) -> bool:
    """Tell whether whoever asks may touch a colleague: only superusers touch superusers."""
    return not person.is_superuser or request.user.is_superuser


class StaffAdmin(BoundedLists, OffersActs, UserAdmin):  # type: ignore[type-arg]  # the theme has no types
    checks_class = ReadOnlyAdmin.checks_class
    form = UserChangeForm
    add_form = UserCreationForm
    add_fieldsets = UserAdmin.add_fieldsets  # the theme's own, which comes first, is empty
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "email", "is_active", "signed_in")
    list_filter = ("is_active", "groups")
    readonly_fields = ("signed_in", "joined")
    filter_horizontal = ()
    acts = (ResetSignIn,)

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:  # noqa: ANN401
        if obj is None:
            return self.add_fieldsets
        return SUPERUSER_FIELDS if request.user.is_superuser else FIELDS

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if isinstance(obj, User) and not may_change(request, obj):
            return False
        return bool(super().has_change_permission(request, obj))

    @admin.display(description=_("Last sign-in"), ordering="last_login")
    def signed_in(self, person: User) -> SafeString | str:
        return display.moment(person.last_login)

    @admin.display(description=_("Joined"))
    def joined(self, person: User) -> SafeString | str:
        return display.moment(person.date_joined)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # what they did stays told by name; leavers become inactive


class RoleAdmin(ReadOnlyAdmin):
    """Roles are what the migrations say."""

    list_display = ("name",)
    fields = ("name", "may")
    ordering = ("id",)

    @admin.display(description=_("May"))
    def may(self, role: Group) -> SafeString:
        return format_html_join("", "<p>{}</p>", ((line,) for line in _rights_of(role)))


def _rights_of(role: Group) -> list[str]:
    """Say what a role may do, and which of the pages it may see and change."""
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
