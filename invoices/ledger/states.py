"""The states of an invoice: which change is legal, and what the money says."""

from collections.abc import Sequence

from invoices.models import Installment, Invoice, InvoiceStatus, ReviewFlag

S = InvoiceStatus
LEGAL_CHANGES: dict[str, frozenset[str]] = {
    S.DRAFT: frozenset(
        {S.PENDING, S.PARTIALLY_PAID, S.FULLY_PAID, S.FAILED, S.EXPIRED, S.CANCELLED}
    ),
    S.PENDING: frozenset({S.PARTIALLY_PAID, S.FULLY_PAID, S.FAILED, S.EXPIRED, S.CANCELLED}),
    S.FAILED: frozenset({S.PENDING, S.PARTIALLY_PAID, S.FULLY_PAID, S.EXPIRED, S.CANCELLED}),
    # Money that is taken back by the gateway leads back to where the invoice was without it.
    S.PARTIALLY_PAID: frozenset({S.FULLY_PAID, S.PENDING, S.FAILED, S.EXPIRED, S.CANCELLED}),
    S.FULLY_PAID: frozenset({S.PARTIALLY_PAID, S.PENDING, S.FAILED, S.EXPIRED, S.CANCELLED}),
    # Money that still arrives is never refused (FR-041).
    S.EXPIRED: frozenset({S.PARTIALLY_PAID, S.FULLY_PAID}),
    S.CANCELLED: frozenset({S.PARTIALLY_PAID, S.FULLY_PAID}),
}
"""Every legal change. The migration holds the same table as a trigger; a test compares them."""


def status_of(invoice: Invoice) -> InvoiceStatus:
    """Return the state that an invoice's money and end say: money first, then how it ended.

    An invoice that once had a payment URL never is a draft again.
    """
    allocated_amount = invoice.paid_amount - invoice.overpayment_amount
    if allocated_amount >= invoice.total_amount:
        return InvoiceStatus.FULLY_PAID
    if invoice.paid_amount > 0:
        return InvoiceStatus.PARTIALLY_PAID
    if invoice.ended_as is not None:
        return InvoiceStatus(invoice.ended_as)
    return InvoiceStatus.DRAFT if invoice.status == InvoiceStatus.DRAFT else InvoiceStatus.PENDING


def standing_flags(invoice: Invoice, installments: Sequence[Installment]) -> list[str]:
    """Return an invoice's review flags but for those that the money has cured.

    What came short may be made up, and what was too much may go back. The others tell what
    happened, and stay.

    Source: spec 6.2.
    """
    is_short = any(0 < part.paid_amount < part.total_amount for part in installments)
    cured = {
        ReviewFlag.UNDERPAID: not is_short,
        ReviewFlag.OVERPAID: invoice.overpayment_amount == 0,
    }
    return [flag for flag in invoice.review_flags if not cured.get(ReviewFlag(flag))]
