"""The merchant's customers."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.keys.authentication import tenant_of
from invoices.customers import selectors
from invoices.customers.serializers import CustomerFilter, CustomerList, CustomerResponse
from paytrust.web.pagination import NewestFirst
from paytrust.web.serializers import query_of


class Customers(APIView):
    @extend_schema(
        operation_id="listCustomers",
        summary="List customers",
        tags=["Customers"],
        parameters=[CustomerFilter],
        responses=CustomerList,
    )
    def get(self, request: Request) -> Response:
        """List who was invoiced, by e-mail address, the one who was invoiced last first.

        Invoices without an e-mail address belong to no customer.
        """
        wanted = CustomerFilter(data=query_of(request))
        wanted.is_valid(raise_exception=True)
        tenant = tenant_of(request)
        page = NewestFirst()
        newest = page.paginate_queryset(
            wanted.applied_to(selectors.newest_invoices(tenant=tenant)), request
        )
        shown = selectors.customers(tenant=tenant, newest=newest)
        return page.get_paginated_response(list(CustomerResponse(shown, many=True).data))
