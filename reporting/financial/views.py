"""A merchant's reports."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import FileResponse, StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.keys.authentication import tenant_of
from apikeys.keys.restrictions import Scope
from paytrust.operations import replica
from paytrust.web import spreadsheets
from paytrust.web.pagination import NewestFirst
from paytrust.web.serializers import query_of
from paytrust.web.spreadsheets import Cell
from reporting.exports import financial, movements
from reporting.exports.answers import CSV_ANSWER, XLSX_ANSWER, csv_answer, file_name, xlsx_answer
from reporting.exports.movements import Asked as Movements
from reporting.financial import selectors
from reporting.financial.figures import CurrencyReport
from reporting.financial.serializers import (
    UNKNOWN_REFERENCE,
    CurrencyReportResponse,
    DiscrepancyList,
    DiscrepancyQuery,
    DiscrepancyResponse,
    DiscrepancySumResponse,
    FinancialQuery,
    FinancialReportResponse,
    MovementsQuery,
)


class FinancialReport(APIView):
    scopes: ClassVar = {"GET": Scope.REPORTS}

    @extend_schema(
        operation_id="getFinancialReport",
        responses=FinancialReportResponse,
        parameters=[FinancialQuery],
    )
    @replica.reading()
    def get(self, request: Request) -> Response:
        """Report what came in and what went back in an interval, per currency."""
        asked = _asked(request)
        reports = _financial(request, asked)
        return Response(
            {
                "period": {"start_date": asked["start"], "end_date": asked["end"]},
                "by_currency": CurrencyReportResponse(reports, many=True).data,
            }
        )


class FinancialReportCSV(APIView):
    scopes: ClassVar = {"GET": Scope.REPORTS}

    @extend_schema(
        operation_id="downloadFinancialReportCsv", responses=CSV_ANSWER, parameters=[FinancialQuery]
    )
    @replica.reading()
    def get(self, request: Request) -> StreamingHttpResponse:
        """Return the financial report as CSV, amounts in whole currency."""
        rows, name = _financial_rows(request)
        return csv_answer(spreadsheets.csv_pieces(rows), name)


class FinancialReportXLSX(APIView):
    scopes: ClassVar = {"GET": Scope.REPORTS}

    @extend_schema(
        operation_id="downloadFinancialReportXlsx",
        responses=XLSX_ANSWER,
        parameters=[FinancialQuery],
    )
    @replica.reading()
    def get(self, request: Request) -> FileResponse:
        """Return the financial report as a workbook, amounts in whole currency."""
        rows, name = _financial_rows(request)
        return xlsx_answer(rows, title="financial", name=name)


class MovementsCSV(APIView):
    scopes: ClassVar = {"GET": Scope.REPORTS}

    @extend_schema(
        operation_id="downloadTransactionsCsv", responses=CSV_ANSWER, parameters=[FinancialQuery]
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Stream every payment, refund and reversal booked in an interval as CSV, oldest first."""
        asked = _movements(request)
        pieces = movements.csv_pieces(asked)
        return csv_answer(pieces, file_name("transactions", asked.start, asked.end, asked.zone))


class MovementsXLSX(APIView):
    scopes: ClassVar = {"GET": Scope.REPORTS}

    @extend_schema(
        operation_id="downloadTransactionsXlsx", responses=XLSX_ANSWER, parameters=[FinancialQuery]
    )
    def get(self, request: Request) -> FileResponse:
        """Return every payment, refund and reversal booked in an interval as a workbook."""
        asked = _movements(request)
        name = file_name("transactions", asked.start, asked.end, asked.zone)
        return xlsx_answer(movements.rows(asked), title="transactions", name=name)


class DiscrepancyReport(APIView):
    scopes: ClassVar = {"GET": Scope.REPORTS}

    @extend_schema(
        operation_id="listDiscrepancies", responses=DiscrepancyList, parameters=[DiscrepancyQuery]
    )
    @replica.reading()
    def get(self, request: Request) -> Response:
        """List the invoices whose payments differ from what they ask for, newest first."""
        query = DiscrepancyQuery(data=query_of(request))
        query.is_valid(raise_exception=True)
        kind = query.validated_data.get("kind")
        if kind == UNKNOWN_REFERENCE:
            return _discrepancies(
                request, selectors.unknown_references(tenant=tenant_of(request)), sums=[]
            )
        found = selectors.discrepancies(
            tenant=tenant_of(request),
            kind=kind,
            currency_code=query.validated_data.get("currency"),
        )
        return _discrepancies(request, found, sums=selectors.discrepancy_sums(found))


def _asked(request: Request, kind: type[FinancialQuery] = FinancialQuery) -> dict[str, Any]:
    query = kind(data=query_of(request))
    query.is_valid(raise_exception=True)
    asked: dict[str, Any] = query.validated_data
    return asked


def _financial(request: Request, asked: dict[str, Any]) -> list[CurrencyReport]:
    return selectors.financial_report(
        tenant=tenant_of(request),
        start=asked["start"],
        end=asked["end"],
        currency_code=asked.get("currency"),
        gateway_id=asked.get("gateway_id"),
    )


def _financial_rows(request: Request) -> tuple[Iterator[Sequence[Cell]], str]:
    asked = _asked(request)
    start, end, zone = asked["start"], asked["end"], asked["tz"]
    rows = financial.financial_rows(
        reports=_financial(request, asked), start=start, end=end, zone=zone
    )
    return rows, file_name("financial", start, end, zone)


def _movements(request: Request) -> Movements:
    asked = _asked(request, MovementsQuery)
    return Movements(
        tenant=tenant_of(request),
        start=asked["start"],
        end=asked["end"],
        zone=asked["tz"],
        currency_code=asked.get("currency"),
        gateway_id=asked.get("gateway_id"),
    )


def _discrepancies(request: Request, found: QuerySet[Any], *, sums: list[Any]) -> Response:
    page = NewestFirst()
    rows = page.paginate_queryset(found, request)
    answer = page.get_paginated_response(list(DiscrepancyResponse(rows, many=True).data))
    answer.data["by_currency"] = DiscrepancySumResponse(sums, many=True).data
    return answer
