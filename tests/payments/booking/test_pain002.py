"""No booking without its pain.002; every pain.002 can be made again at any time."""

import logging
import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
import xmlschema
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from lxml import etree
from pyiso20022.pain.pain_002_001_12 import Document  # type: ignore[import-untyped]  # no stubs
from xsdata.formats.dataclass.parsers import XmlParser

from gateways.adapter import Finality, PaymentState
from invoices.models import Installment, Invoice, LedgerEntry, PaymentRequest, Transaction
from payments.booking import (
    pain002,
    pain002_document,
    pain002_reports,
    pain002_statuses,
    settling,
)
from payments.booking.pain002_document import StatusReport
from payments.booking.pain002_statuses import PaidInvoice, report_on
from payments.models import WebhookEvent
from payments.webhooks import confirming, receiving
from paytrust.iso20022 import reading
from paytrust.iso20022.messages import Message
from paytrust.money import Money
from tests.apikeys.factories import NOON, api_key
from tests.conftest import Merchant, Sandbox
from tests.documents import pay, random_document, select
from tests.factories import invoice_body
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.reports import report

CHUNKS, SLOW_CHUNKS, CHUNK = 10, 25, 200
LATER = NOON + timedelta(minutes=3)


@cache
def independent() -> xmlschema.XMLSchema:
    """Return a second validator, which shares no code with lxml's."""
    return xmlschema.XMLSchema(str(Message.PAIN_002_12.schema_file))


def texts(xml: bytes, path: str) -> list[str]:
    return select(xml, f"//b:{path.replace('/', '/b:')}/text()")


def summary(xml: bytes) -> list[tuple[str, list[str]]]:
    """Return the status and the reasons of each payment that a report tells."""
    root = etree.fromstring(xml)
    return [
        (
            status.findtext("{*}TxSts") or "",
            [reason.text or "" for reason in status.iterfind("{*}StsRsnInf/{*}Rsn/{*}Cd")],
        )
        for status in root.iter("{*}TxInfAndSts")
    ]


def demand(*, totals: tuple[int, ...] = (10_000,), **fields: Any) -> PaymentRequest:
    return PaymentRequestFactory.create(invoice=invoice(totals=totals, **fields))


def settle(
    payment_request: PaymentRequest, state: PaymentState = PaymentState.PAID, **said: Any
) -> Transaction:
    booked = settling.settle(
        payment_request_id=payment_request.pk,
        report=report(payment_request, state, **said),
        event=None,
        now=LATER,
    ).transaction
    connection.check_constraints()
    assert booked is not None
    return booked


def again(row: Transaction) -> bytes:
    return pain002_reports.transaction_status(tenant=row.tenant, transaction_id=row.pk)


def of_invoice(payment_request: PaymentRequest) -> bytes:
    return pain002_reports.invoice_status(
        tenant=payment_request.tenant, invoice_id=payment_request.invoice_id
    )


def books() -> tuple[list[Any], ...]:
    """Return every row that money can change."""
    return tuple(
        list(model._default_manager.order_by("pk").values())
        for model in (Invoice, Installment, PaymentRequest, Transaction, LedgerEntry)
    )


def criticals(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record.msg for record in caplog.records if record.levelno == logging.CRITICAL]


@pytest.fixture
def invented(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let bookings have a status that ISO 20022 does not know."""
    monkeypatch.setitem(pain002_statuses.SETTLED_AS, Finality.PAID, "PAID")


class TestReportOn:
    @pytest.mark.parametrize("number", range(CHUNKS))
    def test_is_valid_and_exact_for_any_invoice(self, number: int) -> None:
        for paid in self._chunk(number):
            self._is_valid_and_exact(paid)

    @pytest.mark.slow
    @pytest.mark.parametrize("number", range(CHUNKS, CHUNKS + SLOW_CHUNKS))
    def test_is_valid_and_exact_for_many_more(self, number: int) -> None:
        for paid in self._chunk(number):
            self._is_valid_and_exact(paid)

    def _chunk(self, number: int) -> Iterator[PaidInvoice]:
        numbers = random.Random(number)  # noqa: S311  # not for secrets
        return (
            pay(numbers, random_document(numbers, pk=numbers.randint(1, 2**63 - 1)))
            for _ in range(CHUNK)
        )

    def _is_valid_and_exact(self, paid: PaidInvoice) -> None:
        invoice, xml = paid.invoice, pain002.document(report_on(paid))
        independent().validate(xml)

        def sum_of(path: str) -> int:
            amounts = map(Decimal, texts(xml, path))
            return sum(Money.from_whole(a, invoice.currency_code).minor for a in amounts)

        assert sum_of("OrgnlGrpInfAndSts/OrgnlCtrlSum") == invoice.total_amount
        assert sum_of("OrgnlPmtInfAndSts/OrgnlCtrlSum") == invoice.total_amount
        assert sum_of("NbOfTxsPerSts/DtldCtrlSum") == invoice.total_amount
        assert sum_of("OrgnlTxRef/Amt/InstdAmt") == invoice.total_amount
        assert sum_of("TrckrData/ConfdAmt") == invoice.paid_amount

    def test_is_read_alike_by_a_library_that_others_wrote(self) -> None:
        for paid in self._chunk(0):
            xml = pain002.document(report_on(paid))

            message: Any = XmlParser().from_bytes(xml, Document).cstmr_pmt_sts_rpt

            group = message.orgnl_grp_inf_and_sts
            assert group.orgnl_msg_id == f"PT{paid.invoice.pk}"
            assert group.orgnl_msg_nm_id == "pain.001.001.11"
            assert group.orgnl_cre_dt_tm.to_datetime() == paid.invoice.created_at.replace(
                microsecond=0
            )
            for installment, status in zip(
                paid.installments, message.orgnl_pmt_inf_and_sts, strict=True
            ):
                (payment,) = status.tx_inf_and_sts
                ordered = payment.orgnl_tx_ref
                assert status.orgnl_pmt_inf_id == f"PT{paid.invoice.pk}-{installment.number:03}"
                assert ordered.reqd_exctn_dt.dt.to_date() == installment.due_at.date()
                asked = Money(installment.total_amount, paid.invoice.currency_code)
                assert ordered.amt.instd_amt.value == asked.whole()


class TestGroupStatus:
    @pytest.mark.parametrize(
        ("statuses", "group"),
        [
            (["ACSC"], "ACSC"),
            (["ACCC", "ACCC"], "ACCC"),
            (["ACCC", "ACSC"], "ACSC"),
            (["ACSC", "PDNG", "PDNG"], "PART"),
            (["ACSC", "RJCT"], "PART"),
            (["RJCT", "RJCT"], "RJCT"),
            (["RJCT", "PDNG"], "PDNG"),
            (["PDNG", "PDNG"], "PDNG"),
        ],
    )
    def test_says_what_all_amount_to(self, statuses: list[str], group: str) -> None:
        assert pain002_document.group_status(statuses) == group


@pytest.mark.django_db
class TestABooking:
    @pytest.mark.parametrize(
        ("finality", "paid", "status", "reasons"),
        [
            (Finality.PAID, 10_000, "ACSC", []),
            (Finality.SETTLED, 10_000, "ACCC", []),
            (Finality.PROMISED, 10_000, "ACSP", []),
            (Finality.PAID, 12_000, "ACSC", ["AM09"]),
            (Finality.PAID, 9_999, "PDNG", ["AM09"]),
            (Finality.SETTLED, 1, "PDNG", ["AM09"]),
        ],
    )
    def test_keeps_its_status(
        self, finality: Finality, paid: int, status: str, reasons: list[str]
    ) -> None:
        row = settle(demand(), finality=finality, paid=paid, charge="65f2a9b0c1d2e3f4a5b6c7d8")

        assert row.iso20022_message_id == "65f2a9b0c1d2e3f4a5b6c7d8"
        assert row.iso20022_transaction_status == status
        assert summary(again(row)) == [(status, reasons)]
        assert texts(again(row), "GrpSts") == [status]
        assert texts(again(row), "ConfdAmt") == [str(Money(paid, "MYR").whole())]

    def test_of_a_wrong_amount_names_both_amounts(self) -> None:
        row = settle(demand(), paid=9_999)

        assert texts(again(row), "AddtlInf") == ["Received MYR 99.99, expected MYR 100.00."]

    def test_of_one_of_several_is_partial_for_the_group(self) -> None:
        row = settle(demand(totals=(10_000, 10_000, 10_001)))

        assert summary(again(row)) == [("ACSC", [])]
        assert texts(again(row), "GrpSts") == ["PART"]
        assert texts(again(row), "DtldSts") == ["ACSC", "PDNG"]
        assert texts(again(row), "DtldNbOfTxs") == ["1", "2"]

    def test_that_flows_into_the_next_installments_tells_each(self) -> None:
        row = settle(demand(totals=(10_000, 10_000, 10_000)), paid=25_000)

        assert summary(again(row)) == [("ACSC", ["AM09"]), ("ACSC", []), ("PDNG", ["AM09"])]
        assert texts(again(row), "ConfdAmt") == ["100.00", "100.00", "50.00"]

    def test_of_an_installment_that_was_paid_before_is_a_duplicate(self) -> None:
        first = demand()
        settle(first, charge="first")
        second = PaymentRequestFactory.create(
            invoice=first.invoice, installment=first.installment, sequence=2
        )

        row = settle(second, charge="second")

        assert (row.iso20022_transaction_status, row.entries.get().amount) == ("RJCT", 10_000)
        assert summary(again(row)) == [("RJCT", ["DUPL"])]
        assert texts(again(row), "GrpSts") == ["RJCT"]
        assert summary(of_invoice(first)) == [("ACSC", ["AM09"])]
        assert texts(of_invoice(first), "ConfdAmt") == ["200.00"]

    def test_that_completes_an_earlier_one_is_settled(self) -> None:
        first = demand()
        settle(first, paid=4_000, charge="first")
        second = PaymentRequestFactory.create(
            invoice=first.invoice, installment=first.installment, sequence=2, amount=6_000
        )

        row = settle(second, charge="second")

        assert summary(again(row)) == [("ACSC", [])]
        assert summary(again(Transaction.objects.get(amount=4_000))) == [("PDNG", ["AM09"])]

    def test_that_refunds_money_stays_settled_and_says_so(self) -> None:
        request = demand()
        settle(request)

        row = settle(request, refunds={"r1": 2_500})

        assert (row.amount, row.iso20022_transaction_status) == (-2_500, "ACSC")
        assert summary(again(row)) == [("ACSC", ["NARR"])]
        assert summary(of_invoice(request)) == [("ACSC", ["NARR"])]
        assert texts(of_invoice(request), "ConfdAmt") == ["100.00"]
        assert texts(of_invoice(request), "AddtlInf") == ["MYR 25.00 was refunded through Xendit."]

    @pytest.mark.parametrize("paid", [10_000, 9_999, 15_000, 30_001])
    def test_is_written_again_byte_for_byte(
        self, paid: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[bytes] = []
        real = pain002.document

        def watched(status: StatusReport) -> bytes:
            seen.append(real(status))
            return seen[-1]

        monkeypatch.setattr(pain002, "document", watched)
        row = settle(demand(totals=(10_000, 10_000), external_id="заказ №77"), paid=paid)

        assert [again(row)] == seen[:1]

    def test_costs_no_query(self, monkeypatch: pytest.MonkeyPatch) -> None:
        counts = []
        for check in (pain002.check_booking, lambda **_: pain002.BookingStatus("id", "ACSC")):
            monkeypatch.setattr(pain002, "check_booking", check)
            request = demand()
            with CaptureQueriesContext(connection) as queries:
                settle(request)
            counts.append(len(queries))

        assert counts[0] == counts[1]

    @pytest.mark.usefixtures("invented")
    def test_that_would_not_be_valid_does_not_happen(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        request = demand()
        before = books()

        with pytest.raises(pain002.InvalidStatusReport, match="is no group status: PAID"):
            settle(request)

        (critical,) = criticals(caplog)
        assert books() == before
        assert critical["gateway"] == "xendit"
        assert critical["reference"] == request.reference
        assert "PAID" in critical["reason"]

    @pytest.mark.usefixtures("invented")
    def test_that_would_not_be_valid_fails_its_event(
        self, caplog: pytest.LogCaptureFixture, settings: Any
    ) -> None:
        settings.CONFIRM_WITH_GATEWAY = False
        request = demand()
        before = books()
        event = xendit_event(request, currency="MYR")

        confirming.process(event_id=event.pk, now=LATER)

        event.refresh_from_db()
        critical = criticals(caplog)[0]
        assert books() == before
        assert (event.status, event.outcome) == ("failed", "invalid_status_report")
        assert critical["gateway"] == "xendit"
        assert critical["event_id"] == event.event_id


def xendit_event(payment_request: PaymentRequest, *, currency: str) -> WebhookEvent:
    """Store Xendit's message that a demand was paid in some currency."""
    body = (
        f'{{"id": "{payment_request.gateway_payment_id}", "status": "PAID", "amount": 100,'
        f'"external_id": "{payment_request.reference}", "currency": "{currency}",'
        '"paid_amount": 100, "paid_at": "2026-11-22T09:00:00.000Z",'
        '"created": "2026-11-22T08:00:00.000Z", "updated": "2026-11-22T09:00:00.000Z"}'
    ).encode()
    event = receiving.receive(
        gateway_code="xendit",
        headers={"x-callback-token": "TESTCALLBACKTOKEN0123456789abcdef"},
        body=body,
        now=LATER,
    )
    assert event is not None
    return event


@pytest.mark.django_db
class TestInvoiceStatus:
    def test_of_an_unpaid_one_is_pending(self) -> None:
        xml = of_invoice(demand(totals=(10_000, 5_000)))

        assert summary(xml) == [("PDNG", []), ("PDNG", [])]
        assert texts(xml, "GrpSts") == ["PDNG"]
        assert texts(xml, "PmtInfSts") == ["PDNG", "PDNG"]

    @pytest.mark.parametrize(
        ("ended_as", "reason"), [("expired", "EDTR"), ("cancelled", "DS02"), ("failed", "NARR")]
    )
    def test_of_one_that_ended_says_why(self, ended_as: str, reason: str) -> None:
        request = demand(totals=(10_000, 5_000))
        Invoice.objects.update(status=ended_as, ended_as=ended_as)

        xml = of_invoice(request)

        assert summary(xml) == [("RJCT", [reason])] * 2
        assert texts(xml, "GrpSts") == ["RJCT"]
        assert len(texts(xml, "AddtlInf")) == 2

    def test_tells_of_money_in_another_currency(self, settings: Any) -> None:
        settings.CONFIRM_WITH_GATEWAY = False
        request = demand()
        event = xendit_event(request, currency="USD")
        confirming.process(event_id=event.pk, now=LATER)

        xml = of_invoice(request)

        assert summary(xml) == [("PDNG", ["CURR"])]
        assert "USD received" in texts(xml, "AddtlInf")[0]

    def test_has_a_new_message_id_whenever_it_says_something_new(self) -> None:
        request = demand(totals=(10_000, 5_000))
        before = of_invoice(request)
        same = of_invoice(request)
        settle(request)

        after = of_invoice(request)

        assert before == same
        assert texts(before, "GrpHdr/MsgId") != texts(after, "GrpHdr/MsgId")
        assert summary(after) == [("ACSC", []), ("PDNG", [])]
        assert texts(after, "GrpSts") == ["PART"]

    def test_of_a_draft_is_refused(self, client: Client) -> None:
        request = demand(status="draft")
        _, key = api_key(tenant=request.tenant)

        answer = client.get(
            f"/invoices/{request.invoice_id}/payment-status", headers={"X-API-Key": key}
        )

        assert (answer.status_code, answer.json()["error"]) == (422, "invoice_not_initiated")


class TestGetPaymentStatus:
    def test_tells_of_what_the_gateway_confirmed(
        self, merchant: Merchant, stranger: Merchant, sandbox: Sandbox
    ) -> None:
        made = merchant.post("/invoices", json=invoice_body(installments={"count": 2})).json()
        sandbox.pay(made["payment_url"])
        merchant.wait_for(made["id"], status="partially_paid")
        (row,) = merchant.get(f"/invoices/{made['id']}/transactions").json()["results"]
        initiation = merchant.get(f"/invoices/{made['id']}/payment-initiation").content

        of_all = merchant.get(f"/invoices/{made['id']}/payment-status")
        of_one = merchant.get(f"/transactions/{row['id']}/payment-status")

        for answer in (of_all, of_one):
            assert answer.status_code == 200
            assert answer.headers["Content-Type"] == "application/xml"
            independent().validate(answer.content)
            assert texts(answer.content, "GrpSts") == ["PART"]
            assert texts(answer.content, "OrgnlMsgId") == [
                reading.parse(initiation).findtext("{*}CstmrCdtTrfInitn/{*}GrpHdr/{*}MsgId")
            ]
        assert summary(of_all.content) == [("ACSC", []), ("PDNG", [])]
        assert summary(of_one.content) == [("ACSC", [])]
        assert texts(of_one.content, "GrpHdr/MsgId") == [row["iso20022_message_id"]]
        assert row["iso20022_transaction_status"] == "ACSC"

        strangers = stranger.get(f"/transactions/{row['id']}/payment-status")
        assert (strangers.status_code, strangers.json()["error"]) == (404, "not_found")
        as_json = merchant.get(
            f"/transactions/{row['id']}/payment-status", headers={"Accept": "application/json"}
        )
        assert (as_json.status_code, as_json.content) == (200, of_one.content)
