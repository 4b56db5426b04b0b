"""Quotes: what an invoice would cost."""

from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.keys.restrictions import Scope
from invoices.quotes import services
from invoices.quotes.serializers import QuoteRequest, QuoteResponse


class Quotes(APIView):
    scopes: ClassVar = {"POST": Scope.READ}

    @extend_schema(
        operation_id="createQuote",
        summary="Quote an invoice",
        tags=["Invoices"],
        request=QuoteRequest,
        responses=QuoteResponse,
    )
    def post(self, request: Request) -> Response:
        """Compute what an invoice would cost, and its fee at every gateway. Nothing is stored.

        Takes the body of POST /invoices and refuses what POST /invoices would refuse.
        """
        body = QuoteRequest(data=request.data)
        body.is_valid(raise_exception=True)
        quoted = services.quote(request=body.to_request(), now=timezone.now())
        return Response(QuoteResponse(quoted).data)
