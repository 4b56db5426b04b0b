"""Proposals in the back office: one person makes them from an invoice, another decides."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise, cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from apikeys.staff_acts import recording
from apikeys.two_people.deciding import (
    Approval,
    Decision,
    Decisions,
    ProposalAdmin,
    Rejection,
    Withdrawal,
)
from invoices.invoices import selectors
from invoices.invoices.selectors import InvoiceDocument
from invoices.models import Installment, Invoice
from invoices.payment_requests import opening
from invoices.schedule import adjusting
from payments.changes import descriptions, proposals
from payments.changes.transferring import TransferExceedsOverpayment
from payments.models import Proposal
from paytrust.errors import PayTrustError
from paytrust.money import Money
from paytrust.staff import display, roles
from paytrust.staff.acts import Act, Facts, ReasonForm, Text, run
from paytrust.staff.amounts import AmountField
from paytrust.staff.bulk import BulkAct

Shown = SafeString | str


MORE_THAN_LEFT = _("The new totals are %(missed)s more than the %(left)s that these ask for.")
LESS_THAN_LEFT = _("The new totals are %(missed)s less than the %(left)s that these ask for.")


class AdjustmentForm(ReasonForm):
    """A new total for each unpaid instalment that changes, in whole currency."""

    def __init__(
        self,
        *,
        invoice: Invoice,
        unpaid: Sequence[Installment],
        data: QueryDict | None = None,
    ) -> None:
        super().__init__(data=data)
        self._currency_code = invoice.currency_code
        self._left = {one.number: one.total_amount for one in unpaid}
        for installment in unpaid:
            self.fields[f"total_{installment.number}"] = self._total_field(installment)
        self.order_fields([*(f"total_{installment.number}" for installment in unpaid), "reason"])

    def clean(self) -> dict[str, Any]:
        filled: dict[str, Any] = super().clean() or {}
        named = {
            int(name.removeprefix("total_")): value
            for name, value in filled.items()
            if name.startswith("total_") and value is not None
        }
        if not self.errors:
            self._require_fitting(named)
        return {**filled, "named": named}

    def _require_fitting(self, named: dict[int, int]) -> None:
        """Refuse totals that miss what is left to pay, and say by how much."""
        if not named:
            raise forms.ValidationError(_("Give at least one instalment a new total."))
        missed = sum(named.values()) - sum(self._left.values())
        if missed > 0:
            raise forms.ValidationError(self._says(MORE_THAN_LEFT, missed))
        if missed < 0 and set(named) == set(self._left):
            raise forms.ValidationError(self._says(LESS_THAN_LEFT, -missed))

    def _says(self, text: Promise, missed: int) -> str:
        left = sum(self._left.values())
        return str(text) % {
            "missed": display.plain_money(missed, self._currency_code),
            "left": display.plain_money(left, self._currency_code),
        }

    def _total_field(self, installment: Installment) -> AmountField:
        now = display.plain_money(installment.total_amount, self._currency_code)
        field = AmountField(
            label=gettext("New total of instalment %(number)s") % {"number": installment.number},
            required=False,
            help_text=gettext("Now %(amount)s; empty leaves it to the rest.") % {"amount": now},
        )
        field.currency_code = self._currency_code
        return field


class ChangeDecision(Decision[Proposal]):
    """What ends a proposal: another person's decision, or the proposer's own withdrawal."""

    services: ClassVar[Decisions] = proposals
    open_in = Proposal.WAITING

    @property
    def about(self) -> Facts:
        return descriptions.facts_of(self.subject)


class Approve(Approval[Proposal], ChangeDecision):
    """Make the change that another person proposed."""

    title = _("Approve this change?")
    sentences = (
        _("It is made at once; a payment that is open at the gateway is closed first."),
        _("If the gateway is away nothing changes, and it can be approved again."),
    )
    done = _("Approved, and the change is made.")


class Reject(Rejection[Proposal], ChangeDecision):
    """End the proposal without its change."""

    title = _("Reject this change?")


class Withdraw(Withdrawal[Proposal], ChangeDecision):
    """End one's own proposal."""


class DecideOneByOne(PayTrustError):
    """Only proposals to ignore notifications are approved together; open this one by itself."""

    status = HTTPStatus.CONFLICT
    code = "decide_one_by_one"
    for_staff = _("Only proposals to ignore notifications are approved together.")


class ApproveIgnoring(BulkAct[Proposal]):
    """Approve several proposals to ignore notifications; each is shown with what it says."""

    path = "approve"
    label = button = _("Approve ignoring")
    title = _("Approve that these notifications are ignored?")
    sentences = (_("They leave the queue for good. Your own proposals stay for another person."),)
    is_harmful = True

    def fact_of(self, row: Proposal) -> tuple[Text, object]:
        who = gettext("%(who)s: %(reason)s") % {
            "who": row.proposed_by.get_full_name() or row.proposed_by.get_username(),
            "reason": row.reason,
        }
        return str(row), display.paragraphs([*descriptions.changes_of(row), who])

    def do_one(self, row: Proposal, filled: dict[str, Any]) -> Text:
        if row.act != Proposal.Act.IGNORE_WEBHOOK:
            raise DecideOneByOne
        proposals.approve(
            actor=recording.actor_of(self.request), proposal_id=row.pk, now=timezone.now()
        )
        return _("Ignored")


class ProposeAct(Act[Invoice]):
    """A change to an invoice, for another person to approve."""

    button = _("Propose")

    @property
    def facts(self) -> Facts:
        invoice = self.subject
        return [
            (_("Invoice"), invoice.pk),
            (_("Tenant"), invoice.tenant.name),
            (_("Total"), display.money(invoice.total_amount, invoice.currency_code)),
            (_("Paid"), display.money(invoice.paid_amount, invoice.currency_code)),
        ]

    @property
    def back(self) -> str:
        return _invoice_page(self.subject.pk)

    def check(self) -> None:
        """Refuse a second change before a person fills in a form for it."""
        proposals.require_none_waiting(invoice_id=self.subject.pk)


class ProposeAdjustment(ProposeAct):
    """Propose new totals for the unpaid instalments of an invoice."""

    path = "adjust"
    label = title = _("Propose to adjust instalments")
    sentences = (
        _("What is owed in all stays the same; it is only spread otherwise."),
        _("Another person must approve."),
    )

    @cached_property
    def document(self) -> InvoiceDocument:
        return selectors.documents_of([self.subject])[0]

    @property
    def unpaid(self) -> list[Installment]:
        return [
            installment
            for installment in self.document.installments
            if installment.status == Installment.Status.UNPAID
        ]

    @property
    def facts(self) -> Facts:
        left = sum(
            installment.total_amount - installment.paid_amount for installment in self.unpaid
        )
        money = display.money(left, self.subject.currency_code)
        return [*super().facts, (_("Left to pay"), money)]

    def form(self, data: Any = None) -> AdjustmentForm:  # noqa: ANN401  # a QueryDict, or none
        return AdjustmentForm(invoice=self.subject, unpaid=self.unpaid, data=data)

    def check(self) -> None:
        super().check()
        opening.unpaid_installments(self.document, timezone.now())

    def perform(self, filled: dict[str, Any]) -> Text:
        proposals.propose_adjustment(
            actor=recording.actor_of(self.request),
            invoice_id=self.subject.pk,
            named=filled["named"],
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("Proposed. Another person must approve it.")


class ProposeCancellation(ProposeAct):
    """Propose to end an invoice on which nothing was paid."""

    path = "cancel"
    label = title = _("Propose to cancel this invoice")
    sentences = (
        _("Nobody can pay it any more afterwards."),
        _("Another person must approve."),
    )
    form_class = ReasonForm
    is_harmful = True

    def check(self) -> None:
        super().check()
        adjusting.require_cancellable(self.subject)

    def perform(self, filled: dict[str, Any]) -> Text:
        proposals.propose_cancellation(
            actor=recording.actor_of(self.request),
            invoice_id=self.subject.pk,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("Proposed. Another person must approve it.")


class TransferForm(ReasonForm):
    """To which invoice how much of an overpayment goes."""

    target = forms.IntegerField(
        label=_("To invoice"),
        min_value=1,
        max_value=2**63 - 1,
        help_text=_("Another invoice of the same merchant, in the same currency."),
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    amount = AmountField(label=_("Amount"))

    def __init__(self, *, invoice: Invoice, data: QueryDict | None = None) -> None:
        super().__init__(data=data)
        self.fields["amount"].currency_code = invoice.currency_code  # type: ignore[attr-defined]
        held = Money(invoice.overpayment_amount, invoice.currency_code)
        self.fields["amount"].initial = held.whole()
        self.order_fields(["target", "amount", "reason"])


class ProposeTransfer(ProposeAct):
    """Propose to move an overpayment to another invoice of the same merchant."""

    path = "transfer"
    label = title = _("Propose to move the overpayment")
    sentences = (
        _("It pays instalments of the other invoice in order; no money moves at a gateway."),
        _("Another person must approve, who sees what changes on both invoices."),
    )

    @property
    def facts(self) -> Facts:
        held = display.money(self.subject.overpayment_amount, self.subject.currency_code)
        return [*super().facts, (_("Overpaid"), held)]

    def is_offered(self) -> bool:
        return self.subject.overpayment_amount > 0

    def form(self, data: Any = None) -> TransferForm:  # noqa: ANN401  # a QueryDict, or none
        return TransferForm(invoice=self.subject, data=data)

    def check(self) -> None:
        super().check()
        if self.subject.overpayment_amount == 0:
            raise TransferExceedsOverpayment

    def perform(self, filled: dict[str, Any]) -> Text:
        proposals.propose_transfer(
            actor=recording.actor_of(self.request),
            invoice_id=self.subject.pk,
            target_id=filled["target"],
            amount=filled["amount"],
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("Proposed. Another person must approve it.")


class ChangeAdmin(ProposalAdmin):
    """The proposals that wait for a second person, and the decided ones."""

    fields = (
        *("act", "tenant", "customer", "invoice_link", "money", "what_changes", "since"),
        *("reason", "proposed_by", "proposed"),
        *ProposalAdmin.of_the_end,
    )
    list_display = (
        *("id", "act", "tenant", "invoice_link", "money"),
        *("proposed_by", "proposed", "status", "decided_by"),
    )
    list_filter: ClassVar = ["status", "act", ("tenant", AutocompleteSelectFilter)]
    list_select_related = (
        *("tenant", "invoice", "refund", "event__gateway"),
        *("proposed_by", "decided_by"),
    )
    exact_search = ("invoice__id",)
    acts = (Approve, Reject, Withdraw)
    bulk_acts = (ApproveIgnoring,)

    def offers_bulk(self, request: HttpRequest) -> bool:
        """Return whether the list shows open proposals to ignore notifications alone."""
        return (
            request.GET.get("act__exact") == Proposal.Act.IGNORE_WEBHOOK
            and request.GET.get("status__exact") == Proposal.Status.OPEN
        )

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                f"{act.path}/<int:invoice_id>/",
                self.admin_site.admin_view(_about_an_invoice(act)),
                name=f"payments_proposal_{act.path}",
            )
            for act in (ProposeAdjustment, ProposeCancellation, ProposeTransfer)
        ] + super().get_urls()

    @admin.display(description=_("Invoice"))
    def invoice_link(self, proposal: Proposal) -> Shown:
        return display.link("invoices_invoice", proposal.invoice_id)

    @admin.display(description=_("Customer"))
    def customer(self, proposal: Proposal) -> Shown:
        return descriptions.customer_of(proposal.invoice)

    @admin.display(description=_("Amount"))
    def money(self, proposal: Proposal) -> Shown:
        amount = descriptions.amount_of(proposal)
        return display.money(amount.minor, amount.currency) if amount else display.EMPTY

    @admin.display(description=_("What changes"))
    def what_changes(self, proposal: Proposal) -> Shown:
        return descriptions.what_changes(proposal)

    @admin.display(description=_("Since it was proposed"))
    def since(self, proposal: Proposal) -> Shown:
        return descriptions.since_proposed(proposal)


def _about_an_invoice(act: type[Act[Invoice]]) -> Callable[..., HttpResponse]:
    def view(request: HttpRequest, invoice_id: int) -> HttpResponse:
        return run(act(request, _invoice_for(request, invoice_id)))

    return view


def _invoice_for(request: HttpRequest, invoice_id: int) -> Invoice:
    if not roles.may_operate(request):
        raise PermissionDenied
    found = Invoice.objects.select_related("gateway", "tenant").filter(pk=invoice_id).first()
    if found is None:
        raise Http404
    return found


def _invoice_page(invoice_id: int) -> str:
    return reverse("admin:invoices_invoice_change", args=(invoice_id,))
