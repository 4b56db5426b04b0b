"""Faults that a schema accepts: sums, registers, code sets, structure.

Sources: ISO 20022 Message Definition Reports (payments initiation, maintenance 2020-2021) for rules
across elements, the external code sets, ISO 4217, ISO 3166-1, EPC217-08.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import cache

from lxml import etree

from paytrust.iso20022 import codes
from paytrust.money import EXPONENTS

Element = etree._Element  # noqa: SLF001  # lxml exports its element class by this name only

PLAIN_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
ZONE = re.compile(r"(Z|[+-][0-9]{2}:[0-9]{2})\Z", re.ASCII)
IDENTIFIER = re.compile(
    r"(?!.*//)[a-zA-Z0-9\-?:().,'+]([a-zA-Z0-9/\-?:().,'+ ]*[a-zA-Z0-9\-?:().,'+])?"
)
MESSAGE_NAME = re.compile(r"[a-z]{4}\.[0-9]{3}\.[0-9]{3}\.[0-9]{2}", re.ASCII)
IDENTIFIERS = (
    *("MsgId", "PmtInfId", "InstrId", "EndToEndId", "StsId"),
    *("OrgnlMsgId", "OrgnlPmtInfId", "OrgnlInstrId", "OrgnlEndToEndId"),
)
ONE_LEVEL_ONLY = ("ChrgBr", "PmtTpInf", "UltmtDbtr", "InstrForDbtrAgt")
ACCEPTED_OR_PENDING = {"ACTC", "ACCP", "ACSP", "ACSC", "ACWC", "PDNG"}


def violations(root: Element) -> Iterator[str]:
    """Yield a text for each fault. The message must be valid by its schema."""
    yield from _leaves(root)
    for body in root:
        if _name(body) == "CstmrCdtTrfInitn":
            yield from _initiation(body)
        elif _name(body) == "CstmrPmtStsRpt":
            yield from _status_report(body)


def _leaves(root: Element) -> Iterator[str]:
    for element in root.iter("*"):
        if len(element):
            continue
        text = element.text
        if not text or text.isspace():
            yield f"{_path(element)} is empty"
            continue
        name = _name(element)
        check = LEAVES.get(name)
        problem = check(text) if check else None
        parent = element.getparent()
        if name == "Cd" and parent is not None:
            problem = _code(parent, text)
        elif "Ccy" in element.attrib:
            problem = _amount(name, text, element.get("Ccy", ""))
        elif name.endswith("DtTm") and not ZONE.search(text):
            problem = "has no time zone"
        if problem:
            yield f"{_path(element)} {problem}: {text}"


def _initiation(body: Element) -> Iterator[str]:
    instructions = _all(body, "PmtInf")
    transactions = _all(body, "PmtInf/CdtTrfTxInf")
    yield from _totals(_all(body, "GrpHdr")[0], transactions)
    for instruction in instructions:
        yield from _totals(instruction, _all(instruction, "CdtTrfTxInf"))
        yield from _instruction(instruction)
    yield from _repeated("PmtInfId", _texts(body, "PmtInf/PmtInfId"))
    for name in ("InstrId", "EndToEndId", "UETR"):
        yield from _repeated(name, _texts(body, f"PmtInf/CdtTrfTxInf/PmtId/{name}"))


def _totals(header: Element, transactions: list[Element]) -> Iterator[str]:
    count, control_sum = _text(header, "NbOfTxs"), _text(header, "CtrlSum")
    if count and int(count) != len(transactions):
        yield f"{_path(header)}/NbOfTxs is {count}, but there are {len(transactions)}"
    amounts = sum((Decimal(t) for tx in transactions for t in _amount_texts(tx)), Decimal(0))
    if control_sum and Decimal(control_sum) != amounts:
        yield f"{_path(header)}/CtrlSum is {control_sum}, but the amounts sum to {amounts}"


def _amount_texts(transaction: Element) -> list[str]:
    return _texts(transaction, "Amt/InstdAmt") or _texts(transaction, "Amt/EqvtAmt/Amt")


def _instruction(instruction: Element) -> Iterator[str]:
    where, transactions = _path(instruction), _all(instruction, "CdtTrfTxInf")
    for name in ONE_LEVEL_ONLY:
        if _has(instruction, name) and any(_has(tx, name) for tx in transactions):
            yield f"{where} has {name}, and so has its transaction; only one of them may"
    if _has(instruction, "ChrgsAcctAgt") and not _has(instruction, "ChrgsAcct"):
        yield f"{where} has ChrgsAcctAgt without ChrgsAcct"
    for account in _accounts(instruction):
        if not (_has(account, "Id") or _has(account, "Prxy")):
            yield f"{_path(account)} has neither Id nor Prxy"
    by_check = _text(instruction, "PmtMtd") == "CHK"
    for transaction in transactions:
        yield from _transaction(transaction, by_check=by_check)


def _accounts(instruction: Element) -> Iterator[Element]:
    return (e for e in instruction.iter("*") if _name(e).endswith("Acct") and len(e))


def _transaction(transaction: Element, *, by_check: bool) -> Iterator[str]:
    where = _path(transaction)
    if not by_check:
        if not (_has(transaction, "Cdtr") or _has(transaction, "CdtrAcct")):
            yield f"{where} has neither Cdtr nor CdtrAcct"
        if _has(transaction, "ChqInstr"):
            yield f"{where} has ChqInstr, but is not paid by cheque"
    for number in (2, 3):
        if _has(transaction, f"IntrmyAgt{number}") and not _has(
            transaction, f"IntrmyAgt{number - 1}"
        ):
            yield f"{where} has IntrmyAgt{number} without IntrmyAgt{number - 1}"


def _status_report(body: Element) -> Iterator[str]:
    group = _all(body, "OrgnlGrpInfAndSts")[0]
    group_status = _text(group, "GrpSts")
    for instruction in _all(body, "OrgnlPmtInfAndSts"):
        status = _text(instruction, "PmtInfSts")
        yield from _against(instruction, "GrpSts", group_status, [status] if status else [])
        yield from _against(
            instruction, "PmtInfSts", status, _texts(instruction, "TxInfAndSts/TxSts")
        )
    for reason in body.iter("{*}StsRsnInf"):
        if _text(reason, "Rsn/Cd") == "NARR" and not _has(reason, "AddtlInf"):
            yield f"{_path(reason)} says NARR without AddtlInf"
    yield from _counts(group, "NbOfTxsPerSts/DtldNbOfTxs", "NbOfTxsPerSts/DtldCtrlSum")
    counted = sum(int(count) for count in _texts(body, "OrgnlPmtInfAndSts/OrgnlNbOfTxs"))
    if counted and str(counted) == _text(group, "OrgnlNbOfTxs"):
        yield from _sums_to(group, "OrgnlCtrlSum", _texts(body, "OrgnlPmtInfAndSts/OrgnlCtrlSum"))
    yield from _repeated("StsId", _texts(body, "OrgnlPmtInfAndSts/TxInfAndSts/StsId"))


def _against(
    where: Element, outer: str, outer_status: str | None, inner: list[str]
) -> Iterator[str]:
    """Yield faults where a status contradicts the one above it (GroupStatus rules of the MDR)."""
    for status in inner:
        if outer_status == "RCVD":
            yield f"{_path(where)} says {status} though {outer} is RCVD"
        elif (outer_status in ACCEPTED_OR_PENDING and status == "RJCT") or (
            outer_status == "RJCT" and status != "RJCT"
        ):
            yield f"{_path(where)} says {status} though {outer} is {outer_status}"


def _counts(group: Element, counts: str, sums: str) -> Iterator[str]:
    yield from _sums_to(group, "OrgnlNbOfTxs", _texts(group, counts))
    yield from _sums_to(group, "OrgnlCtrlSum", _texts(group, sums))


def _sums_to(header: Element, total: str, amounts: list[str]) -> Iterator[str]:
    written = _text(header, total)
    if written and amounts and Decimal(written) != sum(map(Decimal, amounts)):
        found = sum(map(Decimal, amounts))
        yield f"{_path(header)}/{total} is {written}, but its parts sum to {found}"


def _repeated(name: str, values: Iterable[str]) -> Iterator[str]:
    return (f"{name} occurs {n} times: {value}" for value, n in Counter(values).items() if n > 1)


def _amount(name: str, text: str, currency: str) -> str | None:
    if currency not in codes.MINOR_UNITS:
        return f"is in {currency}, which ISO 4217 does not know"
    if not PLAIN_NUMBER.fullmatch(text):
        return "is no plain number"
    decimals = len(text.partition(".")[2])
    allowed = codes.MINOR_UNITS[currency]
    if allowed is not None and decimals > allowed:
        return f"has {decimals} decimals, {currency} has {allowed}"
    if len(text.partition(".")[2].rstrip("0")) > EXPONENTS.get(currency, decimals):
        return f"is finer than {currency} is counted here"
    return "is not above zero" if name == "InstdAmt" and Decimal(text) == 0 else None


def _code(parent: Element, text: str) -> str | None:
    known = CODE_SETS.get(_name(parent))
    return "is no code of its external code set" if known and text not in known else None


def _in_set(known: Iterable[str], problem: str) -> Callable[[str], str | None]:
    return lambda text: None if text in known else problem


def _matching(pattern: re.Pattern[str], problem: str) -> Callable[[str], str | None]:
    return lambda text: None if pattern.fullmatch(text) else problem


def _bic(text: str) -> str | None:
    return "is no BIC, though it looks like one" if text.startswith("NOTPROVI") else None


def _iban(text: str) -> str | None:
    turned = text[4:] + text[:4]
    number = "".join(str(int(character, 36)) for character in turned)
    return None if int(number) % 97 == 1 else "has wrong check digits"


def _date(text: str) -> str | None:
    return "has a time zone" if len(text) > len("2026-10-05") else None


CODE_SETS = {"Purp": codes.PURPOSES, "Rsn": codes.STATUS_REASONS}
LEAVES: dict[str, Callable[[str], str | None]] = {
    **dict.fromkeys(IDENTIFIERS, _matching(IDENTIFIER, "is no safe identifier")),
    **dict.fromkeys(
        ("TxSts", "DtldSts"), _in_set(codes.TRANSACTION_STATUSES, "is no transaction status")
    ),
    **dict.fromkeys(("GrpSts", "PmtInfSts"), _in_set(codes.GROUP_STATUSES, "is no group status")),
    **dict.fromkeys(("Ctry", "CtryOfRes"), _in_set(codes.COUNTRIES, "is no ISO 3166-1 country")),
    **dict.fromkeys(("BICFI", "AnyBIC"), _bic),
    "Ccy": _in_set(codes.MINOR_UNITS, "is no ISO 4217 currency"),
    "IBAN": _iban,
    "Dt": _date,
    "OrgnlMsgNmId": _matching(MESSAGE_NAME, "names no message version"),
}


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _path(element: Element) -> str:
    """Return the place of an element for people: the names from the message down."""
    above = [_name(parent) for parent in element.iterancestors()]
    return "/".join([*reversed(above[:-1]), _name(element)])


@cache
def _steps(path: str) -> str:
    return "/".join(f"{{*}}{name}" for name in path.split("/"))


def _all(element: Element, path: str) -> list[Element]:
    return element.findall(_steps(path))


def _has(element: Element, path: str) -> bool:
    return element.find(_steps(path)) is not None


def _text(element: Element, path: str) -> str | None:
    return element.findtext(_steps(path))


def _texts(element: Element, path: str) -> list[str]:
    return [found.text or "" for found in _all(element, path)]
