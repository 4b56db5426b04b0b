"""The lines that both pages show for the total, within each gateway's limits."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways import lines
from gateways.adapter import Item, PaymentMethod, PaymentOrder
from gateways.midtrans import lines as midtrans
from gateways.midtrans import messages as midtrans_messages
from gateways.midtrans import methods
from gateways.xendit import lines as xendit
from gateways.xendit import messages as xendit_messages
from paytrust.money import EXPONENTS, Money
from tests.gateways.orders import COFFEE, SITI, order

RICE = Item(name="Beras", quantity=Decimal("1.500"), unit_amount=13_333)  # 19999.5 is 20000
SALE = Item(name="Kopi", quantity=3, unit_amount=20_000, discount_amount=6_000)
FRACTION = Item(name="Kain", quantity=Decimal("0.25"), unit_amount=80_000, discount_amount=1_500)
QUANTITIES = st.integers(1, 999) | st.decimals(Decimal("0.001"), 999, places=3)


def asked(items: tuple[Item, ...], tax: int = 0, fee: int = 0, **changes: Any) -> PaymentOrder:
    """Return an order for exactly these lines, tax and fee."""
    currency = changes.pop("currency", "IDR")
    total = sum(item.subtotal_amount for item in items) + tax + fee
    return order(
        amount=Money(total, currency),
        items=items,
        tax_amount=tax,
        service_fee_amount=fee,
        **changes,
    )


@st.composite
def any_item(draw: st.DrawFn) -> Item:
    item = Item(
        name=draw(st.text(min_size=1, max_size=255)),
        quantity=draw(QUANTITIES),
        unit_amount=draw(st.integers(0, 10**9)),
    )
    discount = draw(st.just(0) | st.integers(0, item.gross_amount))
    return Item(
        name=item.name,
        quantity=item.quantity,
        unit_amount=item.unit_amount,
        discount_amount=discount,
    )


@st.composite
def any_order(draw: st.DrawFn) -> PaymentOrder:
    items = draw(st.lists(any_item(), min_size=1, max_size=4)) * draw(st.sampled_from([1, 25]))
    return asked(
        tuple(items),
        draw(st.integers(0, 10**9)),
        draw(st.integers(0, 10**6)),
        currency=draw(st.sampled_from(sorted(EXPONENTS))),
        order_number=draw(st.none() | st.text(min_size=1, max_size=255)),
        description=draw(st.text(min_size=1, max_size=1000)),
    )


class TestXendit:
    def test_tax_fee_and_discounts_are_fees(self) -> None:
        body = xendit_messages.request_of(
            asked((*COFFEE, RICE, SALE), tax=12_345, fee=4_000, order_number="order-77")
        )

        assert body["items"] == [
            {"name": "Kopi Gayo 250g", "quantity": 2, "price": 70_000},
            {"name": "Cangkir", "quantity": 1, "price": 10_000},
            {"name": "Beras 1.5 x", "quantity": 1, "price": 20_000},
            {"name": "Kopi", "quantity": 3, "price": 20_000},
        ]
        assert body["fees"] == [
            {"type": "Discount", "value": -6_000},
            {"type": "Tax", "value": 12_345},
            {"type": "Service fee", "value": 4_000},
        ]
        assert body["amount"] == 150_000 + 20_000 + 54_000 + 12_345 + 4_000

    def test_sen_are_whole_ringgit(self) -> None:
        body = xendit_messages.request_of(asked((RICE, SALE), tax=7, fee=30, currency="MYR"))

        assert [item["price"] for item in body["items"]] == [Decimal(200), Decimal(200)]
        assert [str(fee["value"]) for fee in body["fees"]] == ["-60.00", "0.07", "0.30"]

    def test_what_is_nothing_is_left_out(self) -> None:
        body = xendit_messages.request_of(asked(COFFEE))

        assert "fees" not in body
        assert len(body["items"]) == 2

    @pytest.mark.parametrize(("count", "sent"), [(75, 75), (76, 1), (500, 1)])
    def test_more_lines_than_it_takes_are_one(self, count: int, sent: int) -> None:
        wanted = asked((SALE,) * count, tax=5, description="order-77: Kopi")

        items = xendit.items_of(wanted)

        assert len(items) == sent
        if sent == 1:
            assert items == [
                {"name": f"order-77: Kopi ({count} lines)", "quantity": 1, "price": 60_000 * count}
            ]
        assert xendit.fees_of(wanted)[0] == {"type": "Discount", "value": -6_000 * count}

    @given(any_order())
    def test_everything_adds_up_within_the_limits(self, wanted: PaymentOrder) -> None:
        items, fees = xendit.items_of(wanted), xendit.fees_of(wanted)

        total = sum(item["price"] * item["quantity"] for item in items)
        assert total + sum(fee["value"] for fee in fees) == wanted.amount.whole()
        assert 1 <= len(items) <= 75
        assert len(fees) <= 10
        for item in items:
            assert len(item["name"]) <= 255
            assert item["quantity"] >= 1
            assert isinstance(item["quantity"], int)
            assert item["price"] >= 0
        assert all(fee["value"] != 0 for fee in fees)


class TestMidtrans:
    def test_tax_and_fee_are_lines_of_their_own(self) -> None:
        body = midtrans_messages.request_of(
            asked((*COFFEE, RICE, SALE, FRACTION), tax=12_345, fee=4_000),
            expires_at=order().expires_at,
        )

        assert body["item_details"] == [
            {"name": "Kopi Gayo 250g", "quantity": 2, "price": 70_000},
            {"name": "Cangkir", "quantity": 1, "price": 10_000},
            {"name": "Beras 1.5 x", "quantity": 1, "price": 20_000},
            {"name": "Kopi 3 x, less Rp 6.000", "quantity": 1, "price": 54_000},
            {"name": "Kain 0.25 x, less Rp 1.500", "quantity": 1, "price": 18_500},
            {"name": "Tax", "quantity": 1, "price": 12_345},
            {"name": "Service fee", "quantity": 1, "price": 4_000},
        ]
        assert body["transaction_details"]["gross_amount"] == 258_845

    @pytest.mark.parametrize(
        ("number", "first"),
        [
            ("order-77", "order-77: Kopi Gayo 250g"),
            ("a|b", "a/b: Kopi Gayo 250g"),
            ("n" * 34, f"{'n' * 34}: Kopi Gayo 250g"),
            ("n" * 35, "Kopi Gayo 250g"),
            (None, "Kopi Gayo 250g"),
        ],
    )
    def test_the_first_line_names_the_order_where_both_fit(
        self, number: str | None, first: str
    ) -> None:
        wanted = asked(COFFEE, order_number=number)

        body = midtrans_messages.request_of(wanted, expires_at=wanted.expires_at)

        assert [item["name"] for item in body["item_details"]] == [first, "Cangkir"]
        kept = number.replace("|", "/") if number else None
        assert body.get("custom_field1") == kept

    def test_a_charge_shows_the_same_lines(self) -> None:
        method = PaymentMethod(type="cstore", store="alfamart")
        wanted = asked(
            (SALE,), tax=10, order_number="order|77", description="order|77: Kopi", method=method
        )

        body = methods.request_of(wanted, method, expires_at=wanted.expires_at)

        assert body["item_details"] == midtrans.items_of(wanted)
        assert body["custom_field1"] == "order/77"
        assert body["cstore"]["message"] == "order/77: Kopi"

    @given(any_order())
    def test_everything_adds_up_within_the_limits(self, wanted: PaymentOrder) -> None:
        items = midtrans.items_of(wanted)

        assert sum(item["price"] * item["quantity"] for item in items) == wanted.amount.minor
        for item in items:
            assert len(item["name"]) <= 50
            assert "|" not in item["name"]
            assert type(item["price"]) is type(item["quantity"]) is int
            assert item["quantity"] >= 1
            assert item["price"] >= 0


class TestNames:
    @pytest.mark.parametrize(
        ("quantity", "ending"),
        [(Decimal("1.500"), " 1.5 x"), (2, " 2 x"), (Decimal("0.001"), " 0.001 x")],
    )
    def test_keep_the_quantity_however_long_they_are(
        self, quantity: Decimal | int, ending: str
    ) -> None:
        item = Item(name="n" * 60, quantity=quantity, unit_amount=1)

        name = lines.counted_name(item, limit=50)

        assert name == "n" * (50 - len(ending)) + ending

    def test_fit_when_even_the_ending_does_not(self) -> None:
        most = 9_007_199_254_740_991
        item = Item(name="n", quantity=Decimal("9007199254740990.999"), unit_amount=1)

        assert len(lines.counted_name(item, limit=50, note=f", less Rp {most:,}")) <= 50

    def test_stand_on_one_line(self) -> None:
        assert lines.shortened(" a\tb\n c ", limit=50) == "a b c"


class TestCustomerOfMidtrans:
    @pytest.mark.parametrize(
        ("phone", "sent"), [("+6281234567890", True), ("+60123456789", False), (None, False)]
    )
    def test_has_an_indonesian_phone_or_none(self, phone: str | None, sent: bool) -> None:
        customer = type(SITI)(name=SITI.name, phone=phone)

        assert ("phone" in midtrans_messages.customer_of(order(customer=customer))) is sent

    @pytest.mark.parametrize(
        ("method", "length"),
        [
            (None, 140),
            (PaymentMethod(type="bank_transfer", bank="bni"), 140),
            (PaymentMethod(type="bank_transfer", bank="bca"), 30),
        ],
    )
    def test_has_a_name_as_long_as_it_may_be(
        self, method: PaymentMethod | None, length: int
    ) -> None:
        wanted = order(customer=type(SITI)(name="|" + "n" * 139), method=method)

        sent = midtrans_messages.customer_of(wanted)

        assert sent == {"first_name": "/" + "n" * (length - 1)}
