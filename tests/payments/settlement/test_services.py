"""Imports are kept once and as they came, match what was booked, and move no money."""

import io
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from events.models import Event
from gateways.models import Gateway
from gateways.settlements import FeeState, LineKind, SettlementRow
from invoices.models import LedgerEntry, Transaction
from payments.models import (
    SettlementImport,
    SettlementLine,
    SettlementMismatch,
    SettlementTerms,
)
from payments.settlement import comparing, selectors, services, withdrawing
from payments.settlement.services import SettlementAlreadyImported, SettlementImportWithdrawn
from tests.payments.refunds.paid import paid_invoice

pytestmark = pytest.mark.django_db

NOW = timezone.now()
HEADERS = "Order ID,Date & Time,Transaction Type,Channel,Amount,Fee,Currency,Withdrawal ID"


def paid(**fields: Any) -> Transaction:
    return Transaction.objects.get(invoice=paid_invoice(**fields))


def csv(*payments: Transaction, fee: str = "1.00", payout: str = "W-1") -> bytes:
    rows = [
        f"{row.payment_request.reference},{row.paid_at:%Y-%m-%d %H:%M:%S},Payment,TOUCHNGO,"
        f"{row.amount / 100:.2f},{fee},MYR,{payout}"
        for row in payments
    ]
    return "\n".join([HEADERS, *rows]).encode()


def upload(content: bytes) -> services.Upload:
    return services.Upload(
        gateway=Gateway.objects.get(code="xendit"),
        account=None,
        file=io.BytesIO(content),
        file_name="statement.csv",
        currency="MYR",
    )


def take(content: bytes, now: datetime = NOW) -> SettlementImport:
    return services.import_file(upload=upload(content), now=now)


def states() -> list[str]:
    return list(SettlementLine.objects.order_by("pk").values_list("state", flat=True))


def open_mismatches() -> list[tuple[str, int | None]]:
    found = SettlementMismatch.objects.filter(ended_at=None).order_by("pk")
    return list(found.values_list("state", "transaction_id"))


def row(name: str, reference: str, **fields: Any) -> SettlementRow:
    known: dict[str, Any] = {
        "kind": LineKind.PAYMENT,
        "is_final": True,
        "currency": "MYR",
        "gross_amount": 10_000,
        "fee_amount": 100,
        "vat_amount": 0,
        "withholding_amount": 0,
        "net_amount": 9_900,
        "fee_state": FeeState.FINAL,
        "gateway_ids": (),
        "channel": None,
        "occurred_at": NOW,
        "settlement_at": NOW,
        "payout_id": None,
        "as_of": NOW,
        "raw": {"id": name},
    }
    return SettlementRow(line_id=name, reference=reference, **known | fields)


class TestImportFile:
    def test_money_that_went_out_is_not_what_came_in(self) -> None:
        payment = paid()
        amount = f"{payment.amount / 100:.2f}"

        take(csv(payment).decode().replace(f",{amount},", f",-{amount},").encode())

        assert states() == ["amount_differs"]

    def test_matches_and_moves_no_money(self) -> None:
        payment = paid()
        before = (list(Transaction.objects.values()), list(LedgerEntry.objects.values()))

        made = take(csv(payment))

        [line] = SettlementLine.objects.all()
        assert (line.state, line.transaction, line.tenant_id) == (
            "matched",
            payment,
            payment.tenant_id,
        )
        assert (line.gross_amount, line.gateway_fee_amount, line.net_amount, line.payout_id) == (
            payment.amount,
            100,
            payment.amount - 100,
            "W-1",
        )
        assert line.raw["Withdrawal ID"] == "W-1"
        assert (made.line_count, made.new_count, open_mismatches()) == (1, 1, [])
        assert before == (list(Transaction.objects.values()), list(LedgerEntry.objects.values()))

    def test_takes_a_file_once(self) -> None:
        content = csv(paid())
        take(content)

        with pytest.raises(SettlementAlreadyImported):
            take(content)

        assert (SettlementImport.objects.count(), states()) == (1, ["matched"])

    def test_takes_a_row_that_two_files_have_as_one_line(self) -> None:
        one, other = paid(), paid()
        take(csv(one))

        take(csv(one, other))

        assert sorted(states()) == ["matched", "matched", "replaced"]
        assert open_mismatches() == []

    def test_tells_of_what_differs(self) -> None:
        payment, wrong = paid(), paid()
        text = csv(payment, payment).decode() + "\nPT-unknown,2026-11-01,Payment,X,5,1,MYR,W-1"
        text += f"\n{wrong.payment_request.reference},2026-11-01,Payment,X,5,1,MYR,W-1"

        take(text.encode())

        assert sorted(state for state, _key in open_mismatches()) == [
            "amount_differs",
            "duplicate",
            "missing_here",
        ]
        reported = Event.objects.filter(type="settlement.mismatch")
        assert sorted(event.tenant_id for event in reported) == sorted(
            [payment.tenant_id, wrong.tenant_id]  # none for the unknown reference
        )
        data = reported.get(tenant=wrong.tenant).data["object"]
        assert (data["state"], data["transaction_id"], data["line"]["gross_amount"]) == (
            "amount_differs",
            wrong.pk,
            500,
        )

    def test_compares_the_fee_with_the_accounts_terms(self) -> None:
        term = {
            "currency": "MYR",
            "channel": "TOUCHNGO",
            "fixed_amount": 100,
            "basis_points": 0,
            "vat_basis_points": 0,
        }
        SettlementTerms.objects.create(gateway_id=1, fees=[term], updated_at=NOW)

        take(csv(paid()))
        take(csv(paid(), fee="1.50"))

        assert states() == ["matched", "fee_differs"]


class TestPreviewFile:
    def test_says_what_would_match_and_keeps_nothing(self) -> None:
        payment = paid()

        preview = services.preview_file(upload=upload(csv(payment, payment)), now=NOW)

        assert (preview.line_count, preview.states) == (2, {"matched": 1, "duplicate": 1})
        assert preview.is_whole
        assert [line.state for line in preview.unmatched] == ["duplicate"]
        assert not SettlementImport.objects.exists()
        assert not SettlementMismatch.objects.exists()
        assert not Event.objects.filter(type="settlement.mismatch").exists()

    def test_reads_only_the_start_of_a_long_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(services, "PREVIEWED", 2)
        payments = [paid() for _ in range(3)]

        seen = services.preview_file(upload=upload(csv(*payments)), now=NOW)
        whole = services.preview_file(upload=upload(csv(*payments[:2])), now=NOW)

        assert (seen.line_count, seen.is_whole) == (2, False)
        assert (whole.line_count, whole.is_whole) == (2, True)


class TestManyLines:
    def test_come_in_pieces_and_are_numbered_across_them(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("payments.settlement.staging.LINES_AT_ONCE", 2)
        monkeypatch.setattr("payments.settlement.staging.COPIED_AT_ONCE", 2)
        monkeypatch.setattr("payments.settlement.plain.LINES_AT_ONCE", 2)
        one, other = paid(), paid()
        seen: list[tuple[int, int]] = []

        services.import_file(
            upload=upload(csv(one, other, one, one, one)),
            now=NOW,
            tell=lambda read, matched: seen.append((read, matched)),
        )

        assert Counter(states()) == {"matched": 2, "duplicate": 3}
        assert SettlementLine.objects.values("identity").distinct().count() == 5
        assert seen == [(2, 0), (4, 0), (5, 0), (5, 1), (5, 1), (5, 1), (5, 3), (5, 5)]

    def test_a_newer_version_takes_the_payment_over(self) -> None:
        for first, second in (("1.00", "2.00"), ("2.00", "1.00")):
            payment = paid()
            take(csv(payment, fee=first))

            take(csv(payment, fee=second))

            lines = SettlementLine.objects.filter(reference=payment.payment_request.reference)
            assert sorted(lines.values_list("state", "transaction_id")) == [
                ("matched", payment.pk),
                ("replaced", None),
            ]


class TestWithdraw:
    def test_ends_what_an_import_said_and_lets_it_come_again(self) -> None:
        user = User.objects.create_user("aminah")
        payment = paid()
        content = csv(payment, payment)
        made = take(content)

        withdrawing.withdraw(import_id=made.pk, user=user, reason="wrong month", now=NOW)

        assert (states(), open_mismatches()) == (["withdrawn", "withdrawn"], [])
        assert selectors.lines_of([payment]) == {}
        with pytest.raises(SettlementImportWithdrawn):
            withdrawing.withdraw(import_id=made.pk, user=user, reason="again", now=NOW)
        assert take(content).repeat == 1
        assert sorted(states()) == ["duplicate", "matched", "withdrawn", "withdrawn"]


class TestImportRows:
    def import_rows(self, rows: Sequence[SettlementRow], name: str) -> SettlementImport:
        made = SettlementImport(
            gateway_id=1, source="api", sha256=name * 64, imported_at=NOW, covers_to=NOW
        )
        return services.import_rows(made=made, rows=rows, now=NOW)

    def test_keeps_a_row_of_a_list_once_and_its_newer_version(self) -> None:
        payment = paid()
        reference = payment.payment_request.reference
        pending = row("txn", reference, fee_state=FeeState.PENDING, gross_amount=payment.amount)
        final = row(
            "txn",
            reference,
            as_of=NOW + timedelta(1),
            gross_amount=payment.amount,
            net_amount=payment.amount - 100,
        )

        counts = [
            self.import_rows([pending], "a").new_count,
            self.import_rows([pending], "b").new_count,
            self.import_rows([final, pending], "c").new_count,
        ]

        assert counts == [1, 0, 1]
        assert states() == ["replaced", "matched"]
        assert selectors.lines_of([payment])[payment.pk].fee_state == FeeState.FINAL

    def test_finds_the_payment_that_was_booked_later(self) -> None:
        invoice_paid = paid()
        self.import_rows([row("txn", "PT-later", gross_amount=5)], "a")
        assert open_mismatches() == [("missing_here", None)]
        self.import_rows(
            [
                row(
                    "txn",
                    invoice_paid.payment_request.reference,
                    as_of=NOW + timedelta(1),
                    gross_amount=invoice_paid.amount,
                    net_amount=invoice_paid.amount - 100,
                )
            ],
            "b",
        )

        assert states() == ["replaced", "matched"]
        assert open_mismatches() == []


class TestFindMissing:
    def test_tells_once_and_ends_when_the_line_comes(self) -> None:
        late, reported, outside = (paid() for _ in range(3))
        take(csv(reported) + b"\nPT-0,2020-01-01,Withdrawal,X,5,1,MYR,W-1")
        assert comparing.find_missing(now=NOW) == 0  # seven working days are not over
        far = (NOW + timedelta(days=30)).strftime("%Y-%m-%d")
        content = f"{HEADERS}\nPT-0,2020-01-01,Withdrawal,X,5,1,MYR,W-2"
        take(f"{content}\nPT-9,{far},Withdrawal,X,5,1,MYR,W-2".encode())

        assert comparing.find_missing(now=NOW) == 2
        assert comparing.find_missing(now=NOW) == 0
        assert open_mismatches() == [
            ("missing_at_gateway", late.pk),
            ("missing_at_gateway", outside.pk),
        ]

        take(csv(late))

        assert open_mismatches() == [("missing_at_gateway", outside.pk)]


class TestRules:
    @pytest.mark.parametrize(
        "change", [{"gross_amount": 1}, {"raw": {"a": 1}}, {"payout_id": "W-2"}, {"kind": "other"}]
    )
    def test_a_line_stays_as_it_came(self, change: dict[str, Any]) -> None:
        take(csv(paid()))

        with (
            pytest.raises(IntegrityError, match="settlement_line_append_only"),
            transaction.atomic(),
        ):
            SettlementLine.objects.update(**change)

    def test_a_payment_has_one_line(self) -> None:
        payment = paid()
        take(csv(payment, payment))

        with pytest.raises(IntegrityError, match="one_per_transaction"), transaction.atomic():
            SettlementLine.objects.filter(state="duplicate").update(state="matched")


class TestReport:
    def test_sums_equal_the_file(self) -> None:
        payment = paid()
        content = csv(payment).decode().replace(",Currency", ",Currency,Settlement Date")
        content = content.replace("MYR,", "MYR,2026-11-03,")
        take(content.encode())

        [shown] = selectors.report(
            tenant=payment.tenant,
            after=datetime(2026, 11, 1, tzinfo=UTC),
            before=datetime(2026, 12, 1, tzinfo=UTC),
        )

        assert shown == {
            "currency_code": "MYR",
            "gateway_id": 1,
            "gateway_name": payment.gateway.name,
            "kind": "payment",
            "state": "matched",
            "line_count": 1,
            "gross_amount": payment.amount,
            "gateway_fee_amount": 100,
            "vat_amount": 0,
            "withholding_amount": 0,
            "net_amount": payment.amount - 100,
        }
