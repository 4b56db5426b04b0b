"""Everything that happened to an invoice, in order: what, when, who, by which request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.db.models import Prefetch, Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apikeys.models import ApiKeyAuditEntry, StaffAct
from apikeys.staff_acts import kinds, outcomes, recording
from invoices.follow_up.services import INVOICE_NOTED
from invoices.invoices.selectors import InvoiceDocument
from invoices.models import (
    Installment,
    Invoice,
    InvoiceStatus,
    LedgerEntry,
    LineItem,
    MoneyKind,
    PaymentRequest,
    Transaction,
)
from payments.changes.discrepancies import DISCREPANCY_NOTED, DISCREPANCY_RESOLVED
from payments.models import WebhookEvent, WebhookRetry
from payments.webhooks import texts
from paytrust.staff import display

CALLS: dict[tuple[str, str], Promise] = {
    ("POST", "payments"): gettext_lazy("The merchant asked for the payment"),
    ("PATCH", "installments"): gettext_lazy("The merchant adjusted instalments"),
    ("POST", "cancel"): gettext_lazy("The merchant cancelled the invoice"),
    ("POST", "supplementary"): gettext_lazy("The merchant made a supplementary invoice"),
}
REQUEST_ENDS: dict[str, Promise] = {
    PaymentRequest.Status.PAID: gettext_lazy("Payment request paid"),
    PaymentRequest.Status.EXPIRED: gettext_lazy("Payment request expired"),
    PaymentRequest.Status.FAILED: gettext_lazy("Payment request failed"),
    PaymentRequest.Status.CANCELLED: gettext_lazy("Payment request closed by us"),
}
INVOICE_ENDS: dict[str, Promise] = {
    InvoiceStatus.CANCELLED: gettext_lazy("Invoice cancelled"),
    InvoiceStatus.EXPIRED: gettext_lazy("Invoice expired"),
    InvoiceStatus.FAILED: gettext_lazy("Invoice failed"),
}
BOOKED: dict[str, Promise] = {
    MoneyKind.PAYMENT: gettext_lazy("Payment booked"),
    MoneyKind.REFUND: gettext_lazy("Refund booked"),
    MoneyKind.REVERSAL: gettext_lazy("Reversal booked"),
    MoneyKind.TRANSFER: gettext_lazy("Transfer booked"),
}
TAKEN: dict[str, Promise] = {
    MoneyKind.PAYMENT: gettext_lazy("Allocated to instalment %(number)s"),
    MoneyKind.REFUND: gettext_lazy("Refunded from instalment %(number)s"),
    MoneyKind.REVERSAL: gettext_lazy("Taken out of instalment %(number)s"),
    MoneyKind.TRANSFER: gettext_lazy("Taken out of instalment %(number)s"),
}
TONES: dict[str, str] = {
    MoneyKind.PAYMENT: "good",
    MoneyKind.REFUND: "plain",
    MoneyKind.REVERSAL: "bad",
    MoneyKind.TRANSFER: "plain",
}
NOTES = {INVOICE_NOTED, DISCREPANCY_NOTED, DISCREPANCY_RESOLVED}  # acts whose reason is a note
MOST_CALLS = 100  # of the merchant about one invoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened."""

    at: datetime
    what: str
    detail: str = ""
    who: str = ""
    request_id: str | None = None
    tone: str = "plain"
    is_technical: bool = False  # between programs: the page folds it
    not_before: datetime | None = None  # a gateway's clock tells whole seconds, and may be slow

    @property
    def place(self) -> datetime:
        """Return the time by which it is sorted."""
        return max(self.at, self.not_before) if self.not_before else self.at


@dataclass(frozen=True, slots=True)
class Stretch:
    """Entries in a row that the page shows, or folds together."""

    is_folded: bool
    entries: list[Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """An invoice with all rows that belong to it."""

    invoice: Invoice
    lines: list[LineItem]
    installments: list[Installment]
    requests: list[PaymentRequest]
    transactions: list[Transaction]
    events: list[WebhookEvent]
    entries: list[Entry]
    notes: list[StaffAct]

    @property
    def stretches(self) -> list[Stretch]:
        """Return the entries in order, with technical ones in a row folded together."""
        grouped = groupby(self.entries, key=lambda entry: entry.is_technical)
        return [Stretch(is_folded, list(entries)) for is_folded, entries in grouped]

    @property
    def left_amount(self) -> int:
        """Return what the customer still has to pay, in minor units, as the API says it."""
        return InvoiceDocument(self.invoice, (), self.installments, None).amount_due

    @property
    def due_at(self) -> datetime | None:
        """Return when the next instalment is due, if one is left to pay."""
        unpaid = [one for one in self.installments if one.status == Installment.Status.UNPAID]
        return None if self.invoice.is_over else min((one.due_at for one in unpaid), default=None)

    @property
    def payment_url(self) -> str | None:
        """Return the address at which the customer can pay now, if there is one."""
        opened = (one for one in self.requests if one.status == PaymentRequest.Status.OPEN)
        return next((one.payment_url for one in opened), None)


def history(*, invoice: Invoice) -> History:
    """Return an invoice's history, oldest first, in eleven queries."""
    acts = list(recording.acts_on_invoice(invoice_id=invoice.pk))
    requests = list(
        invoice.payment_requests.select_related("gateway", "installment").order_by("pk")
    )
    transactions = _transactions(invoice)
    events = _events(requests)
    entries = [
        *_made(invoice),
        *_calls(invoice),
        *(entry for request in requests for entry in _of_request(request)),
        *(entry for event in events for entry in _of_event(event)),
        *(entry for row in transactions for entry in _of_transaction(row)),
        *_staff_acts(acts),
        *_ended(invoice),
    ]
    return History(
        invoice=invoice,
        lines=list(invoice.line_items.order_by("position")),
        installments=_installments(invoice),
        requests=requests,
        transactions=transactions,
        events=events,
        entries=sorted(entries, key=lambda entry: entry.place),
        notes=[act for act in acts if act.act in NOTES and act.outcome == recording.DONE],
    )


def _installments(invoice: Invoice) -> list[Installment]:
    installments = list(invoice.installments.order_by("number"))
    for installment in installments:
        installment.invoice = invoice  # its label reads the invoice's state
    return installments


def _transactions(invoice: Invoice) -> list[Transaction]:
    entries = LedgerEntry.objects.select_related("installment").order_by("installment__number")
    return list(
        invoice.transactions.select_related(
            "gateway", "payment_request", "reverses", "moved_from", "moved_to"
        )
        .prefetch_related(Prefetch("entries", entries))
        .order_by("pk")
    )


def _events(requests: list[PaymentRequest]) -> list[WebhookEvent]:
    retries = WebhookRetry.objects.order_by("attempt")
    return list(
        WebhookEvent.objects.filter(reference__in=[request.reference for request in requests])
        .select_related("gateway")
        .prefetch_related(Prefetch("retries", retries))
        .order_by("pk")
    )


def _made(invoice: Invoice) -> Iterator[Entry]:
    caller = None
    if invoice.request_id:
        caller = (
            ApiKeyAuditEntry.objects.filter(
                request_id=invoice.request_id, tenant_id=invoice.tenant_id
            )
            .order_by("-created_at")
            .first()
        )
    total = display.plain_money(invoice.total_amount, invoice.currency_code)
    yield Entry(
        at=invoice.created_at,
        what=_("Invoice created"),
        detail=total,
        who=_merchant(invoice, caller.actor_identifier if caller else None),
        request_id=invoice.request_id,
    )


def _calls(invoice: Invoice) -> Iterator[Entry]:
    """Yield the merchant's later calls, from the audit log of keys."""
    paths = [f"/invoices/{invoice.pk}/{name}" for _method, name in CALLS]
    calls = ApiKeyAuditEntry.objects.filter(
        Q(path__startswith="/invoices/") & ~Q(method="GET"),  # the condition of its index
        path__in=paths,
        tenant_id=invoice.tenant_id,
    )
    for call in calls.order_by("-created_at", "-id")[:MOST_CALLS]:
        what = CALLS.get((call.method or "", (call.path or "").rpartition("/")[2]))
        if what is not None:
            yield Entry(
                at=call.created_at,
                what=str(what),
                detail="" if call.success else _refusal(call),
                who=_merchant(invoice, call.actor_identifier),
                request_id=call.request_id,
                tone="plain" if call.success else "warn",
            )


def _refusal(call: ApiKeyAuditEntry) -> str:
    return _("refused: %(code)s") % {"code": call.error_message or call.status_code}


def _merchant(invoice: Invoice, actor: str | None) -> str:
    if actor is None:
        return invoice.tenant.name
    return _("%(tenant)s, key %(key)s") % {"tenant": invoice.tenant.name, "key": actor}


def _of_request(request: PaymentRequest) -> Iterator[Entry]:
    gateway = request.gateway.name
    asked = _("instalment %(number)s: %(amount)s") % {
        "number": request.installment.number,
        "amount": display.plain_money(request.amount, request.currency_code),
    }
    yield Entry(
        at=request.created_at,
        is_technical=True,
        what=_("Payment request made"),
        detail=f"{request.reference}, {asked}",
        who="PayTrust",
    )
    if request.opened_at:
        yield Entry(
            at=request.opened_at,
            what=_("Payment page opened at %(gateway)s") % {"gateway": gateway},
            detail=request.gateway_payment_id or "",
            who=gateway,
        )
    end = REQUEST_ENDS.get(request.status)
    if request.ended_at and end is not None:
        bad = request.status == PaymentRequest.Status.FAILED
        yield Entry(
            at=request.ended_at,
            is_technical=request.status == PaymentRequest.Status.PAID,
            what=str(end),
            detail=request.reference,
            who="PayTrust",
            tone="bad" if bad else "plain",
        )


def _of_event(event: WebhookEvent) -> Iterator[Entry]:
    gateway = event.gateway.name
    yield Entry(
        at=event.received_at,
        is_technical=True,
        what=_("Notification received from %(gateway)s") % {"gateway": gateway},
        detail=event.event_id,
        who=gateway,
    )
    retries = list(event.retries.all())
    for retry in retries:
        failed = bool(retry.failure_reason)
        yield Entry(
            at=retry.attempted_at,
            is_technical=not failed,
            what=_("Notification not processed") if failed else _("Confirmed with the gateway"),
            detail=texts.reason(retry.outcome, retry.failure_reason)
            if failed
            else texts.answer(retry.outcome),
            who="PayTrust",
            tone="bad" if failed else "good",
        )
    if event.processed_at and not retries:
        failed = event.status in {WebhookEvent.Status.FAILED, WebhookEvent.Status.IGNORED}
        yield Entry(
            at=event.processed_at,
            is_technical=not failed,
            what=_("Notification not processed") if failed else _("Confirmed with the gateway"),
            detail=texts.reason(event.outcome, event.failure_reason)
            if failed
            else texts.answer(event.outcome or ""),
            who="PayTrust",
            tone="bad" if failed else "good",
        )


def _of_transaction(row: Transaction) -> Iterator[Entry]:
    amount = display.plain_money(row.amount, row.currency_code)
    if row.kind == MoneyKind.PAYMENT:
        yield Entry(
            at=row.paid_at,
            not_before=row.payment_request.opened_at or row.payment_request.created_at,
            what=_("Customer paid, as %(gateway)s says") % {"gateway": row.gateway.name},
            detail=" ".join(filter(None, [amount, row.payment_method, row.payment_channel])),
            who=row.gateway.name,
            tone="good",
        )
    yield Entry(
        at=row.created_at,
        what=str(BOOKED[row.kind]),
        detail=f"{amount}, {_origin(row)}",
        who="PayTrust",
        tone=TONES[row.kind],
    )
    for moved in row.entries.all():
        yield _of_money(row, moved)


def _origin(row: Transaction) -> str:
    """Return the gateway's id of the money, or the other invoice of a transfer."""
    if row.kind != MoneyKind.TRANSFER:
        return row.gateway_transaction_id
    if row.moved_from is not None:
        return _("from invoice %(number)s") % {"number": row.moved_from.invoice_id}
    return _("to invoice %(number)s") % {"number": row.moved_to.invoice_id}


def _of_money(row: Transaction, moved: LedgerEntry) -> Entry:
    if moved.installment is not None:
        text = TAKEN[MoneyKind.PAYMENT if moved.amount > 0 else MoneyKind(row.kind)]
        what, tone = str(text) % {"number": moved.installment.number}, "plain"
    elif row.kind == MoneyKind.TRANSFER:
        there = moved.amount > 0
        what, tone = _("Overpayment moved back") if there else _("Overpayment moved away"), "plain"
    elif row.kind == MoneyKind.PAYMENT:
        what, tone = _("Overpaid"), "warn"
    else:
        what, tone = _("Overpayment given back"), "plain"
    return Entry(
        at=row.created_at,
        what=what,
        detail=display.plain_money(moved.amount, row.currency_code),
        who="PayTrust",
        tone=tone,
    )


def _staff_acts(acts: Sequence[StaffAct]) -> Iterator[Entry]:
    for act in acts:
        done = act.outcome in {None, recording.DONE}
        yield Entry(
            at=act.created_at,
            what=kinds.text_of(act.act).capitalize(),
            detail=", ".join(
                filter(None, [act.reason, act.message if done else outcomes.text_of(act.outcome)])
            ),
            who=act.staff.get_full_name() or act.staff.get_username(),
            request_id=act.request_id,
            tone="plain" if done else "warn",
        )


def _ended(invoice: Invoice) -> Iterator[Entry]:
    end = INVOICE_ENDS.get(invoice.ended_as or "")
    if end is not None and invoice.ended_at:
        yield Entry(at=invoice.ended_at, what=str(end), who="PayTrust", tone="warn")
