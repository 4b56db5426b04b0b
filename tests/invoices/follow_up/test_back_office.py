import pytest
from django.contrib.auth.models import User
from django.test import Client

from invoices.follow_up import services
from invoices.models import Assignment, Invoice
from paytrust.staff import roles
from tests.apikeys.factories import NOON
from tests.invoices.factories import invoice
from tests.payments.webhooks.test_back_office import said
from tests.staff import actor, member

pytestmark = pytest.mark.django_db
LIST = "/admin/invoices/invoice/"


@pytest.fixture
def user() -> User:
    return member(roles.OPERATOR, first_name="Siti")


@pytest.fixture
def client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(client: Client, of: Invoice) -> str:
    return client.get(f"{LIST}{of.pk}/change/").text


class TestAnInvoicesPage:
    def test_keeps_notes(self, client: Client) -> None:
        of = invoice()

        assert said(client, f"{LIST}{of.pk}/note/", note="Called twice.") == ["The note is kept."]

        page = page_of(client, of)
        assert "<h2>Notes</h2>" in page
        assert page.count("Called twice.") == 2  # among the notes, and in the history

    def test_names_who_looks_after_it(self, client: Client, user: User) -> None:
        of = invoice()

        assert said(client, f"{LIST}{of.pk}/assign/", assignee=user.pk, note="yours") == [
            "The invoice is assigned."
        ]
        assert "<dt>Assigned to</dt><dd>Siti</dd>" in page_of(client, of)
        assert said(client, f"{LIST}{of.pk}/assign/", assignee="", note="") == [
            "No person is assigned any more."
        ]

        assert "<dt>Assigned to</dt>" not in page_of(client, of)

    def test_offers_nothing_to_viewers(self) -> None:
        of, client = invoice(), Client()
        client.force_login(member(roles.VIEWER))

        page = page_of(client, of)

        for act in ("note", "assign"):
            assert f"{LIST}{of.pk}/{act}/" not in page
            answer = client.post(f"{LIST}{of.pk}/{act}/", {"note": "x", "assignee": ""})
            assert answer.status_code == 403

    def test_takes_no_person_who_may_not_work_on_it(self, client: Client) -> None:
        of, viewer = invoice(), member(roles.VIEWER)

        answer = client.post(f"{LIST}{of.pk}/assign/", {"assignee": viewer.pk, "note": ""})

        assert answer.status_code == 200
        assert answer.context["form"].errors.keys() == {"assignee"}
        assert not Assignment.objects.exists()


class TestTheFilter:
    @pytest.mark.parametrize(
        ("page", "flags"), [(LIST, []), ("/admin/reporting/discrepancy/", ["late"])]
    )
    def test_finds_ones_own_and_those_of_no_person(
        self, client: Client, user: User, page: str, flags: list[str]
    ) -> None:
        mine, free, others = (invoice(review_flags=flags) for _ in range(3))
        for of, person in ((mine, user), (others, member(roles.OPERATOR))):
            services.assign(actor=actor(), invoice_id=of.pk, to=person, now=NOON)

        def shown(asked: str) -> list[int]:
            rows = client.get(f"{page}?assigned={asked}").context["cl"].result_list
            return [row.pk for row in rows]

        assert shown("me") == [mine.pk]
        assert shown("none") == [free.pk]
        assert sorted(shown("")) == [mine.pk, free.pk, others.pk]
