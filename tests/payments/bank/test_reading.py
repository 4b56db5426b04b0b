"""Statements of banks are read as the schema says, and nothing unsafe is read at all."""

from datetime import date

import pytest

from payments.bank import reading
from payments.bank.reading import BankStatementUnreadable, read_statements
from paytrust.money import Money
from tests.payments.bank.statements import camt, entry, share, statement


class TestReading:
    @pytest.mark.parametrize("prefix", ["", "n:", "camt:"])
    def test_takes_any_prefix_of_the_namespace(self, prefix: str) -> None:
        content = camt(statement(entry(text="PAYOUT W-77", end_to_end="E-1")), prefix=prefix)

        [read] = read_statements(content)

        assert (read.account, read.statement_id, read.page) == (
            "DE89370400440532013000",
            "S-1",
            "1",
        )
        [one] = read.entries
        assert one.amount == Money(1100, "MYR")
        assert one.booked_on == date(2026, 11, 5)
        assert (one.is_booked, one.is_credit, one.is_reversal) == (True, True, False)
        assert (one.end_to_end_id, one.reference) == ("E-1", None)
        assert one.remittance_text == "E-1 PAYOUT W-77"
        assert "PAYOUT W-77" in one.raw

    def test_takes_several_statements_and_their_pages(self) -> None:
        other = "<Othr><Id>1234567890</Id></Othr>"
        read = read_statements(
            camt(
                statement(entry(), entry("0.50", side="DBIT", status="PDNG"), page="1"),
                statement(entry("150000", currency="IDR"), account=other),
                statement(page="2"),
            )
        )

        assert [(one.account, one.page, len(one.entries)) for one in read] == [
            ("DE89370400440532013000", "1", 2),
            ("1234567890", "1", 1),
            ("DE89370400440532013000", "2", 0),
        ]
        debit = read[0].entries[1]
        assert (debit.is_credit, debit.is_booked, debit.amount.minor) == (False, False, 50)
        assert read[1].entries[0].amount == Money(150_000, "IDR")

    def test_says_what_is_a_reversal(self) -> None:
        [read] = read_statements(camt(statement(entry(side="DBIT", reversal=True), entry())))

        assert [one.is_reversal for one in read.entries] == [True, False]

    def test_takes_a_batch_apart_if_its_shares_make_it_up(self) -> None:
        whole = share("4.00", "PAYOUT W-100") + share("7.00", "PAYOUT W-200")
        lacking = share("4.00", "PAYOUT W-100") + share("6.00", "PAYOUT W-200")

        [read] = read_statements(camt(statement(entry(details=whole), entry(details=lacking))))

        assert [(one.amount.minor, one.remittance_text) for one in read.entries] == [
            (400, "PAYOUT W-100"),
            (700, "PAYOUT W-200"),
            (1100, "PAYOUT W-100 PAYOUT W-200"),
        ]

    def test_gives_a_share_no_reference_of_another_one(self) -> None:
        batch = share("4.00", "a", reference="REF-A") + share("7.00", "b")

        [read] = read_statements(camt(statement(entry(details=batch))))

        assert [one.reference for one in read.entries] == ["REF-A", None]

    def test_keeps_of_a_share_only_its_own_text(self) -> None:
        """Else a batch would be kept once for each of its shares: a square of the file."""
        count = 50
        batch = "".join(share("0.22", f"PAYOUT W-{number}") for number in range(count))
        content = camt(statement(entry("11.00", details=batch)))

        [read] = read_statements(content)

        assert len(read.entries) == count
        assert all(f"W-{number}<" in one.raw for number, one in enumerate(read.entries))
        assert sum(len(one.raw) for one in read.entries) < 3 * len(content)

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"no XML", "not well-formed"),
            (camt(statement()).replace(b"053.001.08", b"053.001.02"), "is no camt.053.001.08"),
            (camt(statement()).replace(b"<Stmt>", b"<Stmt><Wrong/>"), "is not valid: line 1"),
            (camt(statement(entry(currency="EUR"))), "does not serve the currency 'EUR'"),
            (camt(statement(entry("1.005"))), "wrong value"),
            (
                b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
                + camt(statement(entry(text="&e;"))),
                "DTD",
            ),
            (
                b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
                + camt(statement(entry(text="&b;&b;&b;"))),
                "DTD",
            ),
        ],
    )
    def test_refuses_what_is_no_safe_statement(self, content: bytes, says: str) -> None:
        with pytest.raises(BankStatementUnreadable, match=says):
            read_statements(content)

    def test_refuses_what_is_too_large(self) -> None:
        content = camt(statement()) + b" " * reading.LARGEST_FILE

        with pytest.raises(BankStatementUnreadable, match="larger than"):
            read_statements(content)
