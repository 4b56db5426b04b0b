"""Settlements over HTTP."""

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.keys.authentication import tenant_of
from payments.settlement import selectors
from payments.settlement.models import SettlementLineQuerySet
from payments.settlement.serializers import (
    SettlementFilter,
    SettlementLineList,
    SettlementLineResponse,
    SettlementReportQuery,
    SettlementReportResponse,
)
from paytrust.operations import replica
from paytrust.web import spreadsheets
from paytrust.web.pagination import NewestFirst, PageQuery
from paytrust.web.serializers import query_of


class Settlements(APIView):
    @extend_schema(
        operation_id="listSettlements",
        summary="List settlement lines",
        responses=SettlementLineList,
        parameters=[SettlementFilter],
    )
    def get(self, request: Request) -> Response:
        """List what gateways say they paid out, newest first."""
        wanted = SettlementFilter(data=query_of(request))
        wanted.is_valid(raise_exception=True)
        return _page(wanted.applied_to(selectors.settlements(tenant=tenant_of(request))), request)


class PayoutTransactions(APIView):
    @extend_schema(
        operation_id="listPayoutTransactions",
        summary="List the lines of a payout",
        responses=SettlementLineList,
        parameters=[
            OpenApiParameter(
                "payout_id", str, OpenApiParameter.PATH, description="the gateway's id of a payout"
            ),
            PageQuery,
        ],
    )
    def get(self, request: Request, payout_id: str) -> Response:
        """List the lines that one payout of a gateway is made of, newest first."""
        lines = selectors.settlements(tenant=tenant_of(request)).filter(payout_id=payout_id)
        if not lines.exists():
            raise NotFound
        return _page(lines, request)


class SettlementReport(APIView):
    @extend_schema(
        operation_id="getSettlementReport",
        summary="Sum up what was settled",
        responses=SettlementReportResponse,
        parameters=[SettlementReportQuery],
    )
    @replica.reading()
    def get(self, request: Request) -> Response:
        """Show what was settled, what it cost and what was paid out, by gateway and state."""
        return Response({"results": _report(request)})


class SettlementReportCSV(APIView):
    @extend_schema(
        operation_id="downloadSettlementReport",
        summary="Download what was settled",
        responses={(200, "text/csv"): OpenApiTypes.STR},
        parameters=[SettlementReportQuery],
    )
    @replica.reading()
    def get(self, request: Request) -> StreamingHttpResponse:
        """Return the report as CSV."""
        pieces = spreadsheets.csv_pieces(selectors.report_table(_report(request)))
        answer = StreamingHttpResponse(pieces, content_type=spreadsheets.CSV)
        answer.headers["Content-Disposition"] = 'attachment; filename="settlement.csv"'
        return answer


def _report(request: Request) -> list[dict[str, object]]:
    query = SettlementReportQuery(data=query_of(request))
    query.is_valid(raise_exception=True)
    asked = query.validated_data
    return selectors.report(
        tenant=tenant_of(request),
        after=asked["settled_from"],
        before=asked["settled_to"],
        currency=asked.get("currency"),
    )


def _page(rows: SettlementLineQuerySet, request: Request) -> Response:
    page = NewestFirst()
    shown = page.paginate_queryset(rows, request)
    return page.get_paginated_response(list(SettlementLineResponse(shown, many=True).data))
