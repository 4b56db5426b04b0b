"""Proposals in the back office: one person makes them from an invoice, another decides."""

import functools
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from apikeys.staff_acts import recording
from invoices.invoices import selectors
from invoices.models import Installment, Invoice
from invoices.payment_requests import opening
from invoices.schedule import adjusting
from payments.changes import proposals
from payments.models import Proposal
from payments.webhooks import readings, texts
from paytrust.money import EXPONENTS, minor_units
from paytrust.staff import acts, display, roles
from paytrust.staff.amounts import AmountField
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str
Part = Installment.Status


class AdjustmentForm(acts.ReasonForm):
    """A new total for each unpaid instalment that shall have one, in whole currency."""

    def __init__(
        self,
        *,
        invoice: Invoice,
        unpaid: Sequence[Installment],
        data: QueryDict | None = None,
    ) -> None:
        super().__init__(data=data)
        self._currency_code = invoice.currency_code
        for part in unpaid:
            self.fields[f"total_{part.number}"] = self._total_field(part)
        self.order_fields([*(f"total_{part.number}" for part in unpaid), "reason"])

    def clean(self) -> dict[str, Any]:
        filled: dict[str, Any] = super().clean() or {}
        named = {}
        for name, value in list(filled.items()):
            if name.startswith("total_") and value is not None:
                try:
                    named[int(name.removeprefix("total_"))] = minor_units(
                        value, self._currency_code
                    )
                except ValueError:
                    self.add_error(name, self._too_fine())
        if not named and not self.errors:
            raise forms.ValidationError(_("Give at least one instalment a new total."))
        return {**filled, "named": named}

    def _total_field(self, part: Installment) -> AmountField:
        now = display.plain_money(part.total_amount, self._currency_code)
        return AmountField(
            label=gettext("New total of instalment %(number)s") % {"number": part.number},
            required=False,
            min_value=Decimal(0),
            max_digits=18,
            help_text=gettext("Now %(amount)s; empty leaves it to the rest.") % {"amount": now},
            widget=UnfoldAdminTextInputWidget(
                attrs={"inputmode": "decimal", "autocomplete": "off"}
            ),
        )

    def _too_fine(self) -> str:
        decimals = EXPONENTS[self._currency_code]
        return gettext("%(currency)s has %(decimals)s decimals, and this has more.") % {
            "currency": self._currency_code,
            "decimals": decimals,
        }


class ProposalAdmin(ReadOnlyAdmin):
    """What waits for a second person, and what was decided."""

    fields = (
        "act",
        "invoice_link",
        "what_changes",
        "reason",
        "proposed_by",
        "proposed",
        "status",
        "failure_reason",
        "decided_by",
        "decided",
        "decision_reason",
    )
    list_display = ("id", "act", "invoice_link", "proposed_by", "proposed", "status", "decided_by")
    list_filter: ClassVar = ["status", "act"]
    list_select_related = ("invoice", "proposed_by", "decided_by")
    exact_search = ("invoice__id",)
    actions_detail = ("approve", "reject", "withdraw")

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        return [
            path(
                "adjust/<int:invoice_id>/",
                site.admin_view(self.adjust),
                name="payments_proposal_adjust",
            ),
            path(
                "cancel/<int:invoice_id>/",
                site.admin_view(self.cancel),
                name="payments_proposal_cancel",
            ),
            *super().get_urls(),
        ]

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> Any:  # noqa: ANN401
        proposal = self.get_object(request, object_id)
        if proposal is None or proposal.status not in Proposal.WAITING:
            return []
        is_own = proposal.proposed_by_id == request.user.pk
        actions = super().get_actions_detail(request, object_id)
        return [one for one in actions if (one.path == "withdraw") == is_own]

    @acts.button(_("Approve"), path="approve", permission=roles.OPERATE)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make the change that somebody else proposed."""
        proposal = self._proposal(object_id)

        def make(_filled: dict[str, Any]) -> acts.Text:
            proposals.approve(
                actor=recording.actor_of(request), proposal_id=proposal.pk, now=timezone.now()
            )
            return _("Approved, and the change is made.")

        return acts.confirm(
            request,
            question=acts.Question(
                title=_("Approve this change?"),
                sentences=[
                    _("It is made at once; a payment that is open at the gateway is closed first."),
                    _("If the gateway is away nothing changes, and it can be approved again."),
                ],
                facts=self._facts(proposal),
                button=_("Approve"),
            ),
            back=_page_of(proposal),
            act=make,
            check=self._decidable(request, proposal),
        )

    @acts.button(_("Reject"), path="reject", permission=roles.OPERATE)
    def reject(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End the proposal without its change."""
        proposal = self._proposal(object_id)

        def end(filled: dict[str, Any]) -> acts.Text:
            proposals.reject(
                actor=recording.actor_of(request),
                proposal_id=proposal.pk,
                reason=filled["reason"],
                now=timezone.now(),
            )
            return _("Rejected; nothing was changed.")

        return acts.confirm(
            request,
            question=acts.Question(
                title=_("Reject this change?"),
                sentences=[_("Nothing changes, and the proposal ends.")],
                facts=self._facts(proposal),
                button=_("Reject"),
                is_harmful=True,
            ),
            back=_page_of(proposal),
            act=end,
            form_class=acts.ReasonForm,
            check=self._decidable(request, proposal),
        )

    @acts.button(_("Take back"), path="withdraw", permission=roles.OPERATE)
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End one's own proposal."""
        proposal = self._proposal(object_id)

        def end(_filled: dict[str, Any]) -> acts.Text:
            proposals.withdraw(
                actor=recording.actor_of(request), proposal_id=proposal.pk, now=timezone.now()
            )
            return _("Taken back; nothing was changed.")

        return acts.confirm(
            request,
            question=acts.Question(
                title=_("Take this proposal back?"),
                sentences=[_("Nothing changes, and the proposal ends.")],
                facts=self._facts(proposal),
                button=_("Take back"),
            ),
            back=_page_of(proposal),
            act=end,
        )

    def adjust(self, request: HttpRequest, invoice_id: int) -> HttpResponse:
        """Propose new totals for the unpaid instalments of an invoice."""
        invoice = _invoice_for(request, invoice_id)
        document = selectors.documents([invoice])[0]
        unpaid = [part for part in document.installments if part.status == Part.UNPAID]
        left = sum(part.total_amount - part.paid_amount for part in unpaid)

        def propose(filled: dict[str, Any]) -> acts.Text:
            proposals.propose_adjustment(
                actor=recording.actor_of(request),
                invoice_id=invoice_id,
                named=filled["named"],
                reason=filled["reason"],
                now=timezone.now(),
            )
            return _("Proposed. Another person must approve it.")

        return acts.confirm(
            request,
            question=acts.Question(
                title=_("Propose to adjust instalments"),
                sentences=[
                    _("What is owed in all stays the same; it is only spread otherwise."),
                    _("Another person must approve."),
                ],
                facts=[
                    *_about(invoice),
                    (_("Left to pay"), display.money(left, invoice.currency_code)),
                ],
                button=_("Propose"),
            ),
            back=_invoice_page(invoice_id),
            act=propose,
            form_class=functools.partial(AdjustmentForm, invoice=invoice, unpaid=unpaid),
            check=lambda: opening.unpaid_installments(document, timezone.now()),
        )

    def cancel(self, request: HttpRequest, invoice_id: int) -> HttpResponse:
        """Propose to end an invoice on which nothing was paid."""
        invoice = _invoice_for(request, invoice_id)

        def propose(filled: dict[str, Any]) -> acts.Text:
            proposals.propose_cancellation(
                actor=recording.actor_of(request),
                invoice_id=invoice_id,
                reason=filled["reason"],
                now=timezone.now(),
            )
            return _("Proposed. Another person must approve it.")

        return acts.confirm(
            request,
            question=acts.Question(
                title=_("Propose to cancel this invoice"),
                sentences=[
                    _("Nobody can pay it any more afterwards."),
                    _("Another person must approve."),
                ],
                facts=_about(invoice),
                button=_("Propose"),
                is_harmful=True,
            ),
            back=_invoice_page(invoice_id),
            act=propose,
            form_class=acts.ReasonForm,
            check=lambda: adjusting.require_cancellable(invoice),
        )

    @admin.display(description=_("Invoice"))
    def invoice_link(self, proposal: Proposal) -> Shown:
        if proposal.invoice_id is None:
            return display.EMPTY
        link = _invoice_page(proposal.invoice_id)
        return format_html('<a href="{}">{}</a>', link, proposal.invoice_id)

    @admin.display(description=_("What changes"))
    def what_changes(self, proposal: Proposal) -> Shown:
        return format_html_join("", "<p>{}</p>", ((sentence,) for sentence in changes_of(proposal)))

    @admin.display(description=_("Proposed"))
    def proposed(self, proposal: Proposal) -> Shown:
        return display.moment(proposal.proposed_at)

    @admin.display(description=_("Decided"))
    def decided(self, proposal: Proposal) -> Shown:
        return display.moment(proposal.decided_at)

    def _proposal(self, object_id: str) -> Proposal:
        try:
            return Proposal.objects.select_related("invoice", "event__gateway", "proposed_by").get(
                pk=int(object_id)
            )
        except (ValueError, Proposal.DoesNotExist) as error:
            raise Http404 from error

    def _decidable(self, request: HttpRequest, proposal: Proposal) -> Callable[[], None]:
        actor = recording.actor_of(request)
        return functools.partial(proposals.require_decidable, actor=actor, proposal=proposal)

    def _facts(self, proposal: Proposal) -> list[tuple[acts.Text, object]]:
        return [
            (_("Change"), proposal.get_act_display()),
            (_("Invoice"), self.invoice_link(proposal)),
            (_("What changes"), self.what_changes(proposal)),
            (_("Reason"), proposal.reason),
            (_("Proposed by"), proposal.proposed_by.get_username()),
            (_("Proposed"), self.proposed(proposal)),
        ]


def changes_of(proposal: Proposal) -> list[str]:
    """Say what a proposal changes, a sentence each."""
    if proposal.act == Proposal.Act.IGNORE_WEBHOOK:
        assert proposal.event is not None, "a proposal to ignore nothing"
        return [texts.effect(readings.claim_of(proposal.event)), gettext("It would be ignored.")]
    if proposal.act == Proposal.Act.CANCEL:
        return [gettext("The invoice ends unpaid; its open payment is closed at the gateway.")]
    assert proposal.invoice is not None, "a proposal to change nothing"
    currency = proposal.invoice.currency_code
    before, after = (proposal.before or {}), (proposal.after or {})
    return [
        gettext("Instalment %(number)s: %(before)s becomes %(after)s.")
        % {
            "number": number,
            "before": display.plain_money(old, currency),
            "after": display.plain_money(new, currency),
        }
        for (number, old, _paid), (_number, new, _also) in zip(
            before["installments"], after["installments"], strict=True
        )
        if old != new
    ]


def _invoice_for(request: HttpRequest, invoice_id: int) -> Invoice:
    if not roles.may_operate(request):
        raise PermissionDenied
    found = Invoice.objects.select_related("gateway", "tenant").filter(pk=invoice_id).first()
    if found is None:
        raise Http404
    return found


def _about(invoice: Invoice) -> list[tuple[acts.Text, object]]:
    return [
        (_("Invoice"), invoice.pk),
        (_("Tenant"), invoice.tenant.name),
        (_("Total"), display.money(invoice.total_amount, invoice.currency_code)),
        (_("Paid"), display.money(invoice.paid_amount, invoice.currency_code)),
    ]


def _invoice_page(invoice_id: int) -> str:
    return reverse("admin:invoices_invoice_change", args=(invoice_id,))


def _page_of(proposal: Proposal) -> str:
    return reverse("admin:payments_proposal_change", args=(proposal.pk,))
