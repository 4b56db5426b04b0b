from http import HTTPStatus

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from invoices.models import Invoice
from reporting.back_office import search
from tests.invoices.factories import invoice

pytestmark = pytest.mark.django_db


class TestInvoiceIds:
    @pytest.mark.parametrize(
        "term",
        [
            "order-77",
            "PT-77-1-1-ABCDEF",
            "xendit-charge",
            "event-1",
            "siti@example.com",
            "SITI@EXAMPLE.COM",
            "request-that-made-it",
            "request-for-payment",
            "  order-77 ",
        ],
    )
    def test_finds_by_anything(self, paid_invoice: Invoice, term: str) -> None:
        invoice(external_id="order-78")

        assert search.invoice_ids(term) == [paid_invoice.pk]

    def test_finds_by_id(self, paid_invoice: Invoice) -> None:
        assert search.invoice_ids(str(paid_invoice.pk)) == [paid_invoice.pk]

    def test_finds_the_same_external_id_at_each_tenant(self) -> None:
        made = [invoice(external_id="order-1").pk for _ in range(2)]

        assert search.invoice_ids("order-1") == sorted(made, reverse=True)

    @pytest.mark.parametrize("term", ["order-7", "", "9" * 30, "\x00", "%", "PT-77-1-1-ABCDE"])
    def test_finds_nothing_by_fragments_or_nonsense(self, paid_invoice: Invoice, term: str) -> None:
        assert search.invoice_ids(term) == []

    def test_asks_as_many_questions_whatever_there_is(
        self, paid_invoice: Invoice, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(11):
            search.invoice_ids("siti@example.com")


class TestFind:
    def test_goes_to_the_only_one(self, viewer: Client, paid_invoice: Invoice) -> None:
        answer = viewer.get("/admin/find/", {"q": "xendit-charge"})

        assert answer.status_code == HTTPStatus.FOUND
        assert answer.headers["Location"] == f"/admin/invoices/invoice/{paid_invoice.pk}/change/"

    def test_shows_several(self, viewer: Client) -> None:
        made = [invoice(external_id="order-1").pk for _ in range(2)]

        page = viewer.get("/admin/find/", {"q": "order-1"})

        assert [row.pk for row in page.context["invoices"]] == sorted(made, reverse=True)

    def test_says_so_when_there_is_none(self, viewer: Client) -> None:
        assert "Nothing is called “order-1”." in viewer.get("/admin/find/", {"q": "order-1"}).text

    def test_serves_the_list_too(self, viewer: Client, paid_invoice: Invoice) -> None:
        invoice()

        page = viewer.get("/admin/invoices/invoice/", {"q": "siti@example.com"})

        assert [row.pk for row in page.context["cl"].result_list] == [paid_invoice.pk]
