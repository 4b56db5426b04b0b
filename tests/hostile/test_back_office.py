"""Any text in the search and the filters of the back office gives a page, and reveals nothing."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.events import failed_event
from tests.staff import member

pytestmark = [pytest.mark.django_db, pytest.mark.unmeasured]

WORDS = (
    "hello",
    "\x00",
    "a\x00b",
    "-1",
    "0",
    "9" * 18,
    "9" * 40,
    "1e400",
    "NaN",
    "-0001-01-01",
    "0001-01-01",
    "9999-12-31",
    "2026-13-01",
    "%",
    "'; DROP TABLE x; --",
    "<script>alert(1)</script>",
    "\u202e\ufffe\U0010ffff",
    "x" * 5_000,
    "None",
    "true",
    "1,2,3",
    "{}",
)
WORST = ("hello", "\x00", "9" * 40, "-0001-01-01", "9999-12-31")
UNSHOWN = (
    "key_digest__startswith",
    "key_hash__contains",
    "page_token",
    "page_token__startswith",
    "body__regex",
    "password__startswith",
    "created_at__year",
    "id__in",
    "pk__lt",
    "tenant__api_keys__key_digest__startswith",
    "invoice__payment_requests__page_token__gt",
)
LISTS = [
    f"admin:{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry
]


@pytest.fixture
def office() -> Client:
    client = Client()
    client.force_login(member(is_superuser=True))
    return client


@pytest.fixture
def _rows() -> None:
    failed_event(PaymentRequestFactory.create(invoice=invoice(external_id="order-1")))


def asked_by(page: Any, office: Client) -> set[str]:
    """Return the names of all that a list's filters ask."""
    changelist = page.context["cl"]
    return {name for spec in changelist.filter_specs for name in spec.expected_parameters() if name}


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("name", LISTS)
class TestEveryList:
    def test_shows_a_page_for_any_words(self, office: Client, name: str) -> None:
        url = reverse(f"{name}_changelist")
        page = office.get(url)
        assert page.status_code == 200

        names = {"q", "p", "o", "e", "all", "_facets"} | asked_by(page, office)
        answers = {
            (parameter, word): office.get(url, {parameter: word}, follow=True).status_code
            for parameter in names
            for word in (WORDS if parameter == "q" else WORST)
        }

        assert {asked: status for asked, status in answers.items() if status != 200} == {}

    def test_leads_from_a_strange_id_to_a_page(self, office: Client, name: str) -> None:
        for word in ("hello", "-1", "9" * 40, "a_00b"):
            answer = office.get(reverse(f"{name}_change", args=[word]), follow=True)

            assert answer.status_code in {200, 403, 404}

    def test_does_not_answer_about_what_it_does_not_show(self, office: Client, name: str) -> None:
        url = reverse(f"{name}_changelist")

        answers = {lookup: office.get(url, {lookup: "a"}).status_code for lookup in UNSHOWN}

        assert answers == dict.fromkeys(UNSHOWN, 400)


def test_a_search_for_words_finds_by_words(office: Client) -> None:
    made = PaymentRequestFactory.create(invoice=invoice(external_id="hello"))

    page = office.get(reverse("admin:invoices_paymentrequest_changelist"), {"q": "hello"})

    assert [row.pk for row in page.context["cl"].result_list] == [made.pk]
    assert User.objects.count() == 1
