"""What a key may do, until when, and from where."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apikeys.models import ApiKey
from paytrust.errors import PayTrustError

if TYPE_CHECKING:  # at run time DRF's settings import this module while it is being loaded
    from rest_framework.views import APIView

Network = IPv4Network | IPv6Network


Scope = ApiKey.Scope
ALL_SCOPES: Final = tuple(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restrictions:
    """What a key is restricted to, or is asked to be restricted to."""

    scopes: Sequence[str] = ALL_SCOPES
    expires_at: datetime | None = None
    allowed_addresses: Sequence[str] = ()  # CIDR; none: from everywhere


class InsufficientScope(PayTrustError):
    """This key may not do this. Use one with the scope that `details` names."""

    status = HTTPStatus.FORBIDDEN
    code = "insufficient_scope"


class AddressNotAllowed(PayTrustError):
    """This key may not be used from this address."""

    status = HTTPStatus.FORBIDDEN
    code = "address_not_allowed"

    def __init__(self, *, known: ApiKey) -> None:
        super().__init__()
        self.known, self.reason = known, "the address is not allowed"  # for the audit log


class HasScope(BasePermission):
    """A merchant's key has the scope of the call.

    A view names it by method in `scopes`; unless it does, GET takes `read` and all else `write`.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Let operators and public calls pass.

        Raises:
            InsufficientScope: the key does not have it.
        """
        if isinstance(request.auth, ApiKey):
            require(request.auth, scope_of(view, str(request.method)))
        return True


def scope_of(view: object, method: str) -> Scope:
    """Return the scope that a call takes."""
    named: dict[str, Scope] = getattr(view, "scopes", {})
    usual = Scope.READ if method in ("GET", "HEAD", "OPTIONS") else Scope.WRITE
    return named.get("GET" if method == "HEAD" else method, usual)


def require(api_key: ApiKey, *scopes: Scope) -> None:
    """Refuse what a key may not do.

    Raises:
        InsufficientScope: it lacks one of the scopes, which `details` name.
    """
    missing = [str(scope) for scope in scopes if scope not in api_key.scopes]
    if missing:
        raise InsufficientScope(
            f"This key lacks the scope {', '.join(missing)}.",
            details={"required": missing, "scopes": list(api_key.scopes)},
        )


def require_address(api_key: ApiKey, address: str | None) -> None:
    """Refuse an address from which the key may not be used; one that is not known is none.

    Raises:
        AddressNotAllowed: it is in none of the key's networks.
    """
    if api_key.allowed_addresses and not _is_in(address, tuple(api_key.allowed_addresses)):
        raise AddressNotAllowed(known=api_key)


def covers(own: ApiKey, other: Restrictions | ApiKey) -> bool:
    """Return whether a key may all that another one may, for as long and from as many places."""
    if not set(other.scopes) <= set(own.scopes):
        return False
    if own.expires_at and (other.expires_at is None or other.expires_at > own.expires_at):
        return False
    if not own.allowed_addresses:
        return True
    around = _networks(tuple(own.allowed_addresses))
    within = _networks(tuple(other.allowed_addresses))
    return bool(within) and all(_is_within(small, around) for small in within)


def _is_within(small: Network, around: Sequence[Network]) -> bool:
    return any(
        small.version == large.version and small.subnet_of(large)  # type: ignore[arg-type]
        for large in around
    )


def network(text: str) -> Network:
    """Read an address or a network such as 203.0.113.0/24.

    Raises:
        ValueError: it is none, or has bits beyond its prefix.
    """
    return ip_network(text)


@lru_cache(maxsize=1024)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(network(text) for text in texts)


def _is_in(address: str | None, texts: tuple[str, ...]) -> bool:
    if address is None:
        return False
    own = ip_address(address)
    return any(own in wanted for wanted in _networks(texts))
