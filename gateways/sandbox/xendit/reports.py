"""Xendit's `POST /reports`: a file of the transactions of some days, ready a while later (C7).

How it writes amounts, times and channels is not published; the headers are.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_datetime

from gateways.sandbox import simulator
from gateways.sandbox.amounts import DECIMALS
from gateways.sandbox.calls import Call, gateway_call
from gateways.sandbox.messages import Answer
from gateways.sandbox.xendit.dialect import JSON, refuse
from gateways.sandbox.xendit.report_book import Report
from gateways.sandbox.xendit.transactions import every_row
from gateways.sandbox.xendit.views import dialect

LONGEST: Final = timedelta(days=92)
TYPES: Final = ("TRANSACTIONS", "BALANCE_HISTORY", "UPCOMING_TRANSACTIONS", "DETAILED_TRANSACTIONS")
SETTLED: Final = ("SETTLED", "EARLY_SETTLED")
COLUMNS: Final = (
    *("Status", "Type", "Channel", "Channel Name", "Account Number", "Currency", "Amount"),
    *("Total Fee", "Total VAT", "Net Amount", "Reference", "Transaction ID", "Invoice ID"),
    *("Batch ID", "Product ID", "Payment Date", "Timestamp - Created", "Timestamp - Updated"),
    *("Estimated Settlement Time", "Actual Settlement Time", "Timezone", "Description"),
    *("Channel Reference", "Settlement Status"),
)


@gateway_call(dialect, "report")
def create_report(call: Call) -> Answer:
    """Ask for a report; it is pending at first."""
    fields = call.fields
    if fields.get("type") not in TYPES:
        raise refuse(400, "API_VALIDATION_ERROR", f"type must be one of {', '.join(TYPES)}")
    if fields["type"] != "TRANSACTIONS" or fields.get("format", "CSV") != "CSV":
        raise refuse(400, "API_VALIDATION_ERROR", "the sandbox has TRANSACTIONS as CSV only")
    if fields.get("report_version") != "VERSION_2":
        raise refuse(400, "API_VALIDATION_ERROR", "the sandbox has VERSION_2 only")
    currency = str(fields.get("currency", "IDR"))
    if currency not in DECIMALS:
        raise refuse(400, "API_VALIDATION_ERROR", f"{currency} is no currency")
    wanted = fields.get("filter")
    window = wanted if isinstance(wanted, dict) else {}
    start, end = (_moment(window.get(name)) for name in ("from", "to"))
    if end - start > LONGEST:
        raise refuse(400, "DATE_RANGE_TOO_BIG", "Date range must not exceed 92 days")
    report = call.simulator.xendit.reports.make(
        currency=currency, start=start, end=end, fails=call.suffers("report_fails")
    )
    return _shown(call, report)


@gateway_call(dialect, "get_report")
def get_report(call: Call) -> Answer:
    """Say whether a report is ready, and where it can be downloaded."""
    report = call.simulator.xendit.reports.find(call.path["report_id"])
    if report is None:
        raise refuse(404, "DATA_NOT_FOUND", "Report not found")
    return _shown(call, report)


def download_report(request: HttpRequest, report_id: str) -> HttpResponse:
    """Download a report by its address, without a key, for 24 hours."""
    sandbox = simulator.current()
    report, now = sandbox.xendit.reports.find(report_id), sandbox.clock.now()
    if (
        report is None
        or request.GET.get("signature") != report.secret
        or not report.can_be_downloaded(now)
    ):
        return HttpResponse("<Error><Code>AccessDenied</Code></Error>", status=403)
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    table.writerows(_cells(row) for row in _rows(sandbox, report))
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")


def _rows(sandbox: "simulator.Simulator", report: Report) -> Iterator[Mapping[str, Any]]:
    rows = [
        row
        for row in every_row(sandbox.xendit, sandbox.clock.now(), is_list=False)
        if row["currency"] == report.currency
        and report.start <= datetime.fromisoformat(row["created"]) <= report.end
    ]
    yield from sorted(rows, key=lambda row: (row["created"], row["id"]))


def _cells(row: Mapping[str, Any]) -> list[Any]:
    fee, settled = row["fee"], row["settlement_status"] in SETTLED
    return [
        *(row["status"], row["type"], row["channel_category"], row["channel_code"], ""),
        *(row["currency"], row["amount"], fee["xendit_fee"], fee["value_added_tax"]),
        *(row["net_amount"], row["reference_id"], row["id"]),
        *(row.get("product_data", {}).get("payment_link_id", ""), "", row["product_id"]),
        *(row["created"], row["created"], row["updated"]),
        *(row["estimated_settlement_time"] or "", row["updated"] if settled else ""),
        *("UTC", "", "", row["settlement_status"]),
    ]


def _shown(call: Call, report: Report) -> Answer:
    sandbox = call.simulator
    address = f"{sandbox.public_url}/xendit/reports/files"
    business_id = sandbox.accounts.xendit.user_id
    return Answer(report.shown(business_id, address, sandbox.clock.now()), content_type=JSON)


def _moment(text: object) -> datetime:
    try:
        at = parse_datetime(str(text))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise refuse(400, "API_VALIDATION_ERROR", f"filter: {text!r} is no ISO 8601 time")
    return at
