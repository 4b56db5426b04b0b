"""References: the least that Django REST Framework, and plain SQL, need for the same rows.

No authentication, gateway, idempotency, limits or log; no more middleware than Django suggests for
an API; the rows a new invoice has, written at once, and those its answer shows, read back.
"""

import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from django.core.handlers.base import BaseHandler
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.test.utils import override_settings
from django.utils import timezone
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.models import Tenant
from invoices.models import Installment, Invoice, LineItem, PaymentRequest

PREFIX = "/lean/"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
LIFE = timedelta(hours=24)


class PlainDjango:
    """Serves the references by their own middleware, and everything else by PayTrust's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._plain = BaseHandler()
        with override_settings(MIDDLEWARE=MIDDLEWARE):
            self._plain.load_middleware()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(PREFIX):
            return self._plain.get_response(request)
        return self._get_response(request)


# Django REST Framework


class LineItemSerializer(serializers.ModelSerializer[LineItem]):
    unit_price = serializers.DecimalField(max_digits=18, decimal_places=2, write_only=True)

    class Meta:
        model = LineItem
        fields = (
            *("id", "product_name", "quantity", "unit_price", "unit_price_amount", "tax_rate"),
            *("tax_category", "country_code", "subtotal_amount", "tax_amount"),
        )
        read_only_fields = ("unit_price_amount", "subtotal_amount", "tax_amount")


class PaymentRequestSerializer(serializers.ModelSerializer[PaymentRequest]):
    class Meta:
        model = PaymentRequest
        fields = ("status", "payment_url", "expires_at")


class InvoiceSerializer(serializers.ModelSerializer[Invoice]):
    gateway_id = serializers.IntegerField()
    selected_gateway = serializers.CharField(source="gateway.name", read_only=True)
    line_items = LineItemSerializer(many=True)
    payment_requests = PaymentRequestSerializer(many=True, read_only=True)

    class Meta:
        model = Invoice
        fields = (
            *("id", "external_id", "status", "currency_code", "gateway_id", "selected_gateway"),
            *("subtotal_amount", "total_tax_amount", "total_service_fee_amount", "total_amount"),
            *("paid_amount", "overpayment_amount", "parent_id", "description", "customer"),
            *("metadata", "created_at", "expires_at", "payment_initiated_at"),
            *("line_items", "payment_requests"),
        )
        read_only_fields = (
            *("status", "subtotal_amount", "total_tax_amount", "total_service_fee_amount"),
            *("total_amount", "paid_amount", "overpayment_amount", "created_at", "expires_at"),
            *("payment_initiated_at",),
        )

    @transaction.atomic
    def create(self, validated_data: dict[str, Any]) -> Invoice:
        now = timezone.now()
        lines = [LineItem(**_priced(line)) for line in validated_data.pop("line_items")]
        net = sum(line.subtotal_amount for line in lines)
        tax = sum(line.tax_amount for line in lines)
        invoice = Invoice.objects.create(
            tenant_id=tenant_id(),
            content_fingerprint="",
            subtotal_amount=net,
            total_tax_amount=tax,
            total_service_fee_amount=0,
            total_amount=net + tax,
            fee_percentage=0,
            fee_fixed_amount=0,
            created_at=now,
            updated_at=now,
            expires_at=now + LIFE,
            **validated_data,
        )
        for position, line in enumerate(lines, start=1):
            line.invoice, line.position = invoice, position
        LineItem.objects.bulk_create(lines)
        installment = Installment.objects.create(
            invoice=invoice,
            number=1,
            due_at=now + LIFE,
            net_amount=net,
            tax_amount=tax,
            service_fee_amount=0,
            total_amount=net + tax,
        )
        payment_request = PaymentRequest.objects.create(
            tenant_id=invoice.tenant_id,
            invoice=invoice,
            installment=installment,
            gateway_id=invoice.gateway_id,
            sequence=1,
            reference=uuid.uuid4().hex,
            amount=net + tax,
            currency_code=invoice.currency_code,
            created_at=now,
            expires_at=now + LIFE,
        )
        # The answer shows rows that are at hand; to read them again would not be lean.
        invoice._prefetched_objects_cache = {  # type: ignore[attr-defined]  # noqa: SLF001
            "line_items": lines,
            "payment_requests": [payment_request],
        }
        return invoice


class InvoiceCollection(APIView):
    authentication_classes = ()
    parser_classes = (JSONParser,)
    renderer_classes = (JSONRenderer,)

    def post(self, request: Request) -> Response:
        """Insert an invoice by the ORM."""
        body = InvoiceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        body.save()
        return Response(body.data, 201)


class InvoiceItem(APIView):
    authentication_classes = ()
    renderer_classes = (JSONRenderer,)

    def get(self, request: Request, pk: int) -> Response:
        """Read an invoice by the ORM."""
        invoice = (
            Invoice.objects.select_related("gateway")
            .prefetch_related("line_items", "payment_requests")
            .get(pk=pk)
        )
        return Response(InvoiceSerializer(invoice).data)


# Plain SQL


def insert_by_sql(request: HttpRequest) -> HttpResponse:
    """Insert an invoice by one cursor."""
    asked = json.loads(request.body, parse_float=Decimal)
    now = timezone.now()
    lines = [
        _priced(line | {name: Decimal(line[name]) for name in ("unit_price", "tax_rate")})
        for line in asked["line_items"]
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        invoice_id, total = _insert_invoice(cursor, asked, lines, now)
        cursor.execute(
            "INSERT INTO invoices_paymentrequest (tenant_id, invoice_id, installment_id,"
            " gateway_id, sequence, reference, amount, currency_code, status, tries, created_at,"
            " expires_at) SELECT %s, %s, id, %s, 1, %s, %s, %s, 'opening', 0, %s, %s"
            " FROM invoices_installment WHERE invoice_id = %s",
            [
                *(tenant_id(), invoice_id, asked["gateway_id"], uuid.uuid4().hex, total),
                *(asked["currency_code"], now, now + LIFE, invoice_id),
            ],
        )
    return JsonResponse({"id": invoice_id, "total_amount": total, "line_items": lines}, status=201)


def select_by_sql(request: HttpRequest, pk: int) -> HttpResponse:  # noqa: ARG001  # a view takes it
    """Read an invoice by one cursor."""
    with connection.cursor() as cursor:
        invoice = _select(
            cursor,
            "SELECT i.id, external_id, status, currency_code, gateway_id,"
            " g.name AS selected_gateway, subtotal_amount, total_tax_amount,"
            " total_service_fee_amount, total_amount, paid_amount, overpayment_amount, parent_id,"
            " description, customer, metadata, created_at, expires_at, payment_initiated_at"
            " FROM invoices_invoice i JOIN gateways_gateway g ON g.id = gateway_id"
            " WHERE i.id = %s",
            pk,
        )[0]
        invoice["line_items"] = _select(
            cursor,
            "SELECT id, product_name, quantity, unit_price_amount, tax_rate, tax_category,"
            " country_code, subtotal_amount, tax_amount FROM invoices_lineitem"
            " WHERE invoice_id = %s ORDER BY position",
            pk,
        )
        invoice["payment_requests"] = _select(
            cursor,
            "SELECT status, payment_url, expires_at FROM invoices_paymentrequest"
            " WHERE invoice_id = %s",
            pk,
        )
    return JsonResponse(invoice)


def _insert_invoice(
    cursor: Any,  # noqa: ANN401  # Django's wrapper of a cursor
    asked: dict[str, Any],
    lines: list[dict[str, Any]],
    now: datetime,
) -> tuple[int, int]:
    """Insert an invoice, its lines and its instalment; return id and total."""
    net, tax = (sum(line[name] for line in lines) for name in ("subtotal_amount", "tax_amount"))
    cursor.execute(
        "INSERT INTO invoices_invoice (tenant_id, gateway_id, content_fingerprint, status,"
        " currency_code, subtotal_amount, total_tax_amount, total_service_fee_amount,"
        " total_amount, fee_percentage, fee_fixed_amount, paid_amount, overpayment_amount,"
        " refunded_amount, installment_count, review_flags, metadata, created_at, updated_at,"
        " version, expires_at)"
        " VALUES (%s, %s, '', 'draft', %s, %s, %s, 0, %s, 0, 0, 0, 0, 0, 1, '[]', '{}', %s, %s, 1,"
        " %s)"
        " RETURNING id",
        [
            *(tenant_id(), asked["gateway_id"], asked["currency_code"], net, tax, net + tax),
            *(now, now, now + LIFE),
        ],
    )
    invoice_id = int(cursor.fetchone()[0])
    rows = ", ".join(["(%s, %s, %s, %s, %s, %s, %s, %s)"] * len(lines))
    cursor.execute(
        "INSERT INTO invoices_lineitem (invoice_id, position, product_name, quantity,"  # noqa: S608  # placeholders
        f" unit_price_amount, tax_rate, subtotal_amount, tax_amount) VALUES {rows}",
        [
            value
            for position, line in enumerate(lines, start=1)
            for value in (
                *(invoice_id, position, line["product_name"], line["quantity"]),
                *(line["unit_price_amount"], line["tax_rate"]),
                *(line["subtotal_amount"], line["tax_amount"]),
            )
        ],
    )
    cursor.execute(
        "INSERT INTO invoices_installment (invoice_id, number, due_at, net_amount, tax_amount,"
        " service_fee_amount, total_amount, paid_amount, refunded_amount, status)"
        " VALUES (%s, 1, %s, %s, %s, 0, %s, 0, 0, 'unpaid')",
        [invoice_id, now + LIFE, net, tax, net + tax],
    )
    return invoice_id, net + tax


def _select(cursor: Any, query: str, pk: int) -> list[dict[str, Any]]:  # noqa: ANN401  # as above
    cursor.execute(query, [pk])
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


# Both


@cache
def tenant_id() -> int:
    """Return whose the rows are: any tenant will do."""
    return Tenant.objects.values_list("pk", flat=True).order_by("pk")[0]


def _priced(line: dict[str, Any]) -> dict[str, Any]:
    """Turn a line's price into minor units, of a currency with two decimals."""
    priced = dict(line)
    priced["unit_price_amount"] = int(priced.pop("unit_price") * 100)
    priced["subtotal_amount"] = int(priced["quantity"] * priced["unit_price_amount"])
    tax = priced["subtotal_amount"] * priced["tax_rate"]
    priced["tax_amount"] = int(tax.to_integral_value(ROUND_HALF_UP))
    return priced
