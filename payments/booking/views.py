"""What was booked, the payment that is due, and the changes that close an open one first."""

import functools
from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.idempotency.claims import IDEMPOTENCY_HEADER
from apikeys.idempotency.once import Once, idempotent_by_trips, once_of
from apikeys.keys.access import entered_along, use_of
from apikeys.keys.authentication import tenant_of
from invoices.invoices.serializers import (
    AdjustmentRequest,
    InvoiceInstallmentsResponse,
    InvoiceResponse,
    PaymentOpenRequest,
    PaymentResponse,
    invoice_answer,
)
from invoices.invoices.views import entered_if_there, missing_is_not_found, shown
from invoices.ledger.models import TransactionQuerySet
from invoices.models import Transaction
from payments.booking import answers, selectors
from payments.booking.filters import TransactionFilter
from payments.booking.serializers import TransactionList, TransactionResponse
from payments.changes import closing
from paytrust.operations.trips import Statement
from paytrust.web.pagination import NewestFirst, PageQuery
from paytrust.web.problems import NotFound
from paytrust.web.serializers import query_of, require_no_fields


class InvoiceInstallments(APIView):
    @extend_schema(operation_id="listInvoiceInstallments", responses=InvoiceInstallmentsResponse)
    def get(self, request: Request, invoice_id: int) -> Response:
        """Show the instalments of an invoice."""
        found = shown(request, invoice_id)
        return Response(InvoiceInstallmentsResponse(found, context={"now": timezone.now()}).data)

    @extend_schema(
        operation_id="adjustInvoiceInstallments",
        request=AdjustmentRequest,
        responses=InvoiceInstallmentsResponse,
    )
    def patch(self, request: Request, invoice_id: int) -> HttpResponse:
        """Change what unpaid instalments ask for; the invoice's total stays."""
        body = AdjustmentRequest(data=request.data)
        body.is_valid(raise_exception=True)
        now = timezone.now()
        once = Once(use=use_of(request), now=now)
        once.shows(
            lambda document: InvoiceInstallmentsResponse(document, context={"now": now}).data,
            status=HTTPStatus.OK,
        )
        with missing_is_not_found():
            adjusted = closing.adjust_installments(
                tenant=tenant_of(request),
                invoice_id=invoice_id,
                named=body.named(),
                once=once,
                now=now,
            )
        return once.answered(adjusted)


class InvoicePayments(APIView):
    @extend_schema(
        operation_id="openInvoicePayment",
        request=PaymentOpenRequest,
        responses={200: PaymentResponse, 201: PaymentResponse},
        parameters=[IDEMPOTENCY_HEADER],
    )
    @idempotent_by_trips
    def post(self, request: Request, invoice_id: int) -> HttpResponse:
        """Open the payment of the lowest unpaid instalment, or show the one that is open.

        Both are 201: a job opens the next one too, and no caller should have to race with it.
        """
        body = PaymentOpenRequest(data=request.data)
        body.is_valid(raise_exception=True)
        once = once_of(request)
        once.shows(lambda document: PaymentResponse(document.open_request).data)
        with missing_is_not_found():
            document = closing.open_payment(
                tenant=tenant_of(request),
                invoice_id=invoice_id,
                once=once,
                now=timezone.now(),
                **body.validated_data,
            )
        return once.answered(document)


class InvoiceCancellation(APIView):
    @extend_schema(
        operation_id="cancelInvoice",
        request=None,
        responses=InvoiceResponse,
        parameters=[IDEMPOTENCY_HEADER],
    )
    @idempotent_by_trips
    def post(self, request: Request, invoice_id: int) -> HttpResponse:
        """End an invoice on which nothing was paid, and its open payment at the gateway."""
        require_no_fields(request)
        now = timezone.now()
        once = once_of(request)
        once.shows(lambda document: invoice_answer(document, now), status=HTTPStatus.OK)
        with missing_is_not_found():
            cancelled = closing.cancel_invoice(
                tenant=tenant_of(request), invoice_id=invoice_id, once=once, now=now
            )
        return once.answered(cancelled)


class InvoiceTransactions(APIView):
    @extend_schema(
        operation_id="listInvoiceTransactions", responses=TransactionList, parameters=[PageQuery]
    )
    def get(self, request: Request, invoice_id: int) -> Response:
        """List the transactions of an invoice, newest first, with where each unit went."""
        tenant = tenant_of(request)
        page = NewestFirst()
        mine = selectors.transactions_of(tenant=tenant, invoice_id=invoice_id)
        with entered_if_there(request, invoice_id) as entry:
            booked = page.read(mine, request, by=_shown(entry))
            if not booked:
                selectors.require_invoice(tenant=tenant, invoice_id=invoice_id)
        return page.get_paginated_response([row.answer for row in booked])


class Transactions(APIView):
    @extend_schema(
        operation_id="listTransactions",
        summary="List transactions",
        tags=["Transactions"],
        responses=TransactionList,
        parameters=[TransactionFilter],
    )
    def get(self, request: Request) -> Response:
        """List what came in and what went back on all invoices, newest first."""
        wanted = TransactionFilter(data=query_of(request))
        wanted.is_valid(raise_exception=True)
        page = NewestFirst()
        mine = selectors.transactions(tenant=tenant_of(request))
        with entered_along(request) as entry:
            booked = page.read(wanted.applied_to(mine), request, by=_shown(entry))
        return page.get_paginated_response([row.answer for row in booked])


class TransactionItem(APIView):
    @extend_schema(
        operation_id="getTransaction",
        summary="Show a transaction",
        tags=["Transactions"],
        responses=TransactionResponse,
    )
    def get(self, request: Request, transaction_id: int) -> Response:
        """Show money that came in, or that went back, with where each unit went."""
        try:
            row = selectors.transactions(tenant=tenant_of(request)).get(pk=transaction_id)
        except Transaction.DoesNotExist as error:
            raise NotFound from error
        return Response(answers.answers([row], now=timezone.now())[0])


def _shown(entry: Statement) -> Callable[[TransactionQuerySet], list[answers.Shown]]:
    return functools.partial(answers.page, now=timezone.now(), along=[entry])
