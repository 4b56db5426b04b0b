"""`manage.py validate_iso20022`: an operator gets an answer about each file, as text."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from invoices.iso20022 import pain001
from paytrust.iso20022 import builder, reading
from paytrust.iso20022.messages import Message
from tests.payments.bank.statements import camt, entry, statement
from tests.paytrust.test_iso20022_rules import find, initiation, status_report, two_installments


def verdicts(*files: Path) -> str:
    """Run the command and return what it says, with the names of files only."""
    said = StringIO()
    try:
        call_command("validate_iso20022", *map(str, files), stdout=said)
    except CommandError as refusal:
        said.write(f"{refusal}\n")
    return said.getvalue().replace(f"{files[0].parent}/", "")


def file(folder: Path, content: bytes) -> Path:
    made = folder / "message.xml"
    made.write_bytes(content)
    return made


class TestValidateISO20022:
    @pytest.mark.parametrize("message", Message)
    def test_says_which_message_a_valid_file_is(self, tmp_path: Path, message: Message) -> None:
        document = two_installments()
        roots = {
            Message.CAMT_053_08: lambda: reading.parse(camt(statement(entry()))),
            Message.PAIN_001_11: initiation,
            Message.PAIN_002_12: status_report,
            Message.PAIN_001_09: lambda: pain001.build(
                tenant=document.invoice.tenant, document=document, message=Message.PAIN_001_09
            ),
        }

        said = verdicts(file(tmp_path, builder.serialized(roots[message]())))

        assert said == f"message.xml: {message}, valid\n"

    def test_says_what_the_schema_refuses(self, tmp_path: Path) -> None:
        root = initiation()
        root[0].remove(root[0][0])

        said = verdicts(file(tmp_path, builder.serialized(root)))

        assert said == (
            "message.xml: pain.001.001.11, not valid\n"
            "  line 2: Element 'PmtInf': This element is not expected. Expected is ( GrpHdr ).\n"
            "1 of 1 files are not valid.\n"
        )

    def test_says_what_no_schema_sees(self, tmp_path: Path) -> None:
        root = initiation()
        find(root, "CstmrCdtTrfInitn/GrpHdr/NbOfTxs").text = "7"

        said = verdicts(file(tmp_path, builder.serialized(root)))

        assert said == (
            "message.xml: pain.001.001.11, not valid\n"
            "  CstmrCdtTrfInitn/GrpHdr/NbOfTxs is 7, but there are 2\n"
            "1 of 1 files are not valid.\n"
        )

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"<a/>", "is no message known here"),
            (b"<a>", "cannot be read"),
            (b"<!DOCTYPE a><a/>", "cannot be read"),
            (b"<a>" + b"x" * 5_000_000 + b"</a>", "cannot be read"),
        ],
        ids=["unknown", "broken", "DTD", "large"],
    )
    def test_refuses_what_is_no_message(self, tmp_path: Path, content: bytes, said: str) -> None:
        assert verdicts(file(tmp_path, content)).startswith(f"message.xml: {said}\n")

    def test_goes_on_after_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        good = file(tmp_path, builder.serialized(status_report()))

        said = verdicts(tmp_path / "none.xml", good)

        assert said == (
            "none.xml: cannot be opened\n"
            "  No such file or directory\n"
            "message.xml: pain.002.001.12, valid\n"
            "1 of 2 files are not valid.\n"
        )
