"""The payment pages: buttons for people, and the same by POST for programs."""

import json
import re
from typing import Any

import pytest
import requests

from tests.gateways.sandbox.conftest import Sandbox

BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


def browse(page: str) -> str:
    answer = requests.get(page, headers=BROWSER, timeout=5)
    assert answer.ok
    return answer.text


def click(page: str, action: str, **fields: str) -> requests.Response:
    """Press a button as a browser does, without following the redirect."""
    data = {"action": action, **fields}
    return requests.post(page, data=data, headers=BROWSER, allow_redirects=False, timeout=5)


def paid(sandbox: Sandbox, invoice: dict[str, Any]) -> Any:
    return sandbox.xendit("GET", f"/v2/invoices/{invoice['id']}").json().get("paid_amount")


def events(sandbox: Sandbox, gateway: str, count: int) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in sandbox.webhooks(gateway, count)]


class TestXenditByProgram:
    def test_pay(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice(amount=120.5, currency="MYR")

        answer = sandbox.press(invoice["invoice_url"])

        assert answer.status_code == 200
        assert answer.json() == {
            "action": "pay",
            "outcome": "done",
            "message": "",
            "gateway": "xendit",
            "id": invoice["id"],
            "reference": invoice["external_id"],
            "status": "PAID",
            "amount": 120.5,
            "currency": "MYR",
            "paid_amount": 120.5,
            "redirect_url": "",
        }
        assert "Set-Cookie" not in answer.headers
        assert [event["status"] for event in events(sandbox, "xendit", 1)] == ["PAID"]

    @pytest.mark.parametrize("amount", ["100000", "200000"])
    def test_pay_another_amount(self, sandbox: Sandbox, amount: str) -> None:
        invoice = sandbox.invoice()

        sandbox.press(invoice["invoice_url"], amount=amount)

        (event,) = events(sandbox, "xendit", 1)
        assert (event["status"], event["amount"]) == ("PAID", 150_000)
        assert event["paid_amount"] == paid(sandbox, invoice) == int(amount)

    @pytest.mark.parametrize(
        ("action", "amount"), [("partial", 75_000), ("over", 165_000), ("pay", 150_000)]
    )
    def test_amounts_of_the_buttons(self, sandbox: Sandbox, action: str, amount: int) -> None:
        invoice = sandbox.invoice()

        assert sandbox.press(invoice["invoice_url"], action).json()["paid_amount"] == amount

    def test_pay_twice(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice()

        sandbox.press(invoice["invoice_url"], "twice")

        first, second = events(sandbox, "xendit", 2)
        assert first["payment_id"] != second["payment_id"]
        assert (first["paid_amount"], second["paid_amount"]) == (150_000, 150_000)
        assert paid(sandbox, invoice) == 300_000

    def test_pay_again_is_refused(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice()
        sandbox.press(invoice["invoice_url"])

        answer = sandbox.press(invoice["invoice_url"])

        assert (answer.status_code, answer.json()["error"]) == (409, "ActionRefused")
        assert paid(sandbox, invoice) == 150_000
        sandbox.no_more_webhooks("xendit", 1)

    def test_fail_keeps_it_pending_and_sends_nothing(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice()

        answer = sandbox.press(invoice["invoice_url"], "fail")

        assert answer.status_code == 200
        assert (answer.json()["outcome"], answer.json()["status"]) == ("failed", "PENDING")
        sandbox.no_more_webhooks("xendit", 0)
        assert sandbox.press(invoice["invoice_url"]).json()["status"] == "PAID"

    def test_expire(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice()

        assert sandbox.press(invoice["invoice_url"], "expire").json()["status"] == "EXPIRED"

        assert [event["status"] for event in events(sandbox, "xendit", 1)] == ["EXPIRED"]

    def test_pay_late_after_expiry(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice()
        sandbox.press(invoice["invoice_url"], "expire")

        sandbox.press(invoice["invoice_url"], "pay_late")

        statuses = [event["status"] for event in events(sandbox, "xendit", 2)]
        assert statuses == ["EXPIRED", "PAID"]

    def test_methods_are_limited_to_those_of_the_invoice(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice(payment_methods=["QRIS", "DANA"])

        assert sandbox.press(invoice["invoice_url"], method="BCA").status_code == 400
        sandbox.press(invoice["invoice_url"])

        assert events(sandbox, "xendit", 1)[0]["payment_channel"] == "QRIS"

    @pytest.mark.parametrize(
        "fields",
        [
            {"action": "steal"},
            {"action": ""},
            {"action": "pay", "amount": "0"},
            {"action": "pay", "amount": "-5"},
            {"action": "pay", "amount": "1.5"},
            {"action": "pay", "amount": "NaN"},
            {"action": "pay", "amount": "much"},
            {"action": "pay", "method": "shells"},
        ],
    )
    def test_nonsense_changes_nothing(self, sandbox: Sandbox, fields: dict[str, str]) -> None:
        invoice = sandbox.invoice()

        answer = requests.post(invoice["invoice_url"], data=fields, timeout=5)

        assert answer.status_code == 400
        assert sandbox.shown("charges")[0]["status"] == "PENDING"
        sandbox.no_more_webhooks("xendit", 0)

    def test_json_works_like_a_form(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice()

        body = {"action": "pay", "amount": 100_000}
        answer = requests.post(invoice["invoice_url"], json=body, timeout=5)

        assert answer.json()["paid_amount"] == 100_000


class TestSnapByProgram:
    def test_pay_chooses_a_method_first(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()

        answer = sandbox.press(page)

        assert (answer.status_code, answer.json()["status"]) == (200, "settlement")
        pending, settlement = events(sandbox, "midtrans", 2)
        assert (pending["transaction_status"], settlement["transaction_status"]) == (
            "pending",
            "settlement",
        )
        assert pending["payment_type"] == settlement["payment_type"] == "qris"
        assert sandbox.status(order_id)["transaction_id"] == answer.json()["id"]

    @pytest.mark.parametrize(
        ("method", "payment_type"),
        [
            ("gopay", "gopay"),
            ("bca_va", "bank_transfer"),
            ("bni", "bank_transfer"),
            ("permata", "bank_transfer"),
            ("echannel", "echannel"),
            ("indomaret", "cstore"),
        ],
    )
    def test_pay_by_method(self, sandbox: Sandbox, method: str, payment_type: str) -> None:
        _order_id, page = sandbox.snap()

        sandbox.press(page, method=method)

        kinds = {event["payment_type"] for event in events(sandbox, "midtrans", 2)}
        assert kinds == {payment_type}

    @pytest.mark.parametrize(
        ("amount", "arrived"), [("100000", "100000.00"), ("175000", "175000.00")]
    )
    def test_pay_another_amount(self, sandbox: Sandbox, amount: str, arrived: str) -> None:
        order_id, page = sandbox.snap()

        assert sandbox.press(page, amount=amount).json()["paid_amount"] == int(amount)

        for body in (events(sandbox, "midtrans", 2)[1], sandbox.status(order_id)):
            assert body["gross_amount"] == "150000.00"
            assert [payment["amount"] for payment in body["payment_amounts"]] == [arrived]
            assert body["payment_type"] == "bank_transfer"

    def test_exact_amount_is_an_ordinary_payment(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()

        sandbox.press(page, amount="150000")

        assert sandbox.status(order_id)["payment_type"] == "qris"

    def test_pay_twice_settles_a_second_transaction(self, sandbox: Sandbox) -> None:
        _order_id, page = sandbox.snap()

        assert sandbox.press(page, "twice").json()["paid_amount"] == 300_000

        bodies = events(sandbox, "midtrans", 4)
        states = [body["transaction_status"] for body in bodies]
        assert states == ["pending", "settlement", "pending", "settlement"]
        first, second = bodies[1]["transaction_id"], bodies[3]["transaction_id"]
        assert first != second
        for transaction_id in (first, second):
            assert sandbox.status(transaction_id)["transaction_id"] == transaction_id
        assert [charge["id"] for charge in sandbox.shown("charges")] == [first, second]

    def test_switched_method_leaves_the_first_number_alive(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()
        sandbox.press(page, "choose", method="bca")
        first = sandbox.status(order_id)["transaction_id"]
        sandbox.press(page, "choose", method="bni")
        second = sandbox.status(order_id)["transaction_id"]

        requests.post(f"{sandbox.url}/pay/midtrans/{first}", data={"action": "pay"}, timeout=5)

        assert first != second
        assert sandbox.status(order_id)["transaction_id"] == first
        assert sandbox.status(second)["transaction_status"] == "pending"

    def test_fail_is_a_deny_and_may_be_tried_again(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()

        assert sandbox.press(page, "fail").json()["status"] == "deny"
        assert sandbox.status(order_id)["status_code"] == "202"

        assert sandbox.press(page).json()["status"] == "settlement"

    def test_expire_without_a_method_sends_nothing(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()

        assert sandbox.press(page, "expire").json()["status"] == "expire"

        assert sandbox.status(order_id)["status_code"] == "404"
        sandbox.no_more_webhooks("midtrans", 0)
        assert sandbox.press(page).status_code == 409

    def test_expire_with_a_method(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()
        sandbox.press(page, "choose")

        sandbox.press(page, "expire")

        assert sandbox.status(order_id)["status_code"] == "407"
        assert events(sandbox, "midtrans", 2)[1]["status_code"] == "202"

    def test_newer_token_kills_the_older(self, sandbox: Sandbox) -> None:
        order_id, old = sandbox.snap()
        _order_id, new = sandbox.snap(order_id=order_id)

        assert sandbox.press(old).status_code == 404
        assert sandbox.press(new).json()["status"] == "settlement"
        assert len(sandbox.shown("charges")) == 1

    def test_notification_addresses_of_the_order(self, sandbox: Sandbox) -> None:
        base = f"{sandbox.receiver.url}/{sandbox.name}"
        headers = {
            "X-Override-Notification": f"{base}/one,{base}/two",
            "X-Append-Notification": f"{base}/three",
        }
        details = {"order_id": sandbox.reference(), "gross_amount": 10_000}
        body = {"payment_type": "qris", "transaction_details": details}

        sandbox.midtrans("POST", "/v2/charge", json=body, headers=headers)

        for name in ("one", "two", "three"):
            sandbox.webhooks(name, 1)
        sandbox.no_more_webhooks("midtrans", 0)


class TestByBrowser:
    def test_pages_carry_the_red_band_and_no_form_needs_scripts(self, sandbox: Sandbox) -> None:
        pages = [
            sandbox.invoice()["invoice_url"],
            sandbox.snap()[1],
            f"{sandbox.url}/pay/midtrans/{sandbox.charge()['transaction_id']}",
            f"{sandbox.url}/control/",
        ]

        for page in pages:
            text = browse(page)
            assert '<p class="band" role="note">SIMULATOR, no money moves</p>' in text
            assert "csrf" not in text.lower()
            assert "onclick" not in text
            assert len(re.findall(r"<form method=\"post\"", text)) >= 1

    def test_every_field_has_a_label(self, sandbox: Sandbox) -> None:
        sandbox.invoice()
        for page in (
            sandbox.invoice()["invoice_url"],
            sandbox.snap()[1],
            f"{sandbox.url}/control/",
        ):
            text = browse(page)
            fields = re.findall(r"<(?:input|select) id=\"(\w+)\"", text)
            labels = re.findall(r"<label for=\"(\w+)\"", text)
            assert sorted(fields) == sorted(labels)

    def test_pay_leads_to_the_shop(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice(success_redirect_url="https://shop.example.test/ok")

        answer = click(invoice["invoice_url"], "pay")

        assert answer.status_code == 303
        assert answer.headers["Location"] == "https://shop.example.test/ok"
        assert sandbox.shown("charges")[0]["status"] == "PAID"

    def test_pay_without_a_shop_leads_to_the_page(self, sandbox: Sandbox) -> None:
        page = sandbox.invoice()["invoice_url"]

        answer = click(page, "pay")

        assert answer.status_code == 303
        assert page.endswith(answer.headers["Location"])
        assert "This payment is closed: <strong>PAID</strong>" in browse(page)

    def test_snap_leads_to_the_finish_url(self, sandbox: Sandbox) -> None:
        finish = {"finish": "https://shop.example.test/return?a=1"}
        order_id, page = sandbox.snap(callbacks=finish)

        assert click(page, "pay").headers["Location"] == (
            f"https://shop.example.test/return?a=1&order_id={order_id}"
            "&status_code=200&transaction_status=settlement"
        )

    def test_back_to_the_shop_opens_the_finish_url_all_the_same(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap(callbacks={"finish": "https://shop.example.test/return"})

        location = click(page, "cancel").headers["Location"]

        assert location == f"https://shop.example.test/return?order_id={order_id}"
        assert sandbox.status(order_id)["status_code"] == "404"
        sandbox.no_more_webhooks("midtrans", 0)

    def test_snap_method_is_a_step_of_its_own(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()
        assert "Choose this method" in browse(page)

        click(page, "choose", method="bca")

        number = sandbox.status(order_id)["va_numbers"][0]["va_number"]
        assert f"<code>{number}</code>" in browse(page)
        assert [event["transaction_status"] for event in events(sandbox, "midtrans", 1)] == [
            "pending"
        ]

    def test_failure_is_shown_on_the_page(self, sandbox: Sandbox) -> None:
        answer = click(sandbox.invoice()["invoice_url"], "fail")

        assert answer.status_code == 200
        assert 'role="alert"' in answer.text
        assert 'value="pay"' in answer.text

    def test_refusal_is_shown_on_the_page(self, sandbox: Sandbox) -> None:
        page = sandbox.invoice()["invoice_url"]
        click(page, "expire")

        answer = click(page, "pay")

        assert (answer.status_code, 'role="alert"' in answer.text) == (409, True)

    def test_references_are_escaped(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice(external_id="<script>alert(1)</script>")

        for page in (invoice["invoice_url"], f"{sandbox.url}/control/"):
            assert "<script>alert" not in browse(page)

    @pytest.mark.parametrize("kind", ["xendit", "snap", "midtrans"])
    def test_unknown_page_is_404(self, sandbox: Sandbox, kind: str) -> None:
        page = f"{sandbox.url}/pay/{kind}/unknown"

        assert requests.get(page, headers=BROWSER, timeout=5).status_code == 404
        assert sandbox.press(page).json()["error"] == "not_found"

    def test_qr_code_is_a_picture(self, sandbox: Sandbox) -> None:
        actions = sandbox.charge()["actions"]

        for action in actions:
            answer = requests.get(action["url"], timeout=5)
            assert answer.headers["Content-Type"] == "image/png"
            assert answer.content.startswith(b"\x89PNG\r\n\x1a\n")

    def test_deeplink_of_a_wallet_opens_its_page(self, sandbox: Sandbox) -> None:
        actions = {one["name"]: one["url"] for one in sandbox.charge("gopay")["actions"]}

        assert "GoPay" in browse(actions["deeplink-redirect"])
