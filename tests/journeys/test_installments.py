"""Instalments over real HTTP: paid in order, adjusted, overpaid, cancelled, supplemented."""

from typing import Any

import pytest
import requests

from invoices.models import Installment, Invoice, PaymentRequest, Transaction
from tests.concurrency.threads import locked_elsewhere
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body

GATEWAYS = pytest.mark.parametrize("body", [invoice_body, rupiah_body], ids=["xendit", "midtrans"])
COLUMNS = ("amount", "tax", "service_fee", "total")
EXTRA = [{"product_name": "Extra", "quantity": 1, "unit_price": 10, "tax_rate": 0}]


def pay_next(sandbox: Sandbox, merchant: Merchant, invoice_id: int, **fields: str) -> None:
    sandbox.pay(merchant.get(f"/invoices/{invoice_id}").json()["payment_url"], **fields)


def schedule(merchant: Merchant, invoice_id: int) -> list[dict[str, Any]]:
    return merchant.get(f"/invoices/{invoice_id}/installments").json()["installments"]


class TestPayingInOrder:
    @GATEWAYS
    def test_each_payment_opens_the_next_until_all_is_paid(
        self, merchant: Merchant, sandbox: Sandbox, body: Any
    ) -> None:
        invoice = merchant.post("/invoices", json=body(installments={"count": 3})).json()
        urls = set()

        for paid in (1, 2, 3):
            urls.add(invoice["payment_url"])
            sandbox.pay(invoice["payment_url"])
            invoice = merchant.wait_for(
                invoice["id"],
                paid_amount=sum(p["total"] for p in invoice["installment_schedule"][:paid]),
            )
            if paid < 3:
                invoice = merchant.wait_until(invoice["id"], lambda i: i["payment_url"])
            statuses = [installment["status"] for installment in invoice["installment_schedule"]]
            assert statuses == ["paid"] * paid + ["unpaid"] * (3 - paid)

        assert len(urls) == 3
        assert (invoice["status"], invoice["paid_amount"]) == (
            "fully_paid",
            invoice["total_amount"],
        )
        assert Transaction.objects.count() == 3

    def test_only_the_lowest_unpaid_one_can_be_opened(self, merchant: Merchant) -> None:
        invoice = merchant.post("/invoices", json=invoice_body(installments={"count": 3})).json()
        path = f"/invoices/{invoice['id']}/payments"

        again = merchant.post(path, json={"installment_number": 1})
        second = merchant.post(path, json={"installment_number": 2})

        assert again.status_code == 201
        assert again.json()["payment_url"] == invoice["payment_url"]
        assert again.json()["amount"] == invoice["installment_schedule"][0]["total"]
        assert (second.status_code, second.json()["error"]) == (409, "installment_out_of_sequence")
        assert PaymentRequest.objects.count() == 1

    def test_an_underpayment_asks_for_the_rest(self, merchant: Merchant, sandbox: Sandbox) -> None:
        invoice = merchant.post("/invoices", json=rupiah_body(installments={"count": 2})).json()
        first = invoice["installment_schedule"][0]["total"]

        pay_next(sandbox, merchant, invoice["id"], amount=str(first - 1000))
        merchant.wait_for(invoice["id"], status="partially_paid")
        short = merchant.wait_until(invoice["id"], lambda i: i["payment_url"])
        rest = merchant.post(f"/invoices/{invoice['id']}/payments", json={})

        installment = short["installment_schedule"][0]
        assert (installment["status"], installment["paid_amount"]) == ("unpaid", first - 1000)
        assert rest.json()["amount"] == 1000

    def test_an_overpayment_fills_what_follows_and_the_rest_is_kept(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = merchant.post("/invoices", json=rupiah_body(installments={"count": 2})).json()
        total = invoice["total_amount"]

        pay_next(sandbox, merchant, invoice["id"], amount=str(total + 500))
        paid = merchant.wait_for(invoice["id"], status="fully_paid")
        row = merchant.get(f"/invoices/{invoice['id']}/transactions").json()["results"][0]

        assert (paid["paid_amount"], paid["overpayment_amount"]) == (total + 500, 500)
        assert sum(installment["amount"] for installment in row["allocations"]) == total
        assert row["overpayment_amount"] == 500
        assert merchant.get(f"/invoices/{invoice['id']}/overpayment").json() == {
            "invoice_id": invoice["id"],
            "total_amount": total,
            "total_paid": total + 500,
            "overpayment_amount": 500,
            "difference": 500,
        }

    @GATEWAYS
    def test_a_second_payment_of_one_installment_is_an_overpayment(
        self, merchant: Merchant, sandbox: Sandbox, body: Any
    ) -> None:
        invoice = merchant.post("/invoices", json=body(installments={"count": 2})).json()
        due = invoice["installment_schedule"][0]["total"]

        sandbox.pay(invoice["payment_url"], "twice")

        paid = merchant.wait_for(invoice["id"], paid_amount=2 * due)
        first, second = Transaction.objects.order_by("pk")
        assert (paid["status"], paid["overpayment_amount"]) == ("partially_paid", due)
        assert [installment["paid_amount"] for installment in paid["installment_schedule"]] == [
            due,
            0,
        ]
        pieces = [
            [(entry.installment_id is None, entry.amount) for entry in row.entries.all()]
            for row in (first, second)
        ]
        assert pieces == [[(False, due)], [(True, due)]]


class TestAdjusting:
    @GATEWAYS
    def test_an_open_payment_is_closed_and_opened_with_the_new_amount(
        self, merchant: Merchant, sandbox: Sandbox, body: Any
    ) -> None:
        invoice = merchant.post("/invoices", json=body(installments={"count": 3})).json()
        before = invoice["installment_schedule"]

        answer = merchant.patch(
            f"/invoices/{invoice['id']}/installments",
            json={"installments": [{"number": 1, "total": before[0]["total"] + 30}]},
        )

        after = answer.json()["installments"]
        assert answer.status_code == 200
        assert after[0]["total"] == before[0]["total"] + 30
        assert [sum(installment[column] for installment in after) for column in COLUMNS] == [
            sum(installment[column] for installment in before) for column in COLUMNS
        ]
        assert after[0]["payment_url"] not in {None, before[0]["payment_url"]}
        statuses = PaymentRequest.objects.order_by("pk").values_list("status", flat=True)
        assert list(statuses) == ["cancelled", "open"]
        old = requests.post(before[0]["payment_url"], data={"action": "pay"}, timeout=10)
        assert old.status_code in {404, 409}
        sandbox.pay(after[0]["payment_url"])
        merchant.wait_for(invoice["id"], paid_amount=after[0]["total"])

    def test_a_later_installment_leaves_the_open_payment_alone(self, merchant: Merchant) -> None:
        invoice = merchant.post("/invoices", json=invoice_body(installments={"count": 3})).json()
        totals = [installment["total"] for installment in invoice["installment_schedule"]]
        wanted = [totals[0], totals[1] - 7, totals[2] + 7]

        changed = merchant.patch(
            f"/invoices/{invoice['id']}/installments",
            json={
                "installments": [
                    {"number": number, "total": total}
                    for number, total in enumerate(wanted, start=1)
                ]
            },
        ).json()["installments"]

        assert [installment["total"] for installment in changed] == wanted
        assert changed[0]["payment_url"] == invoice["payment_url"]
        assert PaymentRequest.objects.count() == 1

    def test_to_what_was_paid_already_makes_it_paid_and_says_so(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = merchant.post("/invoices", json=rupiah_body(installments={"count": 2})).json()
        paid = invoice["installment_schedule"][0]["total"] - 1000
        pay_next(sandbox, merchant, invoice["id"], amount=str(paid))
        merchant.wait_until(invoice["id"], lambda i: i["paid_amount"] and i["payment_url"])

        changed = merchant.patch(
            f"/invoices/{invoice['id']}/installments",
            json={"installments": [{"number": 1, "total": paid}]},
        ).json()["installments"]

        events = merchant.get("/events?limit=100").json()["results"]
        of_schedule = [one["data"] for one in events if one["type"] == "installment.paid"]
        assert [installment["status"] for installment in changed] == ["paid", "unpaid"]
        assert [one["object"]["number"] for one in of_schedule] == [1]
        assert of_schedule[0]["previous"]["total"] == paid + 1000
        assert events[-1]["type"] == "invoice.payment_ready"  # of the second one

    def test_paid_while_it_is_closed_books_the_money_and_refuses(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = merchant.post("/invoices", json=invoice_body(installments={"count": 2})).json()
        sandbox.fault("xendit", "webhook_lost")
        sandbox.pay(invoice["payment_url"])

        answer = merchant.patch(
            f"/invoices/{invoice['id']}/installments",
            json={"installments": [{"number": 1, "total": 5000}]},
        )

        first = schedule(merchant, invoice["id"])[0]
        assert (answer.status_code, answer.json()["error"]) == (409, "paid_meanwhile")
        assert answer.json()["details"]["status"] == "partially_paid"
        assert first["status"] == "paid"
        assert first["total"] == invoice["installment_schedule"][0]["total"]
        assert Transaction.objects.count() == 1

    def test_a_gateway_in_trouble_leaves_everything_as_it_was_and_may_be_asked_again(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = merchant.post("/invoices", json=invoice_body(installments={"count": 2})).json()
        path = f"/invoices/{invoice['id']}/installments"
        change = {"installments": [{"number": 1, "total": 5000}]}
        sandbox.fault("xendit", "http_500")

        failed = merchant.patch(path, json=change)
        totals = [installment["total"] for installment in schedule(merchant, invoice["id"])]
        again = merchant.patch(path, json=change)

        assert (failed.status_code, failed.json()["error"]) == (502, "gateway_unavailable")
        assert totals == [installment["total"] for installment in invoice["installment_schedule"]]
        assert again.status_code == 200
        assert again.json()["installments"][0]["total"] == 5000

    def test_after_a_gateway_in_trouble_the_payment_as_it_was_can_be_opened_at_once(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = merchant.post("/invoices", json=invoice_body(installments={"count": 2})).json()
        sandbox.fault("xendit", "http_500", times=2)
        merchant.patch(
            f"/invoices/{invoice['id']}/installments",
            json={"installments": [{"number": 1, "total": 5000}]},
        )

        failed = merchant.post(f"/invoices/{invoice['id']}/payments")
        opened = merchant.post(f"/invoices/{invoice['id']}/payments")

        assert (failed.status_code, failed.json()["error"]) == (502, "gateway_unavailable")
        assert opened.status_code == 201
        assert opened.json()["payment_url"] != invoice["payment_url"]
        statuses = PaymentRequest.objects.order_by("sequence").values_list("status", "amount")
        due = invoice["installment_schedule"][0]["total"]
        assert list(statuses) == [("cancelled", due), ("open", due)]

    @pytest.mark.parametrize(
        ("rows", "code"),
        [
            ([], "invalid_request"),
            ([{"number": 1, "total": 0}], "invalid_request"),
            ([{"number": 1, "total": -5}], "invalid_request"),
            ([{"number": 1, "total": 5.5}], "invalid_request"),
            ([{"number": 13, "total": 5}], "invalid_request"),
            ([{"number": 3, "total": 5}], "invalid_installments"),
            ([{"number": 1, "total": 5}, {"number": 1, "total": 6}], "invalid_request"),
            ([{"number": 1, "total": 5}, {"number": 2, "total": 6}], "invalid_installments"),
            ([{"number": 1, "total": 9_007_199_254_740_992}], "invalid_request"),
            ([{"number": 1, "total": 9_007_199_254_740_991}], "invalid_installments"),
        ],
    )
    def test_refuses_what_does_not_fit_and_changes_nothing(
        self, merchant: Merchant, rows: list[dict[str, int]], code: str
    ) -> None:
        invoice = merchant.post("/invoices", json=invoice_body(installments={"count": 2})).json()

        answer = merchant.patch(
            f"/invoices/{invoice['id']}/installments", json={"installments": rows}
        )

        assert (answer.status_code, answer.json()["error"]) == (400, code)
        assert merchant.get(f"/invoices/{invoice['id']}").json() == invoice

    def test_refuses_to_go_below_what_is_paid_and_to_change_what_is_paid(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = merchant.post("/invoices", json=rupiah_body(installments={"count": 3})).json()
        path = f"/invoices/{invoice['id']}/installments"
        first = invoice["installment_schedule"][0]["total"]
        pay_next(sandbox, merchant, invoice["id"], amount=str(first + 1000))
        merchant.wait_for(invoice["id"], paid_amount=first + 1000)
        merchant.wait_until(invoice["id"], lambda i: i["payment_url"])
        before = schedule(merchant, invoice["id"])

        below = merchant.patch(path, json={"installments": [{"number": 2, "total": 999}]})
        paid = merchant.patch(path, json={"installments": [{"number": 1, "total": first + 1}]})

        assert (below.status_code, paid.status_code) == (400, 400)
        assert schedule(merchant, invoice["id"]) == before


class TestCancelling:
    @GATEWAYS
    def test_ends_the_invoice_and_its_payment(self, merchant: Merchant, body: Any) -> None:
        invoice = merchant.post("/invoices", json=body()).json()

        cancelled = merchant.post(f"/invoices/{invoice['id']}/cancel")
        again = merchant.post(f"/invoices/{invoice['id']}/cancel")

        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
        assert (again.status_code, again.json()["status"]) == (200, "cancelled")
        assert PaymentRequest.objects.get().status == "cancelled"
        late = requests.post(invoice["payment_url"], data={"action": "pay"}, timeout=10)
        assert late.status_code in {404, 409}

    def test_takes_no_field(self, merchant: Merchant) -> None:
        invoice = merchant.post("/invoices", json=invoice_body()).json()
        path = f"/invoices/{invoice['id']}/cancel"

        refused = merchant.post(path, json={"refund": True})
        then = merchant.get(f"/invoices/{invoice['id']}").json()
        taken = merchant.post(path, json={})

        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
        assert then["status"] == "pending"
        assert (taken.status_code, taken.json()["status"]) == (200, "cancelled")

    def test_is_refused_once_money_came(self, merchant: Merchant, sandbox: Sandbox) -> None:
        invoice = merchant.post("/invoices", json=invoice_body(installments={"count": 2})).json()
        sandbox.pay(invoice["payment_url"])
        merchant.wait_for(invoice["id"], status="partially_paid")

        answer = merchant.post(f"/invoices/{invoice['id']}/cancel")

        assert (answer.status_code, answer.json()["error"]) == (409, "invoice_not_cancellable")
        assert Invoice.objects.get().status == "partially_paid"

    def test_money_that_comes_all_the_same_is_booked_and_flagged(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = merchant.post("/invoices", json=invoice_body()).json()
        merchant.post(f"/invoices/{invoice['id']}/cancel")

        sandbox.pay(invoice["payment_url"], "pay_late")

        paid = merchant.wait_for(invoice["id"], status="fully_paid")
        assert paid["paid_amount"] == paid["total_amount"]
        assert Invoice.objects.get().review_flags == ["after_cancel"]


class TestSupplementary:
    def test_takes_currency_and_gateway_of_its_parent(self, merchant: Merchant) -> None:
        parent = merchant.post("/invoices", json=invoice_body()).json()

        extra = merchant.post(f"/invoices/{parent['id']}/supplementary", json={"line_items": EXTRA})

        assert extra.status_code == 201
        assert extra.json()["parent_invoice_id"] == parent["id"]
        assert (extra.json()["currency_code"], extra.json()["gateway_id"]) == ("MYR", 1)
        assert extra.json()["total_amount"] == 1030

    def test_does_not_wait_for_somebody_who_holds_its_parent(self, merchant: Merchant) -> None:
        parent = merchant.post("/invoices", json=invoice_body()).json()
        path, key = f"/invoices/{parent['id']}/supplementary", {"Idempotency-Key": "extra-1"}
        asked = {"line_items": EXTRA}

        with locked_elsewhere(Invoice.objects.filter(pk=parent["id"])):
            refused = merchant.post(path, json=asked, headers=key)
        made = merchant.post(path, json=asked, headers=key)
        with locked_elsewhere(Invoice.objects.filter(pk=parent["id"])):
            again = merchant.post(path, json=asked, headers=key)

        assert (refused.status_code, refused.json()["error"]) == (409, "payment_in_progress")
        assert made.status_code == 201
        assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
        assert Invoice.objects.count() == 2

    def test_not_of_a_cancelled_or_supplementary_one(self, merchant: Merchant) -> None:
        parent = merchant.post("/invoices", json=invoice_body()).json()
        path = "/invoices/{}/supplementary"
        extra = merchant.post(path.format(parent["id"]), json={"line_items": EXTRA}).json()
        merchant.post(f"/invoices/{parent['id']}/cancel")

        of_extra = merchant.post(path.format(extra["id"]), json={"line_items": EXTRA})
        of_cancelled = merchant.post(path.format(parent["id"]), json={"line_items": EXTRA})

        for answer in (of_extra, of_cancelled):
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_parent")
        assert Invoice.objects.count() == 2


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "supplementary", {"line_items": EXTRA}),
        ("POST", "payments", {}),
        ("POST", "cancel", {}),
        ("PATCH", "installments", {"installments": [{"number": 1, "total": 5}]}),
        ("GET", "installments", None),
        ("GET", "overpayment", None),
    ],
)
def test_another_tenants_invoice_does_not_exist(
    merchant: Merchant, stranger: Merchant, method: str, path: str, body: Any
) -> None:
    invoice = merchant.post("/invoices", json=invoice_body()).json()

    answer = stranger.send(method, f"/invoices/{invoice['id']}/{path}", json=body)

    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert merchant.get(f"/invoices/{invoice['id']}").json() == invoice
    assert (Invoice.objects.count(), Installment.objects.count()) == (1, 1)
