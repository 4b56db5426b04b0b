"""Models of the invoices app; each is in the folder of its noun."""

from invoices.follow_up.models import Assignment
from invoices.invoices.models import Invoice, InvoiceMetadata, InvoiceQuerySet, LineItem
from invoices.invoices.statuses import InvoiceStatus, RefundStatus, ReviewFlag
from invoices.ledger.models import LedgerEntry, LedgerTax, MoneyKind, Transaction
from invoices.payment_requests.models import PaymentRequest, PaymentRequestQuerySet
from invoices.schedule.models import Installment, InstallmentQuerySet

__all__ = [
    "Assignment",
    "Installment",
    "InstallmentQuerySet",
    "Invoice",
    "InvoiceMetadata",
    "InvoiceQuerySet",
    "InvoiceStatus",
    "LedgerEntry",
    "LedgerTax",
    "LineItem",
    "MoneyKind",
    "PaymentRequest",
    "PaymentRequestQuerySet",
    "RefundStatus",
    "ReviewFlag",
    "Transaction",
]
