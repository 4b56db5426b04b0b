"""A payment request as the order that gateways get: how much, from whom, for what."""

from datetime import datetime

from gateways import phones
from gateways.adapter import Customer, Item, PaymentMethod, PaymentOrder
from invoices.invoices.selectors import InvoiceDocument
from invoices.models import Installment, Invoice, PaymentRequest
from paytrust.money import Money

DESCRIPTION_LENGTH = 1000


def order_for(
    *, payment_request: PaymentRequest, document: InvoiceDocument, now: datetime
) -> PaymentOrder:
    """Return a payment request as the order that adapters understand.

    If it is for the whole invoice, the customer sees its lines, tax and fee; if it is for an
    instalment, or for the rest of one, one line names it.

    Source: spec 2.9.
    """
    invoice = document.invoice
    whole = payment_request.amount == invoice.total_amount
    method = invoice.payment_method
    return PaymentOrder(
        reference=payment_request.reference,
        amount=Money(payment_request.amount, payment_request.currency_code),
        description=_description(invoice),
        created_at=now,
        expires_at=invoice.expires_at,
        customer=_customer(invoice),
        items=_lines(document) if whole else (_installment(payment_request, document),),
        tax_amount=invoice.total_tax_amount if whole else 0,
        service_fee_amount=invoice.total_service_fee_amount if whole else 0,
        order_number=invoice.external_id,
        success_redirect_url=invoice.success_redirect_url,
        failure_redirect_url=invoice.failure_redirect_url,
        method=PaymentMethod(**method) if method else None,
    )


def _description(invoice: Invoice) -> str:
    """Return what the page says it is about: the merchant's order number first."""
    texts = [text for text in (invoice.external_id, invoice.description) if text]
    return ": ".join(texts)[:DESCRIPTION_LENGTH] or f"Invoice {invoice.pk}"


def _customer(invoice: Invoice) -> Customer | None:
    if not invoice.customer:
        return None
    given = dict(invoice.customer)
    phone = phones.e164(given.pop("phone", None), currency=invoice.currency_code)
    return Customer(**given, phone=phone)


def _lines(document: InvoiceDocument) -> tuple[Item, ...]:
    return tuple(
        Item(
            name=line.product_name,
            quantity=line.quantity,
            unit_amount=line.unit_price_amount,
            discount_amount=line.discount_amount,
        )
        for line in document.line_items
    )


def _installment(payment_request: PaymentRequest, document: InvoiceDocument) -> Item:
    installment = next(p for p in document.installments if p.pk == payment_request.installment_id)
    name = _name_of(installment, document.invoice.installment_count)
    if payment_request.amount < installment.total_amount:
        name = f"Rest of {name}"
    return Item(name=name[0].upper() + name[1:], quantity=1, unit_amount=payment_request.amount)


def _name_of(installment: Installment, count: int) -> str:
    return f"instalment {installment.number} of {count}" if count > 1 else "the invoice"
