"""The ISO 20022 messages of invoices."""

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from apikeys.keys.authentication import tenant_of
from invoices.invoices.views import missing_is_not_found
from invoices.iso20022 import pain001
from paytrust.web.serializers import StrictSerializer, query_of
from paytrust.web.xml_views import XML_ANSWER, xml_answer


class InitiationQuery(StrictSerializer):
    version = serializers.ChoiceField(
        choices=sorted(pain001.VERSIONS),
        default="11",
        help_text="of pain.001.001; 09 for banks that do not read 11 yet",
    )


class InvoicePaymentInitiation(APIView):
    @extend_schema(
        operation_id="getInvoicePaymentInitiation",
        parameters=[InitiationQuery],
        responses=XML_ANSWER,
    )
    def get(self, request: Request, invoice_id: int) -> HttpResponse:
        """Show an invoice as an ISO 20022 pain.001, one instruction per instalment."""
        query = InitiationQuery(data=query_of(request))
        query.is_valid(raise_exception=True)
        with missing_is_not_found():
            document = pain001.payment_initiation(
                tenant=tenant_of(request),
                invoice_id=invoice_id,
                message=pain001.VERSIONS[query.validated_data["version"]],
            )
        return xml_answer(document)
