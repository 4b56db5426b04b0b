"""Filters that each member of staff keeps for a list, under names of their own."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apikeys.models import StaffTenant
from paytrust.staff import roles
from reporting.saved_filters import services
from reporting.saved_filters.models import SavedFilter
from reporting.saved_filters.services import FilterNotKept
from tests.apikeys.factories import NOON
from tests.invoices.factories import invoice
from tests.staff import member

pytestmark = pytest.mark.django_db
LIST = "/admin/invoices/invoice/"
QUERY = "currency_code=MYR&status__exact=pending"


@pytest.fixture
def user() -> User:
    return member(roles.VIEWER)


@pytest.fixture
def client(user: User) -> Client:
    return client_of(user)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def keep(user: User, name: str = "Pending ringgit", query: str = QUERY) -> SavedFilter:
    return services.keep(user=user, list_name="invoices_invoice", name=name, query=query, now=NOON)


class TestKeep:
    def test_keeps_what_narrows_in_one_order(self, user: User) -> None:
        kept = keep(user, "  Pending  ringgit ", "?status__exact=pending&p=3&currency_code=MYR&e=1")

        assert (kept.name, kept.query) == ("Pending ringgit", QUERY)

    def test_replaces_one_of_the_same_name(self, user: User) -> None:
        keep(user)
        keep(user, query="currency_code=IDR")

        assert [one.query for one in SavedFilter.objects.all()] == ["currency_code=IDR"]

    @pytest.mark.parametrize(
        ("name", "query"),
        [(" ", QUERY), ("a" * 41, QUERY), ("a", "p=2"), ("a", "q=" + "x" * 1000), ("a\x00", QUERY)],
    )
    def test_refuses_what_is_no_filter(self, user: User, name: str, query: str) -> None:
        with pytest.raises(FilterNotKept):
            keep(user, name, query)

        assert not SavedFilter.objects.exists()

    def test_keeps_at_most_twenty_of_a_list(self, user: User) -> None:
        for number in range(20):
            keep(user, str(number))

        with pytest.raises(FilterNotKept):
            keep(user, "one more")
        keep(user, "19", "currency_code=IDR")
        keep(member(roles.VIEWER), "of another person")

        assert SavedFilter.objects.filter(user=user).count() == 20


class TestAboveAList:
    def test_can_be_saved_once_the_list_is_narrowed(self, client: Client) -> None:
        assert "Save this filter" not in client.get(LIST).text
        assert "Save this filter" in client.get(f"{LIST}?{QUERY}").text

    def test_is_a_link_that_narrows_the_list(self, client: Client, user: User) -> None:
        wanted = invoice()
        invoice(status="cancelled", ended_as="cancelled", ended_at=NOON)

        answer = client.post(
            "/admin/saved-filters/keep/",
            {"list": "invoices_invoice", "name": "Mine & pending", "query": QUERY},
        )

        assert answer.headers["Location"] == f"{LIST}?{QUERY}"
        page = client.get(LIST).text
        assert "Mine &amp; pending" in page
        assert f'href="?{QUERY.replace("&", "&amp;")}"' in page
        shown = client.get(f"{LIST}?{QUERY}")
        assert [row.pk for row in shown.context["cl"].result_list] == [wanted.pk]
        assert "Save this filter" not in shown.text  # it is kept already

    def test_belongs_to_one_person_and_one_list(self, client: Client, user: User) -> None:
        kept = keep(user)
        other = client_of(member(roles.VIEWER))

        assert kept.name in client.get(LIST).text
        assert kept.name not in client.get("/admin/invoices/transaction/").text
        assert kept.name not in other.get(LIST).text
        assert other.post(f"/admin/saved-filters/{kept.pk}/remove/").status_code == 404
        assert SavedFilter.objects.exists()

    def test_can_be_removed(self, client: Client, user: User) -> None:
        kept = keep(user)

        answer = client.post(f"/admin/saved-filters/{kept.pk}/remove/")

        assert answer.headers["Location"] == LIST
        assert not SavedFilter.objects.exists()

    def test_says_why_it_is_not_kept(self, client: Client) -> None:
        page = client.post(
            "/admin/saved-filters/keep/",
            {"list": "invoices_invoice", "name": " ", "query": QUERY},
            follow=True,
        )

        assert "Give the filter a name" in page.text

    @pytest.mark.parametrize("named", ["", "auth_user", "nothing_here", "apikeys_apikey"])
    def test_is_of_a_list_that_the_reader_may_open(self, client: Client, named: str) -> None:
        answer = client.post(
            "/admin/saved-filters/keep/", {"list": named, "name": "a", "query": QUERY}
        )

        assert answer.status_code == 404
        assert not SavedFilter.objects.exists()

    def test_is_only_changed_by_post(self, client: Client, user: User) -> None:
        kept = keep(user)

        assert client.get("/admin/saved-filters/keep/").status_code == 405
        assert client.get(f"/admin/saved-filters/{kept.pk}/remove/").status_code == 405

    def test_is_for_staff_alone(self, user: User) -> None:
        kept = keep(user)
        for address in ("keep", f"{kept.pk}/remove"):
            answer = Client().post(f"/admin/saved-filters/{address}/")
            assert answer.headers["Location"].startswith("/admin/login/")

    def test_works_for_those_who_work_for_some_tenants(self, client: Client, user: User) -> None:
        StaffTenant.objects.create(user=user, tenant=invoice().tenant)

        client.post(
            "/admin/saved-filters/keep/",
            {"list": "invoices_invoice", "name": "Bound", "query": QUERY},
        )

        assert "Bound" in client.get(LIST).text
