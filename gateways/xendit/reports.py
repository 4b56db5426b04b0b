"""Xendit's reports: a CSV of all transactions of some days, made while one waits (C7)."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from io import BufferedIOBase
from typing import IO, Any, Final, cast
from zoneinfo import ZoneInfo

from gateways.adapter import LONGEST_ID, LONGEST_WORD, fitted
from gateways.http import read_text
from gateways.settlements import FeeState, LineKind, ReportState, SettlementRow
from gateways.xendit.transactions import KINDS, SETTLED
from paytrust.money import Money

REQUIRED: Final = (
    *("Status", "Type", "Currency", "Amount", "Total Fee", "Total VAT", "Net Amount"),
    *("Reference", "Transaction ID", "Timestamp - Created", "Timestamp - Updated"),
)
IDS: Final = ("Product ID", "Invoice ID")
LEAVES: Final = ("_DEDUCT", "_HOLD", "_OUT")  # ends of other types that take money away
MONEY_OUT: Final = frozenset({LineKind.REFUND, LineKind.CHARGEBACK, LineKind.PAYOUT})
OFFSET: Final = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?")
FIRST: Final = "\ufeff"


def request_of(*, start: datetime, end: datetime, currency: str) -> dict[str, Any]:
    """Return the request for a report of what was made from `start` until just before `end`."""
    return {
        "type": "TRANSACTIONS",
        "filter": {"from": _written(start), "to": _written(end - timedelta(milliseconds=1))},
        "format": "CSV",
        "currency": currency,
        "report_version": "VERSION_2",
    }


def state_of(report: Mapping[str, Any]) -> ReportState:
    """Return how far a report is; one of Xendit's own samples that has a URL has no status.

    Raises:
        KeyError, ValueError: it is no report.
    """
    read_text(report, "id")
    status, url = report.get("status"), report.get("url")
    return ReportState(
        has_failed=status == "FAILED",
        url=str(url) if status in {None, "COMPLETED"} and url else None,
    )


def rows_of(file: BufferedIOBase) -> Iterator[SettlementRow]:
    """Yield the rows of a report; no more than one of them is held in memory.

    Raises:
        ValueError: it lacks columns, or has a value that cannot be read.
    """
    text = io.TextIOWrapper(cast("IO[bytes]", file), encoding="utf-8", newline="")
    try:
        table = csv.DictReader(text)
        names = [name.removeprefix(FIRST).strip() for name in table.fieldnames or ()]
        if missing := [name for name in REQUIRED if name not in names]:
            raise ValueError(f"it lacks {', '.join(missing)}")
        table.fieldnames = names
        for row in table:
            yield row_of({name: (cell or "").strip() for name, cell in row.items() if name})
    except csv.Error as error:
        raise ValueError(str(error)) from error
    finally:
        text.detach()  # or it would close the file of the caller


def row_of(row: Mapping[str, str]) -> SettlementRow:
    """Read one row. Its type tells the direction, because it has no `cashflow`.

    Raises:
        KeyError, ValueError: it is no such row.
    """
    currency = read_text(row, "Currency")
    kind = KINDS.get(row["Type"], LineKind.OTHER)
    gross, fee, vat, net = (
        _minor(row[name], currency) for name in ("Amount", "Total Fee", "Total VAT", "Net Amount")
    )
    leaves = kind in MONEY_OUT or row["Type"].endswith(LEAVES)
    if leaves:
        gross, net = -abs(gross), -abs(net)
    fee, vat = abs(fee), abs(vat)
    zone = _zone(row.get("Timezone", ""))
    has_settled = row.get("Settlement Status") in SETTLED
    updated = _moment(row["Timestamp - Updated"], zone)
    settled = _moment(row.get("Actual Settlement Time", ""), zone) or updated
    return SettlementRow(
        line_id=read_text(row, "Transaction ID"),
        kind=kind,
        is_final=row["Status"] == "SUCCESS",
        currency=currency,
        gross_amount=gross,
        fee_amount=fee,
        vat_amount=vat,
        withholding_amount=0,  # it has no such column
        net_amount=net,
        fee_state=_fee_state(row, gross=gross, net=net, costs=fee + vat),
        reference=fitted(row["Reference"] or None, LONGEST_ID, is_id=True),
        gateway_ids=tuple(
            fitted(one, LONGEST_ID, is_id=True) or "" for name in IDS if (one := row.get(name))
        ),
        channel=fitted(row.get("Channel Name") or None, LONGEST_WORD),
        occurred_at=_moment(row["Timestamp - Created"], zone),
        settlement_at=settled if has_settled else None,
        payout_id=None,
        as_of=updated,
        raw={name: fitted(cell, LONGEST_ID) or "" for name, cell in row.items()},
    )


def _fee_state(row: Mapping[str, str], *, gross: int, net: int, costs: int) -> FeeState:
    if row.get("Settlement Status") == "PENDING":  # the fee is taken when the money is settled
        return FeeState.PENDING
    return FeeState.MONTHLY if costs and net == gross else FeeState.FINAL


def _minor(text: str, currency: str) -> int:
    return Money.from_whole(Decimal(text.replace(",", "") or 0), currency).minor


def _moment(text: str, zone: tzinfo) -> datetime | None:
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _zone(text: str) -> tzinfo:
    """Return the zone of times that name none: an offset, or a name."""
    if not text:
        return UTC
    found = OFFSET.fullmatch(text)
    if found is None:
        return ZoneInfo(text)
    sign = -1 if found[1] == "-" else 1
    return timezone(sign * timedelta(hours=int(found[2]), minutes=int(found[3] or 0)))


def _written(at: datetime) -> str:
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
