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


def asked_for(office: Client, name: str) -> list[str]:
    """Return the names of all that a list may be asked for, beside its search."""
    page: Any = office.get(reverse(f"{name}_changelist"))
    assert page.status_code == 200
    filters = page.context["cl"].filter_specs
    asked = {name for spec in filters for name in spec.expected_parameters() if name}
    return sorted({"p", "o", "e", "all", "_facets"} | asked)


def refused(office: Client, name: str, asked: list[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Ask a list; return what it did not answer with a page."""
    url = reverse(f"{name}_changelist")
    answers = {
        (parameter, word): office.get(url, {parameter: word}, follow=True).status_code
        for parameter, word in asked
    }
    return {pair: status for pair, status in answers.items() if status != 200}


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("name", LISTS)
class TestEveryList:
    def test_shows_a_page_for_any_words(self, office: Client, name: str) -> None:
        """One word for each filter, and the worst for the search; the slow test tries them all."""
        names = asked_for(office, name)
        asked = [("q", word) for word in WORST]
        asked += [(other, WORST[number % len(WORST)]) for number, other in enumerate(names)]

        assert refused(office, name, asked) == {}

    @pytest.mark.slow
    def test_shows_a_page_for_every_word(self, office: Client, name: str) -> None:
        asked = [("q", word) for word in WORDS]
        asked += [(other, word) for other in asked_for(office, name) for word in WORST]

        assert refused(office, name, asked) == {}

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
