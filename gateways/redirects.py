"""Where a customer returns to: a web page, or an app such as `myshop://order/1`."""


def for_web(url: str | None) -> str | None:
    """Return the address if it is a page's; None for an app's.

    Xendit and Snap do not say that they take an app's address, and a refusal would lose the
    payment; only GoPay and ShopeePay say so (gateways.md, C8).
    """
    return url if url and url.lower().startswith(("https://", "http://")) else None
