"""docs/examples/shop, run as a merchant would run it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from invoices.models import Invoice
from paytrust.localstack.embedded import PROJECT
from tests.conftest import Merchant, Sandbox

SHOP = PROJECT / "docs" / "examples" / "shop" / "shop.py"


@dataclass(frozen=True)
class Shop:
    """The example as a process, and the environment that it has."""

    url: str
    environment: dict[str, str]

    def page(self, path: str) -> str:
        answer = requests.get(self.url + path, timeout=10)
        return re.sub("<[^>]*>", "", answer.text)

    def post(self, path: str, **kwargs: object) -> requests.Response:
        return requests.post(self.url + path, timeout=40, allow_redirects=False, **kwargs)  # type: ignore[arg-type]

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 20
        while text not in (shown := self.page("/orders/1")):
            assert time.monotonic() < deadline, f"waited in vain for {text!r}, have {shown!r}"
            time.sleep(0.1)


@pytest.fixture
def shop(merchant: Merchant, tmp_path: Path) -> Iterator[Shop]:
    environment = {
        **os.environ,
        "PAYTRUST_URL": merchant.url,
        "PAYTRUST_API_KEY": merchant.key,
        "SHOP_DATABASE": str(tmp_path / "shop.sqlite3"),
    }
    process = subprocess.Popen(
        [sys.executable, str(SHOP), "serve", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert process.stderr
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield Shop(line.split()[-1], environment)
    finally:
        process.kill()
        process.communicate()


def test_an_order_is_bought_paid_and_refunded(shop: Shop, sandbox: Sandbox) -> None:
    assert "RM 127.78" in shop.page("/")  # as the invoice's lines and tax make it
    page = shop.post("/buy")
    assert page.status_code == 303
    assert "Order 1: new" in shop.page("/orders/1")

    sandbox.pay(page.headers["Location"], method="touchngo")
    shop.wait_for("Order 1: paid")
    refunds = [
        subprocess.run(
            [sys.executable, str(SHOP), "refund", "1"],
            env=shop.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        for _ in range(2)
    ]

    shop.wait_for("Order 1: refunded")
    assert refunds[0].stdout.startswith("refund ")
    invoice = Invoice.objects.get()
    assert (invoice.external_id, invoice.refunded_amount) == ("order-1", invoice.total_amount)


def test_an_order_has_one_invoice_however_often_its_customer_presses_pay(shop: Shop) -> None:
    first, second = shop.post("/buy"), shop.post("/orders/1/pay")

    assert first.headers["Location"] == second.headers["Location"]
    assert Invoice.objects.count() == 1


def test_a_customer_whose_page_could_not_be_opened_may_press_again(
    shop: Shop, sandbox: Sandbox
) -> None:
    sandbox.fault("xendit", "http_500")

    lost, found = shop.post("/buy"), shop.post("/orders/1/pay")

    assert lost.headers["Location"] == f"{shop.url}/orders/1"
    assert found.headers["Location"] == sandbox.charges()[0]["payment_url"]


def test_only_what_paytrust_signed_is_believed(shop: Shop) -> None:
    shop.post("/buy")
    forged = {"webhook-id": "evt_1", "webhook-timestamp": str(int(time.time()))}

    for headers in ({}, {**forged, "webhook-signature": "v1,Zm9yZ2Vk"}):
        answer = shop.post("/paytrust", data='{"type": "invoice.paid"}', headers=headers)
        assert answer.status_code == 401

    assert "Order 1: new" in shop.page("/orders/1")
