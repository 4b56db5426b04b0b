"""Reports at Xendit: pending, ready for a day, or failed (gateways-2.md C7)."""

import csv
from typing import Any

import requests

from tests.gateways.sandbox.conftest import Sandbox

START = "2026-01-15T05:00:00Z"
MONTH = {"from": "2026-01-01T00:00:00.000Z", "to": "2026-01-31T23:59:59.999Z"}


def ask(sandbox: Sandbox, **fields: Any) -> requests.Response:
    body = {"type": "TRANSACTIONS", "filter": MONTH, "report_version": "VERSION_2", **fields}
    return sandbox.xendit("POST", "/reports", json=body)


def ready(sandbox: Sandbox, **fields: Any) -> dict[str, Any]:
    made = ask(sandbox, **fields).json()
    sandbox.control("clock", advance="10m")
    found: dict[str, Any] = sandbox.xendit("GET", f"/reports/{made['id']}").json()
    return found


def rows(report: dict[str, Any]) -> list[dict[str, str]]:
    file = requests.get(report["url"], timeout=5)
    assert file.ok, file.text
    return list(csv.DictReader(file.text.splitlines()))


def paid(sandbox: Sandbox, **fields: Any) -> dict[str, Any]:
    invoice = sandbox.invoice(**fields)
    sandbox.press(invoice["invoice_url"], method="DANA")
    return invoice


class TestReport:
    def test_is_pending_at_first_and_then_has_an_address(self, sandbox: Sandbox) -> None:
        sandbox.control("clock", set=START)
        made = ask(sandbox).json()
        assert (made["status"], made["url"]) == ("PENDING", None)

        sandbox.control("clock", advance="10m")
        found = sandbox.xendit("GET", f"/reports/{made['id']}").json()

        assert found["url"].startswith(f"{sandbox.url}/xendit/reports/files/{made['id']}.csv?")
        assert found == {
            "id": made["id"],
            "url": found["url"],
            "type": "TRANSACTIONS",
            "filter": MONTH,
            "format": "CSV",
            "status": "COMPLETED",
            "created": made["created"],
            "updated": found["updated"],
            "currency": "IDR",
            "business_id": "64f0c0ffee00000000000001",
        }

    def test_has_the_rows_of_the_list(self, sandbox: Sandbox) -> None:
        sandbox.control("clock", set=START)
        invoice = paid(sandbox, amount=150_000)
        paid(sandbox, currency="PHP", amount=100)
        sandbox.control("clock", advance="3d")

        [row] = rows(ready(sandbox))

        listed = sandbox.xendit("GET", "/transactions", params={"currency": "IDR"}).json()
        [same] = listed["data"]
        assert (row["Transaction ID"], row["Reference"]) == (same["id"], invoice["external_id"])
        assert (row["Amount"], row["Net Amount"]) == ("150000", str(same["net_amount"]))
        assert row["Actual Settlement Time"] == same["updated"]

    def test_has_what_the_list_leaves_out(self, sandbox: Sandbox) -> None:
        sandbox.control("clock", set=START)
        invoice = paid(sandbox)
        sandbox.fault("xendit", "settlement_unlisted", match={"reference": invoice["external_id"]})

        listed = sandbox.xendit("GET", "/transactions", params={"currency": "IDR"}).json()

        assert listed["data"] == []
        assert [row["Reference"] for row in rows(ready(sandbox))] == [invoice["external_id"]]

    def test_can_be_downloaded_for_a_day_by_its_address_alone(self, sandbox: Sandbox) -> None:
        report = ready(sandbox)
        forged = report["url"].partition("?")[0]
        assert requests.get(forged, timeout=5).status_code == 403

        sandbox.control("clock", advance="24h")

        assert requests.get(report["url"], timeout=5).status_code == 403
        assert sandbox.xendit("GET", f"/reports/{report['id']}").json()["url"] is None

    def test_may_fail(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "report_fails")

        report = ready(sandbox)

        assert (report["status"], report["url"]) == ("FAILED", None)

    def test_refuses_more_than_92_days(self, sandbox: Sandbox) -> None:
        wide = {"from": "2026-01-01T00:00:00Z", "to": "2026-04-04T00:00:00Z"}

        answer = ask(sandbox, filter=wide)

        assert (answer.status_code, answer.json()["error_code"]) == (400, "DATE_RANGE_TOO_BIG")

    def test_refuses_what_it_does_not_have(self, sandbox: Sandbox) -> None:
        for wrong in (
            {"type": "OTHER"},
            {"type": "BALANCE_HISTORY"},
            {"currency": "EUR"},
            {"report_version": "VERSION_1"},
            {"filter": {"from": "yesterday", "to": "today"}},
        ):
            assert ask(sandbox, **wrong).status_code == 400, wrong
        assert sandbox.xendit("GET", "/reports/report_0").status_code == 404
