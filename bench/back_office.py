"""Every page of the back office over a past of a million invoices, in a stack of its own.

What is promised holds for one person at a time: requests come at a pace, not all at once.
"""

import json
import os
import re
from itertools import repeat
from pathlib import Path

import requests

from bench import figures, inside, past, stack
from bench.load import Request
from bench.past import FIRST
from bench.rounds import Bench, Subject
from bench.stack import Stack
from bench.table import Row, Target

INVOICES = int(os.environ.get("BENCH_INVOICES") or 1_000_000)
LIMIT_MS = 500.0  # p95
PER_PAGE, PER_SECOND = 20, 4.0
ONE = FIRST + 3  # an invoice of that past whose notification failed
PAGES = {
    "overview": "",
    "invoices": "invoices/invoice/",
    "invoices, page 100": "invoices/invoice/?p=100",
    "invoices by state": "invoices/invoice/?status__exact=expired",
    "invoices by currency": "invoices/invoice/?currency_code=MYR",
    "an invoice": f"invoices/invoice/{ONE}/change/",
    "found by external id": f"find/?q=order-{ONE}",
    "found by gateway reference": f"find/?q=charge-{ONE}",
    "found by e-mail": "find/?q=customer3@example.test",
    "found by request id": f"find/?q=request-{ONE}",
    "found nowhere": "find/?q=nothing",
    "transactions": "invoices/transaction/",
    "payment requests": "invoices/paymentrequest/",
    "instalments": "invoices/installment/",
    "ledger": "invoices/ledgerentry/",
    "webhooks": "payments/webhookevent/",
    "failed webhooks": "payments/webhookevent/?status__exact=failed",
    "ignored webhooks": "payments/webhookevent/?status__exact=ignored",
    "a webhook": f"payments/webhookevent/{ONE}/change/",
    "proposals": "payments/proposal/?status__exact=open",
    "discrepancies": "reporting/discrepancy/",
    "discrepancies by kind": "reporting/discrepancy/?kind=overpaid",
    "overdue instalments": "reporting/overdueinstallment/",
    "tenants": "apikeys/tenant/",
    "keys": "apikeys/apikey/",
    "audit log": "apikeys/apikeyauditentry/",
    "acts of staff": "apikeys/staffact/",
}


def run(bench: Bench) -> list[Row]:
    """Measure each page; the first run writes the past, which takes some minutes."""
    with stack.running(bench.stack.state.with_name(f"bench-back-office-{INVOICES}")) as large:
        past.write(large.database_url, invoices=INVOICES)
        inside.ran(large, "bench.closing")
        there = Bench(large, bench.generator, rounds=1)
        cookie = {"Cookie": f"sessionid={_signed_in(large)}"}
        return [_row(there, name, f"/admin/{path}", cookie) for name, path in PAGES.items()]


def _row(bench: Bench, name: str, path: str, cookie: dict[str, str]) -> Row:
    status = 302 if path.startswith("/admin/find/") and "nothing" not in path else 200

    def visits(count: int) -> list[Request]:
        return list(repeat(Request("GET", path, "", cookie), count))

    subject = Subject(name, visits, status)
    bench.measured(subject, size=16)  # the first visits fill the caches of each process
    taken = figures.summary([bench.measured(subject, size=PER_PAGE, per_second=PER_SECOND)])
    return Row(f"back office: {name}", taken, Target("ms p95", LIMIT_MS, taken.p95_ms or 0))


def _signed_in(large: Stack) -> str:
    """Sign in as the stack's own administrator and return the session's name."""
    accounts = json.loads(Path(large.state, "stack.json").read_text())["admin_user"]
    address = f"http://127.0.0.1:{large.port}/admin/login/"
    with requests.Session() as browser:
        page = browser.get(address, timeout=30)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token, "the sign-in page has no token"
        form = {
            "csrfmiddlewaretoken": token[1],
            "username": accounts["username"],
            "password": accounts["password"],
            "next": "/admin/",
        }
        browser.post(address, data=form, headers={"Referer": address}, timeout=30)
        return str(browser.cookies["sessionid"])
