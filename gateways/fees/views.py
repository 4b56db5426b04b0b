"""GET /gateways."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.keys.authentication import tenant_of
from gateways.fees import selectors
from gateways.fees.serializers import GatewayList, GatewayResponse


class GatewayCollection(APIView):
    @extend_schema(operation_id="listGateways", responses=GatewayList)
    def get(self, request: Request) -> Response:
        """List the gateways: the currencies each takes, what it charges, and how it is."""
        gateways = GatewayResponse(
            selectors.gateways_with_fees(),
            many=True,
            context={"tenant_id": tenant_of(request).pk},
        )
        return Response({"results": gateways.data, "next": None, "previous": None})
