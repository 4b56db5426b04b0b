"""The third gateway's one method."""

from datetime import timedelta

from gateways.refund_terms import NO_REFUND, RefundTerms

CHOICES = {"wallet": ()}


def refund_terms_of(method: str | None, _channel: str | None) -> RefundTerms:
    """Return how a payment is given back."""
    return RefundTerms(within=timedelta(days=3)) if method == "wallet" else NO_REFUND
