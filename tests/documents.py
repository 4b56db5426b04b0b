"""Random invoices with their books, without database rows, for the ISO 20022 messages."""

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from lxml import etree

from apikeys.models import Tenant
from gateways.models import Gateway
from invoices.invoices import charges
from invoices.invoices.selectors import InvoiceDocument
from invoices.models import Installment, Invoice, LedgerEntry, LineItem, Transaction
from invoices.schedule import splitting
from payments.booking.pain002_statuses import PaidInvoice
from paytrust.iso20022.messages import Message

NAMESPACES = {"a": Message.PAIN_001_11.namespace, "b": Message.PAIN_002_12.namespace}
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
XENDIT = Gateway(id=1, code="xendit", name="Xendit")
MIDTRANS = Gateway(id=2, code="midtrans", name="Midtrans")
ALPHABETS = (
    string.ascii_letters + string.digits,
    "-/_?:().,'+ &#<>\"",
    "åéîøüßñçŁş",
    "北京ไทยمرحباКофе",
    "😀👩‍👩‍👧🇲🇾\u200b\u00a0",
    "\t\n\r\x85\u2028",
)
RATES = ("0", "0.06", "0.08", "0.11", "0.125", "0.0725", "0.2", "1")
CATEGORIES = (None, "SST", "PPN", "VAT", "GST & co", "Ümsatzsteuer, ermäßigter Satz, Anlg")
COUNTRIES = (None, "MY", "ID", "SG", "US")


def select(document: bytes | etree._Element, path: str) -> list[Any]:
    """Return what an XPath finds; `a:` is pain.001.001.11 and `b:` pain.002.001.12."""
    root = etree.fromstring(document) if isinstance(document, bytes) else document
    found = root.xpath(path, namespaces=NAMESPACES)
    assert isinstance(found, list)
    return found


def random_document(random: Random, *, pk: int = 1) -> InvoiceDocument:
    """Return an invoice whose amounts are computed as a real one's are."""
    currency = random.choice(("IDR", "MYR", "USD"))
    lines = [_line(random) for _ in range(_mostly_few(random, (1, 2, 3, 8)))]
    fee = charges.Fee(
        percentage=Decimal(random.randint(0, 50000)).scaleb(-4),
        fixed_amount=random.choice((0, random.randint(1, 5000))),
    )
    charged = charges.charge(lines=lines, fee=fee)
    if charged.subtotal_amount == 0:
        lines = [replace(lines[0], quantity=1, unit_amount=1, discount_amount=0)]
        charged = charges.charge(lines=lines, fee=fee)
    installments = _plan(random, charged)
    created_at = NOON - timedelta(microseconds=random.randint(0, 10**13))
    invoice = Invoice(
        pk=pk,
        tenant=Tenant(pk=random.randint(1, 10**6), name=text(random, 140) or "Kopi Gayo"),
        gateway=random.choice((XENDIT, MIDTRANS)),
        external_id=random.choice((None, text(random, 255), text(random, 30))) or None,
        status="pending",
        currency_code=currency,
        subtotal_amount=charged.subtotal_amount,
        total_tax_amount=charged.total_tax_amount,
        total_service_fee_amount=charged.total_service_fee_amount,
        total_amount=charged.total_amount,
        installment_count=len(installments),
        description=random.choice((None, text(random, 1000))),
        customer=random.choice((None, _customer(random))),
        created_at=created_at,
        updated_at=created_at,
    )
    return InvoiceDocument(
        invoice,
        _line_items(random, invoice, lines, charged),
        _installments(invoice, installments),
        None,
    )


def pay(random: Random, document: InvoiceDocument) -> PaidInvoice:
    """Return the invoice after some payments: too little, too much, several, some taken back."""
    invoice = document.invoice
    transactions, entries = list[Transaction](), list[LedgerEntry]()
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        amount = random.choice(
            (document.installments[0].total_amount, random.randint(1, invoice.total_amount * 2))
        )
        row = transaction(random, invoice, amount=amount, pk=len(transactions) + 1)
        transactions.append(row)
        invoice.paid_amount += amount
        for installment in document.installments:
            share = min(amount, installment.total_amount - installment.paid_amount)
            if share:
                installment.paid_amount += share
                amount -= share
                entries.append(
                    LedgerEntry(
                        transaction=row, installment=installment, kind=row.kind, amount=share
                    )
                )
        invoice.overpayment_amount += amount
    if entries and random.random() < 0.3:
        back = random.choice(entries)
        installment = next(
            installment
            for installment in document.installments
            if installment.pk == back.installment_id
        )
        amount = random.randint(1, min(back.amount, installment.paid_amount))
        row = transaction(random, invoice, amount=-amount, pk=len(transactions) + 1)
        transactions.append(row)
        row.kind = random.choice(("refund", "reversal"))
        entries.append(
            LedgerEntry(transaction=row, installment=installment, kind=row.kind, amount=-amount)
        )
        if row.kind == "reversal":
            installment.paid_amount -= amount
            invoice.paid_amount -= amount
    if invoice.paid_amount == 0:
        invoice.status = random.choice(("pending", "expired", "cancelled", "failed"))
    else:
        invoice.status = "partially_paid"
    return PaidInvoice(
        invoice=invoice,
        installments=document.installments,
        transactions=transactions,
        entries=entries,
        refusals={},
    )


def transaction(random: Random, invoice: Invoice, *, amount: int, pk: int) -> Transaction:
    """Return a transaction as it is booked, with an id of the kind that gateways give."""
    gateway_id = f"{random.getrandbits(128):032x}"
    dashed = "-".join(
        (gateway_id[:8], gateway_id[8:12], gateway_id[12:16], gateway_id[16:20], gateway_id[20:])
    )
    return Transaction(
        pk=pk,
        invoice=invoice,
        gateway_transaction_id=random.choice(
            (gateway_id[:24], dashed, f"{dashed}#2", f"{dashed}:refund:{text(random, 60)}")
        ),
        kind="payment" if amount > 0 else "reversal",
        currency_code=invoice.currency_code,
        amount=amount,
        paid_at=NOON,
        created_at=NOON,
        iso20022_transaction_status=random.choice((None, "ACSC", "ACCC", "ACSP", "PDNG")),
    )


def text(random: Random, longest: int) -> str:
    """Return text of one or several alphabets, as people and programs write it."""
    alphabet = "".join(random.sample(ALPHABETS, random.randint(1, 3)))
    return "".join(random.choices(alphabet, k=random.randint(1, longest)))


def _mostly_few(random: Random, counts: tuple[int, int, int, int]) -> int:
    return random.choices(counts, weights=(8, 4, 3, 1))[0]


def _line(random: Random) -> charges.Line:
    price = random.choice((0, 1, random.randint(1, 10**4), random.randint(1, 10**9)))
    line = charges.Line(
        random.choice((random.randint(1, 20), Decimal(random.randint(1, 5000)).scaleb(-3))),
        price,
        Decimal(random.choice(RATES)),
    )
    discount = random.choice((0, random.randint(0, line.gross_amount)))
    return replace(line, discount_amount=discount)


def _plan(random: Random, charged: charges.Charges) -> list[splitting.InstallmentAmounts]:
    for count in (_mostly_few(random, (1, 2, 3, 12)), 1):
        try:
            return splitting.plan(charges=charged, count=count, custom_amounts=None)
        except splitting.InstallmentTooSmall:
            continue
    raise AssertionError("one instalment always fits")


def _customer(random: Random) -> dict[str, str | None]:
    return {
        "name": random.choice((None, text(random, 140))),
        "email": random.choice((None, "siti@example.com")),
        "phone": random.choice((None, "+60 12-345 6789", "+855 (23) 123456", "08123456789")),
    }


def _line_items(
    random: Random, invoice: Invoice, lines: list[charges.Line], charged: charges.Charges
) -> list[LineItem]:
    return [
        LineItem(
            invoice=invoice,
            position=position,
            product_name="Kopi",
            quantity=line.quantity,
            unit_price_amount=line.unit_amount,
            discount_amount=line.discount_amount,
            tax_rate=line.tax_rate,
            tax_category=random.choice(CATEGORIES),
            country_code=random.choice(COUNTRIES),
            subtotal_amount=line.subtotal_amount,
            tax_amount=line.tax_amount,
        )
        for position, line in enumerate(lines, start=1)
    ]


def _installments(
    invoice: Invoice, installments: list[splitting.InstallmentAmounts]
) -> list[Installment]:
    return [
        Installment(
            pk=installment.number,
            invoice=invoice,
            number=installment.number,
            due_at=invoice.created_at + timedelta(days=14 * installment.number),
            net_amount=installment.net_amount,
            tax_amount=installment.tax_amount,
            service_fee_amount=installment.service_fee_amount,
            total_amount=installment.total_amount,
        )
        for installment in installments
    ]
