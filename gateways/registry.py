"""Which adapter speaks for which gateway: one per process and account."""

from collections.abc import Callable
from functools import cache

from django.conf import settings

from gateways.adapter import GatewayAdapter
from gateways.midtrans import MidtransAdapter
from gateways.xendit import XenditAdapter

_ADAPTERS: dict[str, Callable[[], GatewayAdapter]] = {
    "xendit": lambda: XenditAdapter(**settings.XENDIT),
    "midtrans": lambda: MidtransAdapter(**settings.MIDTRANS),
}


@cache
def adapter_for(code: str) -> GatewayAdapter:
    """Return the adapter of a gateway, with its own session.

    Raises:
        KeyError: no adapter speaks for `code`.
    """
    return _ADAPTERS[code]()


def forget_adapters() -> None:
    """Make the next call read the settings again."""
    adapter_for.cache_clear()
