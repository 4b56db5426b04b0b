"""Refunds over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.idempotency.claims import IDEMPOTENCY_HEADER
from apikeys.idempotency.once import idempotent_by_trips, once_of
from apikeys.keys.authentication import tenant_of
from apikeys.keys.restrictions import Scope
from invoices.models import Invoice, Transaction
from payments.refunds import selectors, services
from payments.refunds.models import Refund, RefundQuerySet
from payments.refunds.serializers import (
    RefundCreateRequest,
    RefundFilter,
    RefundList,
    RefundResponse,
)
from paytrust.web.pagination import NewestFirst, PageQuery
from paytrust.web.serializers import query_of


class InvoiceRefunds(APIView):
    scopes: ClassVar = {"POST": Scope.REFUND}

    @extend_schema(
        operation_id="refundInvoice",
        request=RefundCreateRequest,
        responses={200: RefundResponse, 201: RefundResponse},
        parameters=[IDEMPOTENCY_HEADER],
    )
    @idempotent_by_trips
    def post(self, request: Request, invoice_id: int) -> HttpResponse:
        """Give money of one payment back to the customer.

        `sending` says that the gateway has not answered yet: what became of it is asked for, and
        it is never made twice. `requested` waits for two people at PayTrust.
        """
        body = RefundCreateRequest(data=request.data)
        body.is_valid(raise_exception=True)
        once = once_of(request)
        once.shows(lambda refund: RefundResponse(refund).data)
        with _missing_is_not_found():
            refund, is_new = services.create_refund(
                tenant=tenant_of(request),
                invoice_id=invoice_id,
                request=body.to_request(),
                once=once,
                now=timezone.now(),
            )
        return once.answered_at(refund, at="/refunds", is_new=is_new)

    @extend_schema(operation_id="listInvoiceRefunds", responses=RefundList, parameters=[PageQuery])
    def get(self, request: Request, invoice_id: int) -> Response:
        """List the refunds of an invoice, newest first."""
        with _missing_is_not_found():
            rows = selectors.refunds_of(tenant=tenant_of(request), invoice_id=invoice_id)
        return _page(rows, request)


class Refunds(APIView):
    @extend_schema(operation_id="listRefunds", responses=RefundList, parameters=[RefundFilter])
    def get(self, request: Request) -> Response:
        """List refunds, newest first."""
        wanted = RefundFilter(data=query_of(request))
        wanted.is_valid(raise_exception=True)
        return _page(wanted.applied_to(selectors.refunds(tenant=tenant_of(request))), request)


class RefundItem(APIView):
    @extend_schema(operation_id="getRefund", responses=RefundResponse)
    def get(self, request: Request, refund_id: int) -> Response:
        """Show a refund."""
        with _missing_is_not_found():
            refund = selectors.refunds(tenant=tenant_of(request)).get(pk=refund_id)
        return Response(RefundResponse(refund).data)


def _page(rows: RefundQuerySet, request: Request) -> Response:
    page = NewestFirst()
    shown = page.paginate_queryset(rows, request)
    return page.get_paginated_response(list(RefundResponse(shown, many=True).data))


@contextmanager
def _missing_is_not_found() -> Iterator[None]:
    """Answer 404 for what does not exist and for another tenant's: the same answer."""
    try:
        yield
    except (Invoice.DoesNotExist, Transaction.DoesNotExist, Refund.DoesNotExist) as error:
        raise NotFound from error
