"""Reading of camt.053: what a bank says moved on its accounts, as safely as the other XML."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from lxml import etree

from paytrust.errors import PayTrustError
from paytrust.iso20022 import reading, validation
from paytrust.iso20022.messages import Message
from paytrust.money import Money

LARGEST_FILE: Final = 10 * 1024 * 1024  # bytes
LONGEST_TEXT: Final = 2_000  # characters of what a payer wrote
NOTHING: Final = {"", "NOTPROVIDED", "NONREF"}  # what banks write where there is no reference

Element = etree._Element  # noqa: SLF001  # lxml exports its element class by this name only


class BankStatementUnreadable(PayTrustError):
    """The file is no camt.053.001.08 that can be read."""

    code = "bank_statement_unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRead:
    """One movement on an account."""

    entry_number: int  # in its statement, from 1; the shares of a batch have one each
    booked_on: date | None
    is_booked: bool  # else the bank only announces it
    is_credit: bool
    is_reversal: bool  # it takes an earlier movement back
    amount: Money
    reference: str | None  # the bank's
    end_to_end_id: str | None
    remittance_text: str  # all references and texts by which it may name a payout
    raw: str  # its XML; of a share, that of the share alone


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRead:
    """One statement, or one page of it."""

    account: str  # IBAN, or another number
    statement_id: str
    page: str
    entries: tuple[EntryRead, ...]


def read_statements(content: bytes) -> list[StatementRead]:
    """Return the statements of a camt.053.001.08.

    Raises:
        BankStatementUnreadable: not safe, too large, not valid by the schema, or with an amount in
            a currency that PayTrust does not serve.
    """
    try:
        root = reading.parse(content, limit_bytes=LARGEST_FILE)
    except reading.UnreadableDocument as error:
        raise BankStatementUnreadable(str(error)) from error
    message = Message.CAMT_053_08
    if validation.message_of(root) != message:
        raise BankStatementUnreadable(f"The document is no {message}. Ask the bank for it.")
    found = validation.problems(root, message)
    if found:
        raise BankStatementUnreadable(
            f"The {message} is not valid: {found[0]}", details={"problems": found}
        )
    try:
        return [_statement(one) for one in root.iterfind("{*}BkToCstmrStmt/{*}Stmt")]
    except KeyError as error:
        raise BankStatementUnreadable(f"PayTrust does not serve the currency {error}.") from error
    except ValueError as error:
        raise BankStatementUnreadable(f"The document has a wrong value: {error}.") from error


def _statement(statement: Element) -> StatementRead:
    account = _text(statement, "Acct/Id/IBAN") or _text(statement, "Acct/Id/Othr/Id")
    shares = (
        share for entry in statement.iterfind("{*}Ntry") for share in _shares(entry, _amount(entry))
    )
    return StatementRead(
        account=account,
        statement_id=_text(statement, "Id"),
        page=_text(statement, "StmtPgntn/PgNb") or "1",
        entries=tuple(
            _entry(entry, details, amount, number)
            for number, (entry, details, amount) in enumerate(shares, 1)
        ),
    )


def _shares(entry: Element, amount: Money) -> Iterator[tuple[Element, Element, Money]]:
    """Yield a batch as its shares if their amounts make up the whole, else the entry as one."""
    details = entry.findall("{*}NtryDtls/{*}TxDtls")
    amounts = [_amount(one) for one in details if one.find("{*}Amt") is not None]
    is_split = (
        len(amounts) == len(details) > 1
        and {one.currency for one in amounts} == {amount.currency}
        and sum(one.minor for one in amounts) == amount.minor
    )
    if not is_split:
        yield entry, entry, amount
        return
    for detail, share in zip(details, amounts, strict=True):
        yield entry, detail, share


def _entry(entry: Element, details: Element, amount: Money, number: int) -> EntryRead:
    # Of the entry only its own: one that stands deeper is another share's.
    references = [_first(details, "AcctSvcrRef"), _text(entry, "AcctSvcrRef")]
    ends = _first(details, "EndToEndId")
    texts = dict.fromkeys(one for one in _texts_of(details) if one not in NOTHING)
    return EntryRead(
        entry_number=number,
        booked_on=_date(entry, "BookgDt") or _date(entry, "ValDt"),
        is_booked=_text(entry, "Sts/Cd") == "BOOK",
        is_credit=(_text(details, "CdtDbtInd") or _text(entry, "CdtDbtInd")) == "CRDT",
        is_reversal=_text(entry, "RvslInd") in {"true", "1"},
        amount=amount,
        reference=next((one for one in references if one not in NOTHING), None),
        end_to_end_id=ends if ends not in NOTHING else None,
        remittance_text=" ".join(texts)[:LONGEST_TEXT],
        raw=etree.tostring(details, encoding="unicode", with_tail=False),
    )


NAMING: Final = ("EndToEndId", "InstrId", "PmtInfId", "MsgId", "Ustrd", "Ref", "AddtlRmtInf")
"""Elements in which a payout may be named, in a transaction or its remittance information."""
ABOUT_IT: Final = ("NtryRef", "AddtlNtryInf", "AddtlTxInf")
"""The same, as the entry's own."""


def _texts_of(details: Element) -> Iterator[str]:
    for name in (*NAMING, *ABOUT_IT):
        for found in details.iter(f"{{*}}{name}"):
            yield " ".join((found.text or "").split())


def _amount(element: Element) -> Money:
    amount = element.find("{*}Amt")
    assert amount is not None, "the schema requires it"
    return Money.from_whole(Decimal((amount.text or "").strip()), amount.get("Ccy", ""))


def _date(entry: Element, name: str) -> date | None:
    written = _text(entry, f"{name}/Dt") or _text(entry, f"{name}/DtTm")
    return date.fromisoformat(written[:10]) if written else None


def _text(element: Element, path: str) -> str:
    written = element.findtext("/".join(f"{{*}}{name}" for name in path.split("/")))
    return (written or "").strip()


def _first(element: Element, name: str) -> str:
    found = next(element.iter(f"{{*}}{name}"), None)
    return "" if found is None else (found.text or "").strip()
