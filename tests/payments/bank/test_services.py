"""Bank statements are kept once, match payouts, can be taken back, and reach the audit."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from apikeys.models import StaffAct
from invoices.models import LedgerEntry
from payments.bank import selectors, services, uploads
from payments.bank.services import BankFileWithdrawn, BankStatementAlreadyImported
from payments.models import BankEntry, BankFile, BankStatement, BankUpload
from payments.settlement import withdrawing
from paytrust.staff import roles
from reporting.audit import banked
from tests.payments.bank.statements import camt, entry, statement
from tests.payments.bank.test_uploads import send
from tests.payments.changes.test_back_office import client_of
from tests.payments.settlement.test_services import NOW, csv, paid, take
from tests.payments.webhooks.test_back_office import said
from tests.staff import member

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/bankfile/"


def bring(content: bytes) -> BankFile:
    return services.import_file(content=content, file_name="bank.xml", user=None, now=NOW)


def states() -> list[str]:
    return list(BankEntry.objects.order_by("pk").values_list("status", flat=True))


def net(text: str = "PAYOUT W-1001") -> str:
    """Import a settlement with one payout; return the entry that should arrive in the bank."""
    take(csv(paid(), payout="W-1001"))
    [payout] = selectors.paid_out()
    return entry(f"{payout.amount / 100:.2f}", text=text)


class TestImporting:
    def test_matches_a_payout_and_books_nothing(self) -> None:
        content = camt(statement(net(), entry("77.00"), entry("1.00", side="DBIT")))
        booked = LedgerEntry.objects.count()

        bring(content)

        assert states() == ["matched", "unmatched", "not_compared"]
        first = BankEntry.objects.order_by("pk")[0]
        assert (first.payout_id, first.payout_currency_code, first.matched_by) == (
            "W-1001",
            "MYR",
            "reference",
        )
        assert first.gateway is not None
        assert LedgerEntry.objects.count() == booked
        assert list(banked.audit_payouts()) == []

    def test_twice_changes_nothing(self) -> None:
        content = camt(statement(net()))
        bring(content)

        with pytest.raises(BankStatementAlreadyImported):
            bring(content)
        with pytest.raises(BankStatementAlreadyImported):  # the same statement in other bytes
            bring(content + b"\n")
        with pytest.raises(BankStatementAlreadyImported):
            bring(camt(statement(name="S-2"), statement(name="S-2")))

        assert (BankFile.objects.count(), BankStatement.objects.count()) == (1, 1)
        assert states() == ["matched"]

    def test_takes_pages_of_one_statement(self) -> None:
        bring(camt(statement(entry(), page="1")))
        bring(camt(statement(entry(), page="2")))

        assert BankStatement.objects.count() == 2

    def test_matches_when_the_payout_comes_later(self) -> None:
        bring(camt(statement(entry("7.00", text="W-1001"))))
        assert states() == ["unmatched"]
        take(csv(paid(), payout="W-1001"))

        services.match_again()

        assert states() == ["matched"]

    def test_lets_a_payout_move_to_another_entry(self) -> None:
        net()
        bring(camt(statement(entry("5.00", text="W-1001"), name="S-1")))
        bring(camt(statement(entry("9.00"), name="S-2")))
        assert states() == ["matched", "unmatched"]

        services.withdraw(
            file_id=BankFile.objects.earliest("pk").pk, user=None, reason="wrong", now=NOW
        )
        bring(camt(statement(entry("6.00", text="W-1001"), name="S-3")))

        assert states() == ["withdrawn", "unmatched", "matched"]


class TestWithdrawing:
    def test_frees_the_payout_and_the_file(self) -> None:
        content = camt(statement(net()))
        made = bring(content)

        services.withdraw(file_id=made.pk, user=None, reason="another account", now=NOW)

        assert states() == ["withdrawn"]
        with pytest.raises(BankFileWithdrawn):
            services.withdraw(file_id=made.pk, user=None, reason="again", now=NOW)
        bring(content)
        assert states() == ["withdrawn", "matched"]

    def test_leaves_no_match_with_a_payout_that_is_gone(self) -> None:
        imported = take(csv(paid(), payout="W-1001"))
        bring(camt(statement(entry("7.00", text="W-1001"))))
        withdrawing.withdraw(import_id=imported.pk, user=None, reason="wrong", now=NOW)
        assert len(list(banked.audit_payouts())) == 1

        services.match_again()

        assert states() == ["unmatched"]
        assert list(banked.audit_payouts()) == []


class TestTheBooks:
    @pytest.mark.parametrize("changed", [{"amount": "0.55"}, {"amount": "100", "currency": "IDR"}])
    def test_name_a_payout_of_another_amount_or_currency(self, changed: dict[str, str]) -> None:
        net()
        bring(camt(statement(entry(text="W-1001", **changed))))  # type: ignore[arg-type]

        [finding] = banked.audit_payouts()

        assert "payout W-1001 is MYR" in finding.message
        assert f"{changed.get('currency', 'MYR')} " in finding.message

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE payments_bankentry SET amount = 1",
            "UPDATE payments_bankstatement SET account = 'x'",
            "UPDATE payments_bankfile SET sha256 = 'x'",
            "DELETE FROM payments_bankentry",
            "UPDATE payments_bankentry SET payout_id = NULL WHERE status = 'matched'",
        ],
    )
    def test_keep_what_the_bank_said(self, change: str) -> None:
        bring(camt(statement(net())))

        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)


class TestThePages:
    def test_import_a_statement_show_the_payout_and_take_it_back(self) -> None:
        client = client_of()
        content = camt(statement(net(), entry("77.00", text="RENT")))

        send(client, content)
        uploads.run(upload_id=BankUpload.objects.get().pk, now=NOW)

        first = BankEntry.objects.order_by("pk")[0]
        payouts = client.get("/admin/payments/settlementline/payouts/").text
        assert f"/admin/payments/bankentry/{first.pk}/change/" in payouts
        assert "2026-11-05" in payouts
        not_matched = "/admin/payments/bankentry/?status__exact=unmatched"
        assert f'href="{not_matched}"' in payouts
        waiting = client.get(not_matched).text
        assert "RENT" in waiting
        assert "PAYOUT W-1001" not in waiting
        assert "&lt;Ntry" in client.get(f"/admin/payments/bankentry/{first.pk}/change/").text
        assert "S-1" in client.get(LIST).text

        file = BankFile.objects.get()
        assert said(client, f"{LIST}{file.pk}/withdraw/", reason="another account") == [
            "The bank statement was withdrawn."
        ]
        assert f"{LIST}{file.pk}/withdraw/" not in client.get(f"{LIST}{file.pk}/change/").text
        assert list(StaffAct.objects.order_by("pk").values_list("act", "outcome")) == [
            ("bank_statement_imported", "done"),
            ("bank_statement_withdrawn", "done"),
        ]

    def test_take_no_file_without_the_script_that_sends_it(self) -> None:
        client = client_of()

        assert "data-upload" in client.get(f"{LIST}import/").text
        assert "required" in client.post(f"{LIST}import/", {}).text
        assert not BankFile.objects.exists()

    @pytest.mark.parametrize(
        ("role", "status"), [(roles.VIEWER, 403), (roles.OPERATOR, 200), (roles.ADMINISTRATOR, 403)]
    )
    def test_are_for_operators(self, role: str, status: int) -> None:
        made = bring(camt(statement(entry())))
        client = client_of(member(role))

        assert client.get(f"{LIST}import/").status_code == status
        assert client.get(f"{LIST}{made.pk}/withdraw/").status_code == status
        assert client.get(LIST).status_code == 200
        assert client.get("/admin/payments/bankentry/").status_code == 200


class TestTheCommand:
    def test_imports_a_file_once(self, tmp_path: Path) -> None:
        file = tmp_path / "bank.xml"
        file.write_bytes(camt(statement(net(), entry("77.00"))))
        said_by_it = StringIO()

        call_command("import_bank_statement", str(file), stdout=said_by_it)

        assert said_by_it.getvalue().endswith("2 entries, 1 matched\n")
        with pytest.raises(CommandError, match="was imported before"):
            call_command("import_bank_statement", str(file))
