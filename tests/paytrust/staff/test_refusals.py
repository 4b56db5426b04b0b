from http import HTTPStatus

import pytest
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def newcomer() -> Client:
    client = Client()
    client.force_login(User.objects.create_user("new", is_staff=True))
    return client


class TestRefusals:
    def test_are_pages_for_staff_in_their_language(self, newcomer: Client) -> None:
        answer = newcomer.get("/admin/invoices/invoice/", headers={"Accept-Language": "id"})

        assert answer.status_code == HTTPStatus.FORBIDDEN
        assert "Anda tidak boleh melakukan ini" in answer.text

    def test_tell_staff_that_a_page_is_not_there(self, newcomer: Client) -> None:
        answer = newcomer.get("/admin/nothing/")

        assert answer.status_code == HTTPStatus.NOT_FOUND
        assert "There is no such page" in answer.text

    def test_tell_staff_what_a_list_cannot_be_asked(self) -> None:
        boss = Client()
        boss.force_login(User.objects.create_superuser("boss"))

        answer = boss.get("/admin/invoices/invoice/?tenant__name__startswith=R")

        assert answer.status_code == HTTPStatus.BAD_REQUEST
        assert "This list cannot be narrowed like that" in answer.text

    def test_are_json_for_everybody_else(self) -> None:
        answer = Client().get("/nothing")

        assert answer.status_code == HTTPStatus.NOT_FOUND
        assert answer.json()["error"] == "not_found"


class TestCsrfFailure:
    def test_is_a_page_that_says_what_to_do(self) -> None:
        client = Client(enforce_csrf_checks=True)

        page = client.post("/admin/login/", {"username": "a", "password": "b"})

        assert page.status_code == HTTPStatus.FORBIDDEN
        assert "The form has expired" in page.text
        assert page.headers["Content-Type"].startswith("text/html")
