"""How an invoice, its merchant and its gateway are named in ISO 20022 messages."""

from http import HTTPStatus

from apikeys.models import Tenant
from gateways.models import Gateway
from invoices.models import Invoice, InvoiceStatus
from paytrust.errors import PayTrustError
from paytrust.iso20022.builder import Node
from paytrust.iso20022.text import MAX_35, identifier, text
from paytrust.money import Money

NUMBER_LENGTH = len("-001")


class InvoiceNotInitiated(PayTrustError):
    """The invoice is a draft: its payment was never opened, so there is no message of it."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invoice_not_initiated"


def refuse_draft(invoice: Invoice) -> None:
    """Raise InvoiceNotInitiated if no payment of the invoice was opened."""
    if invoice.status == InvoiceStatus.DRAFT:
        raise InvoiceNotInitiated


def message_id(invoice: Invoice) -> str:
    """Return the MsgId of an invoice's pain.001: always the same."""
    return f"PT{invoice.pk}"


def instruction_id(invoice: Invoice, number: int) -> str:
    """Return the PmtInfId and InstrId of an instalment."""
    return f"PT{invoice.pk}-{number:03}"


def end_to_end_id(invoice: Invoice, number: int) -> str:
    """Return the reference that the payee gets: the merchant's own, numbered if in instalments."""
    if invoice.external_id is None:
        return instruction_id(invoice, number)
    if invoice.installment_count == 1:
        return identifier(invoice.external_id)
    return f"{identifier(invoice.external_id, limit=MAX_35 - NUMBER_LENGTH)}-{number:03}"


def merchant(tenant: Tenant) -> list[Node]:
    """Return a tenant as a party. PayTrust knows no address of it, so none is written."""
    own_id = _id(str(tenant.pk), scheme="PAYTRUST-TENANT")
    return [
        ("Nm", text(tenant.name)),
        ("Id", [("OrgId", [("Othr", [*own_id, ("Issr", "PAYTRUST")])])]),
    ]


def agent(gateway: Gateway) -> list[Node]:
    """Return a gateway as the institution that forwards the order."""
    own_id = _id(gateway.code.upper(), scheme="PAYTRUST-GATEWAY")
    return [("FinInstnId", [("Nm", text(gateway.name)), ("Othr", own_id)])]


def money(invoice: Invoice, amount: int) -> Money:
    """Return minor units as money of the invoice's currency."""
    return Money(amount, invoice.currency_code)


def _id(value: str, *, scheme: str) -> list[Node]:
    return [("Id", value), ("SchmeNm", [("Prtry", scheme)])]
