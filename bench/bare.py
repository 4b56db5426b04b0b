"""PayTrust's own views without one or more of their guards, to tell what these cost."""

from functools import lru_cache

from rest_framework.request import Request

from apikeys.keys import selectors
from apikeys.keys.authentication import ApiKeyAuthentication
from apikeys.keys.hashing import digest_of
from apikeys.models import ApiKey, Tenant
from apikeys.tenants import wall
from invoices.invoices import views


class Remembered(ApiKeyAuthentication):
    """Takes the caller's word: neither key nor limit is looked at, and nothing is written down."""

    def authenticate(self, request: Request) -> tuple[Tenant, ApiKey]:
        api_key = _known(request.META["HTTP_X_API_KEY"])
        return api_key.tenant, api_key


class Unwalled(ApiKeyAuthentication):
    """Lets the request see the rows of all tenants."""

    def authenticate(self, request: Request) -> tuple[Tenant, ApiKey]:
        found = super().authenticate(request)
        wall.lower()
        return found


class BareItem(views.InvoiceItem):
    authentication_classes = (Remembered,)
    throttle_classes = ()


class UnlimitedItem(views.InvoiceItem):
    authentication_classes = (Unwalled,)
    throttle_classes = ()


class UnwalledItem(views.InvoiceItem):
    authentication_classes = (Unwalled,)


class UnwalledCollection(views.InvoiceCollection):
    authentication_classes = (Unwalled,)


@lru_cache
def _known(key: str) -> ApiKey:
    found = selectors.key_by_digest(digest=digest_of(key))
    assert found is not None
    return found
