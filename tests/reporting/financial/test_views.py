from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from apikeys.models import Tenant
from invoices.models import Transaction
from payments.booking import settling
from payments.models import WebhookEvent
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body
from tests.payments.reports import report as gateway_report

PERIOD = "start_date=2020-01-01&end_date=2020-12-31"


def report(merchant: Merchant, **extra: str) -> list[dict[str, Any]]:
    now = timezone.now()
    params = {
        "start_date": (now - timedelta(hours=1)).isoformat(),
        "end_date": (now + timedelta(hours=1)).isoformat(),
        **extra,
    }
    answer = merchant.get("/reports/financial", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()["by_currency"]


def has_paid(count: int, invoice: dict[str, Any]) -> bool:
    return [installment["status"] for installment in invoice["installment_schedule"]].count(
        "paid"
    ) == count


class TestFinancialReport:
    def test_says_what_the_invoices_say(self, merchant: Merchant, sandbox: Sandbox) -> None:
        ringgit = merchant.post("/invoices", json=invoice_body()).json()
        rupiah = merchant.post("/invoices", json=rupiah_body()).json()
        unpaid = merchant.post("/invoices", json=rupiah_body()).json()
        for invoice in (ringgit, rupiah):
            sandbox.pay(invoice["payment_url"])
            merchant.wait_for(invoice["id"], status="fully_paid")

        idr, myr = report(merchant)

        assert unpaid["status"] == "pending"
        for currency, invoice in ((idr, rupiah), (myr, ringgit)):
            assert currency["currency_code"] == invoice["currency_code"]
            assert currency["transaction_count"] == 1
            for column in (
                "subtotal_amount",
                "total_tax_amount",
                "total_service_fee_amount",
                "total_amount",
            ):
                assert currency[column] == invoice[column]
            assert (
                sum(row["amount"] for row in currency["tax_breakdown"])
                == (invoice["total_tax_amount"])
            )
            assert currency["gateway_breakdown"] == [
                {
                    "gateway_name": invoice["selected_gateway"],
                    "transaction_count": 1,
                    "total_amount": invoice["total_amount"],
                    "service_fee_amount": invoice["total_service_fee_amount"],
                }
            ]
            for section in ("overpayments", "refunds", "reversals"):
                assert set(currency[section].values()) == {0}
            assert currency["net_amount"] == invoice["total_amount"]
        assert [(row["tax_rate"], row["transaction_count"]) for row in myr["tax_breakdown"]] == [
            (0, 1),
            (0.06, 1),
        ]

    def test_counts_money_when_it_is_booked(self, merchant: Merchant, sandbox: Sandbox) -> None:
        invoice = merchant.post("/invoices", json=invoice_body(installments={"count": 3})).json()
        first = invoice["installment_schedule"][0]
        sandbox.pay(invoice["payment_url"])
        merchant.wait_for(invoice["id"], status="partially_paid")

        (myr,) = report(merchant)

        assert myr["transaction_count"] == 1
        assert myr["total_amount"] == first["total"]
        assert myr["subtotal_amount"] == first["amount"]
        assert myr["total_tax_amount"] == first["tax"]
        assert sum(row["amount"] for row in myr["tax_breakdown"]) == first["tax"]

    def test_has_the_tax_of_the_lines_at_each_rate_once_all_is_paid(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        lines = [(1, "10.01", 0.06), (3, "7.77", 0.1), (1, "0.05", 0)]
        body = invoice_body(
            installments={"count": 3},
            line_items=[
                {"product_name": "Kopi", "quantity": many, "unit_price": price, "tax_rate": rate}
                for many, price, rate in lines
            ],
        )
        invoice = merchant.post("/invoices", json=body).json()
        for number in (1, 2, 3):
            due = merchant.wait_until(invoice["id"], lambda now: now["payment_url"])
            sandbox.pay(due["payment_url"])
            merchant.wait_until(invoice["id"], partial(has_paid, number))

        (myr,) = report(merchant)

        assert [(row["tax_rate"], row["amount"]) for row in myr["tax_breakdown"]] == [
            (0, 0),
            (0.06, 60),
            (0.1, 233),
        ]
        assert (myr["transaction_count"], myr["total_tax_amount"]) == (3, 293)
        assert myr["total_amount"] == myr["net_amount"] == invoice["total_amount"]

    def test_tells_a_refund_beside_what_was_received(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        line = {"product_name": "Kopi", "quantity": 1, "unit_price": 100, "tax_rate": 0.1}
        body = invoice_body(currency_code="USD", line_items=[line])
        invoice = merchant.post("/invoices", json=body).json()
        sandbox.pay(invoice["payment_url"])
        merchant.wait_for(invoice["id"], status="fully_paid")
        payment = Transaction.objects.select_related("payment_request").get()

        settling.settle(
            payment_request_id=payment.payment_request_id,
            report=gateway_report(
                payment.payment_request,
                charge=payment.gateway_transaction_id,
                refunds={"goodwill": 100},
            ),
            event=None,
            now=timezone.now(),
        )

        (usd,) = report(merchant)
        assert (usd["total_amount"], usd["net_amount"]) == (11_380, 11_280)
        assert usd["refunds"] == {
            "transaction_count": 1,
            "subtotal_amount": 89,
            "total_tax_amount": 8,
            "total_service_fee_amount": 3,
            "overpayment_amount": 0,
            "total_amount": 100,
        }
        assert set(usd["reversals"].values()) == {0}
        assert usd["tax_breakdown"] == [
            {
                "tax_rate": 0.1,
                "amount": 1_000,
                "refunded_amount": 8,
                "reversed_amount": 0,
                "transaction_count": 1,
            }
        ]
        (installment,) = merchant.get(f"/invoices/{invoice['id']}/installments").json()[
            "installments"
        ]
        assert installment["status"] == "paid"

    def test_tells_an_overpayment_apart(self, merchant: Merchant, sandbox: Sandbox) -> None:
        invoice = merchant.post("/invoices", json=rupiah_body()).json()
        sandbox.pay(invoice["payment_url"], amount=str(invoice["total_amount"] + 700))
        merchant.wait_for(invoice["id"], status="fully_paid")

        (idr,) = report(merchant)

        assert idr["total_amount"] == invoice["total_amount"]
        assert idr["overpayments"] == {"transaction_count": 1, "total_amount": 700}
        assert idr["net_amount"] == invoice["total_amount"] + 700

    def test_narrows_by_currency_and_gateway(self, merchant: Merchant, sandbox: Sandbox) -> None:
        for body in (invoice_body(), rupiah_body()):
            invoice = merchant.post("/invoices", json=body).json()
            sandbox.pay(invoice["payment_url"])
            merchant.wait_for(invoice["id"], status="fully_paid")

        assert [row["currency_code"] for row in report(merchant, currency="MYR")] == ["MYR"]
        assert [row["currency_code"] for row in report(merchant, gateway_id="2")] == ["IDR"]
        assert report(merchant, currency="USD") == []

    def test_another_tenant_sees_nothing(
        self, merchant: Merchant, stranger: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = merchant.post("/invoices", json=invoice_body()).json()
        sandbox.pay(invoice["payment_url"])
        merchant.wait_for(invoice["id"], status="fully_paid")

        assert report(stranger) == []

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("", "start_date"),
            ("start_date=2020-01-01", "end_date"),
            ("start_date=yesterday&end_date=2020-01-02", "start_date"),
            ("start_date=2020-01-01T00:00:00&end_date=2020-01-02", "start_date"),
            ("start_date=2020-02-30&end_date=2020-03-02", "start_date"),
            ("start_date=2020-01-02&end_date=2020-01-02", "end_date"),
            ("start_date=2020-01-02&end_date=2020-01-01", "end_date"),
            ("start_date=2020-01-01&end_date=2021-01-02", "end_date"),
            (f"{PERIOD}&gateway_id=3", "gateway_id"),
            (f"{PERIOD}&gateway_id=x", "gateway_id"),
            (f"{PERIOD}&tz=Mars/Olympus", "tz"),
            (f"{PERIOD}&tz=../../etc/passwd", "tz"),
            (f"{PERIOD}&tz=localtime", "tz"),
            (f"{PERIOD}&tz=right/UTC", "tz"),
            (f"{PERIOD}&colour=red", "colour"),
        ],
    )
    def test_refuses_a_bad_query_naming_the_field(
        self, merchant: Merchant, query: str, field: str
    ) -> None:
        answer = merchant.get(f"/reports/financial?{query}")

        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert field in answer.json()["details"]

    @pytest.mark.parametrize(
        ("currency", "code"),
        [("EUR", "unsupported_currency"), ("XXZ", "invalid_currency"), ("", "invalid_currency")],
    )
    @pytest.mark.parametrize(
        "path",
        [
            f"/reports/financial?{PERIOD}&currency=",
            f"/reports/transactions.csv?{PERIOD}&currency=",
            "/reports/discrepancies?currency=",
        ],
    )
    def test_tells_a_currency_that_is_not_served_from_none(
        self, merchant: Merchant, path: str, currency: str, code: str
    ) -> None:
        answer = merchant.get(path + currency)

        assert (answer.status_code, answer.json()["error"]) == (400, code)
        assert answer.json()["details"] == {"currency": ["choose one of IDR, MYR, USD"]}

    def test_a_date_is_midnight_in_the_zone_asked_for(self, merchant: Merchant) -> None:
        answer = merchant.get(
            "/reports/financial?start_date=2026-11-01&end_date=2026-12-01&tz=Asia/Jakarta"
        )

        assert answer.json()["period"] == {
            "start_date": "2026-10-31T17:00:00Z",
            "end_date": "2026-11-30T17:00:00Z",
        }


class TestDiscrepancies:
    def test_lists_what_differs_with_sums_per_currency(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        exact = merchant.post("/invoices", json=invoice_body()).json()
        over = merchant.post("/invoices", json=rupiah_body()).json()
        sandbox.pay(exact["payment_url"])
        sandbox.pay(over["payment_url"], amount=str(over["total_amount"] + 700))
        merchant.wait_for(exact["id"], status="fully_paid")
        merchant.wait_for(over["id"], status="fully_paid")

        answer = merchant.get("/reports/discrepancies").json()

        assert [
            (row["invoice_id"], row["kinds"], row["difference"]) for row in answer["results"]
        ] == [(over["id"], ["overpaid"], 700)]
        assert answer["by_currency"] == [
            {
                "currency_code": "IDR",
                "invoice_count": 1,
                "total_amount": over["total_amount"],
                "paid_amount": over["total_amount"] + 700,
                "overpayment_amount": 700,
                "refunded_amount": 0,
            }
        ]
        assert merchant.get("/reports/discrepancies?kind=late").json()["results"] == []

    def test_lists_what_ones_own_account_reported_of_payments_nobody_asked_for(
        self, merchant: Merchant, stranger: Merchant
    ) -> None:
        def notified(tenant: Tenant | None, name: str, outcome: str = "unknown_reference") -> None:
            WebhookEvent.objects.create(
                tenant=tenant,
                gateway_id=1,
                event_id=name,
                reference=name,
                body=b"{}",
                status=WebhookEvent.Status.FAILED,
                outcome=outcome,
                received_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
            )

        notified(merchant.tenant, "TOKO-1")
        notified(merchant.tenant, "TOKO-2", outcome="currency_mismatch")
        notified(stranger.tenant, "TOKO-3")
        notified(None, "TOKO-4")

        answer = merchant.get("/reports/discrepancies?kind=unknown_reference").json()

        assert answer["results"] == [
            {
                "invoice_id": None,
                "external_id": None,
                "kinds": ["unknown_reference"],
                "status": None,
                "currency_code": None,
                "gateway_name": "Xendit",
                "reference": "TOKO-1",
                "total_amount": None,
                "paid_amount": None,
                "overpayment_amount": None,
                "refunded_amount": None,
                "difference": None,
                "created_at": "2026-11-22T12:00:00Z",
            }
        ]
        assert answer["by_currency"] == []
        assert merchant.get("/reports/discrepancies").json()["results"] == []
