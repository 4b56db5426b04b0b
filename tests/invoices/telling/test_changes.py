from typing import Any

import pytest

from invoices.telling import changes

INSTALLMENT = {"number": 1, "total": 100, "paid_amount": 0, "status": "unpaid", "paid_at": None}
PENDING = {
    "id": 7,
    "status": "pending",
    "currency_code": "IDR",
    "paid_amount": 0,
    "overpayment_amount": 0,
    "payment_url": "https://pay/1",
    "version": 2,
    "updated_at": "2026-11-22T12:00:00Z",
}
PAID = {**PENDING, "status": "fully_paid", "paid_amount": 100, "payment_url": None, "version": 3}


def types(before: dict[str, Any] | None, after: dict[str, Any]) -> list[str]:
    return [change.type for change in changes.of_invoice(before=before, after=after)]


class TestOfInvoice:
    @pytest.mark.parametrize(
        ("before", "after", "made"),
        [
            (None, {**PENDING, "payment_url": None}, ["invoice.created"]),
            (None, PENDING, ["invoice.created", "invoice.payment_ready"]),
            ({**PENDING, "payment_url": None}, PENDING, ["invoice.payment_ready"]),
            (PENDING, PENDING, []),
            (PENDING, PAID, ["invoice.paid"]),
            (
                PENDING,
                {**PAID, "paid_amount": 130, "overpayment_amount": 30},
                ["invoice.paid", "invoice.overpaid"],
            ),
            (
                PAID,
                {**PAID, "paid_amount": 130, "overpayment_amount": 30},
                ["invoice.overpaid"],
            ),
            (PENDING, {**PENDING, "status": "expired"}, ["invoice.expired"]),
            (PENDING, {**PENDING, "status": "cancelled"}, ["invoice.cancelled"]),
            (PENDING, {**PENDING, "status": "failed"}, ["invoice.failed"]),
            (PAID, {**PAID, "status": "partially_paid", "paid_amount": 40}, []),
        ],
    )
    def test_names_what_happened(
        self, before: dict[str, Any] | None, after: dict[str, Any], made: list[str]
    ) -> None:
        assert types(before, after) == made

    def test_tells_installment_invoice_and_next_payment_in_order(self) -> None:
        second = {**INSTALLMENT, "number": 2}
        before = {**PENDING, "installment_schedule": [INSTALLMENT, second]}
        after = {
            **PENDING,
            "status": "partially_paid",
            "paid_amount": 100,
            "payment_url": "https://pay/2",
            "installment_schedule": [{**INSTALLMENT, "status": "paid", "paid_amount": 100}, second],
        }

        made = changes.of_invoice(before=before, after=after)

        assert [change.type for change in made] == [
            "installment.paid",
            "invoice.partially_paid",
            "invoice.payment_ready",
        ]
        paid, partially, ready = made
        assert paid.object == {
            "invoice_id": 7,
            "currency_code": "IDR",
            **INSTALLMENT,
            "status": "paid",
            "paid_amount": 100,
        }
        assert paid.previous == {"status": "unpaid", "paid_amount": 0}
        assert partially.previous == {
            "status": "pending",
            "paid_amount": 0,
            "payment_url": "https://pay/1",
        }
        assert ready.previous == partially.previous

    def test_leaves_line_items_out(self) -> None:
        [made] = changes.of_invoice(before=PENDING, after={**PAID, "line_items": [{"id": 1}]})

        assert made.object == PAID
        assert made.previous == {
            "status": "pending",
            "paid_amount": 0,
            "payment_url": "https://pay/1",
        }
