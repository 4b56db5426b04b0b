"""Signing in: a password, then a code of the user's authenticator or a recovery code."""

import math
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from axes.utils import reset as lift_lock_out
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django_otp import devices_for_user, verify_token
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminTextInputWidget

CODE_DIGITS = 6
KEPT_FOR = timedelta(days=30)  # attempts to sign in; the trail of acts keeps what was done


class SignInForm(AuthenticationForm):  # type: ignore[misc]  # the theme has no types
    """User name, password and, for people with a second factor, its code."""

    error_messages: ClassVar = {
        **AuthenticationForm.error_messages,
        "invalid_login": _("No account of the back office has this user name and password."),
    }

    otp_token = forms.CharField(
        label=_("Code"),
        required=False,
        max_length=16,
        help_text=_("Six digits from your authenticator, or a recovery code."),
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "off", "spellcheck": "false"}
        ),
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        user = self.get_user()
        if user is not None and has_second_factor(user):
            self._check_code(user, cleaned.get("otp_token", "").replace(" ", ""))
        return cleaned

    def _check_code(self, user: AbstractBaseUser, code: str) -> None:
        if not code and not settings.SECOND_FACTOR_REQUIRED:
            return
        if not code:
            raise ValidationError(
                _("Enter the code that your authenticator shows."), code="token_required"
            )
        user.otp_device = accepting_device(user, code)  # type: ignore[attr-defined]  # read at login
        if user.otp_device is None:  # type: ignore[attr-defined]
            user_login_failed.send(  # so that wrong codes count for the lock-out, too
                sender=type(self),
                credentials={"username": user.get_username()},
                request=self.request,
            )
            raise ValidationError(
                _("This code is wrong, was used already, or came too soon after a wrong one."),
                code="invalid_token",
            )


def has_second_factor(user: Any) -> bool:  # noqa: ANN401  # an AbstractBaseUser
    """Return whether a user has an authenticator."""
    return next(devices_for_user(user), None) is not None


def accepting_device(user: Any, code: str) -> TOTPDevice | StaticDevice | None:  # noqa: ANN401
    """Return the user's device that accepts a code; the code is then used up.

    Only devices whose codes have this form are asked, because a wrong code makes a device wait.
    """
    is_totp = len(code) == CODE_DIGITS and code.isdecimal()
    kind = TOTPDevice if is_totp else StaticDevice
    if is_totp and not settings.SECOND_FACTOR_REQUIRED:
        # Programs on a developer's machine sign in more often than codes change.
        TOTPDevice.objects.filter(user=user).update(last_t=-1)
    for device in kind.objects.filter(user=user, confirmed=True).order_by("pk"):
        accepted = verify_token(user, device.persistent_id, code.lower())
        if accepted is not None:
            return accepted
    return None


def start_over(user: Any) -> None:  # noqa: ANN401  # an AbstractBaseUser
    """Remove a user's second factor and lock-outs, so that they set up a new one at sign-in.

    Their open sessions ask for it, too. Their password stays.
    """
    with transaction.atomic():
        for kind in (TOTPDevice, StaticDevice):
            kind.objects.filter(user=user).delete()
        lift_lock_out(username=user.get_username())


def may_enter(request: HttpRequest) -> bool:
    """Return whether the user is staff and has shown the second factor where it is required."""
    user: Any = request.user
    if not (user.is_active and user.is_staff):
        return False
    return not settings.SECOND_FACTOR_REQUIRED or bool(user.is_verified())


def locked_out(request: HttpRequest, _answer: object, _credentials: object) -> HttpResponse:
    """Answer a person who failed too often."""
    return come_later(request, seconds=int(settings.AXES_COOLOFF_TIME.total_seconds()))


def come_later(request: HttpRequest, *, seconds: int) -> HttpResponse:
    """Answer that the next attempt must wait, before any work is done for this one."""
    minutes = math.ceil(seconds / 60)
    context = {
        **admin.site.each_context(request),
        "title": _("Too many attempts"),
        "minutes": minutes,
    }
    page = render(request, "staff/locked_out.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)
    page.headers["Retry-After"] = str(seconds)
    return page


def purge_attempts(*, now: datetime) -> int:
    """Delete attempts to sign in that are older than KEPT_FOR; return how many."""
    before = now - KEPT_FOR
    return sum(
        kind.objects.filter(attempt_time__lt=before).delete()[0]
        for kind in (AccessAttempt, AccessFailureLog, AccessLog)
    )
