"""Where a customer is led back to: a web page, or an app such as `myshop://order/1`."""


def for_web(url: str | None) -> str | None:
    """Return the address if it is a page's; None for an app's.

    Neither Xendit nor Snap says that it takes an app's, and a refusal would cost the payment;
    only GoPay and ShopeePay do (gateways.md, C8).
    """
    return url if url and url.lower().startswith(("https://", "http://")) else None
