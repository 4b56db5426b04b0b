"""The third gateway's messages: minor units and Unix time."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateways.adapter import PaymentPage, PaymentReport, PaymentState
from gateways.http import read_text
from paytrust.money import Money

STATES = {"waiting": PaymentState.PENDING, "done": PaymentState.PAID, "over": PaymentState.EXPIRED}


def report_of(order: Mapping[str, Any]) -> PaymentReport:
    """Shape an order as it came.

    Raises:
        KeyError, TypeError, ValueError: it cannot be read.
    """
    state = STATES.get(read_text(order, "state"), PaymentState.UNKNOWN)
    amount = Money(int(order["minor"]), read_text(order, "currency"))
    number = read_text(order, "number")
    return PaymentReport(
        reference=read_text(order, "for"),
        gateway_id=number,
        state=state,
        raw_status=order["state"],
        amount=amount,
        paid_amount=amount if state == PaymentState.PAID else None,
        paid_at=datetime.fromtimestamp(order["at"], UTC) if state == PaymentState.PAID else None,
        method="wallet",
        page=PaymentPage(
            gateway_id=number,
            url=read_text(order, "page"),
            expires_at=datetime.fromtimestamp(order["until"], UTC),
        ),
    )
