"""Every page of the back office over a past of a million invoices, in a stack of its own.

What is promised holds for one person at a time: requests come at a pace, not all at once.
"""

import json
import os
import re
from datetime import UTC, date, datetime, timedelta
from itertools import repeat
from pathlib import Path

import psycopg
import requests
from psycopg import sql

from bench import aftermath, figures, inside, pages, past, stack
from bench.load import Request, UnexpectedAnswer
from bench.rounds import Bench, Subject
from bench.stack import Stack
from bench.table import Row, Target

INVOICES = int(os.environ.get("BENCH_INVOICES") or 1_000_000)
ONLY = os.environ.get("BENCH_PAGES", "")  # a pattern of the names of pages
LIMIT_MS = 500.0  # p95
PER_PAGE, PER_SECOND = 20, 4.0
MOVED = 302  # a search that finds one invoice leads to it


class Values(dict[str, str]):
    """What addresses name: days around today, and the newest row of a table."""

    def __init__(self, database_url: str, today: date) -> None:
        month_last = today.replace(day=1) - timedelta(days=1)
        days = {
            "today": today,
            "quarter_ago": today - timedelta(days=89),
            "year_ago": today - timedelta(days=365),
            "month_first": month_last.replace(day=1),
            "month_last": month_last,
        }
        super().__init__({name: day.isoformat() for name, day in days.items()})
        self["payable"] = str(past.FIRST + INVOICES)
        self._database_url = database_url

    def __missing__(self, table: str) -> str:
        newest = sql.SQL("SELECT max(id)::text FROM {}").format(sql.Identifier(table))
        with psycopg.connect(self._database_url) as connection:
            found = connection.execute(newest).fetchone()
        assert found is not None, table
        assert found[0] is not None, f"no rows in {table}"
        self[table] = str(found[0])
        return self[table]


def run(bench: Bench) -> list[Row]:
    """Measure each page; the first run writes the past, which takes some minutes."""
    with stack.running(bench.stack.state.with_name(f"bench-back-office-{INVOICES}")) as large:
        past.write(large.database_url, invoices=INVOICES, after=past.PAYMENTS + aftermath.ROWS)
        inside.ran(large, "bench.closing")
        there = Bench(large, bench.generator, rounds=1)
        cookie = {"Cookie": f"sessionid={_signed_in(large)}"}
        values = Values(large.database_url, datetime.now(tz=UTC).date())  # noqa: TID251  # no Django here
        addresses = {
            name: pages.address(path, values)
            for name, path in pages.pages().items()
            if re.search(ONLY, name)
        }
        statuses = {  # of all first, so that a wrong one ends the run at once
            name: _status(large, name, address, cookie) for name, address in addresses.items()
        }
        return [
            _row(there, name, address, statuses[name], cookie)
            for name, address in addresses.items()
        ]


def _row(bench: Bench, name: str, address: str, status: int, cookie: dict[str, str]) -> Row:
    def visits(count: int) -> list[Request]:
        return list(repeat(Request("GET", address, "", cookie), count))

    subject = Subject(name, visits, status)
    bench.measured(subject, size=16)  # the first visits fill the caches of each process
    taken = figures.summary([bench.measured(subject, size=PER_PAGE, per_second=PER_SECOND)])
    return Row(f"back office: {name}", taken, Target("ms p95", LIMIT_MS, taken.p95_ms or 0))


def _status(large: Stack, name: str, address: str, cookie: dict[str, str]) -> int:
    """Return the status of a page; only a search may lead elsewhere."""
    answer = requests.get(
        f"http://127.0.0.1:{large.port}{address}",
        headers=cookie,
        timeout=60,
        allow_redirects=False,
    )
    expected = {200, MOVED} if name.startswith("found") else {200}
    if answer.status_code not in expected:
        raise UnexpectedAnswer(f"{name}: {answer.status_code} of {address}")
    return answer.status_code


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
