"""An invoice as a pain.001: the order its payer would give, one instruction per instalment."""

from collections.abc import Sequence

from lxml import etree

from apikeys.models import Tenant
from gateways import phones
from invoices.invoices import selectors
from invoices.invoices.selectors import InvoiceDocument
from invoices.iso20022 import pain001_taxes
from invoices.iso20022.pain001_taxes import TaxGroup
from invoices.iso20022.parties import (
    agent,
    end_to_end_id,
    instruction_id,
    merchant,
    message_id,
    money,
    refuse_draft,
)
from invoices.models import Installment, Invoice
from paytrust.iso20022 import builder, validation
from paytrust.iso20022.builder import Node
from paytrust.iso20022.messages import Message
from paytrust.iso20022.text import identifier, lines, phone, text

NOT_PROVIDED = "NOTPROVIDED"  # only where ISO demands what PayTrust does not know: the payer's bank
MOST_REMITTANCE_LINES = 3
MOST_EMAIL = 254
VERSIONS = {"09": Message.PAIN_001_09, "11": Message.PAIN_001_11}


def payment_initiation(*, tenant: Tenant, invoice_id: int, message: Message) -> bytes:
    """Return an invoice as a pain.001, checked by its schema and by the rules beyond it.

    Everything in it comes from the invoice, so the same invoice gives the same bytes.

    Raises:
        Invoice.DoesNotExist: unknown, or another tenant's.
        InvoiceNotInitiated: it is a draft.
        InvalidDocument: it would not be valid.

    Source: FR-028b, SC-013.
    """
    document = selectors.document(tenant=tenant, invoice_id=invoice_id)
    refuse_draft(document.invoice)
    return validation.checked(build(tenant=tenant, document=document, message=message), message)


def build(*, tenant: Tenant, document: InvoiceDocument, message: Message) -> etree._Element:
    """Build the message of an invoice. Pure: asks no database and no clock."""
    invoice, installments = document.invoice, document.installments
    groups = pain001_taxes.groups_of(document.line_items)
    header: Node = (
        "GrpHdr",
        [
            ("MsgId", message_id(invoice)),
            ("CreDtTm", invoice.created_at),
            ("NbOfTxs", len(installments)),
            (
                "CtrlSum",
                money(
                    invoice, sum(installment.total_amount for installment in installments)
                ).whole(),
            ),
            ("InitgPty", merchant(tenant)),
            ("FwdgAgt", agent(invoice.gateway)),
            ("InitnSrc", _source(message)),
        ],
    )
    instructions = [
        _instruction(tenant, invoice, installment, groups) for installment in installments
    ]
    return builder.document(message, ("CstmrCdtTrfInitn", [header, *instructions]))


def _source(message: Message) -> list[Node] | None:
    """Return what made the message; no version, or an upgrade would change old messages."""
    if message == Message.PAIN_001_09:
        return None
    return [("Nm", "PayTrust"), ("Prvdr", "PayTrust")]


def _instruction(
    tenant: Tenant, invoice: Invoice, installment: Installment, groups: Sequence[TaxGroup]
) -> Node:
    unknown: Node = ("Othr", [("Id", NOT_PROVIDED)])
    return (
        "PmtInf",
        [
            ("PmtInfId", instruction_id(invoice, installment.number)),
            ("PmtMtd", "TRF"),
            ("BtchBookg", False),
            ("NbOfTxs", 1),
            ("CtrlSum", money(invoice, installment.total_amount).whole()),
            ("ReqdExctnDt", [("Dt", installment.due_at.date())]),
            ("Dbtr", _customer(invoice)),
            ("DbtrAcct", [("Id", [unknown])]),
            ("DbtrAgt", [("FinInstnId", [unknown])]),
            # The service fee is on the payer's bill; without one the gateway's terms hold.
            ("ChrgBr", "DEBT" if invoice.total_service_fee_amount else "SLEV"),
            _transaction(tenant, invoice, installment, groups),
        ],
    )


def _transaction(
    tenant: Tenant, invoice: Invoice, installment: Installment, groups: Sequence[TaxGroup]
) -> Node:
    ids: list[Node] = [
        ("InstrId", instruction_id(invoice, installment.number)),
        ("EndToEndId", end_to_end_id(invoice, installment.number)),
    ]
    return (
        "CdtTrfTxInf",
        [
            ("PmtId", ids),
            ("Amt", [("InstdAmt", money(invoice, installment.total_amount))]),
            ("Cdtr", merchant(tenant)),
            ("Purp", [("Cd", "INSM" if invoice.installment_count > 1 else "IVPT")]),
            ("Tax", pain001_taxes.share_of(invoice, installment, groups)),
            ("RmtInf", [("Strd", _remittance(invoice, installment, groups))]),
        ],
    )


def _customer(invoice: Invoice) -> list[Node]:
    known = invoice.customer or {}
    number = phones.e164(known.get("phone"), currency=invoice.currency_code)
    contact: list[Node] = [
        ("PhneNb", phone(number)),
        ("EmailAdr", text(known.get("email"), limit=MOST_EMAIL)),
    ]
    return [
        ("Nm", text(known.get("name")) or f"Payer of {message_id(invoice)}"),
        ("CtctDtls", contact),
    ]


def _remittance(
    invoice: Invoice, installment: Installment, groups: Sequence[TaxGroup]
) -> list[Node]:
    document: list[Node] = [
        ("Tp", [("CdOrPrtry", [("Cd", "CINV")])]),
        ("Nb", str(invoice.pk)),
        ("RltdDt", invoice.created_at.date()),
    ]
    amounts: list[Node] = [
        ("DuePyblAmt", money(invoice, invoice.total_amount)),
        *pain001_taxes.totals_of(invoice, groups),
        ("AdjstmntAmtAndRsn", _service_fee(invoice)),
        ("RmtdAmt", money(invoice, installment.total_amount)),
    ]
    return [
        ("RfrdDocInf", document),
        ("RfrdDocAmt", amounts),
        ("CdtrRefInf", _merchant_reference(invoice)),
        *(("AddtlRmtInf", line) for line in _remittance_lines(invoice, installment)),
    ]


def _service_fee(invoice: Invoice) -> list[Node] | None:
    if invoice.total_service_fee_amount == 0:
        return None
    return [
        ("Amt", money(invoice, invoice.total_service_fee_amount)),
        ("CdtDbtInd", "DBIT"),
        ("AddtlInf", "Service fee"),
    ]


def _merchant_reference(invoice: Invoice) -> list[Node] | None:
    if invoice.external_id is None:
        return None
    return [
        ("Tp", [("CdOrPrtry", [("Prtry", "EXTERNAL-ID")])]),
        ("Ref", identifier(invoice.external_id)),
    ]


def _remittance_lines(invoice: Invoice, installment: Installment) -> list[str]:
    """Return what people ask for first: instalment, whole reference, description."""
    found: list[str] = []
    if invoice.installment_count > 1:
        found.append(
            f"INSTALMENT {installment.number} OF {invoice.installment_count}"
            f" DUE {installment.due_at:%Y-%m-%d}"
        )
    if invoice.external_id is not None and identifier(invoice.external_id) != invoice.external_id:
        found += lines(invoice.external_id)
    found += lines(invoice.description)
    return found[:MOST_REMITTANCE_LINES]
