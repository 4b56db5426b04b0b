"""PayTrust's own views without one or more of their guards, to tell what these cost."""

from functools import lru_cache

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.keys.authentication import ApiKeyAuthentication, tenant_of
from apikeys.keys.hashing import digest_of
from apikeys.keys.known import known_keys
from apikeys.models import ApiKey, Tenant
from apikeys.tenants import wall
from invoices.invoices import selectors, views
from invoices.invoices.serializers import invoice_answer


class Remembered(ApiKeyAuthentication):
    """Takes the caller's word: neither key nor limit is looked at, and nothing is written down."""

    def authenticate(self, request: Request) -> tuple[Tenant, ApiKey]:
        api_key = _known(request.META["HTTP_X_API_KEY"])
        return api_key.tenant, api_key


class Unwalled(ApiKeyAuthentication):
    """Lets the request see the rows of all tenants; its key is read, as no wall can ask for it."""

    def authenticate(self, request: Request) -> tuple[Tenant, ApiKey]:
        request._request.must_read_key = True  # type: ignore[attr-defined]  # noqa: SLF001
        found = super().authenticate(request)
        wall.lower()
        return found


class BareItem(views.InvoiceItem):
    authentication_classes = (Remembered,)
    throttle_classes = ()

    def get(self, request: Request, invoice_id: int) -> Response:
        """Show an invoice, without an audit entry."""
        document = selectors.document(tenant=tenant_of(request), invoice_id=invoice_id)
        return Response(invoice_answer(document, timezone.now()))


class UnlimitedItem(views.InvoiceItem):
    authentication_classes = (Unwalled,)
    throttle_classes = ()


class UnwalledItem(views.InvoiceItem):
    authentication_classes = (Unwalled,)


class UnwalledCollection(views.InvoiceCollection):
    authentication_classes = (Unwalled,)


@lru_cache
def _known(key: str) -> ApiKey:
    found = known_keys.read(digest=digest_of(key))
    assert found is not None
    return found
