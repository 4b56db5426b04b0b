"""Imports in the back office: upload a file, look at what would match, import it, take it back."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from apikeys.models import Tenant
from apikeys.staff_acts import recording
from apikeys.tenants import wall
from gateways.models import Gateway, GatewayAccount
from payments.settlement import acts, files, services, uploads
from payments.settlement.models import (
    STATES,
    SettlementControl,
    SettlementImport,
    SettlementTerms,
)
from payments.settlement.reading import COLUMNS
from paytrust.errors import PayTrustError
from paytrust.money import EXPONENTS
from paytrust.staff import display, roles
from paytrust.staff.acts import Act, Facts, ReasonForm, Text, refusal
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str
Status = SettlementImport.Status
TONES = {Status.DONE: "good", Status.FAILED: "bad", Status.UPLOADED: "warn"}
CHANGE = "admin:payments_settlementimport_change"


class UploadForm(forms.Form):
    """A file and whose it is; the page's script sends it piece by piece."""

    account = forms.ChoiceField(label=_("Account"), widget=UnfoldAdminSelectWidget)
    currency = forms.ChoiceField(
        label=_("Currency"),
        choices=[(code, code) for code in EXPONENTS],
        help_text=_("Of rows that name none."),
        widget=UnfoldAdminSelectWidget,
    )
    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV or XLSX, as the gateway's dashboard exports it."),
        widget=UnfoldAdminFileFieldWidget,
    )

    def __init__(self, *, data: Any = None) -> None:  # noqa: ANN401  # a QueryDict, or none
        super().__init__(data=data)
        self.fields["account"].choices = account_choices()  # type: ignore[attr-defined]
        self.fields["file"].widget.attrs |= {
            "data-upload": reverse("admin:payments_settlementimport_begin"),
            "accept": ".csv,.txt,.xlsx",
        }


class Upload(Act[None]):
    """Upload a settlement file; nothing is imported before its preview was seen."""

    path = "upload"
    label = title = _("Upload a settlement file")
    button = _("Upload")
    is_about_a_row = False
    sentences = (_("Before anything is imported, the next page shows what would match."),)
    form_class = UploadForm

    @property
    def back(self) -> str:
        return reverse("admin:payments_settlementimport_changelist")

    def perform(self, filled: dict[str, Any]) -> Text:
        raise uploads.SettlementUploadEnded  # the script of the page sends files, no form does


class Start(Act[SettlementImport]):
    """Import an uploaded file after a look at what would match."""

    path = "start"
    label = title = _("Look at the preview")
    button = _("Import")
    sentences = (_("Nothing was imported yet. This is what the import would find."),)

    @property
    def back(self) -> str:
        return reverse(CHANGE, args=(self.subject.pk,))

    def is_offered(self) -> bool:
        return self.subject.status == Status.UPLOADED

    @cached_property
    def _preview(self) -> services.Preview:
        made = SettlementImport.objects.get(pk=self.subject.pk)
        return services.preview_upload(made=made, file=files.opened(made), now=timezone.now())

    def check(self) -> None:
        if not self.is_offered():
            raise uploads.SettlementUploadEnded
        if self.request.method == "GET":
            _ = self._preview

    @property
    def facts(self) -> Facts:
        if self.request.method != "GET" or not self.is_offered():
            return ()
        try:
            return list(_facts(self._preview))
        except PayTrustError:
            return ()

    def perform(self, filled: dict[str, Any]) -> Text:
        acts.start(actor=recording.actor_of(self.request), made=self.subject, now=timezone.now())
        return _("A worker imports the file now. This page shows how far it is.")


class Withdraw(Act[SettlementImport]):
    """Take an import back."""

    path = "withdraw"
    label = title = _("Withdraw this import")
    button = _("Withdraw")
    is_harmful = True
    form_class = ReasonForm
    sentences = (
        _("Its lines stay, and count no more. What they ended or opened is judged again."),
        _("The same file can be imported again."),
    )

    @property
    def back(self) -> str:
        return reverse(CHANGE, args=(self.subject.pk,))

    def is_offered(self) -> bool:
        made = self.subject
        again = SettlementImport.objects.filter(withdraws=made).exists()
        return made.status == Status.DONE and made.withdraws_id is None and not again

    def perform(self, filled: dict[str, Any]) -> Text:
        made = acts.withdraw(
            actor=recording.actor_of(self.request),
            made=self.subject,
            reason=filled["reason"],
            now=timezone.now(),
        )
        if made.status == Status.DONE:
            return _("The import was withdrawn.")
        return _("A worker takes the lines back now. This page shows how far it is.")


COLUMN_LABELS: dict[str, Promise] = {
    "reference": _("Reference"),
    "gross": _("Gross"),
    "fee": _("Gateway fee"),
    "kind": _("Kind"),
    "occurred_at": _("When it happened"),
    "vat": _("VAT"),
    "withholding": _("Withholding tax"),
    "net": _("Net"),
    "settlement_at": _("Settled by the gateway"),
    "payout_id": _("Payout"),
    "gateway_id": _("Transaction id at the gateway"),
    "refund_id": _("Refund id at the gateway"),
    "channel": _("Channel"),
    "status": _("State"),
    "currency": _("Currency"),
}


class ColumnsForm(forms.Form):
    """What an account's files call each column; several names are separated by commas."""

    def __init__(
        self,
        *,
        known: dict[str, Sequence[str]],
        data: Any = None,  # noqa: ANN401  # a QueryDict, or none
    ) -> None:
        super().__init__(data=data)
        for name, usual in COLUMNS.items():
            self.fields[name] = forms.CharField(
                label=str(COLUMN_LABELS[name]),
                required=False,
                max_length=500,
                initial=", ".join(known.get(name, ())),
                help_text=", ".join(usual),
                widget=UnfoldAdminTextInputWidget,
            )

    def names(self) -> dict[str, list[str]]:
        """Return the headers that were filled in, by the names of COLUMNS."""
        filled = {
            name: [one.strip() for one in text.split(",") if one.strip()]
            for name, text in self.cleaned_data.items()
        }
        return {name: headers for name, headers in filled.items() if headers}


class NameColumns(Act[SettlementImport]):
    """Say what the files of an account call their columns."""

    path = "columns"
    label = title = _("Name the columns of this account's files")
    button = _("Keep")
    sentences = (
        _("PayTrust finds columns by the names below each field. Write others before them."),
    )

    @property
    def back(self) -> str:
        return reverse(CHANGE, args=(self.subject.pk,))

    def is_offered(self) -> bool:
        return self.subject.source == SettlementImport.Source.UPLOAD

    def form(self, data: Any = None) -> ColumnsForm:  # noqa: ANN401  # a QueryDict, or none
        terms = SettlementTerms.objects.filter(
            gateway_id=self.subject.gateway_id, account_id=self.subject.account_id
        ).first()
        return ColumnsForm(known=terms.columns if terms else {}, data=data)

    def perform(self, filled: dict[str, Any]) -> Text:
        form = self.form(self.request.POST)
        form.is_valid()
        acts.name_columns(
            actor=recording.actor_of(self.request),
            made=self.subject,
            columns=form.names(),
            now=timezone.now(),
        )
        return _("Kept. Every file of this account is read so from now on.")


class SettlementImportAdmin(ReadOnlyAdmin):
    """Files and rounds of gateways' lists, and how far each import is."""

    fields = (
        "state",
        "why",
        "gateway",
        "account",
        "tenant",
        "source",
        "file_name",
        "sha256",
        "line_count",
        "new_count",
        "results",
        "control_total",
        "covered",
        "withdraws",
        "reason",
        "imported_by",
        "imported",
    )
    list_display = (
        "id",
        "state",
        "gateway",
        "tenant",
        "source",
        "file_name",
        "line_count",
        "new_count",
        "covered",
        "imported",
    )
    list_filter = ("status", "source", "gateway")
    list_select_related = ("tenant", "gateway", "account", "withdrawn_by", "control")
    exact_search = ("sha256", "file_name")
    acts = (Upload, Start, Withdraw, NameColumns)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "payments_settlementimport"
        return [
            path("upload/begin/", view(_begin), name=f"{name}_begin"),
            path("<int:import_id>/pieces/<int:number>/", view(_piece), name=f"{name}_piece"),
            *super().get_urls(),
        ]

    @admin.display(description=_("State"))
    def state(self, made: SettlementImport) -> Shown:
        if hasattr(made, "withdrawn_by"):
            return _progress(display.label(_("withdrawn"), "warn"), made.withdrawn_by)
        label = display.label(made.get_status_display(), TONES.get(Status(made.status), "plain"))
        return _progress(label, made)

    @admin.display(description=_("Why it failed"))
    def why(self, made: SettlementImport) -> Shown:
        if not made.problem:
            return display.EMPTY
        found = ", ".join(map(str, made.problem["details"].get("found", ())))
        texts = [made.problem["detail"]]
        if found:
            texts.append(gettext("Columns of the file: %(names)s") % {"names": found})
        return display.paragraphs(texts)

    @admin.display(description=_("Lines by state"))
    def results(self, made: SettlementImport) -> Shown:
        counts = services.states_of(made)
        return _counts(counts) if counts else display.EMPTY

    @admin.display(description=_("Control total"))
    def control_total(self, made: SettlementImport) -> Shown:
        found: SettlementControl | None = getattr(made, "control", None)
        if found is None:
            return display.EMPTY
        money = partial(display.plain_money, currency_code=found.currency_code)
        differs = found.difference_amount != 0
        label = (
            display.label(_("differs"), "bad") if differs else display.label(_("agrees"), "good")
        )
        said = gettext("The file sums up to %(lines)s. The gateway's balance grew by %(gateway)s.")
        amounts = {"lines": money(found.lines_amount), "gateway": money(found.gateway_amount)}
        return format_html(
            "{} {}<p>{}</p>",
            label,
            money(found.difference_amount) if differs else "",
            said % amounts,
        )

    @admin.display(description=_("Covers"))
    def covered(self, made: SettlementImport) -> Shown:
        if made.covers_from is None:
            return display.EMPTY
        return format_html(
            "{} - {}", display.moment(made.covers_from), display.moment(made.covers_to)
        )

    @admin.display(description=_("Imported"))
    def imported(self, made: SettlementImport) -> Shown:
        return display.moment(made.imported_at)


def _progress(label: SafeString, made: SettlementImport) -> SafeString:
    """Return a label, with a bar as long as a worker is at it."""
    if made.status not in {Status.WAITING, Status.RUNNING}:
        return label
    return format_html(
        '{} <progress data-reload max="{}" value="{}"></progress>',
        label,
        made.line_count or 1,
        made.new_count,
    )


def account_choices() -> list[tuple[str, str]]:
    """Return the accounts that have files: the platform's of each gateway, and tenants' own.

    Staff who are bound to tenants have the accounts of these alone.
    """
    platform = [
        (f"{gateway.pk}:", gettext("%(gateway)s, the platform's") % {"gateway": gateway})
        for gateway in Gateway.objects.order_by("name")
    ]
    own = GatewayAccount.objects.select_related("gateway", "tenant").order_by("pk")
    if wall.stands_before_staff():
        platform, own = [], own.filter(tenant__in=Tenant.objects.all())
    return platform + [(f"{one.gateway_id}:{one.pk}", str(one)) for one in own]


def _facts(seen: services.Preview) -> Iterator[tuple[Text, object]]:
    yield _("Lines"), seen.line_count
    if not seen.is_whole:
        yield _("Preview"), _("The first lines of the file; the import reads all of them.")
    yield _("Lines by state"), _counts(seen.states)
    for line in seen.unmatched:
        ours = line.transaction
        yield (
            STATES[line.state],
            format_html(
                "{} {} {}",
                line.reference or display.EMPTY,
                display.money(line.gross_amount, line.currency_code),
                display.money(ours.amount, ours.currency_code) if ours else "",
            ),
        )


def _counts(counts: Mapping[str, int]) -> SafeString:
    return format_html_join(
        "", "<p>{}: {}</p>", ((STATES[state], count) for state, count in sorted(counts.items()))
    )


def _begin(request: HttpRequest) -> HttpResponse:
    """Open an upload for the page's script."""
    if not roles.may_operate(request):
        raise PermissionDenied
    try:
        asked = json.loads(request.body)
        gateway, account = account_of(asked["account"])
        made = acts.upload(
            actor=recording.actor_of(request),
            gateway=gateway,
            account=account,
            file_name=str(asked["name"]).replace("\x00", ""),
            size_bytes=int(asked["size"]),
            currency=_currency(asked["currency"]),
            now=timezone.now(),
        )
    except PayTrustError as error:
        return JsonResponse({"message": refusal(error)}, status=error.status)
    except (KeyError, TypeError, ValueError, ObjectDoesNotExist):
        return JsonResponse({"message": gettext("Fill in each field.")}, status=400)
    pieces = reverse("admin:payments_settlementimport_piece", args=(made.pk, 0))
    return JsonResponse(
        {
            "piece_bytes": files.PIECE_BYTES,
            "pieces": pieces.removesuffix("0/"),
            "next": reverse(CHANGE, args=(made.pk,)),
        },
        status=HTTPStatus.CREATED,
    )


def account_of(named: object) -> tuple[Gateway, GatewayAccount | None]:
    """Return the gateway and account that a choice of `account_choices` names.

    Raises:
        ValueError: it is none of them.
    """
    if named not in dict(account_choices()):
        raise ValueError(named)
    gateway_id, _colon, account_id = str(named).partition(":")
    gateway = Gateway.objects.get(pk=gateway_id)
    return gateway, gateway.accounts.get(pk=account_id) if account_id else None


def _currency(code: object) -> str:
    if code not in EXPONENTS:
        raise ValueError(code)
    return str(code)


def _piece(request: HttpRequest, import_id: int, number: int) -> HttpResponse:
    """Take one piece of a file from the page's script."""
    if not roles.may_operate(request):
        raise PermissionDenied
    get_object_or_404(SettlementImport, pk=import_id)
    try:
        uploads.add_piece(
            import_id=import_id, number=number, content=request.body, now=timezone.now()
        )
    except PayTrustError as error:
        return JsonResponse({"message": refusal(error)}, status=error.status)
    return JsonResponse({})
