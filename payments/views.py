"""What was booked."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.authentication import tenant_of
from invoices.models import Invoice
from payments import selectors
from payments.serializers import TransactionList, TransactionResponse
from paytrust.pagination import NewestFirst, PageQuery
from paytrust.problems import NotFound


class InvoiceTransactions(APIView):
    @extend_schema(responses=TransactionList, parameters=[PageQuery])
    def get(self, request: Request, invoice_id: int) -> Response:
        """List the transactions of an invoice, newest first, with where each unit went."""
        try:
            booked = selectors.transactions_of(tenant=tenant_of(request), invoice_id=invoice_id)
        except Invoice.DoesNotExist as error:
            raise NotFound from error
        page = NewestFirst()
        rows = page.paginate_queryset(booked, request)
        return page.get_paginated_response(list(TransactionResponse(rows, many=True).data))
