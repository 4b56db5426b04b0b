"""Imports over HTTP: merchants upload the files of their own accounts."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.idempotency.claims import IDEMPOTENCY_HEADER, idempotent
from apikeys.keys.authentication import tenant_of
from payments.settlement import selectors, uploads, withdrawing
from payments.settlement.import_serializers import (
    ImportCreateRequest,
    ImportFilter,
    ImportList,
    ImportResponse,
    PieceRequest,
    WithdrawalRequest,
)
from payments.settlement.models import SettlementImport
from paytrust.web.answers import made as answer_made
from paytrust.web.pagination import NewestFirst
from paytrust.web.serializers import query_of

NUMBER = OpenApiParameter(
    "number", int, OpenApiParameter.PATH, description="of the piece; the first one is 0"
)


class Imports(APIView):
    @extend_schema(
        operation_id="createSettlementImport",
        summary="Upload a settlement file",
        request=ImportCreateRequest,
        responses={201: ImportResponse},
        parameters=[IDEMPOTENCY_HEADER],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Begin to upload a file that the gateway made for your own account.

        Send `content` if the file fits into one piece; send the pieces of a longer one to
        `/settlements/imports/{id}/pieces/{number}`. The import begins when all of it is here.
        """
        body = ImportCreateRequest(data=request.data)
        body.is_valid(raise_exception=True)
        asked, now = body.validated_data, timezone.now()
        made = uploads.begin_own(
            tenant=tenant_of(request),
            gateway_id=asked["gateway_id"],
            file_name=asked["file_name"],
            size_bytes=asked["size_bytes"],
            currency=asked.get("currency", "IDR"),
            content=asked.get("content"),
            now=now,
        )
        return answer_made(ImportResponse(made).data, at="/settlements/imports")

    @extend_schema(
        operation_id="listSettlementImports",
        summary="List settlement imports",
        responses=ImportList,
        parameters=[ImportFilter],
    )
    def get(self, request: Request) -> Response:
        """List the imports of your own accounts, newest first."""
        wanted = ImportFilter(data=query_of(request))
        wanted.is_valid(raise_exception=True)
        rows = selectors.imports(tenant=tenant_of(request))
        if status := wanted.validated_data.get("status"):
            rows = rows.filter(status=status)
        page = NewestFirst()
        shown = page.paginate_queryset(rows, request)
        return page.get_paginated_response(list(ImportResponse(shown, many=True).data))


class ImportItem(APIView):
    @extend_schema(
        operation_id="getSettlementImport",
        summary="Show a settlement import",
        responses=ImportResponse,
    )
    def get(self, request: Request, import_id: int) -> Response:
        """Show how far an import is, or why it failed."""
        return Response(ImportResponse(_own(request, import_id)).data)


class ImportPiece(APIView):
    @extend_schema(
        operation_id="sendSettlementPiece",
        summary="Send a piece of a settlement file",
        request=PieceRequest,
        responses=ImportResponse,
        parameters=[NUMBER],
    )
    def put(self, request: Request, import_id: int, number: int) -> Response:
        """Send one piece, in any order; the same piece again changes nothing.

        Each piece but the last is as long as `piece_bytes` says.
        """
        body = PieceRequest(data=request.data)
        body.is_valid(raise_exception=True)
        made = uploads.add_piece(
            import_id=_own(request, import_id).pk,
            number=number,
            content=body.validated_data["content"],
            now=timezone.now(),
        )
        return Response(ImportResponse(made).data)


class ImportWithdrawal(APIView):
    @extend_schema(
        operation_id="withdrawSettlementImport",
        summary="Withdraw a settlement import",
        request=WithdrawalRequest,
        responses={201: ImportResponse},
        parameters=[IDEMPOTENCY_HEADER],
    )
    @idempotent
    def post(self, request: Request, import_id: int) -> Response:
        """Take an import back: its lines stay, and count no more.

        A long import takes a while: the answer is then `waiting`, until each line is compared.
        """
        body = WithdrawalRequest(data=request.data)
        body.is_valid(raise_exception=True)
        made = withdrawing.withdraw(
            import_id=_own(request, import_id).pk,
            user=None,
            reason=body.validated_data["reason"],
            now=timezone.now(),
        )
        return answer_made(ImportResponse(made).data, at="/settlements/imports")


def _own(request: Request, import_id: int) -> SettlementImport:
    try:
        return selectors.imports(tenant=tenant_of(request)).get(pk=import_id)
    except SettlementImport.DoesNotExist as error:
        raise NotFound from error
