"""The rules find each fault that the official schemas accept, and call it by its name."""

import random
from collections.abc import Callable

import pytest
from lxml import etree

from invoices.invoices.selectors import InvoiceDocument
from invoices.iso20022 import pain001
from invoices.models import LedgerEntry
from payments.booking import pain002_document, pain002_statuses
from paytrust.iso20022 import rules, validation
from paytrust.iso20022.messages import Message
from tests import documents

Mutation = Callable[[etree._Element], None]
FIRST, TRANSACTION = "CstmrCdtTrfInitn/PmtInf", "CstmrCdtTrfInitn/PmtInf/CdtTrfTxInf"
GROUP = "CstmrPmtStsRpt/OrgnlGrpInfAndSts"
MESSAGE = "CstmrPmtStsRpt/OrgnlPmtInfAndSts"


def find(root: etree._Element, path: str) -> etree._Element:
    found = root.find("/".join(f"{{*}}{name}" for name in path.split("/")))
    assert found is not None, path
    return found


def element(root: etree._Element, xml: str) -> etree._Element:
    namespace = etree.QName(root).namespace
    return etree.fromstring(f'<x xmlns="{namespace}">{xml}</x>')[0]


def writing(path: str, text: str) -> Mutation:
    def mutate(root: etree._Element) -> None:
        find(root, path).text = text

    return mutate


def currency(path: str, code: str) -> Mutation:
    return lambda root: find(root, path).set("Ccy", code)


def emptying(path: str) -> Mutation:
    def mutate(root: etree._Element) -> None:
        for child in list(emptied := find(root, path)):
            emptied.remove(child)

    return mutate


def removing(path: str) -> Mutation:
    def mutate(root: etree._Element) -> None:
        gone = find(root, path)
        parent = gone.getparent()
        assert parent is not None
        parent.remove(gone)

    return mutate


def inserting(path: str, xml: str) -> Mutation:
    """Insert after the element at `path`."""
    return lambda root: find(root, path).addnext(element(root, xml))


def replacing(path: str, xml: str) -> Mutation:
    def mutate(root: etree._Element) -> None:
        inserting(path, xml)(root)
        removing(path)(root)

    return mutate


def second(path: str, text: str) -> Mutation:
    """Write into the second of several instructions."""

    def mutate(root: etree._Element) -> None:
        instruction = root[0].findall("{*}PmtInf")[1]
        find(instruction, path).text = text

    return mutate


INITIATION_FAULTS: dict[str, tuple[Mutation, str]] = {
    "currency ZZZ": (currency(f"{TRANSACTION}/Amt/InstdAmt", "ZZZ"), "ISO 4217 does not know"),
    "country XX": (
        inserting(f"{FIRST}/Dbtr/Nm", "<PstlAdr><Ctry>XX</Ctry></PstlAdr>"),
        "is no ISO 3166-1 country: XX",
    ),
    "residence XK": (
        inserting(f"{TRANSACTION}/Cdtr/Id", "<CtryOfRes>XK</CtryOfRes>"),
        "is no ISO 3166-1 country: XK",
    ),
    "account currency": (
        inserting(f"{FIRST}/DbtrAcct/Id", "<Ccy>ZZZ</Ccy>"),
        "is no ISO 4217 currency",
    ),
    "purpose": (writing(f"{TRANSACTION}/Purp/Cd", "ZZZZ"), "external code set: ZZZZ"),
    "group count": (writing("CstmrCdtTrfInitn/GrpHdr/NbOfTxs", "7"), "is 7, but there are 2"),
    "instruction count": (writing(f"{FIRST}/NbOfTxs", "7"), "is 7, but there are 1"),
    "group sum": (writing("CstmrCdtTrfInitn/GrpHdr/CtrlSum", "1"), "is 1, but the amounts sum"),
    "instruction sum": (writing(f"{FIRST}/CtrlSum", "1.5"), "is 1.5, but the amounts sum"),
    "zero": (writing(f"{TRANSACTION}/Amt/InstdAmt", "0"), "is not above zero"),
    "decimals": (writing(f"{TRANSACTION}/Amt/InstdAmt", "5.12345"), "has 5 decimals, MYR has 2"),
    "decimals of zeros": (writing(f"{TRANSACTION}/Amt/InstdAmt", "5.000"), "has 3 decimals"),
    "spaces": (writing(f"{TRANSACTION}/Amt/InstdAmt", " 5.00 "), "is no plain number"),
    "bare point": (writing(f"{TRANSACTION}/Amt/InstdAmt", ".5"), "is no plain number"),
    "charges twice": (
        inserting(f"{TRANSACTION}/Amt", "<ChrgBr>SHAR</ChrgBr>"),
        "has ChrgBr, and so has its transaction",
    ),
    "empty account": (emptying(f"{FIRST}/DbtrAcct"), "DbtrAcct is empty"),
    "account of nobody": (
        replacing(f"{FIRST}/DbtrAcct/Id", "<Ccy>MYR</Ccy>"),
        "has neither Id nor Prxy",
    ),
    "empty debtor": (emptying(f"{FIRST}/Dbtr"), "Dbtr is empty"),
    "empty agent": (emptying(f"{FIRST}/DbtrAgt/FinInstnId"), "FinInstnId is empty"),
    "no creditor": (removing(f"{TRANSACTION}/Cdtr"), "has neither Cdtr nor CdtrAcct"),
    "BIC": (
        replacing(f"{FIRST}/DbtrAgt/FinInstnId/Othr", "<BICFI>NOTPROVIDED</BICFI>"),
        "is no BIC",
    ),
    "IBAN": (
        replacing(f"{FIRST}/DbtrAcct/Id/Othr", "<IBAN>GB33BUKB20201555555556</IBAN>"),
        "has wrong check digits",
    ),
    "blank": (writing(f"{FIRST}/Dbtr/Nm", "  "), "Nm is empty"),
    "naive time": (
        writing("CstmrCdtTrfInitn/GrpHdr/CreDtTm", "2026-11-22T12:00:00"),
        "has no time zone",
    ),
    "date with zone": (writing(f"{FIRST}/ReqdExctnDt/Dt", "2026-10-05+08:00"), "has a time zone"),
    "instruction twice": (second("PmtInfId", "PT1-001"), "PmtInfId occurs 2 times: PT1-001"),
    "reference twice": (
        second("CdtTrfTxInf/PmtId/EndToEndId", "order-7-001"),
        "EndToEndId occurs 2 times: order-7-001",
    ),
    "two slashes": (writing("CstmrCdtTrfInitn/GrpHdr/MsgId", "a//b"), "no safe identifier: a//b"),
    "leading slash": (writing("CstmrCdtTrfInitn/GrpHdr/MsgId", "/a"), "no safe identifier: /a"),
    "emoji": (writing("CstmrCdtTrfInitn/GrpHdr/MsgId", "PT😀"), "no safe identifier"),
    "cheque": (
        inserting(f"{TRANSACTION}/Amt", "<ChqInstr><ChqNb>1</ChqNb></ChqInstr>"),
        "has ChqInstr, but is not paid by cheque",
    ),
    "charges agent": (
        inserting(
            f"{FIRST}/ChrgBr",
            "<ChrgsAcctAgt><FinInstnId><Nm>B</Nm></FinInstnId></ChrgsAcctAgt>",
        ),
        "has ChrgsAcctAgt without ChrgsAcct",
    ),
    "second agent first": (
        inserting(
            f"{TRANSACTION}/Amt", "<IntrmyAgt2><FinInstnId><Nm>B</Nm></FinInstnId></IntrmyAgt2>"
        ),
        "has IntrmyAgt2 without IntrmyAgt1",
    ),
}

STATUS_FAULTS: dict[str, tuple[Mutation, str]] = {
    "invented status": (
        writing(f"{MESSAGE}/TxInfAndSts/TxSts", "PAID"),
        "is no transaction status: PAID",
    ),
    "PART of one": (
        writing(f"{MESSAGE}/TxInfAndSts/TxSts", "PART"),
        "is no transaction status: PART",
    ),
    "counted as PART": (
        writing(f"{GROUP}/NbOfTxsPerSts/DtldSts", "PART"),
        "is no transaction status",
    ),
    "CANC of a group": (writing(f"{GROUP}/GrpSts", "CANC"), "is no group status: CANC"),
    "invented reason": (
        writing(f"{MESSAGE}/TxInfAndSts/StsRsnInf/Rsn/Cd", "ZZZZ"),
        "is no code of its external code set: ZZZZ",
    ),
    "NARR without a word": (
        lambda root: (
            writing(f"{MESSAGE}/TxInfAndSts/StsRsnInf/Rsn/Cd", "NARR")(root),
            removing(f"{MESSAGE}/TxInfAndSts/StsRsnInf/AddtlInf")(root),
        )[0],
        "says NARR without AddtlInf",
    ),
    "count": (writing(f"{GROUP}/OrgnlNbOfTxs", "7"), "OrgnlNbOfTxs is 7, but its parts sum to 2"),
    "sum": (writing(f"{GROUP}/OrgnlCtrlSum", "7"), "OrgnlCtrlSum is 7, but its parts sum to"),
    "instruction sum": (writing(f"{MESSAGE}/OrgnlCtrlSum", "7"), "but its parts sum to"),
    "rejected, yet accepted": (
        lambda root: (
            writing(f"{GROUP}/GrpSts", "RJCT")(root),
            inserting(f"{MESSAGE}/OrgnlCtrlSum", "<PmtInfSts>ACSC</PmtInfSts>")(root),
        )[0],
        "says ACSC though GrpSts is RJCT",
    ),
    "accepted, yet rejected": (
        lambda root: (
            writing(f"{GROUP}/GrpSts", "ACSC")(root),
            inserting(f"{MESSAGE}/OrgnlCtrlSum", "<PmtInfSts>RJCT</PmtInfSts>")(root),
        )[0],
        "says RJCT though GrpSts is ACSC",
    ),
    "received, yet decided": (
        lambda root: (
            writing(f"{GROUP}/GrpSts", "RCVD")(root),
            inserting(f"{MESSAGE}/OrgnlCtrlSum", "<PmtInfSts>PDNG</PmtInfSts>")(root),
        )[0],
        "says PDNG though GrpSts is RCVD",
    ),
    "version": (writing(f"{GROUP}/OrgnlMsgNmId", "pain.001"), "names no message version"),
    "naive time": (
        writing("CstmrPmtStsRpt/GrpHdr/CreDtTm", "2026-11-22T12:00:00"),
        "has no time zone",
    ),
}


def initiation() -> etree._Element:
    document = two_installments()
    tenant = document.invoice.tenant
    return pain001.build(tenant=tenant, document=document, message=Message.PAIN_001_11)


def status_report() -> etree._Element:
    """Return the report of an invoice whose first instalment was paid in part."""
    document = two_installments()
    installment = document.installments[0]
    row = documents.transaction(random.Random(1), document.invoice, amount=100, pk=1)  # noqa: S311
    installment.paid_amount = document.invoice.paid_amount = 100
    paid = pain002_statuses.PaidInvoice(
        invoice=document.invoice,
        installments=document.installments,
        transactions=[row],
        entries=[LedgerEntry(transaction=row, installment=installment, kind="payment", amount=100)],
        refusals={},
    )
    root = pain002_document.build(pain002_statuses.report_on(paid))
    for instruction in root[0].findall("{*}OrgnlPmtInfAndSts"):  # faults write their own
        removed = instruction.find("{*}PmtInfSts")
        assert removed is not None
        instruction.remove(removed)
    return root


def two_installments() -> InvoiceDocument:
    numbers = random.Random(20022)  # noqa: S311  # not for secrets
    while True:
        document = documents.random_document(numbers)
        if document.invoice.installment_count == 2 and document.invoice.currency_code == "MYR":
            document.invoice.external_id = "order-7"
            return document


class TestViolations:
    def test_there_are_none_in_what_we_write(self) -> None:
        assert validation.problems(initiation(), Message.PAIN_001_11) == []
        assert validation.problems(status_report(), Message.PAIN_002_12) == []

    @pytest.mark.parametrize("fault", INITIATION_FAULTS)
    def test_find_faults_of_an_initiation_that_its_schema_accepts(self, fault: str) -> None:
        mutate, expected = INITIATION_FAULTS[fault]
        root = initiation()
        mutate(root)

        found = list(rules.violations(root))

        assert validation._schema_errors(root, Message.PAIN_001_11) == []
        assert any(expected in violation for violation in found), found

    @pytest.mark.parametrize("fault", STATUS_FAULTS)
    def test_find_faults_of_a_status_report_that_its_schema_accepts(self, fault: str) -> None:
        mutate, expected = STATUS_FAULTS[fault]
        root = status_report()
        mutate(root)

        found = list(rules.violations(root))

        assert validation._schema_errors(root, Message.PAIN_002_12) == []
        assert any(expected in violation for violation in found), found

    @pytest.mark.parametrize("amount", ["11100000", "11100000.00"])
    def test_take_rupiah_with_and_without_the_decimals_of_iso_4217(self, amount: str) -> None:
        assert rules._amount("InstdAmt", amount, "IDR") is None

    def test_refuse_sen_of_a_rupiah(self) -> None:
        assert (
            rules._amount("InstdAmt", "11100000.50", "IDR") == "is finer than IDR is counted here"
        )
