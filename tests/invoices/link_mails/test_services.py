from datetime import UTC, datetime, timedelta
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db import connection

from apikeys.models import StaffAct
from apikeys.staff_acts.recording import Actor
from invoices.link_mails import services
from invoices.link_mails.services import (
    LinkSentOften,
    MailNotSent,
    NoCustomerAddress,
    NoPaymentLink,
)
from invoices.models import Invoice, PaymentRequest
from tests.apikeys.factories import NOON
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.staff import actor, as_shown

pytestmark = pytest.mark.usefixtures("committed")
URL = "https://gateway.test/pay/1"
SITI = {"name": "Siti", "email": "Siti@example.com", "phone": None}
HOUR = timedelta(hours=1)


def payable(**fields: Any) -> Invoice:
    """Return an invoice of MYR 100.00 that its customer can pay now."""
    made = invoice(**{"customer": SITI, "external_id": None, **fields})
    PaymentRequestFactory.create(invoice=made, status="open", payment_url=URL)
    return made


def send(of: Invoice, by: Actor | None = None, at: datetime = NOON, language: str = "en") -> None:
    services.send(actor=by or actor(), invoice_id=of.pk, language=language, now=at)


def outcomes() -> list[str | None]:
    acts = StaffAct.objects.filter(act="payment_link_sent").order_by("pk")
    return list(acts.values_list("outcome", flat=True))


class TestSend:
    def test_holds_no_connection_while_the_mail_server_thinks(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        of, by = payable(), actor()
        held: list[bool] = []
        monkeypatch.setattr(
            EmailMessage, "send", lambda _mail: held.append(connection.connection is not None)
        )

        send(of, by)

        assert held == [False]
        assert outcomes() == ["done"]

    def test_mails_the_link_and_keeps_who_did(self) -> None:
        of = payable(external_id="order-7")
        by = actor()

        send(of, by)

        (sent,) = mail.outbox
        assert sent.to == ["siti@example.com"]
        for text in (URL, as_shown("RM 100.00"), "order-7", of.tenant.name):
            assert text in sent.body
        act = StaffAct.objects.get()
        assert (act.staff, act.invoice_id, act.tenant_id) == (by.user, of.pk, of.tenant_id)
        assert (act.act, act.outcome) == ("payment_link_sent", "done")
        assert "siti" not in act.message.lower()

    @pytest.mark.parametrize(
        ("language", "subject"),
        [("id", "Pembayaran Anda kepada"), ("ms", "Bayaran anda kepada")],
    )
    def test_speaks_the_customers_language(self, language: str, subject: str) -> None:
        send(payable(), language=language)

        assert mail.outbox[0].subject.startswith(subject)

    @pytest.mark.parametrize(
        ("language", "until"),
        [
            ("en", "until 9 August 2027, 20:00 MYT"),
            ("id", "sampai 9 Agustus 2027, 20:00 MYT"),
            ("ms", "sehingga 9 Ogos 2027, 20:00 MYT"),
        ],
    )
    def test_names_the_month_in_the_customers_language(self, language: str, until: str) -> None:
        of = payable()
        PaymentRequest.objects.update(expires_at=datetime(2027, 8, 9, 12, tzinfo=UTC))

        send(of, language=language)

        assert until in mail.outbox[0].body

    def test_takes_no_line_of_a_name_for_a_header(self) -> None:
        of = payable()
        of.tenant.name = "Toko\nBcc: all@example.com"
        of.tenant.save(update_fields=["name"])

        send(of)

        assert mail.outbox[0].subject == "Your payment to Toko Bcc: all@example.com"
        assert mail.outbox[0].recipients() == ["siti@example.com"]

    def test_refuses_what_cannot_be_paid_now(self) -> None:
        of = payable()
        PaymentRequest.objects.update(status="expired", ended_at=NOON)

        with pytest.raises(NoPaymentLink):
            send(of)

        assert (mail.outbox, outcomes()) == ([], ["no_payment_link"])

    def test_refuses_without_an_address(self) -> None:
        of = payable(customer=None)

        with pytest.raises(NoCustomerAddress):
            send(of)

        assert (mail.outbox, outcomes()) == ([], ["no_customer_address"])

    def test_says_that_the_mail_server_is_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def away(_mail: EmailMessage) -> int:
            raise SMTPServerDisconnected

        monkeypatch.setattr(EmailMessage, "send", away)
        of = payable()

        with pytest.raises(MailNotSent):
            send(of)
        monkeypatch.undo()
        send(of)  # what was not sent does not count

        assert outcomes() == ["mail_not_sent", "done"]


class TestLimits:
    def test_leave_ten_minutes_between_two_of_one_invoice(self) -> None:
        of = payable()
        send(of)

        with pytest.raises(LinkSentOften):
            send(of, at=NOON + timedelta(minutes=9))
        send(of, at=NOON + timedelta(minutes=10))

        assert len(mail.outbox) == 2
        assert outcomes() == ["done", "payment_link_sent_often", "done"]

    def test_take_three_of_one_invoice_in_a_day(self) -> None:
        of = payable()
        for hour in range(3):
            send(of, at=NOON + hour * HOUR)

        with pytest.raises(LinkSentOften):
            send(of, at=NOON + 23 * HOUR)
        send(of, at=NOON + 24 * HOUR)

        assert len(mail.outbox) == 4

    def test_take_five_to_one_address_of_any_merchants(self) -> None:
        for _ in range(5):
            send(payable())

        with pytest.raises(LinkSentOften):
            send(payable(customer={**SITI, "email": "SITI@EXAMPLE.COM"}))
        send(payable(customer={**SITI, "email": "budi@example.com"}))

        assert [sent.to for sent in mail.outbox[5:]] == [["budi@example.com"]]

    def test_take_a_hundred_of_one_person_in_a_day(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(services, "PER_PERSON", 2)
        by = actor()
        for number in range(2):
            send(payable(customer={**SITI, "email": f"{number}@example.com"}), by)

        with pytest.raises(LinkSentOften):
            send(payable(), by)
        send(payable(), actor())

        assert len(mail.outbox) == 3

    def test_count_what_is_under_way(self) -> None:
        of = payable()
        StaffAct.objects.create(
            staff=actor().user,
            act="payment_link_sent",
            object_type="invoices.invoice",
            object_id=of.pk,
            invoice_id=of.pk,
            created_at=NOON,
        )

        with pytest.raises(LinkSentOften):
            send(of)

        assert mail.outbox == []
