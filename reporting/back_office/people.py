"""Staff and their roles. Only a superuser makes superusers or touches one."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from paytrust.staff.pages import ReadOnlyAdmin

FIELDS = [
    (None, {"fields": ("username", "password")}),
    (_("Name"), {"fields": ("first_name", "last_name", "email")}),
    (_("Rights"), {"fields": ("is_active", "is_staff", "groups")}),
    (_("History"), {"fields": ("last_login", "date_joined")}),
]
SUPERUSER_FIELDS = [*FIELDS, (_("Everything"), {"fields": ("is_superuser",)})]


class StaffAdmin(ModelAdmin, UserAdmin):  # type: ignore[type-arg, misc]  # the theme has no types
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "email", "is_active", "last_login")
    list_filter = ("is_active", "groups")
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:  # noqa: ANN401
        if obj is None:
            return self.add_fieldsets
        return SUPERUSER_FIELDS if request.user.is_superuser else FIELDS

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if isinstance(obj, User) and obj.is_superuser and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # what they did stays told by name; leavers become inactive


class RoleAdmin(ReadOnlyAdmin):
    """Roles are what the migrations say."""

    list_display = ("name",)
    fields = ("name", "may")
    ordering = ("id",)

    @admin.display(description=_("May"))
    def may(self, role: Group) -> SafeString:
        names = role.permissions.order_by("content_type__app_label", "codename")
        return format_html_join("", "<div>{}</div>", names.values_list("name"))


MODELS = {User: StaffAdmin, Group: RoleAdmin}
