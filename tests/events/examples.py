"""Plays what can happen to invoices and returns one event of each type, with stable values."""

import io
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final

from apikeys.idempotency.once import Once
from apikeys.models import Tenant
from events.deliveries import signing
from events.endpoints import services as endpoints
from events.models import Event
from gateways.adapter import DisputeReport, PaymentPage, PaymentState, Reversal
from gateways.fees.services import fee_on
from gateways.models import Gateway
from gateways.refunds import RefundReport, RefundState
from invoices.invoices import recording as invoices
from invoices.invoices.request import InstallmentsRequest, InvoiceRequest, LineRequest
from invoices.models import Invoice, PaymentRequest
from invoices.payment_requests import pages, recording
from invoices.schedule import adjusting
from invoices.telling import services as telling
from payments.booking import settling
from payments.disputes import services as disputes
from payments.models import Refund
from payments.refunds import services as refunds
from payments.refunds import settling as refund_settling
from payments.refunds.request import RefundRequest
from payments.settlement import services as settlement
from paytrust.money import Money
from tests.apikeys.factories import NOON
from tests.events import factories
from tests.payments.reports import report

LINE = LineRequest(
    product_name="Batik shirt",
    quantity=Decimal(2),
    unit_price=Decimal("120.50"),
    tax_rate=Decimal("0.06"),
)
FIRST: Final = {
    "invoice": 12345,
    "payment": 6101,
    "transaction": 7301,
    "refund": 801,
    "dispute": 91,
    "endpoint": 4,
    "settlement": 31,
    "line": 5501,
}
KINDS: Final = {"payment.succeeded": "transaction", "payment.reversed": "transaction"}

POINTERS: Final = {
    "invoice_id": "invoice",
    "endpoint_id": "endpoint",
    "transaction_id": "transaction",
    "refund_transaction_id": "transaction",
}


class Play:
    """A merchant, customers and a gateway, one minute after another."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant, self.now = tenant, NOON
        self.pages = count(1)

    def minute(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    def invoice(self, order: str, *, installments: int = 1) -> PaymentRequest:
        """Make an invoice and open its first payment; return that."""
        plan = InstallmentsRequest(count=installments) if installments > 1 else None
        _, request = invoices.record_invoice(
            tenant=self.tenant,
            request=InvoiceRequest(
                line_items=(LINE,),
                gateway_id=1,
                currency_code="MYR",
                external_id=order,
                installments=plan,
            ),
            fee=fee_on(gateway_id=1, currency_code="MYR"),
            once=Once(now=self.now),
            request_id=None,
            now=self.minute(),
        )
        return self.open(request)

    def open(self, request: PaymentRequest) -> PaymentRequest:
        number = next(self.pages)
        page = PaymentPage(
            gateway_id=f"68f0c1b2a9e4{number:012x}",
            url=f"https://checkout.example/68f0c1b2a9e4{number:012x}",
            expires_at=request.expires_at,
        )
        return pages.record_page(payment_request=request, page=page, now=self.minute())

    def open_next(self, invoice: Invoice) -> PaymentRequest:
        installment = invoice.installments.filter(status="unpaid").order_by("number")[0]
        request = recording.lease_request(
            invoice=invoice,
            installment=installment,
            requests=list(invoice.payment_requests.order_by("pk")),
            now=self.minute(),
        )
        return self.open(request)

    def hear(self, request: PaymentRequest, state: PaymentState, **said: Any) -> Invoice:
        """Have the gateway say something of a payment; return its invoice."""
        now = self.minute()
        said = {"paid_at": now, "method": "BANK_TRANSFER", "channel": "BCA", **said}
        settling.settle(
            payment_request_id=request.pk,
            report=report(request, state, **said),
            event=None,
            now=now,
        )
        return Invoice.objects.select_related("gateway").get(pk=request.invoice_id)

    def refund(self, invoice: Invoice, amount: int | None = None) -> Refund:
        """Ask for money of an invoice back, without asking its gateway."""
        made, _ = refunds._record(
            tenant=self.tenant,
            invoice_id=invoice.pk,
            request=RefundRequest(
                reason="requested_by_customer", amount=amount, note="One shirt was sold out."
            ),
            once=Once(now=self.now),
            now=self.minute(),
        )
        return made


def play_refunds(play: Play) -> None:
    """Have one refund succeed and one fail, and a bank ask for money back and lose."""
    asked = play.invoice("order-1006")
    invoice = play.hear(asked, PaymentState.PAID, method="EWALLET", channel="TOUCHNGO")
    done = RefundReport(
        id="rfd-68f0c1b2-a9e4-4000-8000-000000000001",
        amount=Money(12_773, "MYR"),
        state=RefundState.SUCCEEDED,
        raw_status="SUCCEEDED",
        at=play.now,
    )
    first = play.refund(invoice, 12_773)
    refund_settling.record(refund_id=first.pk, report=done, now=play.minute())
    refund_settling.record_failure(
        refund_id=play.refund(invoice).pk,
        code="insufficient_gateway_balance",
        message="The gateway says INSUFFICIENT_BALANCE.",
        now=play.minute(),
    )
    opened = DisputeReport(
        id="mi-dspt-68f0c1b2",
        raw_status="ACTION_REQUIRED",
        is_closed=False,
        amount=Money(asked.amount, "MYR"),
        due_at=play.now + timedelta(days=7),
        reason="FRAUD",
    )
    disputes.record(about=asked, report=opened, now=play.minute())
    won = replace(opened, raw_status="WON", is_closed=True)
    disputes.record(about=asked, report=won, now=play.minute())


def play_settlement(play: Play) -> None:
    """Have a gateway's statement say a lower amount than the one that was paid."""
    asked = play.invoice("order-1007")
    play.hear(asked, PaymentState.PAID, method="EWALLET", channel="TOUCHNGO")
    in_jakarta = play.now + timedelta(hours=7)
    said = f"{asked.reference},{in_jakarta:%Y-%m-%d %H:%M:%S},Payment,TOUCHNGO"
    columns = "Order ID,Date & Time,Transaction Type,Channel,Amount,Fee,Currency,Withdrawal ID"
    content = f"{columns}\n{said},{(asked.amount - 100) / 100:.2f},1.00,MYR,W-1"
    upload = settlement.Upload(
        gateway=Gateway.objects.get(code="xendit"),
        account=None,
        file=io.BytesIO(content.encode()),
        file_name="statement.csv",
        currency="MYR",
    )
    settlement.import_file(upload=upload, now=play.minute())


def played(tenant: Tenant) -> dict[str, dict[str, Any]]:
    """Return the first event of each type, by its name."""
    play = Play(tenant)
    first = play.invoice("order-1001", installments=2)
    invoice = play.hear(first, PaymentState.PAID)
    second = play.open_next(invoice)
    play.hear(second, PaymentState.PAID, paid=second.amount + 50)
    back = Reversal(
        id="cb_1",
        amount=Money(second.amount + 50, "MYR"),
        kind="chargeback",
        at=play.now,
        confirmed=True,
    )
    play.hear(second, PaymentState.PAID, paid=second.amount + 50, reversals=(back,))
    play.hear(play.invoice("order-1002"), PaymentState.FAILED)
    play.hear(play.invoice("order-1003"), PaymentState.EXPIRED)
    unwanted = play.invoice("order-1004")
    PaymentRequest.objects.filter(pk=unwanted.pk).update(status="cancelled", ended_at=play.now)
    at = play.minute()
    adjusting.cancel(tenant=tenant, invoice_id=unwanted.invoice_id, once=Once(now=at), now=at)
    late = play.invoice("order-1005", installments=2)
    late.invoice.installments.update(due_at=play.now + timedelta(minutes=1))
    telling.tell_overdue(now=play.now + timedelta(hours=1), limit=10)
    play_refunds(play)
    play_settlement(play)
    endpoint = factories.endpoint(tenant, url="https://shop.example/paytrust")
    endpoints.test(endpoint=endpoint, request_id=None, now=play.minute())
    written: dict[str, Event] = {}
    for event in Event.objects.filter(tenant=tenant).order_by("pk"):
        written.setdefault(event.type, event)
    return Stable().of(written)


class Stable:
    """Replaces what is another one in each run: ids, and what is made of them."""

    def __init__(self) -> None:
        self._known: dict[str, dict[int, int]] = defaultdict(dict)

    def of(self, written: Mapping[str, Event]) -> dict[str, dict[str, Any]]:
        return {name: self._event(event, n) for n, (name, event) in enumerate(written.items())}

    def _event(self, event: Event, place: int) -> dict[str, Any]:
        shown = signing.envelope(event)
        kind = KINDS.get(event.type, event.type.partition(".")[0])
        sent = shown["data"]["object"]
        invoice_id = sent.get("invoice_id", sent.get("id"))
        for name, of in {"id": kind, **POINTERS}.items():
            if sent.get(name) is not None:
                sent[name] = self._number(of, sent[name])
        if "reference" in sent:
            sent["reference"] = self._reference(sent["reference"], invoice_id, kind)
        if line := sent.get("line"):
            line["id"] = self._number("line", line["id"])
            line["transaction_id"] = self._number("transaction", line["transaction_id"])
            line["reference"] = self._reference(line["reference"], event.invoice_id, "line")
        if "iso20022_message_id" in sent:
            sent["iso20022_message_id"] = f"PT-{sent['invoice_id']}-18a3f2c9d40"
        shown["id"] = f"evt_01KB4W5R3ZJ8Q6X9T2M7N5C4{place:02}"
        return shown

    def _reference(self, reference: str, invoice_id: int | None, kind: str) -> str:
        assert invoice_id is not None
        tail = re.sub(r"^\w+-\d+-", "", reference).rpartition("-")[0]
        code = "7KQ2ZD3F" if kind == "refund" else "7KQ2ZD"
        return f"PT-{self._number('invoice', invoice_id)}-{tail}-{code}"

    def _number(self, kind: str, pk: int) -> int:
        known = self._known[kind]
        return known.setdefault(pk, FIRST.get(kind, 1) + len(known))
