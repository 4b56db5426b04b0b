"""The gateways' official Python clients work against the sandbox unchanged."""

from typing import Any

import midtransclient
import pytest
import xendit
from midtransclient.error_midtrans import JSONDecodeError, MidtransAPIError
from xendit.apis import InvoiceApi, RefundApi
from xendit.invoice.model.create_invoice_request import CreateInvoiceRequest
from xendit.refund.model.create_refund import CreateRefund

from tests.gateways.sandbox.conftest import SERVER_KEY, XENDIT_KEY, Sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Any:
    configuration = xendit.Configuration(host=f"{sandbox.url}/xendit", api_key=XENDIT_KEY)
    with xendit.ApiClient(configuration) as client:
        yield client


@pytest.fixture
def invoices(client: Any) -> Any:
    return InvoiceApi(client)


@pytest.fixture
def core(sandbox: Sandbox) -> Any:
    core = midtransclient.CoreApi(server_key=SERVER_KEY, client_key="SB-Mid-client-TESTKEY")
    core.api_config.CORE_SANDBOX_BASE_URL = f"{sandbox.url}/midtrans"
    return core


@pytest.fixture
def snap(sandbox: Sandbox) -> Any:
    snap = midtransclient.Snap(server_key=SERVER_KEY, client_key="SB-Mid-client-TESTKEY")
    snap.api_config.SNAP_SANDBOX_BASE_URL = f"{sandbox.url}/midtrans/snap/v1"
    snap.api_config.CORE_SANDBOX_BASE_URL = f"{sandbox.url}/midtrans"
    return snap


def request(**fields: Any) -> Any:
    return CreateInvoiceRequest(
        **{"external_id": "PT-1", "amount": 510_000.0, "currency": "IDR", **fields}
    )


class TestXendit:
    def test_creates_and_reads(self, invoices: Any) -> None:
        created = invoices.create_invoice(request(external_id="PT-A"))
        read = invoices.get_invoice_by_id(created.id)

        assert (read.external_id, read.amount) == ("PT-A", 510_000)
        assert str(read.status) == "PENDING"
        assert str(read.available_banks[0].bank_code) == "BCA"

    @pytest.mark.parametrize(
        ("currency", "amount"),
        [("IDR", 10_000.0), ("MYR", 120.55), ("USD", 9.5), ("PHP", 20.0), ("THB", 1.0)],
    )
    def test_creates_in_each_currency(self, invoices: Any, currency: str, amount: float) -> None:
        created = invoices.create_invoice(request(currency=currency, amount=amount))

        assert (str(created.currency), created.amount) == (currency, amount)

    @pytest.mark.parametrize("method", ["BCA", "QRIS", "DANA", "ALFAMART", "CREDIT_CARD", "DD_BRI"])
    def test_reads_what_was_paid_by_each_method(
        self, sandbox: Sandbox, invoices: Any, method: str
    ) -> None:
        created = invoices.create_invoice(request())
        sandbox.press(created.invoice_url, method=method)

        read = invoices.get_invoice_by_id(created.id)

        assert str(read.status) == "PAID"
        assert read.to_dict()["paid_amount"] == 510_000

    def test_lists_by_external_id(self, invoices: Any) -> None:
        created = [invoices.create_invoice(request(external_id="PT-B")) for _ in range(3)]
        invoices.expire_invoice(created[0].id)

        both = invoices.get_invoices(external_id="PT-B", statuses=["PENDING"])
        paged = invoices.get_invoices(external_id="PT-B", limit=1.0, last_invoice=created[1].id)

        assert [one.id for one in both] == [created[2].id, created[1].id]
        assert [one.id for one in paged] == [created[0].id]
        assert invoices.get_invoices(external_id="PT-none") == []

    def test_expires_once(self, invoices: Any) -> None:
        created = invoices.create_invoice(request())

        assert str(invoices.expire_invoice(created.id).status) == "EXPIRED"
        with pytest.raises(xendit.XenditSdkException) as failure:
            invoices.expire_invoice(created.id)

        assert failure.value.errorCode == "INVOICE_NOT_FOUND_ERROR"

    def test_refunds(self, sandbox: Sandbox, client: Any, invoices: Any) -> None:
        created = invoices.create_invoice(request())
        sandbox.press(created.invoice_url, method="DANA")
        refund = CreateRefund(
            invoice_id=created.id, amount=10_000.0, currency="IDR", reason="REQUESTED_BY_CUSTOMER"
        )

        first = RefundApi(client).create_refund(idempotency_key="k1", create_refund=refund)
        again = RefundApi(client).create_refund(idempotency_key="k1", create_refund=refund)

        assert first.id == again.id
        sandbox.webhooks("xendit", 2)
        assert RefundApi(client).get_refund(first.id).status == "SUCCEEDED"
        assert len(RefundApi(client).get_all_refunds(invoice_id=created.id).data) == 1

    def test_raises_for_refusals(self, invoices: Any, sandbox: Sandbox) -> None:
        with pytest.raises(xendit.XenditSdkException) as failure:
            invoices.get_invoice_by_id("6968a1f0d4e5f60001afffff")

        assert (failure.value.status, failure.value.errorCode) == ("404", "INVOICE_NOT_FOUND_ERROR")


CHARGES: list[tuple[str, dict[str, Any]]] = [
    ("gopay", {}),
    ("qris", {"qris": {"acquirer": "gopay"}}),
    ("shopeepay", {"shopeepay": {"callback_url": "https://shop.example.test"}}),
    ("bank_transfer", {"bank_transfer": {"bank": "bca"}}),
    ("bank_transfer", {"bank_transfer": {"bank": "bni"}}),
    ("bank_transfer", {"bank_transfer": {"bank": "bri"}}),
    ("bank_transfer", {"bank_transfer": {"bank": "cimb"}}),
    ("bank_transfer", {"bank_transfer": {"bank": "permata"}}),
    ("permata", {}),
    ("echannel", {"echannel": {"bill_info1": "Payment:", "bill_info2": "Online"}}),
    ("cstore", {"cstore": {"store": "indomaret"}}),
    ("cstore", {"cstore": {"store": "alfamart"}}),
    ("credit_card", {"credit_card": {"token_id": "any", "authentication": True}}),
]


def order(name: str, amount: int = 150_000) -> dict[str, Any]:
    return {"transaction_details": {"order_id": name, "gross_amount": amount}}


class TestMidtrans:
    @pytest.mark.parametrize(("payment_type", "options"), CHARGES)
    def test_charges(self, core: Any, payment_type: str, options: dict[str, Any]) -> None:
        charged = core.charge({"payment_type": payment_type, **order("PT-C"), **options})
        status = core.transactions.status("PT-C")

        assert (charged["status_code"], charged["transaction_status"]) == ("201", "pending")
        assert status["transaction_id"] == charged["transaction_id"]
        assert status["status_code"] == "201"

    def test_card_without_3ds_is_captured_at_once(self, core: Any) -> None:
        card = {"credit_card": {"token_id": "any"}}

        charged = core.charge({"payment_type": "credit_card", **order("PT-D"), **card})

        assert (charged["status_code"], charged["transaction_status"]) == ("200", "capture")
        assert charged["fraud_status"] == "accept"

    def test_snap_is_unknown_until_a_method_is_chosen(self, sandbox: Sandbox, snap: Any) -> None:
        made = snap.create_transaction(order("PT-E"))
        with pytest.raises(MidtransAPIError) as failure:
            snap.transactions.status("PT-E")
        sandbox.press(made["redirect_url"], "choose", method="bca_va")

        status = snap.transactions.status("PT-E")

        assert failure.value.http_status_code == 200
        assert failure.value.api_response_dict["status_code"] == "404"
        assert (status["transaction_status"], status["va_numbers"][0]["bank"]) == ("pending", "bca")

    def test_cancels(self, core: Any) -> None:
        core.charge({"payment_type": "qris", **order("PT-F")})

        assert core.transactions.cancel("PT-F")["status_code"] == "200"
        assert core.transactions.status("PT-F")["transaction_status"] == "cancel"

    def test_expires_without_an_error(self, core: Any) -> None:
        core.charge({"payment_type": "qris", **order("PT-G")})

        assert core.transactions.expire("PT-G")["status_code"] == "407"
        assert core.transactions.status("PT-G")["status_code"] == "407"

    def test_refunds(self, sandbox: Sandbox, core: Any) -> None:
        core.charge({"payment_type": "qris", **order("PT-H")})
        sandbox.control("pay", id="PT-H", action="pay")

        first = core.transactions.refund("PT-H", {"refund_key": "r1", "amount": 50_000})
        rest = core.transactions.refundDirect("PT-H", {"refund_key": "r2", "amount": 100_000})

        assert first["transaction_status"] == "partial_refund"
        assert rest["transaction_status"] == "refund"
        status = core.transactions.status("PT-H")
        assert (status["refund_amount"], status["status_code"]) == ("150000.00", "200")

    def test_raises_with_http_200_for_a_duplicate(self, core: Any) -> None:
        core.charge({"payment_type": "qris", **order("PT-I")})

        with pytest.raises(MidtransAPIError) as failure:
            core.charge({"payment_type": "qris", **order("PT-I")})

        assert failure.value.http_status_code == 200
        assert failure.value.api_response_dict["status_code"] == "406"

    def test_raises_on_html(self, sandbox: Sandbox, core: Any) -> None:
        sandbox.fault("midtrans", "html_502")

        with pytest.raises(JSONDecodeError):
            core.charge({"payment_type": "qris", **order("PT-J")})

    def test_approves_a_challenge(self, sandbox: Sandbox, snap: Any) -> None:
        made = snap.create_transaction(order("PT-K"))
        sandbox.press(made["redirect_url"], "challenge")
        assert snap.transactions.status("PT-K")["fraud_status"] == "challenge"

        snap.transactions.approve("PT-K")

        status = snap.transactions.status("PT-K")
        assert (status["status_code"], status["fraud_status"]) == ("200", "accept")

    def test_denies_a_challenge(self, sandbox: Sandbox, snap: Any) -> None:
        made = snap.create_transaction(order("PT-L"))
        sandbox.press(made["redirect_url"], "challenge")

        snap.transactions.deny("PT-L")

        assert snap.transactions.status("PT-L")["transaction_status"] == "deny"

    def test_notification_is_confirmed_by_its_transaction_id(
        self, sandbox: Sandbox, core: Any
    ) -> None:
        charged = core.charge({"payment_type": "qris", **order("PT-M")})
        body = sandbox.webhooks("midtrans", 1)[0].body.decode()

        confirmed = core.transactions.notification(body)

        assert confirmed["transaction_id"] == charged["transaction_id"]
