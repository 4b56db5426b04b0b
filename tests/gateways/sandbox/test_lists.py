"""The list of invoices at Xendit: filters in pairs, pages, statuses (gateways-2.md C2)."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.gateways.sandbox.conftest import Sandbox
from tests.gateways.sandbox.test_fixtures import said, shape

START = "2026-01-15T05:00:00Z"


@pytest.fixture
def at_five(sandbox: Sandbox) -> Sandbox:
    """The sandbox, whose clock shows five o'clock of a day."""
    sandbox.control("clock", set=START)
    return sandbox


def ids(sandbox: Sandbox, query: Sequence[tuple[str, str]]) -> list[str]:
    answer = sandbox.xendit("GET", "/v2/invoices", params=list(query))
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()]


def paid(sandbox: Sandbox, after: str) -> str:
    """Pay a new invoice `after` a pause, and return its id."""
    invoice = sandbox.invoice()
    sandbox.control("clock", advance=after)
    sandbox.press(invoice["invoice_url"], method="BCA")
    return str(invoice["id"])


class TestWindow:
    def test_paid_window_is_by_the_time_of_payment(self, at_five: Sandbox) -> None:
        waiting = at_five.invoice()  # made first, paid last
        first, second = paid(at_five, "10m"), paid(at_five, "10m")
        at_five.control("clock", advance="10m")
        at_five.press(waiting["invoice_url"], method="BCA")
        window = [("paid_after", "2026-01-15T05:15:00Z"), ("paid_before", "2026-01-15T06:00:00Z")]

        assert ids(at_five, window) == [second, waiting["id"]]
        assert first not in ids(at_five, window)

    def test_row_of_a_paid_invoice(self, at_five: Sandbox) -> None:
        invoice = at_five.invoice(description="Order")
        at_five.press(invoice["invoice_url"], method="BCA")
        query = {"statuses": ["PAID", "SETTLED"], "limit": "100"}

        (row,) = at_five.xendit("GET", "/v2/invoices", params=query).json()

        recorded = said("xendit/42_list_paid_window.json")[0]
        lists: dict[str, list[Any]] = {
            name: [] for name in recorded if name.startswith("available_")
        }
        assert shape(row | lists) == shape(recorded)
        assert (row["paid_amount"], row["status"]) == (150_000, "PAID")

    def test_rows_need_not_tell_what_was_paid(self, at_five: Sandbox) -> None:
        at_five.control("config", xendit={"list_shows_payments": False})
        invoice_id = paid(at_five, "1m")

        (row,) = at_five.xendit("GET", "/v2/invoices").json()
        at_five.control("config", xendit={"list_shows_payments": True})

        assert row["status"] == "PAID"
        assert not {"paid_amount", "paid_at", "payment_method", "bank_code"} & row.keys()
        assert at_five.xendit("GET", f"/v2/invoices/{invoice_id}").json()["paid_amount"] == 150_000

    @pytest.mark.parametrize("alone", ["paid_after", "created_before", "expired_after"])
    def test_one_end_alone_has_no_effect(self, at_five: Sandbox, alone: str) -> None:
        invoice = at_five.invoice()

        assert ids(at_five, [(alone, "2030-01-01T00:00:00Z")]) == [invoice["id"]]

    def test_ends_are_exclusive(self, at_five: Sandbox) -> None:
        invoice = at_five.invoice()
        made = invoice["created"]

        inside = [("created_after", START), ("created_before", "2026-01-15T05:01:00Z")]
        assert ids(at_five, inside) == [invoice["id"]]
        assert ids(at_five, [("created_after", START), ("created_before", START)]) == []
        assert made.startswith("2026-01-15T05:00:0")

    def test_expired_window(self, at_five: Sandbox) -> None:
        short = at_five.invoice(invoice_duration=60)
        at_five.invoice()
        at_five.control("clock", advance="5m")

        window = [("expired_after", START), ("expired_before", "2026-01-15T05:05:00Z")]
        assert ids(at_five, window) == [short["id"]]


class TestPages:
    @pytest.mark.parametrize("cursor", ["last_invoice", "last_invoice_id"])
    def test_walks_newest_first(self, sandbox: Sandbox, cursor: str) -> None:
        made = [sandbox.invoice()["id"] for _ in range(5)]
        seen: list[str] = []
        query: list[tuple[str, str]] = [("limit", "2")]
        while page := ids(sandbox, query):
            seen += page
            query = [("limit", "2"), (cursor, page[-1])]

        assert seen == made[::-1]

    def test_ten_unless_asked(self, sandbox: Sandbox) -> None:
        for _ in range(11):
            sandbox.invoice()

        assert len(ids(sandbox, [])) == 10
        assert len(ids(sandbox, [("limit", "100")])) == 11

    def test_statuses_repeated_or_one_array(self, at_five: Sandbox) -> None:
        wanted = [paid(at_five, "1m")]
        at_five.invoice()
        array = [("statuses", json.dumps(["PAID", "SETTLED"]))]

        assert ids(at_five, [("statuses", "PAID"), ("statuses", "SETTLED")]) == wanted
        assert ids(at_five, array) == wanted

    @pytest.mark.parametrize(
        "query",
        [
            {"limit": "0"},
            {"limit": "101"},
            {"limit": "many"},
            {"statuses": "LOST"},
            {"statuses": "[1"},
            {"statuses": '[["PAID"]]'},
            {"paid_after": "yesterday", "paid_before": "today"},
            {"paid_after": "2026-02-30T00:00:00Z", "paid_before": START},
        ],
    )
    def test_refuses_nonsense(self, sandbox: Sandbox, query: dict[str, Any]) -> None:
        answer = sandbox.xendit("GET", "/v2/invoices", params=query)

        assert (answer.status_code, answer.json()["error_code"]) == (400, "API_VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("method", "prefix"), [("DANA", "ewc_"), ("QRIS", "qrpy_"), ("BCA", ""), ("DD_BRI", "ddpy-")]
)
def test_only_the_webhook_names_the_payment(sandbox: Sandbox, method: str, prefix: str) -> None:
    invoice = sandbox.invoice()

    sandbox.press(invoice["invoice_url"], method=method)

    body = json.loads(sandbox.webhooks("xendit", 1)[0].body)
    assert body["payment_id"].startswith(prefix)
    assert "payment_id" not in sandbox.xendit("GET", f"/v2/invoices/{invoice['id']}").json()
