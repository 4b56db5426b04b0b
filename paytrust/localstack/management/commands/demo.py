"""`make demo`: the main job over real HTTP, explained so that a newcomer can follow it."""

import json as jsonlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from paytrust.localstack.shop import PAID, Shop
from paytrust.money import Money

PATIENCE_SECONDS = 30.0
SHOP = "the shop of `make demo`"


class Command(BaseCommand):
    help = "Play the main job against a running stack: invoices, payments, webhooks, books."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--stack", type=Path, required=True, help="the stack's stack.json")

    def handle(self, *, stack: Path, **options: object) -> None:
        story = Story(self, jsonlib.loads(stack.read_text()))
        story.introduce()
        with story.shop_open():
            story.pay_in_ringgit_at_xendit()
            story.pay_in_rupiah_at_midtrans()
            story.pay_in_three_installments()
        story.report()
        story.end()


class Story:
    """A merchant's developer and shop, a customer and the two gateways."""

    def __init__(self, command: Command, stack: dict[str, Any]) -> None:
        self.command, self.stack = command, stack
        self.began = timezone.now()
        self.received: dict[str, int] = {}  # what the report must show, per currency
        self.booked: dict[str, int] = {}  # the sum of all transactions, per currency
        self.base_url: str = stack["base_url"]
        self.session = requests.Session()
        self.session.headers["X-API-Key"] = stack["api_key"]
        self.shop = Shop()
        self.tag = secrets.token_hex(2)  # no other story has orders with this name
        self.orders = 0

    def introduce(self) -> None:
        self.say("PayTrust: one API in front of Xendit and Midtrans.")
        self.say(f"API {self.base_url}, gateways simulated at {self.stack['sandbox']['control']}.")
        self.say("The merchant posts an invoice, the customer pays, the webhook books it,")
        self.say("and PayTrust tells the merchant's shop.")

    @contextmanager
    def shop_open(self) -> Iterator[None]:
        """Let PayTrust send webhooks to the shop while it is open."""
        path = "/webhook-endpoints"
        for left in self.call("GET", path)["results"]:  # from a story that was killed
            if left["description"] == SHOP:
                self.call("DELETE", f"{path}/{left['id']}")
        with self.shop:
            self.say(f"merchant   POST {path} ({self.shop.url}, {PAID})")
            body = {"url": self.shop.url, "event_types": [PAID], "description": SHOP}
            made = self.call("POST", path, json=body)
            self.shop.trust(made["secret"])
            try:
                yield
            finally:
                self.call("DELETE", f"{path}/{made['id']}")

    def pay_in_ringgit_at_xendit(self) -> None:
        self.act("1", "ringgit in one payment at Xendit")
        lines = [
            {"product_name": "Batik shirt", "quantity": 1, "unit_price": 120.55, "tax_rate": 0.06},
            {"product_name": "Songket pouch", "quantity": 2, "unit_price": "40.00", "tax_rate": 0},
        ]
        self.play({"gateway_id": 1, "currency_code": "MYR", "line_items": lines})

    def pay_in_rupiah_at_midtrans(self) -> None:
        self.act("2", "rupiah in one payment at Midtrans")
        lines = [
            {
                "product_name": "Kopi Gayo 250 g",
                "quantity": 2,
                "unit_price": 70000,
                "tax_rate": 0.11,
            }
        ]
        self.play({"gateway_id": 2, "currency_code": "IDR", "line_items": lines})

    def pay_in_three_installments(self) -> None:
        self.act("3", "ringgit in 3 instalments: a goodwill refund, one adjusted, one overpaid")
        lines = [
            {"product_name": "Sofa", "quantity": 1, "unit_price": "1899.90", "tax_rate": 0.08},
            {"product_name": "Delivery", "quantity": 1, "unit_price": 80, "tax_rate": 0},
        ]
        invoice = self.create(
            {
                "gateway_id": 1,
                "currency_code": "MYR",
                "line_items": lines,
                "installments": {"count": 3},
            }
        )
        self.show_schedule(invoice)
        self.pay(invoice)
        first_page = invoice["payment_url"]
        invoice = self.wait_until_open(invoice["id"], number=2)
        self.refund(invoice, first_page, Money(100, "MYR"))
        invoice = self.adjust(invoice, number=2, by=-10000)
        self.pay(invoice)
        invoice = self.wait_until_open(invoice["id"], number=3)
        last = invoice["installment_schedule"][2]["total"]
        self.pay(invoice, amount=Money(last + 50, "MYR"))
        paid = self.wait_until_paid(invoice["id"])
        self.show_schedule(paid)
        over = self.call("GET", f"/invoices/{paid['id']}/overpayment")
        self.say(
            f"PayTrust   overpaid by {Money(over['overpayment_amount'], 'MYR')}: "
            f"{Money(over['total_paid'], 'MYR')} for {Money(over['total_amount'], 'MYR')}"
        )
        self.show_books(self.give_back(paid, Money(over["overpayment_amount"], "MYR")))

    def report(self) -> None:
        """Ask for the report of this story and compare it with what the invoices showed."""
        self.act("4", "what came in and what went back, per currency")
        path = (
            f"/reports/financial?start_date={self.began:%Y-%m-%dT%H:%M:%SZ}"
            f"&end_date={timezone.now() + timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"
        )
        self.say(f"merchant   GET {path}")
        for currency in self.call("GET", path)["by_currency"]:
            self.show_report(currency)

    def show_report(self, currency: dict[str, Any]) -> None:
        code = currency["currency_code"]
        self.say(
            f"PayTrust   received {_amount(currency, 'total_amount')}"
            f" in {currency['transaction_count']} payments: "
            f"subtotal {_amount(currency, 'subtotal_amount')}"
            f" + tax {_amount(currency, 'total_tax_amount')}"
            f" + fee {_amount(currency, 'total_service_fee_amount')}"
        )
        for sign, name in (("+", "overpayments"), ("-", "refunds"), ("-", "reversals")):
            self.say(f"           {sign} {name} {Money(currency[name]['total_amount'], code)}")
        self.say(f"           = net {_amount(currency, 'net_amount')}")
        for field, seen in (("total_amount", self.received), ("net_amount", self.booked)):
            if currency[field] != seen[code]:
                raise CommandError(
                    f"The report's {field} is {_amount(currency, field)}, "
                    f"the invoices above say {Money(seen[code], code)}."
                )

    def adjust(self, invoice: dict[str, Any], *, number: int, by: int) -> dict[str, Any]:
        total = invoice["installment_schedule"][number - 1]["total"] + by
        path = f"/invoices/{invoice['id']}/installments"
        self.say(f"merchant   PATCH {path} (instalment {number}: {Money(total, 'MYR')})")
        change = {"installments": [{"number": number, "total": total}]}
        self.call("PATCH", path, json=change)
        adjusted = self.call("GET", f"/invoices/{invoice['id']}")
        self.say("PayTrust   closes the open payment at the gateway and opens it anew")
        self.show_schedule(adjusted)
        return adjusted

    def show_schedule(self, invoice: dict[str, Any]) -> None:
        code = invoice["currency_code"]
        self.say(f"           {'':2} {'amount':>12} {'tax':>10} {'fee':>8} {'total':>12}  status")
        for installment in invoice["installment_schedule"]:
            columns = [
                f"{Money(installment[name], code).whole():,}"
                for name in ("amount", "tax", "service_fee", "total")
            ]
            self.say(
                f"           {installment['number']:2} {columns[0]:>12} {columns[1]:>10} "
                f"{columns[2]:>8} {columns[3]:>12}  {installment['status']}"
            )

    def play(self, body: dict[str, Any]) -> None:
        """Follow one invoice from its request to the books."""
        invoice = self.create(body)
        self.pay(invoice)
        paid = self.wait_until_paid(invoice["id"])
        self.show_books(paid)

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        self.orders += 1
        body = {"external_id": f"order-{self.tag}-{self.orders}", **body}
        self.say("merchant   POST /invoices " + _brief(body))
        invoice = self.call("POST", "/invoices", json=body)
        self.say(
            f"PayTrust   201 invoice {invoice['id']}: "
            f"subtotal {_amount(invoice, 'subtotal_amount')}"
            f" + tax {_amount(invoice, 'total_tax_amount')}"
            f" + fee {_amount(invoice, 'total_service_fee_amount')}"
            f" = {_amount(invoice, 'total_amount')}"
        )
        return invoice

    def pay(self, invoice: dict[str, Any], *, amount: Money | None = None) -> None:
        url = invoice["payment_url"]
        fields = {"action": "pay"} | ({"amount": str(amount.whole())} if amount else {})
        self.say(f"customer   opens {url} and pays{f' {amount}' if amount else ''}")
        requests.post(url, data=fields, timeout=30).raise_for_status()
        self.say(f"gateway    {invoice['selected_gateway']} sends its webhook to PayTrust")

    def refund(self, invoice: dict[str, Any], page: str, amount: Money) -> None:
        """Give money back at the gateway; the instalment stays paid and the schedule continues."""
        self.say(f"merchant   refunds {amount} of instalment 1 at {invoice['selected_gateway']}")
        fields = {"action": "refund", "amount": str(amount.whole())}
        requests.post(page, data=fields, timeout=30).raise_for_status()
        self.wait(invoice["id"], lambda invoice: invoice["refunded_amount"] == amount.minor)
        self.say("PayTrust   booked the refund; instalment 1 stays paid, instalment 2 stays open")

    def give_back(self, invoice: dict[str, Any], amount: Money) -> dict[str, Any]:
        """Return an overpayment with the API: one of its payments gives the money back."""
        path = f"/invoices/{invoice['id']}"
        newest = self.call("GET", f"{path}/transactions")["results"][0]
        self.say(f"merchant   POST {path}/refunds ({amount} of transaction {newest['id']})")
        wanted = {"amount": amount.minor, "transaction_id": newest["id"], "reason": "duplicate"}
        refund = self.call("POST", f"{path}/refunds", json=wanted)
        self.say(f"PayTrust   201 refund {refund['id']} is {refund['status']} at Xendit")
        back = invoice["refunded_amount"] + amount.minor
        after = self.wait(invoice["id"], lambda invoice: invoice["refunded_amount"] == back)
        self.say(
            f"PayTrust   booked it: overpaid {_amount(after, 'overpayment_amount')}, "
            f"refunded {_amount(after, 'refunded_amount')} in all"
        )
        return after

    def wait_until_paid(self, invoice_id: int) -> dict[str, Any]:
        paid = self.wait(invoice_id, lambda invoice: invoice["status"] == "fully_paid")
        order = paid["external_id"]
        if not self.shop.wait_until_paid(order, seconds=PATIENCE_SECONDS):
            raise CommandError(
                f"The shop was not told that {order} is paid; "
                "GET /webhook-endpoints/{id}/deliveries and the deliveries' log say why."
            )
        self.say(f"shop       The shop was told: {order} paid (signature verified)")
        return paid

    def wait_until_open(self, invoice_id: int, *, number: int) -> dict[str, Any]:
        """Wait for the next instalment's payment URL, which a job opens."""
        index = number - 1
        invoice = self.wait(
            invoice_id, lambda invoice: invoice["installment_schedule"][index]["payment_url"]
        )
        self.say(f"PayTrust   booked it, and opened instalment {number} by itself")
        return invoice

    def wait(self, invoice_id: int, done: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            invoice = self.call("GET", f"/invoices/{invoice_id}")
            if done(invoice):
                return invoice
            if time.monotonic() > deadline:
                raise CommandError(
                    f"Invoice {invoice_id} is still {invoice['status']} after "
                    f"{PATIENCE_SECONDS:.0f} s; the worker's log says why."
                )
            time.sleep(0.1)

    def show_books(self, invoice: dict[str, Any]) -> None:
        booked = self.call("GET", f"/invoices/{invoice['id']}/transactions")["results"]
        for row in booked:
            self.say(
                f"books      {row['gateway_name']} transaction {row['gateway_transaction_id']}: "
                f"{_amount(row, 'amount')}"
            )
        total = sum(row["amount"] for row in booked)
        held = invoice["paid_amount"] - invoice["refunded_amount"]
        if total != held:
            raise CommandError(f"Booked {total}, but the invoice says {held}.")
        code = invoice["currency_code"]
        self.received[code] = self.received.get(code, 0) + invoice["total_amount"]
        self.booked[code] = self.booked.get(code, 0) + total
        self.say(
            f"PayTrust   invoice {invoice['id']} is {invoice['status']}: "
            f"paid {_amount(invoice, 'paid_amount')} of {_amount(invoice, 'total_amount')}"
        )

    def end(self) -> None:
        self.say("")
        self.say("Three invoices, two gateways, two currencies: every unit booked once.")
        self.say(f"Try it: {self.base_url}/docs   Back office: {self.base_url}/admin/")

    def act(self, number: str, title: str) -> None:
        self.say("")
        self.say(self.command.style.MIGRATE_HEADING(f"{number}. {title}"))

    def say(self, text: str) -> None:
        self.command.stdout.write(text)

    def call(self, method: str, path: str, *, json: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self.session.request(method, self.base_url + path, timeout=30, json=json)
        if not answer.ok:
            raise CommandError(f"{method} {path} answered {answer.status_code}: {answer.text}")
        if not answer.content:
            return {}
        return answer.json(parse_float=Decimal)  # type: ignore[no-any-return]  # a JSON object


def _amount(body: dict[str, Any], field: str) -> str:
    return str(Money(body[field], body["currency_code"]))


def _brief(body: dict[str, Any]) -> str:
    items = ", ".join(f"{line['quantity']} x {line['product_name']}" for line in body["line_items"])
    return (
        f"({body['external_id']}, gateway {body['gateway_id']}, {body['currency_code']}: {items})"
    )
