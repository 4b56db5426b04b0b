from collections.abc import Sequence
from http import HTTPStatus

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from invoices.models import Invoice
from paytrust.staff import roles
from reporting.back_office import search
from tests.invoices.factories import invoice
from tests.reporting.back_office.conftest import SignIn

pytestmark = pytest.mark.django_db


NOTHING: dict[str, list[int]] = {
    "named": [],
    "by_customer": [],
    "by_fragment": [],
    "of_amount": [],
    "transactions": [],
}


def found_of(term: str) -> dict[str, list[int]]:
    found = search.everything(term)
    return {kind: [row.pk for row in getattr(found, kind)] for kind in NOTHING}


def pks(rows: Sequence[Invoice]) -> list[int]:
    return [one.pk for one in rows]


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
    def test_names_nothing_by_fragments_or_nonsense(self, paid_invoice: Invoice, term: str) -> None:
        assert search.invoice_ids(term) == []

    def test_asks_as_many_questions_whatever_there_is(
        self, paid_invoice: Invoice, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(11):
            search.invoice_ids("siti@example.com")


class TestEverything:
    @pytest.mark.parametrize("term", ["siti", "IT", "Siti N", "urbaya", "  SITI nur "])
    def test_finds_by_fragment_of_a_customers_name(self, term: str) -> None:
        named = invoice(customer={"name": "Siti Nurbaya", "email": None, "phone": None})
        invoice(customer={"name": "Budi", "email": None, "phone": None})
        invoice(customer=None)

        found = pks(search.everything(term).by_customer)

        assert found == ([named.pk] if len(term) > 2 else [])

    def test_shows_the_newest_of_many(self) -> None:
        made = [
            invoice(customer={"name": "Siti", "email": None, "phone": None}).pk
            for _ in range(search.MOST_OF_A_KIND + 1)
        ]

        assert pks(search.everything("siti").by_customer) == made[:0:-1]

    @pytest.mark.parametrize("term", ["order-7", "DER-7", "1-ABCD", "abcdef"])
    def test_finds_by_fragment_of_an_identifier(self, paid_invoice: Invoice, term: str) -> None:
        invoice(external_id="buy-1")

        assert pks(search.everything(term).by_fragment) == [paid_invoice.pk]

    @pytest.mark.parametrize("term", ["r-7", "%%%%", "____", "ord%77", "order\\77", ""])
    def test_finds_nothing_by_short_fragments_or_patterns(
        self, paid_invoice: Invoice, term: str
    ) -> None:
        assert found_of(term) == NOTHING

    def test_looks_no_further_than_a_whole_identifier(self, paid_invoice: Invoice) -> None:
        invoice(external_id="order-771")

        assert found_of("order-77") == {**NOTHING, "named": [paid_invoice.pk]}

    @pytest.mark.parametrize(
        ("language", "term", "minor"),
        [
            ("en", "1,234.50", 123_450),
            ("en", "RM 1,234.50", 123_450),
            ("ms", "myr1234.50", 123_450),
            ("id", "1.234,50", 123_450),
            ("id", "RM 1.234", 123_400),
            ("id", "1234,5", 123_450),
        ],
    )
    def test_finds_by_an_amount_in_the_readers_notation(
        self, language: str, term: str, minor: int
    ) -> None:
        wanted = invoice(totals=(minor,))
        invoice(totals=(minor + 1,))

        with translation.override(language):
            assert pks(search.everything(term).of_amount) == [wanted.pk]

    @pytest.mark.parametrize(
        ("language", "term"),
        [("en", "1.234,50"), ("id", "1,234.50"), ("en", "US$ 1,234.50"), ("en", "-1,234.50")],
    )
    def test_never_misreads_an_amount(self, language: str, term: str) -> None:
        invoice(totals=(123_450,))

        with translation.override(language):
            assert found_of(term) == NOTHING

    def test_finds_transactions_of_an_amount(self, paid_invoice: Invoice) -> None:
        [row] = search.everything("60.50").transactions

        assert row.invoice_id == paid_invoice.pk

    def test_finds_an_invoice_and_an_amount_of_one_number(self) -> None:
        first = invoice()
        of_amount = invoice(totals=(first.pk * 100,))

        found = search.everything(str(first.pk))

        assert (pks(found.named), pks(found.of_amount)) == ([first.pk], [of_amount.pk])


class TestFind:
    def test_goes_to_the_only_one(self, viewer: Client, paid_invoice: Invoice) -> None:
        answer = viewer.get("/admin/find/", {"q": "xendit-charge"})

        assert answer.status_code == HTTPStatus.FOUND
        assert answer.headers["Location"] == f"/admin/invoices/invoice/{paid_invoice.pk}/change/"

    def test_shows_several(self, viewer: Client) -> None:
        made = [invoice(external_id="order-1").pk for _ in range(2)]

        page = viewer.get("/admin/find/", {"q": "order-1"})

        [(heading, rows)] = page.context["groups"]
        assert heading == "Invoices called so"
        assert pks(rows) == sorted(made, reverse=True)

    def test_says_so_when_there_is_none(self, viewer: Client) -> None:
        assert "Nothing matches “order-1”." in viewer.get("/admin/find/", {"q": "order-1"}).text

    @pytest.mark.parametrize("term", ["sit", "RDER-7", "77-1-1"])
    def test_goes_to_the_only_one_with_a_fragment(
        self, viewer: Client, paid_invoice: Invoice, term: str
    ) -> None:
        answer = viewer.get("/admin/find/", {"q": term})

        assert answer.headers["Location"] == f"/admin/invoices/invoice/{paid_invoice.pk}/change/"

    def test_shows_what_an_amount_finds(self, viewer: Client, paid_invoice: Invoice) -> None:
        page = viewer.get("/admin/find/", {"q": "60.50"})

        assert "Transactions of this amount" in page.text
        assert "RM\N{NO-BREAK SPACE}60.50" in page.text
        assert f"/admin/invoices/invoice/{paid_invoice.pk}/change/" in page.text

    def test_shows_invoices_only_to_staff_who_may_see_no_transactions(
        self, client: Client, paid_invoice: Invoice
    ) -> None:
        staff = User.objects.create_user("counter", is_staff=True)
        staff.user_permissions.add(Permission.objects.get(codename="view_invoice"))
        client.force_login(staff)
        made = [invoice(totals=(6_050,)).pk for _ in range(2)]

        page = client.get("/admin/find/", {"q": "60.50"})

        assert [pks(rows) for _, rows in page.context["groups"]] == [made[::-1]]
        assert page.context["transactions"] == []

    @pytest.mark.parametrize("role", [roles.VIEWER, roles.OPERATOR, roles.ADMINISTRATOR])
    def test_shows_transactions_to_each_role(
        self, sign_in: SignIn, paid_invoice: Invoice, role: str
    ) -> None:
        [row] = sign_in(role).get("/admin/find/", {"q": "60.50"}).context["transactions"]

        assert row.invoice_id == paid_invoice.pk

    def test_is_refused_to_staff_without_a_role(self, client: Client) -> None:
        client.force_login(User.objects.create_user("nobody", is_staff=True))

        answer = client.get("/admin/find/", {"q": "siti"})

        assert answer.status_code == HTTPStatus.FORBIDDEN

    def test_serves_the_list_too(self, viewer: Client, paid_invoice: Invoice) -> None:
        invoice()

        page = viewer.get("/admin/invoices/invoice/", {"q": "siti@example.com"})

        assert [row.pk for row in page.context["cl"].result_list] == [paid_invoice.pk]
