"""ISO 20022 payment status reports."""

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from apikeys.keys.authentication import tenant_of
from invoices.invoices.views import missing_is_not_found
from invoices.models import Transaction
from payments.booking import pain002_reports
from paytrust.web.problems import NotFound
from paytrust.web.xml_views import XML_ANSWER, xml_answer


class InvoicePaymentStatus(APIView):
    @extend_schema(operation_id="getInvoicePaymentStatus", responses=XML_ANSWER)
    def get(self, request: Request, invoice_id: int) -> HttpResponse:
        """Show what has been paid on an invoice as an ISO 20022 pain.002."""
        with missing_is_not_found():
            document = pain002_reports.invoice_status(
                tenant=tenant_of(request), invoice_id=invoice_id
            )
        return xml_answer(document)


class TransactionPaymentStatus(APIView):
    @extend_schema(operation_id="getTransactionPaymentStatus", responses=XML_ANSWER)
    def get(self, request: Request, transaction_id: int) -> HttpResponse:
        """Show the ISO 20022 pain.002 with which a transaction was booked."""
        try:
            document = pain002_reports.transaction_status(
                tenant=tenant_of(request), transaction_id=transaction_id
            )
        except Transaction.DoesNotExist as error:
            raise NotFound from error
        return xml_answer(document)
