"""The address of a caller, behind our own proxies."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
LONGEST: Final = 100  # characters of an address with its zone and port


def client_address_of(request: HttpRequest) -> str | None:
    """Return the caller's address, or None if the connection has none (a Unix socket).

    Each trusted proxy appends the address that called it to X-Forwarded-For, so the caller is the
    TRUSTED_PROXIES-th from the right. Any caller can write what is to the left of it.
    """
    meta = request.META
    return client_address(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR", ""))


def client_address(connected_from: str, forwarded_for: str) -> str | None:
    """Return the caller's address from the connection's and an `X-Forwarded-For` header."""
    connected = _parsed(connected_from)
    proxies: int = settings.TRUSTED_PROXIES
    forwarded = forwarded_for.split(",")
    if proxies and len(forwarded) >= proxies:
        connected = _parsed(forwarded[-proxies]) or connected
    return str(connected) if connected else None


def network_of(address: str) -> str:
    """Return the network of one caller: an IPv4 address, or the /64 of an IPv6 address."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return address
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"


def _parsed(text: str) -> Address | None:
    host = text.strip()
    return _read(host) if len(host) <= LONGEST else None


@lru_cache(maxsize=1024)  # the same callers and proxies come again
def _read(host: str) -> Address | None:
    if host.startswith("["):  # [2001:db8::1]:443
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:  # 192.0.2.1:443
        host = host.partition(":")[0]
    try:
        parsed = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
