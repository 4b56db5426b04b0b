"""An invoice together with its transactions and refunds, in one call."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.keys.authentication import tenant_of
from apikeys.models import Tenant
from invoices.invoices import selectors as invoices
from invoices.invoices.views import InvoiceItem, missing_is_not_found
from payments.booking import selectors as transactions
from payments.booking.answers import answers
from payments.expanding.serializers import ExpandedInvoiceResponse, ExpandQuery
from payments.refunds import selectors as refunds
from payments.refunds.serializers import RefundResponse
from paytrust.web.pagination import MAX_LIMIT
from paytrust.web.serializers import query_of


class ExpandableInvoice(InvoiceItem):
    """GET /invoices/{id}. It stands here because an invoice knows nothing of refunds."""

    @extend_schema(
        operation_id="getInvoice", parameters=[ExpandQuery], responses=ExpandedInvoiceResponse
    )
    def get(self, request: Request, invoice_id: int) -> Response:
        """Show an invoice with its lines, schedule and current payment URL."""
        given = query_of(request).get("expand")
        if given is None:
            return super().get(request, invoice_id)
        wanted = ExpandQuery(data={"expand": given})
        wanted.is_valid(raise_exception=True)
        tenant = tenant_of(request)
        with missing_is_not_found():
            shown = invoices.document(tenant=tenant, invoice_id=invoice_id)
        expanded = _expanded(wanted.validated_data["expand"], tenant, invoice_id)
        context = {"now": timezone.now(), "expanded": expanded}
        return Response(ExpandedInvoiceResponse(shown, context=context).data)


def _expanded(names: frozenset[str], tenant: Tenant, invoice_id: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "transactions" in names:
        booked = transactions.transactions_of(tenant=tenant, invoice_id=invoice_id)
        rows = list(booked.order_by("-pk")[:MAX_LIMIT])
        found["transactions"] = answers(rows, now=timezone.now())
    if "refunds" in names:
        asked = refunds.refunds_of(tenant=tenant, invoice_id=invoice_id)
        found["refunds"] = RefundResponse(asked.order_by("-pk")[:MAX_LIMIT], many=True).data
    return found
