"""Setting up one's own second factor: an authenticator by QR code, and recovery codes."""

from base64 import b32encode
from typing import Any

import segno
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import login as verify_session
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from paytrust.staff import sign_in

RECOVERY_CODES = 8


@never_cache
@sensitive_post_parameters()
def second_factor(request: HttpRequest) -> HttpResponse:
    """Show the state of one's second factor, or set one up."""
    user: Any = request.user
    if not (user.is_authenticated and user.is_active and user.is_staff):
        return HttpResponseRedirect(reverse("admin:login"))
    if not sign_in.has_second_factor(user):
        return _set_up(request, user)
    if not user.is_verified():  # signed in by password only: the code comes first
        return _verify(request, user)
    codes = new_recovery_codes(user) if request.method == "POST" else []
    left = StaticToken.objects.filter(device__user=user).count()
    return _page(request, {"is_on": True, "codes": codes, "codes_left": left})


def new_recovery_codes(user: Any) -> list[str]:  # noqa: ANN401  # an AbstractBaseUser
    """Replace a user's recovery codes; return the new ones, which are never shown again."""
    codes = [StaticToken.random_token() for _number in range(RECOVERY_CODES)]
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        device = StaticDevice.objects.create(user=user, name="recovery codes")
        StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


def _set_up(request: HttpRequest, user: Any) -> HttpResponse:  # noqa: ANN401  # an AbstractBaseUser
    device, _made = TOTPDevice.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "authenticator"}
    )
    if request.method != "POST":
        return _page(request, {"is_on": False, **_invitation(device)})
    code = request.POST.get("otp_token", "").replace(" ", "")
    if not device.verify_token(code):
        messages.error(request, _("This code is wrong. Wait for the next one and try again."))
        return _page(request, {"is_on": False, **_invitation(device)})
    with transaction.atomic():
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        codes = new_recovery_codes(user)
    verify_session(request, device)
    messages.success(request, _("Your second factor is on."))
    return _page(request, {"is_on": True, "codes": codes, "codes_left": len(codes)})


def _verify(request: HttpRequest, user: Any) -> HttpResponse:  # noqa: ANN401  # an AbstractBaseUser
    if request.method == "POST":
        code = request.POST.get("otp_token", "").replace(" ", "")
        device = sign_in.accepting_device(user, code)
        if device is not None:
            verify_session(request, device)
            return HttpResponseRedirect(reverse("admin:second_factor"))
        messages.error(request, _("This code is wrong. Wait for the next one and try again."))
    return _page(request, {"asks": True})


def _invitation(device: TOTPDevice) -> dict[str, str]:
    secret = b32encode(device.bin_key).decode()
    return {
        "qr_code": segno.make(device.config_url).svg_data_uri(scale=5, border=2),
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
    }


def _page(request: HttpRequest, context: dict[str, object]) -> HttpResponse:
    return render(
        request,
        "staff/second_factor.html",
        {**admin.site.each_context(request), "title": _("Second factor"), **context},
    )
