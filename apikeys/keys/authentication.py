"""Who is asking: a merchant by X-API-Key, an operator by X-Admin-Key."""

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from structlog import contextvars

from apikeys.audit.recording import Caller
from apikeys.keys import access, restrictions, services
from apikeys.limits import throttling
from apikeys.models import ApiKey, Tenant
from apikeys.tenants import wall
from apikeys.tenants.wall import Door
from paytrust.errors import PayTrustError
from paytrust.web.client_address import client_address_of

if TYPE_CHECKING:  # at run time DRF's settings import this module while it is being loaded
    from drf_spectacular.openapi import AutoSchema

# The actor that the audit log names for ADMIN_API_KEY; those of ADMIN_API_KEYS follow by name.
ADMIN: Final = "admin"


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
        api_key, door = _recalled(request, key) or (_read(request, key), None)
        access.note_use(request, api_key, door=door)
        wall.raise_for(api_key.tenant_id, door=door)
        contextvars.bind_contextvars(tenant_id=api_key.tenant_id, key_prefix=api_key.key_prefix)
        address = client_address_of(request._request)  # noqa: SLF001  # DRF's wrapper hides it
        try:
            restrictions.require_address(api_key, address)
        except restrictions.AddressNotAllowed as refused:
            access.use_of(request).refusal = refused.reason
            raise
        return api_key.tenant, api_key

    def authenticate_header(self, request: Request) -> str:
        return "X-API-Key"


class AdminKeyAuthentication(BaseAuthentication):
    """Operators: `request.auth` is the name that the audit log has for them."""

    def authenticate(self, request: Request) -> tuple[None, str]:
        key = request.META.get("HTTP_X_ADMIN_KEY", "")
        if not key:
            raise MissingAdminKey
        operator = _operator_with(key)
        if operator is None:
            throttling.count_failure(request)
            raise InvalidAdminKey
        contextvars.bind_contextvars(actor=operator)
        return None, operator

    def authenticate_header(self, request: Request) -> str:
        return "X-Admin-Key"


def tenant_of(request: Request) -> Tenant:
    """Return the tenant whose key the request sent."""
    return key_of(request).tenant


def key_of(request: Request) -> ApiKey:
    """Return the key that the request sent, or its old secret, with its tenant."""
    assert isinstance(request.auth, ApiKey), "the view does not use ApiKeyAuthentication"
    return request.auth


def merchant_of(request: Request) -> Caller:
    """Return the merchant's key that calls, for the audit log: what it does with other keys."""
    key = key_of(request)
    actor = f"key {key.key_id}: {key.key_prefix}..."
    return access.caller_of(request._request, actor=actor)  # noqa: SLF001  # DRF's wrapper hides it


def operator_of(request: Request) -> Caller:
    """Return the operator who calls, for the audit log."""
    assert isinstance(request.auth, str), "the view does not use AdminKeyAuthentication"
    return access.caller_of(request._request, actor=request.auth)  # noqa: SLF001  # the same


def _recalled(request: Request, key: str) -> tuple[ApiKey, Door] | None:
    """Return the key as this process remembers it; None if it must be read.

    The request may have to start again, so its body is kept.
    """
    if access.must_read_key(request) or not wall.can_have_door():
        return None
    found = services.recalled(key=key, now=timezone.now())
    if found is not None:
        _ = request._request.body  # noqa: SLF001  # the same
    return found


def _read(request: Request, key: str) -> ApiKey:
    try:
        return services.authenticate(
            key=key, now=timezone.now(), before_first_use=lambda: throttling.refuse_flood(request)
        )
    except services.InvalidApiKey as refused:
        if refused.known is not None:
            access.note_use(request, refused.known, refusal=refused.reason)
        throttling.count_failure(request)
        raise


def _operator_with(key: str) -> str | None:
    """Return the name of the operator who has this admin key; every key is compared."""
    found = None
    given = key.encode()
    for name, secret in settings.ADMIN_API_KEYS:
        if hmac.compare_digest(given, secret.encode()):
            found = f"{ADMIN}: {name}"
    if hmac.compare_digest(given, settings.ADMIN_API_KEY.encode()):
        found = ADMIN
    return found


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
