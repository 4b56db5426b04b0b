import pytest
from django.core import mail
from django.test import Client

from paytrust.staff import roles
from tests.invoices.link_mails.test_services import URL, outcomes, payable
from tests.payments.webhooks.test_back_office import said
from tests.staff import member

pytestmark = pytest.mark.usefixtures("committed")


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(member(role))
    return client


class TestThePaymentLink:
    def test_is_shown_to_copy_and_sent_by_an_operator(self) -> None:
        of, client = payable(), client_of(roles.OPERATOR)
        address = f"/admin/invoices/invoice/{of.pk}/send-link/"

        page = client.get(f"/admin/invoices/invoice/{of.pk}/change/").text

        assert f'data-copy="{URL}"' in page
        assert address in page
        assert "siti@example.com" in client.get(address).text
        assert mail.outbox == []
        assert said(client, address, language="ms") == ["The payment link was sent."]
        assert len(mail.outbox) == 1

    def test_is_not_sent_again_at_once(self) -> None:
        of, client = payable(), client_of(roles.OPERATOR)
        address = f"/admin/invoices/invoice/{of.pk}/send-link/"
        said(client, address, language="en")

        answer = client.post(address, {"language": "en"})

        assert answer.status_code == 429
        assert "The link was sent a short while ago" in answer.text
        assert len(mail.outbox) == 1

    @pytest.mark.parametrize("role", [roles.VIEWER, roles.ADMINISTRATOR])
    def test_is_sent_by_no_other_role(self, role: str) -> None:
        of, client = payable(), client_of(role)
        address = f"/admin/invoices/invoice/{of.pk}/send-link/"

        assert address not in client.get(f"/admin/invoices/invoice/{of.pk}/change/").text
        assert client.get(address).status_code == 403
        assert client.post(address, {"language": "en"}).status_code == 403
        assert (mail.outbox, outcomes()) == ([], [])

    def test_is_not_offered_without_an_address(self) -> None:
        of, client = payable(customer=None), client_of(roles.OPERATOR)
        address = f"/admin/invoices/invoice/{of.pk}/send-link/"

        assert address not in client.get(f"/admin/invoices/invoice/{of.pk}/change/").text
        assert "This invoice has no e-mail address" in client.get(address).text
