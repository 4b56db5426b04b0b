"""The merchant's invoices."""

from http import HTTPStatus

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.authentication import tenant_of
from apikeys.idempotency import IDEMPOTENCY_HEADER, idempotent, record_id_of
from invoices import selectors, services
from invoices.filters import InvoiceFilter
from invoices.models import Invoice
from invoices.serializers import InvoiceCreateRequest, InvoiceList, InvoiceResponse
from paytrust.pagination import NewestFirst
from paytrust.problems import NotFound


class InvoiceCollection(APIView):
    @extend_schema(
        request=InvoiceCreateRequest,
        responses={200: InvoiceResponse, 201: InvoiceResponse},
        parameters=[IDEMPOTENCY_HEADER],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Create an invoice and open its payment: the answer bears the payment URL."""
        body = InvoiceCreateRequest(data=request.data)
        body.is_valid(raise_exception=True)
        now = timezone.now()
        document, opened = services.create_invoice(
            tenant=tenant_of(request),
            request=body.to_request(),
            idempotency_record_id=record_id_of(request),
            now=now,
        )
        return Response(
            InvoiceResponse(document, context={"now": now}).data,
            HTTPStatus.CREATED if opened else HTTPStatus.OK,
        )

    @extend_schema(responses=InvoiceList, parameters=[InvoiceFilter])
    def get(self, request: Request) -> Response:
        """List invoices, newest first."""
        wanted = InvoiceFilter(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        page = NewestFirst()
        rows = page.paginate_queryset(
            wanted.applied_to(selectors.invoices(tenant=tenant_of(request))), request
        )
        answers = InvoiceResponse(
            selectors.documents(rows), many=True, context={"now": timezone.now()}
        )
        return page.get_paginated_response(list(answers.data))


class InvoiceItem(APIView):
    @extend_schema(responses=InvoiceResponse)
    def get(self, request: Request, invoice_id: int) -> Response:
        """Show an invoice with its lines, schedule and current payment URL."""
        try:
            document = selectors.document(tenant=tenant_of(request), invoice_id=invoice_id)
        except Invoice.DoesNotExist as error:
            raise NotFound from error
        return Response(InvoiceResponse(document, context={"now": timezone.now()}).data)
