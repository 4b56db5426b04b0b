"""Staff and their roles. Only a superuser makes superusers or touches one."""

from collections import defaultdict
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from apikeys.keys import acts as administering
from apikeys.staff_acts import recording
from paytrust.staff import acts, display, roles
from paytrust.staff.pages import ReadOnlyAdmin

FIELDS = [
    (None, {"fields": ("username", "password")}),
    (_("Name"), {"fields": ("first_name", "last_name", "email")}),
    (_("Rights"), {"fields": ("is_active", "is_staff", "groups")}),
    (_("History"), {"fields": ("signed_in", "joined")}),
]
SUPERUSER_FIELDS = [*FIELDS, (_("Everything"), {"fields": ("is_superuser",)})]


class StaffAdmin(ModelAdmin, UserAdmin):  # type: ignore[type-arg, misc]  # the theme has no types
    checks_class = ReadOnlyAdmin.checks_class
    form = UserChangeForm
    add_form = UserCreationForm
    add_fieldsets = UserAdmin.add_fieldsets  # the theme's own, which comes first, is empty
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "email", "is_active", "signed_in")
    list_filter = ("is_active", "groups")
    readonly_fields = ("signed_in", "joined")
    filter_horizontal = ()
    actions_detail = ("reset_sign_in",)

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:  # noqa: ANN401
        if obj is None:
            return self.add_fieldsets
        return SUPERUSER_FIELDS if request.user.is_superuser else FIELDS

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if isinstance(obj, User) and obj.is_superuser and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> Any:  # noqa: ANN401
        person = self.get_object(request, object_id)
        if person == request.user or not self.has_change_permission(request, person):
            return []
        return super().get_actions_detail(request, object_id)

    @acts.button(_("Reset sign-in"), path="reset-sign-in", permission=roles.ADMINISTER)
    def reset_sign_in(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let a colleague who lost their second factor, or is locked out, sign in anew."""
        person = self.get_object(request, object_id)
        if person is None:
            raise Http404
        if not self.has_change_permission(request, person):
            raise PermissionDenied

        def reset(filled: dict[str, Any]) -> acts.Text:
            administering.reset_sign_in(
                actor=recording.actor_of(request),
                user=person,
                reason=filled["reason"],
                now=timezone.now(),
            )
            return _("Done: the next sign-in asks for a new second factor.")

        return acts.confirm(
            request,
            question=acts.Question(
                title=_("Let this person sign in anew?"),
                sentences=[
                    _("Their authenticator and recovery codes end, and a lock-out is lifted."),
                    _("Whoever has their password sets up a new one: make sure that it is them."),
                ],
                facts=[(_("Username"), person.get_username())],
                button=_("Reset sign-in"),
                is_harmful=True,
            ),
            back=reverse("admin:auth_user_change", args=[person.pk]),
            act=reset,
            form_class=acts.ReasonForm,
        )

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
    own, pages = list[str](), defaultdict[acts.Text, list[str]](list)
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
