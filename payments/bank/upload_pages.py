"""Uploads of bank statements in the back office: how far each is, and why one failed."""

import json
from http import HTTPStatus
from typing import ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.staff_acts import recording
from payments.bank import acts, uploads
from payments.bank.models import BankUpload
from paytrust.errors import PayTrustError
from paytrust.staff import display, roles
from paytrust.staff.acts import refusal
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str
Status = BankUpload.Status
TONES = {Status.DONE: "good", Status.FAILED: "bad"}


class BankUploadAdmin(ReadOnlyAdmin):
    """Files that were uploaded."""

    fields = ("state", "problem", "imported", "file_name", "size_bytes", "uploaded_by", "created")
    list_display = ("id", "state", "file_name", "uploaded_by", "imported", "created")
    list_select_related = ("uploaded_by", "file")
    ordering: ClassVar = ("-id",)

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "payments_bankupload"
        return [
            path("begin/", view(_begin), name=f"{name}_begin"),
            path("<int:upload_id>/pieces/<int:number>/", view(_piece), name=f"{name}_piece"),
            *super().get_urls(),
        ]

    @admin.display(description=_("State"))
    def state(self, made: BankUpload) -> Shown:
        tone = TONES.get(Status(made.status), "plain")
        label = display.label(made.get_status_display(), tone)
        if made.status != Status.WAITING:
            return label
        return format_html("<span data-reload>{}</span>", label)

    @admin.display(description=_("Imported in"))
    def imported(self, made: BankUpload) -> Shown:
        return display.link("payments_bankfile", made.file_id)

    @admin.display(description=_("Begun"))
    def created(self, made: BankUpload) -> Shown:
        return display.moment(made.created_at)


def _begin(request: HttpRequest) -> HttpResponse:
    """Open an upload for the page's script."""
    if not roles.may_operate(request):
        raise PermissionDenied
    try:
        asked = json.loads(request.body)
        made = acts.upload(
            actor=recording.actor_of(request),
            file_name=str(asked["name"]).replace("\x00", ""),
            size_bytes=int(asked["size"]),
            now=timezone.now(),
        )
    except PayTrustError as error:
        return JsonResponse({"message": refusal(error)}, status=error.status)
    except (KeyError, TypeError, ValueError):
        return JsonResponse({"message": gettext("Fill in each field.")}, status=400)
    pieces = reverse("admin:payments_bankupload_piece", args=(made.pk, 0))
    return JsonResponse(
        {
            "piece_bytes": uploads.PIECE_BYTES,
            "pieces": pieces.removesuffix("0/"),
            "next": reverse("admin:payments_bankupload_change", args=(made.pk,)),
        },
        status=HTTPStatus.CREATED,
    )


def _piece(request: HttpRequest, upload_id: int, number: int) -> HttpResponse:
    """Take one piece of a file from the page's script."""
    if not roles.may_operate(request):
        raise PermissionDenied
    get_object_or_404(BankUpload, pk=upload_id)
    try:
        uploads.add_piece(
            upload_id=upload_id, number=number, content=request.body, now=timezone.now()
        )
    except PayTrustError as error:
        return JsonResponse({"message": refusal(error)}, status=error.status)
    return JsonResponse({})
