"""A pain.002 from the state of each instalment. Pure: it reads no database and no clock."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from invoices.iso20022.parties import (
    agent,
    end_to_end_id,
    instruction_id,
    merchant,
    message_id,
    money,
)
from invoices.models import Invoice
from paytrust.iso20022 import builder
from paytrust.iso20022.builder import Node
from paytrust.iso20022.codes import GROUP_STATUSES
from paytrust.iso20022.messages import Message
from paytrust.iso20022.text import identifier, lines, text

MAX_105 = 105  # characters of one AddtlInf
PENDING, REJECTED, PARTIAL = "PDNG", "RJCT", "PART"
ACCEPTED = ("ACCP", "ACSP", "ACSC", "ACCC")  # each includes the one before it


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    code: str  # of ExternalStatusReason1Code
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallmentStatus:
    """One instalment and its state."""

    number: int
    due_at: datetime
    total_amount: int  # minor units, like every *_amount
    service_fee_amount: int
    status: str  # of ExternalPaymentTransactionStatus1Code
    reasons: tuple[Reason, ...] = ()
    confirmed_amount: int = 0  # what really arrived
    paid_at: datetime | None = None
    gateway_transaction_id: str | None = None
    is_listed: bool = True  # False: it only counts for the group


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The content of one pain.002 about an invoice, whose tenant and gateway are loaded."""

    message_id: str
    created_at: datetime
    invoice: Invoice
    installments: Sequence[InstallmentStatus]


def build(report: StatusReport) -> etree._Element:
    """Build the message: the invoice's state, and each instalment that is to be reported."""
    invoice, installments = report.invoice, report.installments
    forwarded_by = agent(invoice.gateway)
    group = group_status([installment.status for installment in installments])
    header: list[Node] = [
        ("MsgId", report.message_id),
        ("CreDtTm", report.created_at),
        ("InitgPty", merchant(invoice.tenant)),
        ("FwdgAgt", forwarded_by),
    ]
    original: list[Node] = [
        ("OrgnlMsgId", message_id(invoice)),
        ("OrgnlMsgNmId", Message.PAIN_001_11.value),
        ("OrgnlCreDtTm", invoice.created_at),
        ("OrgnlNbOfTxs", len(installments)),
        (
            "OrgnlCtrlSum",
            money(invoice, sum(installment.total_amount for installment in installments)).whole(),
        ),
        ("GrpSts", group),
        *_per_status(invoice, installments),
    ]
    listed = [
        _instruction(invoice, installment, group, forwarded_by)
        for installment in installments
        if installment.is_listed
    ]
    body: list[Node] = [("GrpHdr", header), ("OrgnlGrpInfAndSts", original), *listed]
    return builder.document(Message.PAIN_002_12, ("CstmrPmtStsRpt", body))


def group_status(statuses: Collection[str]) -> str:
    """Return the status that follows from the statuses of all instalments.

    Only a group can be PART. If all are accepted, the weakest of them is the group's status.
    """
    if len(set(statuses)) == 1:
        return next(iter(statuses))
    accepted = [status for status in statuses if status in ACCEPTED]
    if len(accepted) == len(statuses):
        return min(accepted, key=ACCEPTED.index)
    return PARTIAL if accepted else PENDING


def _per_status(invoice: Invoice, installments: Sequence[InstallmentStatus]) -> list[Node]:
    sums: Counter[str] = Counter()
    for installment in installments:
        sums[installment.status] += installment.total_amount
    counts = Counter(installment.status for installment in installments)
    return [
        (
            "NbOfTxsPerSts",
            [
                ("DtldNbOfTxs", count),
                ("DtldSts", status),
                ("DtldCtrlSum", money(invoice, sums[status]).whole()),
            ],
        )
        for status, count in counts.items()
    ]


def _instruction(
    invoice: Invoice, installment: InstallmentStatus, group: str, forwarded_by: list[Node]
) -> Node:
    return (
        "OrgnlPmtInfAndSts",
        [
            ("OrgnlPmtInfId", instruction_id(invoice, installment.number)),
            ("OrgnlNbOfTxs", 1),
            ("OrgnlCtrlSum", money(invoice, installment.total_amount).whole()),
            ("PmtInfSts", _instruction_status(installment.status, group)),
            ("TxInfAndSts", _transaction(invoice, installment, forwarded_by)),
        ],
    )


def _instruction_status(status: str, group: str) -> str | None:
    """Return the status if groups may have it and the group's own does not forbid it (MDR)."""
    contradicts = status == REJECTED and group not in {REJECTED, PARTIAL}
    return status if status in GROUP_STATUSES and not contradicts else None


def _transaction(
    invoice: Invoice, installment: InstallmentStatus, forwarded_by: list[Node]
) -> list[Node]:
    reference = installment.gateway_transaction_id
    ordered: list[Node] = [
        ("Amt", [("InstdAmt", money(invoice, installment.total_amount))]),
        ("ReqdExctnDt", [("Dt", installment.due_at.date())]),
    ]
    return [
        ("OrgnlInstrId", instruction_id(invoice, installment.number)),
        ("OrgnlEndToEndId", end_to_end_id(invoice, installment.number)),
        ("TxSts", installment.status),
        *(_reason(invoice, reason) for reason in installment.reasons),
        ("ChrgsInf", _charges(invoice, installment, forwarded_by)),
        ("TrckrData", _arrived(invoice, installment, forwarded_by)),
        ("AccptncDtTm", installment.paid_at if installment.status in ACCEPTED else None),
        ("AcctSvcrRef", identifier(reference) if reference else None),
        ("OrgnlTxRef", ordered),
    ]


def _reason(invoice: Invoice, reason: Reason) -> Node:
    return (
        "StsRsnInf",
        [
            ("Orgtr", [("Nm", text(invoice.gateway.name))]),
            ("Rsn", [("Cd", reason.code)]),
            *(("AddtlInf", line) for line in lines(reason.explanation, limit=MAX_105)),
        ],
    )


def _charges(
    invoice: Invoice, installment: InstallmentStatus, forwarded_by: list[Node]
) -> list[Node] | None:
    if installment.status not in ACCEPTED or installment.service_fee_amount == 0:
        return None
    return [("Amt", money(invoice, installment.service_fee_amount)), ("Agt", forwarded_by)]


def _arrived(
    invoice: Invoice, installment: InstallmentStatus, forwarded_by: list[Node]
) -> list[Node] | None:
    """Return when and how much money really came: the only structured field for it."""
    if installment.confirmed_amount <= 0 or installment.paid_at is None:
        return None
    return [
        ("ConfdDt", [("DtTm", installment.paid_at)]),
        ("ConfdAmt", money(invoice, installment.confirmed_amount)),
        ("TrckrRcrd", [("Agt", forwarded_by)]),
    ]
