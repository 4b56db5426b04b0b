"""A merchant's monthly statement, and what it says about the merchant."""

from typing import ClassVar

from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.keys.authentication import tenant_of
from apikeys.keys.restrictions import Scope
from paytrust.operations import replica
from paytrust.web import spreadsheets
from paytrust.web.serializers import query_of
from reporting.exports import statement
from reporting.exports.answers import CSV_ANSWER, csv_answer
from reporting.statements import document, selectors, services
from reporting.statements.serializers import (
    StatementPDFQuery,
    StatementProfileRequest,
    StatementProfileResponse,
    StatementQuery,
)


class StatementCSV(APIView):
    scopes: ClassVar = {"GET": Scope.REPORTS}

    @extend_schema(
        operation_id="downloadStatementCsv", responses=CSV_ANSWER, parameters=[StatementQuery]
    )
    @replica.reading()
    def get(self, request: Request) -> StreamingHttpResponse:
        """Return a month's statement per currency: opening balance, days, closing balance."""
        now = timezone.now()
        query = StatementQuery(data=query_of(request), context={"now": now})
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        statements = selectors.monthly_statements(
            tenant=tenant_of(request),
            first=asked["month"],
            zone=asked["tz"],
            now=now,
            currency_code=asked.get("currency"),
        )
        rows = statement.statement_rows(tenant=tenant_of(request), statements=statements)
        return csv_answer(spreadsheets.csv_pieces(rows), f"statement-{asked['month']:%Y-%m}")


class StatementPDF(APIView):
    scopes: ClassVar = {"GET": Scope.REPORTS}

    @extend_schema(
        operation_id="downloadStatementPdf",
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
        parameters=[StatementPDFQuery],
    )
    @replica.reading()
    def get(self, request: Request) -> HttpResponse:
        """Return a month's statement to print, each currency on pages of its own."""
        now = timezone.now()
        query = StatementPDFQuery(data=query_of(request), context={"now": now})
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        said = services.document_now(
            tenant=tenant_of(request),
            month=asked["month"],
            zone=asked["tz"],
            language=asked.get("language"),
            now=now,
        )
        name = f"statement-{asked['month']:%Y-%m}.pdf"
        answer = HttpResponse(document.pdf_of(said), content_type="application/pdf")
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


class OwnStatementProfile(APIView):
    @extend_schema(
        operation_id="getStatementProfile",
        summary="Show what your statements say about you",
        responses=StatementProfileResponse,
    )
    def get(self, request: Request) -> Response:
        """Show your legal fields, the language and zone of your statements, and who gets them."""
        query_of(request)
        profile = services.profile_of(tenant_of(request))
        return Response(StatementProfileResponse(profile).data)

    @extend_schema(
        operation_id="updateStatementProfile",
        summary="Change what your statements say about you",
        request=StatementProfileRequest,
        responses=StatementProfileResponse,
    )
    def patch(self, request: Request) -> Response:
        """Change the fields that are named; statements that are kept already stay as they are."""
        body = StatementProfileRequest(data=request.data)
        body.is_valid(raise_exception=True)
        profile = services.set_profile(
            tenant=tenant_of(request), changes=body.validated_data, now=timezone.now()
        )
        return Response(StatementProfileResponse(profile).data)
