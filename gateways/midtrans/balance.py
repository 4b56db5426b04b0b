"""Midtrans's control total: by how much its balance of payments changed in a time (C7)."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from paytrust.money import EXPONENTS, round_half_up

JAKARTA: Final = ZoneInfo("Asia/Jakarta")
OF_PAYMENTS: Final = "payin"  # the other wallet, iris, pays out to third parties


def query_of(*, start: datetime, end: datetime, currency: str) -> dict[str, str]:
    """Return the query for the balance at two moments."""
    moments = {"start_time": start, "end_time": end}
    written = {
        name: at.astimezone(JAKARTA).isoformat("T", "seconds") for name, at in moments.items()
    }
    return {"currency": currency, **written}


def change_of(body: Mapping[str, Any], currency: str) -> int:
    """Return by how many minor units the balance grew; Midtrans writes decimals of rupiah.

    Raises:
        KeyError, TypeError, ValueError: it is no such answer.
    """
    wallets = body.get("wallets") or ()
    wallet = next((one for one in wallets if one.get("source") == OF_PAYMENTS), body)
    opening, closing = (
        Decimal(str(wallet[f"{when}_balance_overall"])) for when in ("opening", "closing")
    )
    return round_half_up((closing - opening).scaleb(EXPONENTS[currency]))
