"""Where deliveries may go: spec 9.6. Knows no framework and opens no connection.

A host name is checked twice: its text when an endpoint is made, and its addresses at each attempt,
because a name can get other addresses at any moment.
"""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from paytrust.errors import PayTrustError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST_URL: Final = 2048
_URL: Final = re.compile(r"https?://[!-~]+", re.ASCII)  # printable, no spaces
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_LOCAL_NAME: Final = "localhost"

# IANA's special-purpose registries, listed here because Python's own tables differ
# from version to version. What is not listed here is open to everybody.
_LOOPBACK_V4: Final = ipaddress.IPv4Network("127.0.0.0/8")
_REFUSED_V4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, where clouds keep their metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Only 2000::/3 is given out. That leaves out loopback, mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96,
# 64:ff9b:1::/48), unique local, link-local, site-local and multicast; this takes away the rest.
_GIVEN_OUT_V6: Final = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


class UrlNotAllowed(PayTrustError):
    """Webhooks cannot go to this address. Give an https:// URL of a host on the open Internet."""

    code = "url_not_allowed"

    def __init__(self, why: str) -> None:
        super().__init__(why, details={"url": [why]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is ours, and whether this is a developer's own machine."""

    own_hosts: Collection[str]  # in small letters; .example.com stands for all names within
    own_port: int | None = None  # where loopback is allowed, only this port of ours is refused
    loopback_over_http: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a URL leads, as far as we know without asking for the name's addresses."""

    host: str  # a name in small letters, or an address
    port: int
    path: str  # with its query, beginning with a slash
    is_tls: bool  # if not, it is loopback

    @property
    def literal(self) -> Address | None:
        """The host, if it is an address already."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


def target_of(url: str, *, rules: Rules) -> Target:
    """Read a URL; refuse it if its text alone shows that it is not allowed.

    Raises:
        UrlNotAllowed: the message says why.

    Source: spec 9.6.
    """
    if len(url) > LONGEST_URL or not _URL.fullmatch(url) or "\\" in url:
        raise UrlNotAllowed("This is no https:// URL of printable ASCII characters.")
    try:
        split = urlsplit(url)
        port, host = split.port, (split.hostname or "").lower().removesuffix(".")
    except ValueError as error:
        raise UrlNotAllowed(f"The URL cannot be read: {error}.") from error
    if "@" in split.netloc:
        raise UrlNotAllowed("The URL must hold no user name and no password.")
    if "#" in url:
        raise UrlNotAllowed("The URL must have no fragment: it would not be sent.")
    if port == 0 or split.netloc.endswith(":"):
        raise UrlNotAllowed("The URL's port is none.")
    if ("[" in split.netloc) != (":" in host):
        raise UrlNotAllowed("The URL's host is no address that can be used.")
    _require_host(host)
    is_tls = split.scheme == "https"
    path = (split.path or "/") + (f"?{split.query}" if split.query else "")
    target = Target(host=host, port=port or (443 if is_tls else 80), path=path, is_tls=is_tls)
    _require_allowed(target, rules)
    return target


def require_open(addresses: Collection[str], *, target: Target) -> list[Address]:
    """Return a name's addresses if deliveries may go to every one of them.

    Over TLS each must be open to everybody; without it, which only development allows, each
    must be this machine itself.

    Raises:
        UrlNotAllowed: there is none, or one of them is not allowed.

    Source: spec 9.6.
    """
    read = [_read(address) for address in addresses]
    if not read:
        raise UrlNotAllowed(f"{target.host} has no address.")
    for address in read:
        if is_open(address) if target.is_tls else _is_loopback(address):
            continue
        # The message leaves the address out: strangers must not learn internal addresses.
        raise UrlNotAllowed(f"{target.host} leads to an address where webhooks cannot go.")
    return read


def is_open(address: Address) -> bool:
    """Return whether an address is open to everybody and contains no other address."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    if address.scope_id is not None or address not in _GIVEN_OUT_V6:
        return False
    return not any(address in network for network in _REFUSED_V6)


def _is_loopback(address: Address) -> bool:
    """Return whether an address is this machine's own; one mapped into IPv6 is not."""
    if isinstance(address, ipaddress.IPv4Address):
        return address in _LOOPBACK_V4
    return str(address) == "::1"


def _read(text: str) -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise UrlNotAllowed(f"{text!r} is no address.") from error


def _require_host(host: str) -> None:
    """Refuse what some program reads as another host: 2130706433, 0177.0.0.1, 0x7f.1, zones."""
    if not host:
        raise UrlNotAllowed("The URL names no host.")
    if ":" in host:  # in brackets
        if not isinstance(_read(host), ipaddress.IPv6Address) or "%" in host:
            raise UrlNotAllowed("The URL's host is no address that can be used.")
        return
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise UrlNotAllowed("The URL's host is no name. Write an international one as xn--...")
    if labels[-1].isdecimal() or re.fullmatch(r"0x[0-9a-f]*", labels[-1]):
        _read(host)  # four decimal numbers without leading zeros, or nothing


def _require_allowed(target: Target, rules: Rules) -> None:
    address = target.literal
    is_loopback = target.host == _LOCAL_NAME or bool(address and _is_loopback(address))
    if not target.is_tls and not (rules.loopback_over_http and is_loopback):
        raise UrlNotAllowed("The URL must begin with https://.")
    ours = any(
        target.host == own.removeprefix(".") or (own[:1] == "." and target.host.endswith(own))
        for own in rules.own_hosts
    )
    if not target.is_tls:
        ours = rules.own_port == target.port
    if ours:
        raise UrlNotAllowed("Webhooks cannot go to PayTrust itself.")
    if address is not None:
        require_open([target.host], target=target)
    elif target.is_tls and is_loopback:
        raise UrlNotAllowed("Webhooks cannot go to this machine itself.")
