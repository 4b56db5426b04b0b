"""Monthly statements: kept once, equal to the reports, sent to those who want them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client

from apikeys.models import Tenant
from paytrust.money import Money, notation
from paytrust.staff import roles
from reporting.models import KeptStatement, StatementProfile
from reporting.statements import document, services
from tests.apikeys.factories import api_key
from tests.invoices.factories import invoice
from tests.payments.changes.test_back_office import client_of
from tests.payments.refunds.paid import pay
from tests.payments.settlement.test_views import settled
from tests.staff import member

pytestmark = pytest.mark.django_db

MONTH = date(2026, 11, 1)
DECEMBER = datetime(2026, 12, 1, 0, 40, tzinfo=UTC)


def busy_tenant() -> Tenant:
    """Return a merchant whose money of November is in two currencies, one of them settled."""
    at = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
    first = invoice(totals=(10_000,))
    ringgit = pay(first, paid_at=at)
    rupiah = invoice(tenant=first.tenant, currency_code="IDR", totals=(14_466_500,))
    pay(rupiah, paid_at=at)
    settled(ringgit)
    return first.tenant


def profile(tenant: Tenant, **fields: Any) -> StatementProfile:
    known = {"legal_name": "PT Kopi Gayo", "tax_number": "01.234.567.8-901.000"} | fields
    return StatementProfile.objects.create(tenant=tenant, updated_at=DECEMBER, **known)


def said(tenant: Tenant, language: str) -> list[document.Page]:
    return document.pages_of(
        services.document_now(
            tenant=tenant, month=MONTH, zone=ZoneInfo("UTC"), language=language, now=DECEMBER
        )
    )


class TestPages:
    @pytest.mark.parametrize(
        ("language", "title", "closing", "rupiah"),
        [
            ("en", "Statement November 2026 IDR", "Closing balance", "14,466,500"),
            ("id", "Laporan November 2026 IDR", "Saldo akhir", "14.466.500"),
            ("ms", "Penyata November 2026 IDR", "Baki penutup", "14,466,500"),
        ],
    )
    def test_say_each_currency_in_the_readers_language(
        self, language: str, title: str, closing: str, rupiah: str
    ) -> None:
        tenant = busy_tenant()
        profile(tenant)

        page, other = said(tenant, language)

        assert (page.title, other.title[-3:]) == (title, "MYR")
        assert any("01.234.567.8-901.000" in fact for fact in page.facts)
        assert page.balances[-1] == [closing, f"Rp\N{NO-BREAK SPACE}{rupiah}"]
        assert len(page.days) == 31
        assert (len(page.settled), len(other.settled)) == (1, 2)

    def test_have_the_numbers_of_the_reports_and_the_settlement(self) -> None:
        tenant = busy_tenant()
        _, key = api_key(tenant=tenant)
        client = Client(headers={"x-api-key": key})
        span = "start_date=2026-11-01T00:00:00Z&end_date=2026-12-01T00:00:00Z"
        report = client.get(f"/reports/financial?{span}&currency=MYR").json()
        span = "settled_from=2026-11-01T00:00:00Z&settled_to=2026-12-01T00:00:00Z"
        [row] = client.get(f"/reports/settlement?{span}&currency=MYR").json()["results"]

        _, page = said(tenant, "en")

        def shown(amount: int) -> str:
            return notation.ENGLISH.written(Money(amount, "MYR"))

        [own] = [one for one in report["by_currency"] if one["currency_code"] == "MYR"]
        assert page.balances[1] == ["Received", shown(own["total_amount"])]
        assert page.balances[-1][1] == page.days[-1][-1] == shown(own["net_amount"])
        assert page.settled[1][2:] == [
            shown(row[name])
            for name in (
                "gross_amount",
                "gateway_fee_amount",
                "vat_amount",
                "withholding_amount",
                "net_amount",
            )
        ]


class TestKeepDue:
    def test_makes_and_sends_each_once(self) -> None:
        tenant = busy_tenant()
        profile(tenant, email="finance@example.com", language="id")

        assert services.keep_due(now=DECEMBER) == 1
        assert services.keep_due(now=DECEMBER) == 0

        kept = KeptStatement.objects.get()
        assert (kept.month, kept.language, kept.sent_at) == (MONTH, "id", DECEMBER)
        assert bytes(kept.pdf).startswith(b"%PDF")
        assert "closing balance" in bytes(kept.csv).decode()
        [sent] = mail.outbox
        assert (sent.to, sent.subject) == (["finance@example.com"], "Laporan November 2026")
        assert [name for name, *_ in sent.attachments] == [
            "statement-2026-11.pdf",
            "statement-2026-11.csv",
        ]

    def test_sends_nothing_to_those_who_did_not_ask(self) -> None:
        busy_tenant()
        api_key()  # a merchant whose money never moved

        assert services.keep_due(now=DECEMBER) == 1
        assert (KeptStatement.objects.get().sent_at, mail.outbox) == (None, [])

    def test_tries_again_what_could_not_be_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        profile(busy_tenant(), email="finance@example.com")
        with monkeypatch.context() as away:
            away.setattr(mail.EmailMessage, "send", Mock(side_effect=OSError("no server")))
            services.keep_due(now=DECEMBER)
        assert KeptStatement.objects.get().sent_at is None

        services.keep_due(now=DECEMBER + timedelta(days=1))

        assert KeptStatement.objects.get().sent_at == DECEMBER + timedelta(days=1)
        assert len(mail.outbox) == 1

    def test_sends_no_old_month_to_those_who_ask_later(self) -> None:
        tenant = busy_tenant()
        services.keep_due(now=DECEMBER)
        profile(tenant, email="finance@example.com")

        services.keep_due(now=DECEMBER + timedelta(days=31))

        assert [sent.subject for sent in mail.outbox] == ["Statement December 2026"]

    def test_stays_as_it_was(self) -> None:
        busy_tenant()
        services.keep_due(now=DECEMBER)

        with pytest.raises(IntegrityError, match="kept_statement_frozen"), transaction.atomic():
            KeptStatement.objects.update(pdf=b"")


class TestDownloads:
    def test_by_the_merchant(self) -> None:
        tenant = busy_tenant()
        _, key = api_key(tenant=tenant)
        client = Client(headers={"x-api-key": key})

        answer = client.get("/reports/statement.pdf?month=2026-11&language=ms")

        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
        assert answer.content.startswith(b"%PDF")
        assert client.get("/reports/statement.pdf?month=2026-11&language=fr").status_code == 400

    def test_by_staff(self) -> None:
        busy_tenant()
        services.keep_due(now=DECEMBER)
        kept = KeptStatement.objects.get()
        client = client_of(member(roles.VIEWER))
        base = f"/admin/reporting/keptstatement/{kept.pk}"

        assert "statement.pdf" in client.get("/admin/reporting/keptstatement/").text
        assert client.get(f"{base}/statement.pdf").content == bytes(kept.pdf)
        assert client.get(f"{base}/statement.csv").content == bytes(kept.csv)
        assert client.get(f"{base}/statement.exe").status_code == 404
        assert client_of(member()).get(f"{base}/statement.pdf").status_code == 404


class TestTheCommand:
    def test_keeps_what_is_left_out(self) -> None:
        tenant = busy_tenant()
        call_command("set_statement_profile", str(tenant.pk), "--email=a@example.com")
        call_command("set_statement_profile", str(tenant.pk), "--language=ms")

        made = StatementProfile.objects.get()
        assert (made.email, made.language, made.legal_name) == ("a@example.com", "ms", tenant.name)
        with pytest.raises(CommandError, match="fr"):
            call_command("set_statement_profile", str(tenant.pk), "--language=fr")
        with pytest.raises(CommandError, match="no tenant"):
            call_command("set_statement_profile", "0")
