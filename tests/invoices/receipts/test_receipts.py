"""Receipts of payments: what they say, in each language, for customers and for staff."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apikeys.limits import throttling
from apikeys.limits.throttling import MemoryLimiter
from gateways.adapter import PaymentState
from invoices.models import Invoice, PaymentRequest, Transaction
from invoices.pay_page import views
from invoices.receipts import document, selectors
from payments.booking import settling
from paytrust.staff import roles
from reporting.statements import services as statements
from tests.apikeys.factories import NOON
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.reports import report
from tests.staff import as_shown, member

pytestmark = pytest.mark.django_db
TOKEN = "kTx0dYv2Qm-S_7uZ1c9bRw3eHnJpLfGa"


@pytest.fixture
def payment() -> Transaction:
    """Of MYR 60.00, the first instalment of two, with MYR 0.50 too much."""
    made = invoice(
        totals=(6_000, 4_000),
        external_id="order-77",
        description="Two phones",
        customer={"name": "Siti <Aminah>", "email": "siti@example.com", "phone": None},
    )
    request = PaymentRequestFactory.create(invoice=made, page_token=TOKEN)
    settling.settle(
        payment_request_id=request.pk, report=report(request, paid=6_050), event=None, now=NOON
    )
    return Transaction.objects.get()


def rows(payment: Transaction, language: str = "en") -> dict[str, str]:
    page = document.page_of(selectors.receipt_of(transaction_id=payment.pk), language=language)
    return {row[0]: row[1] for row in page.payment}


def language_of(pdf: bytes) -> bytes:
    found = re.search(rb"/Lang \((\w+)\)", pdf)
    assert found is not None
    return found[1]


class TestReceipt:
    def test_tells_who_paid_how_much_for_what(self, payment: Transaction) -> None:
        found = rows(payment)

        assert found["Received from"] == "Siti <Aminah>"
        assert (found["Invoice"], found["For"]) == ("order-77", "Two phones")
        assert found["Amount received"] == as_shown("RM 60.50")
        assert "Given back since" not in found

    def test_tells_what_was_given_back(self, payment: Transaction) -> None:
        settling.settle(
            payment_request_id=payment.payment_request_id,
            report=report(
                payment.payment_request, PaymentState.PAID, paid=6_050, refunds={"re-1": 1_000}
            ),
            event=None,
            now=NOON,
        )

        found = rows(payment)

        assert found["Given back since"] == as_shown("RM 10.00")
        assert found["Amount received"] == as_shown("RM 60.50")

    @pytest.mark.parametrize(
        ("language", "title", "amount"),
        [
            ("en", "Receipt", "Amount received"),
            ("id", "Kuitansi", "Jumlah diterima"),
            ("ms", "Resit", "Jumlah diterima"),
        ],
    )
    def test_speaks_each_language(
        self, payment: Transaction, language: str, title: str, amount: str
    ) -> None:
        receipt = selectors.receipt_of(transaction_id=payment.pk)

        page = document.page_of(receipt, language=language)

        assert page.title == f"{title} {receipt.number}"
        assert page.payment[-1][0] == amount
        assert page.name == payment.invoice.tenant.name
        assert language_of(document.pdf_of(receipt, language=language)) == language.encode()

    def test_has_the_merchants_legal_fields(self, payment: Transaction) -> None:
        statements.set_profile(
            tenant=payment.tenant,
            changes={"legal_name": "PT Toko Kopi", "tax_number": "01.234", "address": "Jalan 1"},
            now=NOON,
        )

        page = document.page_of(selectors.receipt_of(transaction_id=payment.pk), language="id")

        assert page.name == "PT Toko Kopi"
        assert list(page.facts) == ["Jalan 1", "NPWP: 01.234"]

    def test_is_of_payments_alone(self, payment: Transaction) -> None:
        settling.settle(
            payment_request_id=payment.payment_request_id,
            report=report(
                payment.payment_request, PaymentState.PAID, paid=6_050, refunds={"re-1": 1_000}
            ),
            event=None,
            now=NOON,
        )
        refund = Transaction.objects.exclude(pk=payment.pk).get()

        with pytest.raises(Transaction.DoesNotExist):
            selectors.receipt_of(transaction_id=refund.pk)

    def test_takes_few_queries(
        self, payment: Transaction, django_assert_num_queries: Callable[[int], Any]
    ) -> None:
        with django_assert_num_queries(5):
            selectors.receipt_of(transaction_id=payment.pk)


class TestTheCustomersPage:
    def test_links_the_receipt_in_each_language(self, payment: Transaction) -> None:
        page = Client().get(f"/pay/{TOKEN}").text

        for language in document.LANGUAGES:
            link = f"/pay/{TOKEN}/receipt.pdf?lang={language}"
            assert link in page
            answer = Client().get(link)
            assert answer.status_code == 200
            assert answer.headers["Content-Type"] == "application/pdf"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Content-Disposition"].startswith('inline; filename="receipt-')
            assert answer.content.startswith(b"%PDF")

    @pytest.mark.parametrize("language", ["", "xx", "../", "en,id"])
    def test_falls_back_to_a_language_of_the_page(
        self, payment: Transaction, language: str
    ) -> None:
        answer = Client().get(f"/pay/{TOKEN}/receipt.pdf?lang={language}")

        assert language_of(answer.content) == b"en"

    def test_is_made_a_limited_number_of_times_for_an_address(
        self, payment: Transaction, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limiter = MemoryLimiter()
        monkeypatch.setattr(throttling, "limiter", lambda: limiter)
        monkeypatch.setattr(views, "RECEIPTS_A_MINUTE", 2)

        def ask(address: str) -> Any:
            return Client().get(f"/pay/{TOKEN}/receipt.pdf", REMOTE_ADDR=address)

        answers = [ask("192.0.2.1") for _ in range(3)]

        assert [one.status_code for one in answers] == [200, 200, 429]
        assert answers[2].json()["error"] == "rate_limited"
        assert answers[2].headers["Retry-After"] == "60"
        assert ask("192.0.2.2").status_code == 200

    def test_has_none_before_it_is_paid(self) -> None:
        made = invoice(expires_at=timezone.now() + timedelta(days=1))
        PaymentRequestFactory.create(
            invoice=made, page_token=TOKEN, expires_at=timezone.now() + timedelta(days=1)
        )

        assert "receipt.pdf" not in Client().get(f"/pay/{TOKEN}").text
        assert Client().get(f"/pay/{TOKEN}/receipt.pdf").status_code == 404
        assert Client().get("/pay/unknown-unknown-unknown/receipt.pdf").status_code == 404


class TestTheBackOffice:
    def address(self, payment: Transaction, language: str = "en") -> str:
        return f"/admin/invoices/invoice/transactions/{payment.pk}/receipt-{language}.pdf"

    @pytest.mark.parametrize("role", [roles.VIEWER, roles.OPERATOR, roles.ADMINISTRATOR])
    def test_has_it_among_the_documents(self, payment: Transaction, role: str) -> None:
        client = Client()
        client.force_login(member(role))

        page = client.get(f"/admin/invoices/invoice/{payment.invoice_id}/change/").text

        for language in document.LANGUAGES:
            assert self.address(payment, language) in page
            assert client.get(self.address(payment, language)).content.startswith(b"%PDF")

    def test_knows_no_other(self, payment: Transaction) -> None:
        client = Client()
        client.force_login(member(roles.VIEWER))

        assert client.get(self.address(payment, "xx")).status_code == 404
        payment.pk += 1_000
        assert client.get(self.address(payment)).status_code == 404

    def test_is_for_staff_alone(self, payment: Transaction) -> None:
        assert Client().get(self.address(payment)).status_code == 302
        client = Client()
        client.force_login(member())
        assert client.get(self.address(payment)).status_code == 403


def test_a_receipt_needs_no_more_than_its_invoice(payment: Transaction) -> None:
    Invoice.objects.filter(pk=payment.invoice_id).update(customer=None, description=None)
    PaymentRequest.objects.update(page_token=TOKEN)

    assert "Received from" not in rows(payment)
