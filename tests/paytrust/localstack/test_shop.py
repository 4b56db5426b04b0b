import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests
from standardwebhooks import Webhook

from paytrust.localstack.shop import Shop

OURS, NOT_OURS = ("whsec_" + letter * 32 for letter in "AB")


@pytest.fixture
def opened() -> Iterator[Shop]:
    with Shop() as shop:
        shop.trust(OURS)
        yield shop


def send(shop: Shop, order: str, *, secret: str = OURS, type: str = "invoice.paid") -> int:  # noqa: A002
    body = json.dumps({"id": "evt_1", "type": type, "data": {"object": {"external_id": order}}})
    now = datetime.now(tz=UTC)  # noqa: TID251  # what the shop compares with
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("evt_1", now, body),
    }
    return requests.post(shop.url, data=body, headers=headers, timeout=5).status_code


class TestShop:
    def test_marks_an_order_paid_however_often_it_is_notified(self, opened: Shop) -> None:
        assert [send(opened, "order-1") for _ in range(2)] == [204, 204]

        assert opened.wait_until_paid("order-1", seconds=1)
        assert not opened.wait_until_paid("order-2", seconds=0)

    def test_believes_nobody_else(self, opened: Shop) -> None:
        assert send(opened, "order-1", secret=NOT_OURS) == 401

        assert not opened.wait_until_paid("order-1", seconds=0)

    def test_leaves_orders_alone_of_which_something_else_is_sent(self, opened: Shop) -> None:
        assert send(opened, "order-1", type="invoice.expired") == 204

        assert not opened.wait_until_paid("order-1", seconds=0)
