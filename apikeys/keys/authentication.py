"""Who is asking: a merchant by X-API-Key, an operator by X-Admin-Key."""

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from structlog import contextvars

from apikeys.audit.recording import Caller
from apikeys.keys import access, services
from apikeys.limits import throttling
from apikeys.models import ApiKey, Tenant
from apikeys.tenants import wall
from paytrust.errors import PayTrustError

if TYPE_CHECKING:  # at run time DRF's settings import this module while it is being loaded
    from drf_spectacular.openapi import AutoSchema

ADMIN: Final = "admin"  # the actor that the audit log names for X-Admin-Key


class MissingAdminKey(PayTrustError):
    """This call is for operators. Send the admin key in the X-Admin-Key header."""

    status = HTTPStatus.UNAUTHORIZED
    code = "missing_admin_key"


class InvalidAdminKey(PayTrustError):
    """The admin key is not the right one."""

    status = HTTPStatus.UNAUTHORIZED
    code = "invalid_admin_key"


class ApiKeyAuthentication(BaseAuthentication):
    """Merchants: `request.auth` is the ApiKey, its tenant loaded."""

    def authenticate(self, request: Request) -> tuple[Tenant, ApiKey]:
        key = request.META.get("HTTP_X_API_KEY", "")
        if not key:
            raise services.MissingApiKey
        try:
            api_key = services.authenticate(
                key=key, before_first_use=lambda: throttling.refuse_flood(request)
            )
        except services.InvalidApiKey as refused:
            if refused.known is not None:
                access.note_use(request, refused.known, refusal=refused.reason)
            throttling.count_failure(request)
            raise
        access.note_use(request, api_key)
        wall.raise_for(api_key.tenant_id)
        contextvars.bind_contextvars(tenant_id=api_key.tenant_id, key_prefix=api_key.key_prefix)
        return api_key.tenant, api_key

    def authenticate_header(self, request: Request) -> str:
        return "X-API-Key"


class AdminKeyAuthentication(BaseAuthentication):
    """Operators: `request.auth` is ADMIN."""

    def authenticate(self, request: Request) -> tuple[None, str]:
        key = request.META.get("HTTP_X_ADMIN_KEY", "")
        if not key:
            raise MissingAdminKey
        if not hmac.compare_digest(key.encode(), settings.ADMIN_API_KEY.encode()):
            throttling.count_failure(request)
            raise InvalidAdminKey
        contextvars.bind_contextvars(actor=ADMIN)
        return None, ADMIN

    def authenticate_header(self, request: Request) -> str:
        return "X-Admin-Key"


def tenant_of(request: Request) -> Tenant:
    """Return the tenant whose key the request sent."""
    assert isinstance(request.auth, ApiKey), "the view does not use ApiKeyAuthentication"
    return request.auth.tenant


def operator_of(request: Request) -> Caller:
    """Return the operator who calls, for the audit log."""
    return access.caller_of(request._request, actor=ADMIN)  # noqa: SLF001  # DRF's wrapper hides it


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped metaclass
    target_class = ApiKeyAuthentication
    name = "ApiKey"

    def get_security_definition(self, auto_schema: "AutoSchema") -> dict[str, Any]:
        return {"type": "apiKey", "in": "header", "name": "X-API-Key"}


class AdminKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped metaclass
    target_class = AdminKeyAuthentication
    name = "AdminKey"

    def get_security_definition(self, auto_schema: "AutoSchema") -> dict[str, Any]:
        return {"type": "apiKey", "in": "header", "name": "X-Admin-Key"}
