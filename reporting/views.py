"""A merchant's reports."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.authentication import tenant_of
from paytrust.pagination import NewestFirst
from reporting import selectors
from reporting.serializers import (
    CurrencyReportResponse,
    DiscrepancyList,
    DiscrepancyQuery,
    DiscrepancyResponse,
    DiscrepancySumResponse,
    FinancialQuery,
    FinancialReportResponse,
)


class FinancialReport(APIView):
    @extend_schema(responses=FinancialReportResponse, parameters=[FinancialQuery])
    def get(self, request: Request) -> Response:
        """Report what was settled in an interval, per currency, with its taxes and fees."""
        query = FinancialQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        reports = selectors.financial_report(
            tenant=tenant_of(request),
            start=asked["start"],
            end=asked["end"],
            currency_code=asked.get("currency"),
            gateway_id=asked.get("gateway_id"),
        )
        return Response(
            {
                "period": {"start_date": asked["start"], "end_date": asked["end"]},
                "by_currency": CurrencyReportResponse(reports, many=True).data,
            }
        )


class DiscrepancyReport(APIView):
    @extend_schema(responses=DiscrepancyList, parameters=[DiscrepancyQuery])
    def get(self, request: Request) -> Response:
        """List the invoices whose payments differ from what they ask for, newest first."""
        query = DiscrepancyQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        found = selectors.discrepancies(
            tenant=tenant_of(request),
            kind=query.validated_data.get("kind"),
            currency_code=query.validated_data.get("currency"),
        )
        page = NewestFirst()
        rows = page.paginate_queryset(found, request)
        answer = page.get_paginated_response(list(DiscrepancyResponse(rows, many=True).data))
        sums = DiscrepancySumResponse(selectors.discrepancy_sums(found), many=True)
        answer.data["by_currency"] = sums.data
        return answer
