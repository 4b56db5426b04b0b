"""The order that a gateway gets for an invoice with all fields."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateways.adapter import Customer, Item, PaymentMethod
from invoices.invoices.selectors import InvoiceDocument
from invoices.models import Installment, Invoice, LineItem, PaymentRequest
from invoices.payment_requests.orders import order_for
from paytrust.money import Money
from tests.apikeys.factories import NOON

LINES = (
    ("Beras", Decimal("1.500"), 13_333, 0),
    ("Kopi", Decimal("3.000"), 20_000, 6_000),
)
SUBTOTAL, TAX, FEE = 74_000, 7_400, 4_000
TOTAL = SUBTOTAL + TAX + FEE


def document(*, totals: tuple[int, ...] = (TOTAL,), **fields: Any) -> InvoiceDocument:
    """Return an invoice that no database knows."""
    invoice = Invoice(
        pk=7,
        currency_code="IDR",
        subtotal_amount=SUBTOTAL,
        total_tax_amount=TAX,
        total_service_fee_amount=FEE,
        total_amount=TOTAL,
        installment_count=len(totals),
        expires_at=NOON + timedelta(days=1),
        **{"external_id": "order-77", **fields},
    )
    lines = [
        LineItem(
            product_name=name, quantity=quantity, unit_price_amount=price, discount_amount=discount
        )
        for name, quantity, price, discount in LINES
    ]
    installments = [
        Installment(pk=100 + number, number=number, total_amount=total)
        for number, total in enumerate(totals, start=1)
    ]
    return InvoiceDocument(invoice, lines, installments, None)


def asked(made: InvoiceDocument, *, number: int = 1, amount: int | None = None) -> Any:
    installment = made.installments[number - 1]
    request = PaymentRequest(
        reference="PT-7-1-1-AAAAAA",
        installment_id=installment.pk,
        amount=installment.total_amount if amount is None else amount,
        currency_code="IDR",
    )
    return order_for(payment_request=request, document=made, now=NOON)


class TestOrderFor:
    def test_a_whole_invoice_shows_its_lines_tax_and_fee(self) -> None:
        order = asked(document())

        assert order.amount == Money(TOTAL, "IDR")
        assert order.items == (
            Item(name="Beras", quantity=Decimal("1.5"), unit_amount=13_333),
            Item(name="Kopi", quantity=Decimal(3), unit_amount=20_000, discount_amount=6_000),
        )
        assert (order.tax_amount, order.service_fee_amount) == (TAX, FEE)
        assert order.lines_add_up

    @pytest.mark.parametrize(
        ("totals", "number", "amount", "name"),
        [
            ((TOTAL - 1_000, 1_000), 1, None, "Instalment 1 of 2"),
            ((TOTAL - 1_000, 1_000), 2, None, "Instalment 2 of 2"),
            ((TOTAL - 1_000, 1_000), 2, 400, "Rest of instalment 2 of 2"),
            ((TOTAL,), 1, 400, "Rest of the invoice"),
        ],
    )
    def test_less_than_one_is_one_line_that_names_it(
        self, totals: tuple[int, ...], number: int, amount: int | None, name: str
    ) -> None:
        order = asked(document(totals=totals), number=number, amount=amount)

        assert order.items == (Item(name=name, quantity=1, unit_amount=order.amount.minor),)
        assert (order.tax_amount, order.service_fee_amount) == (0, 0)
        assert order.lines_add_up

    @pytest.mark.parametrize(
        ("external_id", "description", "description_sent"),
        [
            ("order-77", None, "order-77"),
            ("order-77", "Two phones", "order-77: Two phones"),
            (None, "Two phones", "Two phones"),
            (None, None, "Invoice 7"),
            ("x" * 255, "y" * 1000, "x" * 255 + ": " + "y" * 743),
        ],
    )
    def test_the_page_tells_the_merchants_order_number(
        self, external_id: str | None, description: str | None, description_sent: str
    ) -> None:
        order = asked(document(external_id=external_id, description=description))

        assert (order.description, order.order_number) == (description_sent, external_id)

    @pytest.mark.parametrize(
        ("phone", "sent"),
        [("0812-3456-7890", "+6281234567890"), ("12345", None), ("", None), (None, None)],
    )
    def test_a_phone_is_valid_or_left_out(self, phone: str | None, sent: str | None) -> None:
        customer = {"name": "Siti", "email": None, "phone": phone}

        order = asked(document(customer=customer))

        assert order.customer == Customer(name="Siti", phone=sent)

    def test_without_a_customer_there_is_none(self) -> None:
        assert asked(document()).customer is None

    def test_names_the_method_and_where_to_go_back(self) -> None:
        order = asked(
            document(
                payment_method={"type": "bank_transfer", "bank": "bca", "store": None},
                success_redirect_url="myshop://order/1",
            )
        )

        assert order.method == PaymentMethod(type="bank_transfer", bank="bca")
        assert order.success_redirect_url == "myshop://order/1"
