"""The merchant's invoices."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.idempotency.claims import IDEMPOTENCY_HEADER
from apikeys.idempotency.once import Once, idempotent_by_trips, once_of
from apikeys.keys.access import entered_along
from apikeys.keys.authentication import tenant_of
from invoices.invoices import selectors, services
from invoices.invoices.filters import METADATA, InvoiceFilter
from invoices.invoices.selectors import InvoiceDocument
from invoices.invoices.serializers import (
    InvoiceCreateRequest,
    InvoiceList,
    InvoiceResponse,
    OverpaymentResponse,
    SupplementaryRequest,
    invoice_answer,
)
from invoices.models import Invoice
from paytrust.operations.trips import Statement
from paytrust.web.pagination import NewestFirst
from paytrust.web.problems import NotFound
from paytrust.web.request_id import request_id_of
from paytrust.web.serializers import query_of


class InvoiceCollection(APIView):
    @extend_schema(
        operation_id="createInvoice",
        request=InvoiceCreateRequest,
        responses={200: InvoiceResponse, 201: InvoiceResponse},
        parameters=[IDEMPOTENCY_HEADER],
    )
    @idempotent_by_trips
    def post(self, request: Request) -> HttpResponse:
        """Create an invoice and open its payment: the answer has the payment URL."""
        body = InvoiceCreateRequest(data=request.data)
        body.is_valid(raise_exception=True)
        now = timezone.now()
        once = _once(request, now)
        document, opened = services.create_invoice(
            tenant=tenant_of(request),
            request=body.to_request(),
            once=once,
            request_id=request_id_of(request._request),  # noqa: SLF001  # DRF's wrapper hides it
            now=now,
        )
        return once.answered_at(document, at="/invoices", is_new=opened)

    @extend_schema(
        operation_id="listInvoices", responses=InvoiceList, parameters=[InvoiceFilter, METADATA]
    )
    def get(self, request: Request) -> Response:
        """List invoices, newest first."""
        wanted = InvoiceFilter(data=query_of(request))
        wanted.is_valid(raise_exception=True)
        page = NewestFirst()
        mine = selectors.invoices(tenant=tenant_of(request))
        with entered_along(request) as entry:
            read = functools.partial(selectors.documents, along=[entry])
            documents = page.read(wanted.applied_to(mine), request, by=read)
        answers = InvoiceResponse(documents, many=True, context={"now": timezone.now()})
        return page.get_paginated_response(list(answers.data))


class InvoiceItem(APIView):
    @extend_schema(operation_id="getInvoice", responses=InvoiceResponse)
    def get(self, request: Request, invoice_id: int) -> Response:
        """Show an invoice with its lines, schedule and current payment URL."""
        document = shown(request, invoice_id)
        return Response(invoice_answer(document, timezone.now()))


class InvoiceSupplementary(APIView):
    @extend_schema(
        operation_id="createSupplementaryInvoice",
        request=SupplementaryRequest,
        responses={200: InvoiceResponse, 201: InvoiceResponse},
        parameters=[IDEMPOTENCY_HEADER],
    )
    @idempotent_by_trips
    def post(self, request: Request, invoice_id: int) -> HttpResponse:
        """Create a supplementary invoice in the currency and at the gateway of its parent."""
        body = SupplementaryRequest(data=request.data)
        body.is_valid(raise_exception=True)
        now = timezone.now()
        once = _once(request, now)
        with missing_is_not_found():
            document, opened = services.create_supplementary(
                tenant=tenant_of(request),
                parent_id=invoice_id,
                request=body.to_request(),
                once=once,
                request_id=request_id_of(request._request),  # noqa: SLF001
                now=now,
            )
        return once.answered_at(document, at="/invoices", is_new=opened)


class InvoiceOverpayment(APIView):
    @extend_schema(operation_id="getInvoiceOverpayment", responses=OverpaymentResponse)
    def get(self, request: Request, invoice_id: int) -> Response:
        """Show what was paid beside what was asked."""
        with entered_if_there(request, invoice_id) as entry:
            invoice = selectors.invoice(
                tenant=tenant_of(request), invoice_id=invoice_id, along=[entry]
            )
        return Response(OverpaymentResponse(invoice).data)


def _once(request: Request, now: datetime) -> Once:
    """Return what makes a call take effect once, whose answer is an invoice."""
    once = once_of(request)
    once.shows(lambda document: invoice_answer(document, now))
    return once


def shown(request: Request, invoice_id: int) -> InvoiceDocument:
    """Return the invoice that a GET shows; the trip that reads it also writes the audit entry.

    Raises:
        NotFound: unknown, or another tenant's.
    """
    with entered_if_there(request, invoice_id) as entry:
        return selectors.document(tenant=tenant_of(request), invoice_id=invoice_id, along=[entry])


@contextmanager
def entered_if_there(request: Request, invoice_id: int) -> Iterator[Statement]:
    """Write the audit entry of a GET about an invoice along with its trip; see `entered_along`.

    Raises:
        NotFound: the context found the invoice unknown, or another tenant's.
    """
    where, values = selectors.IS_THERE, {"invoice": invoice_id}
    with missing_is_not_found(), entered_along(request, where=where, values=values) as entry:
        yield entry


@contextmanager
def missing_is_not_found() -> Iterator[None]:
    """Answer 404 for what does not exist and for another tenant's: the same answer."""
    try:
        yield
    except Invoice.DoesNotExist as error:
        raise NotFound from error
