"""Settings that are never allowed where real money moves. Pure; settings call it at the start."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit


def objections(
    *,
    debug: bool,
    public_base_url: str,
    gateway_urls: Mapping[str, str],
    gateway_credentials: Mapping[str, str],
    trusted_proxies: int,
    test_credentials: tuple[str, ...],
) -> list[str]:
    """Return why these settings must not serve in production; empty if they may.

    Args:
        debug: Django's DEBUG.
        public_base_url: the address that merchants and customers use.
        gateway_urls: by the name of their setting.
        gateway_credentials: by the name of their setting.
        trusted_proxies: how many of our own proxies are in front; each adds the address that it
            sees.
        test_credentials: how credentials of a gateway's test mode begin.
    """
    found = []
    if debug:
        found.append("DEBUG is on: it shows settings and source to strangers")
    if not public_base_url.startswith("https://"):
        found.append("PUBLIC_BASE_URL is not https://: keys would travel in the clear")
    elif trusted_proxies == 0:
        found.append(
            "TRUSTED_PROXIES is 0 behind https: every caller would have the proxy's address, and"
            " one caller's failures would lock all out"
        )
    for name, url in gateway_urls.items():
        if not url.startswith("https://") or _is_for_trying(urlsplit(url).hostname or ""):
            found.append(f"{name} is a sandbox or not https://: payments there are not real")
    for name, credential in gateway_credentials.items():
        if credential.startswith(test_credentials):
            found.append(f"{name} is a test credential")
    return found


def _is_for_trying(host: str) -> bool:
    if "sandbox" in host.split(".") or host == "localhost":
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
