"""POST and GET /invoices: the errors for bad input, and the form of a good answer."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.models import ApiKey
from gateways.models import GatewayFee
from invoices.invoices.serializers import InstallmentResponse, InvoiceResponse, LineItemResponse
from invoices.models import Installment, Invoice, LineItem, PaymentRequest
from paytrust.money import MAX_AMOUNT
from tests.apikeys.factories import NOON, ApiKeyFactory, TenantFactory
from tests.conftest import Sandbox
from tests.factories import invoice_body, rupiah_body
from tests.invoices.conftest import KEY, Api
from tests.invoices.factories import PaymentRequestFactory, invoice

LINE: dict[str, Any] = {
    "product_name": "Phone",
    "quantity": 2,
    "unit_price": 999.99,
    "tax_rate": 0.06,
    "tax_category": "SST",
    "country_code": "MY",
}
ABSENT = object()
Path = tuple[str | int, ...]


def with_line(**changes: Any) -> dict[str, Any]:
    """Return a body whose second line is changed; the value ABSENT leaves a field out."""
    line = {name: value for name, value in (LINE | changes).items() if value is not ABSENT}
    return invoice_body(line_items=[LINE, line])


def assert_refused(
    answer: Any, status: int, code: str, field: Path | None = None
) -> dict[str, Any]:
    """Check the one error shape and that nothing was stored; return the body."""
    body = json.loads(answer.content)
    assert (answer.status_code, body["error"]) == (status, code), body
    assert answer.headers["Content-Type"] == "application/json"
    assert set(body) == {"error", "message", "details", "request_id"}
    assert body["message"]
    assert body["request_id"] == answer.headers["X-Request-Id"]
    if field is not None:
        assert named(body["details"], field), body["details"]
    assert_nothing_stored()
    return body


def named(details: Any, field: Path) -> Any:
    for step in field:
        details = details[str(step)]
    return details


def assert_nothing_stored() -> None:
    for model in (Invoice, LineItem, Installment, PaymentRequest):
        assert not model._default_manager.exists(), model


BAD_BODIES: dict[str, bytes] = {
    "nothing": b"",
    "text": b"hello",
    "cut short": b'{"gateway_id": 1, "currency_code": "MY',
    "two documents": b"{} {}",
    "trailing comma": b'{"gateway_id": 1,}',
    "single quotes": b"{'gateway_id': 1}",
    "NaN": b'{"gateway_id": NaN}',
    "Infinity": b'{"gateway_id": -Infinity}',
    "NUL escaped": b'{"external_id": "a\\u0000b"}',
    "NUL in a name": b'{"a\\u0000b": 1}',
    "NUL byte": b'{"external_id": "a\x00b"}',
    "lone surrogate": b'{"external_id": "\\ud800"}',
    "lone surrogate in a name": b'{"\\udfff": 1}',
    "not UTF-8": b'{"external_id": "\xff"}',
    "UTF-16": '{"gateway_id": 1}'.encode("utf-16"),
    "brackets": b"[" * 100_000,
    "brackets that close": b"[" * 100_000 + b"]" * 100_000,
    "braces": b'{"a":' * 40_000,
    "nested in a known field": b'{"metadata": ' + b"[" * 40 + b"]" * 40 + b"}",
    "very long number": b'{"gateway_id": ' + b"1" * 5_000 + b"}",
    "huge exponent": b'{"gateway_id": 1e999999999}',
}


class TestUnreadableBody:
    @pytest.mark.parametrize("raw", BAD_BODIES.values(), ids=BAD_BODIES)
    def test_is_refused(self, api: Api, raw: bytes) -> None:
        answer = api.post("/invoices", raw)

        code = "malformed_json" if raw else "invalid_request"
        assert_refused(answer, 400, code)

    @pytest.mark.parametrize("document", ["null", "[]", '"MYR"', "1", "true", "[{}]"])
    def test_that_is_no_object_is_refused(self, api: Api, document: str) -> None:
        answer = api.post("/invoices", document.encode())

        assert_refused(answer, 400, "invalid_request", ("non_field_errors",))

    @pytest.mark.parametrize(
        ("raw", "name"),
        [
            (b'{"gateway_id": 1, "gateway_id": 2}', "gateway_id"),
            (b'{"line_items": [{"quantity": 1, "quantity": 2}]}', "quantity"),
            (b'{"metadata": {"a": "1", "\\u0061": "2"}}', "a"),
        ],
    )
    def test_with_a_name_twice_is_refused(self, api: Api, raw: bytes, name: str) -> None:
        answer = api.post("/invoices", raw)

        assert_refused(answer, 400, "malformed_json", (name,))

    def test_of_two_megabytes_is_too_large(self, api: Api) -> None:
        answer = api.post("/invoices", invoice_body(description="x" * 2 * 1024 * 1024))

        assert_refused(answer, 413, "payload_too_large")

    @pytest.mark.parametrize(
        "content_type",
        [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
            "nonsense",
        ],
    )
    def test_of_another_type_is_refused(self, api: Api, content_type: str) -> None:
        answer = api.send("POST", "/invoices", invoice_body(), content_type=content_type)

        assert_refused(answer, 415, "unsupported_media_type")

    def test_without_a_type_is_refused(self, api: Api) -> None:
        answer = api.send("POST", "/invoices", invoice_body(), content_type="")

        assert_refused(answer, 415, "unsupported_media_type")


TOO_FINE = "1.00000000000000000000000000001"  # 30 digits: more than a Decimal context keeps
NOT_TEXT: list[Any] = [1, True, ["x"], {"x": 1}]
BAD_FIELDS: list[tuple[str, Any]] = [
    ("gateway_id", None),
    *(("gateway_id", value) for value in [0, -1, 1.5, 1.0, "1", True, [1], {}, 2**53, 10**50]),
    ("currency_code", None),
    *(("currency_code", value) for value in [*NOT_TEXT, "", "  ", "M\u0001R", "M" * 11]),
    ("line_items", None),
    *(("line_items", value) for value in ["x", 1, {}, True]),
    *(("external_id", value) for value in [*NOT_TEXT, "", " ", "a\nb", "x" * 256]),
    *(("external_id", value) for value in [" order-77", "order-77 ", "order-77\u00a0"]),
    *(("description", value) for value in [*NOT_TEXT, "", "x" * 1001, "a\u0007"]),
    *(("metadata", value) for value in ["x", 1, True, ["a"]]),
    ("metadata", {str(n): "x" for n in range(51)}),
    ("metadata", {"k" * 41: "x"}),
    *(
        (name, value)
        for name in ("success_redirect_url", "failure_redirect_url")
        for value in [
            *NOT_TEXT,
            "",
            "shop.example/paid",
            "javascript:alert(1)",
            "JavaScript://shop.example/%0aalert(1)",
            " javascript://x/%0aalert(1)",
            "data:text/html,x",
            "data://text/html,x",
            "file:///etc/passwd",
            "vbscript://x",
            "intent://order/1",
            "myshop:order/1",
            "my_shop://order/1",
            "myshop://order/1 2",
            "myshop://order/\u00e9",
            'myshop://order/"onclick=x',
            "1shop://order",
            "myshop://order/" + "x" * 255,
            "ftp://shop.example/",
            "http://",
            "http://[::1",
            "https://shop.example/a b",
            "https://shop.example/" + "x" * 255,
        ]
    ),
    *(
        ("expires_at", value)
        for value in [
            1,
            True,
            [],
            "",
            "tomorrow",
            "2026-12-01",
            "2026-12-01T00:00:00",
            "2026-13-01T00:00:00Z",
            "2026-12-01T25:00:00Z",
            "2026-12-01T00:00:00+99:00",
            "2026-12-01 00:00:00Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-12:00",
        ]
    ),
    *(("customer", value) for value in ["x", 1, []]),
    *(("installments", value) for value in ["x", 3, []]),
    *(("payment_method", value) for value in ["qris", 1, []]),
]
BAD_LINE_FIELDS: list[tuple[str, Any]] = [
    *((name, ABSENT) for name in ("product_name", "quantity", "unit_price", "tax_rate")),
    *((name, None) for name in ("product_name", "quantity", "unit_price", "tax_rate")),
    *(("product_name", value) for value in [*NOT_TEXT, "", " ", "x" * 256, "a\tb"]),
    *(("quantity", value) for value in [0, 0.0, "0.000", -1, "-0.5", 2**53, 10**50, "9" * 30]),
    *(("quantity", value) for value in [0.0001, 1.0001, "1.0005", "0.0009999", "1." + "1" * 30]),
    *(("quantity", value) for value in [True, False, [], {}, "", "two", "1,5", "1e2", " 1", "1/2"]),
    *(("discount", value) for value in [-1, "-0.01", True, [], {}, "", "10%", "1,5", "NaN"]),
    *(
        ("unit_price", value)
        for value in [-1, -0.01, "-0.01", True, [], {}, "", "abc", "1,5", "1e2", " 1", "NaN", "٣"]
    ),
    *(
        ("tax_rate", value)
        for value in [-0.01, 1.0001, 2, "1.1", 0.00001, "0.06001", True, [], "6%", "", "Infinity"]
    ),
    ("tax_rate", "0.0600000000000000000000000000001"),
    *(("tax_category", value) for value in [*NOT_TEXT, "", "x" * 36]),
    *(
        ("country_code", value)
        for value in [*NOT_TEXT, "", "M", "my", "My", "XK", "ZZ", "UK", "EU", "MYS", "458"]
    ),
]
BAD_PRICES = [
    "0.001",
    0.001,
    999.999,
    TOO_FINE,
    "90071992547409.92",
    "9" * 30,
    10**20,
    "0." + "1" * 30,
]


class TestBadField:
    @pytest.mark.parametrize(("name", "value"), BAD_FIELDS)
    def test_is_named(self, api: Api, name: str, value: Any) -> None:
        answer = api.post("/invoices", invoice_body(**{name: value}))

        assert_refused(answer, 400, "invalid_request", (name,))

    @pytest.mark.parametrize("name", ["gateway_id", "currency_code", "line_items"])
    def test_that_is_missing_is_named(self, api: Api, name: str) -> None:
        body = invoice_body()
        del body[name]

        answer = api.post("/invoices", body)

        assert_refused(answer, 400, "invalid_request", (name,))

    @pytest.mark.parametrize(("name", "value"), BAD_LINE_FIELDS)
    def test_of_a_line_is_named_at_its_place(self, api: Api, name: str, value: Any) -> None:
        answer = api.post("/invoices", with_line(**{name: value}))

        body = assert_refused(answer, 400, "invalid_request", ("line_items", 1, name))
        assert set(body["details"]["line_items"]) == {"1"}

    @pytest.mark.parametrize("price", BAD_PRICES)
    def test_price_that_the_currency_cannot_say_is_named(self, api: Api, price: Any) -> None:
        answer = api.post("/invoices", with_line(unit_price=price))

        assert_refused(answer, 400, "invalid_amount", ("line_items", 1, "unit_price"))

    @pytest.mark.parametrize("discount", [*BAD_PRICES, "50.000", 1999.99, 2000, MAX_AMOUNT])
    def test_discount_that_does_not_fit_the_line_is_named(self, api: Api, discount: Any) -> None:
        answer = api.post("/invoices", with_line(discount=discount))

        assert_refused(answer, 400, "invalid_amount", ("line_items", 1, "discount"))

    def test_price_and_discount_are_named_both(self, api: Api) -> None:
        answer = api.post("/invoices", with_line(unit_price=0.001, discount="50.000"))

        body = assert_refused(answer, 400, "invalid_amount", ("line_items", 1))
        assert set(body["details"]["line_items"]["1"]) == {"unit_price", "discount"}

    @pytest.mark.parametrize(
        ("quantity", "price"),
        [(MAX_AMOUNT, "0.02"), ("900719925474099.101", 10), (1.001, "90071992547409.90")],
    )
    def test_quantity_that_makes_too_much_is_named(
        self, api: Api, quantity: Any, price: Any
    ) -> None:
        line = {"quantity": quantity, "unit_price": price, "discount": "90071992547409.91"}

        answer = api.post("/invoices", with_line(**line))

        assert_refused(answer, 400, "invalid_amount", ("line_items", 1, "quantity"))

    @pytest.mark.parametrize("price", [0.5, "1.10", TOO_FINE])
    def test_rupiah_have_no_decimals(self, api: Api, price: Any) -> None:
        answer = api.post("/invoices", rupiah_body(line_items=[LINE | {"unit_price": price}]))

        assert_refused(answer, 400, "invalid_amount", ("line_items", 0, "unit_price"))

    @pytest.mark.parametrize("value", [1, True, None, ["x"], {"x": "y"}, 1.5])
    def test_of_metadata_is_named(self, api: Api, value: Any) -> None:
        answer = api.post("/invoices", invoice_body(metadata={"good": "x", "bad": value}))

        body = assert_refused(answer, 400, "invalid_request", ("metadata", "bad"))
        assert set(body["details"]["metadata"]) == {"bad"}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("name", value) for value in [*NOT_TEXT, "", "x" * 141]),
            *(("email", value) for value in [*NOT_TEXT, "", "nobody", "a@b", "a b@c.de", "@c.de"]),
            *(("phone", value) for value in [*NOT_TEXT, "1" * 256]),
        ],
    )
    def test_of_the_customer_is_named(self, api: Api, name: str, value: Any) -> None:
        answer = api.post("/invoices", invoice_body(customer={name: value}))

        assert_refused(answer, 400, "invalid_request", ("customer", name))

    @pytest.mark.parametrize(
        ("method", "name"),
        [
            ({}, "type"),
            ({"type": None}, "type"),
            ({"type": "cash"}, "type"),
            ({"type": ["qris"]}, "type"),
            ({"type": "bank_transfer"}, "bank"),
            ({"type": "bank_transfer", "bank": "hsbc"}, "bank"),
            ({"type": "bank_transfer", "bank": "bca", "store": "indomaret"}, "store"),
            ({"type": "cstore"}, "store"),
            ({"type": "cstore", "store": "7eleven"}, "store"),
            ({"type": "cstore", "store": "indomaret", "bank": "bca"}, "bank"),
            ({"type": "qris", "bank": "bca"}, "bank"),
            ({"type": "gopay", "store": "alfamart"}, "store"),
        ],
    )
    def test_of_the_payment_method_is_named(
        self, api: Api, method: dict[str, Any], name: str
    ) -> None:
        answer = api.post("/invoices", rupiah_body(payment_method=method))

        assert_refused(answer, 400, "invalid_request", ("payment_method", name))

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (invoice_body(colour="red"), ("colour",)),
            (invoice_body(Currency_code="MYR"), ("Currency_code",)),
            (with_line(colour="red"), ("line_items", 1, "colour")),
            (with_line(subtotal_amount=1), ("line_items", 1, "subtotal_amount")),
            (invoice_body(customer={"age": 7}), ("customer", "age")),
            (invoice_body(installments={"count": 2, "plan": 1}), ("installments", "plan")),
            (rupiah_body(payment_method={"type": "qris", "x": 1}), ("payment_method", "x")),
        ],
    )
    def test_that_is_not_known_is_named(self, api: Api, body: dict[str, Any], field: Path) -> None:
        answer = api.post("/invoices", body)

        refused = assert_refused(answer, 400, "invalid_request", field)
        assert named(refused["details"], field) == ["This field is not known."]

    def test_never_comes_alone_where_two_are_bad(self, api: Api) -> None:
        answer = api.post("/invoices", with_line(quantity=0, colour="red") | {"gateway_id": "1"})

        body = assert_refused(answer, 400, "invalid_request", ("gateway_id",))
        assert set(body["details"]) == {"gateway_id", "line_items"}
        assert set(body["details"]["line_items"]["1"]) == {"quantity", "colour"}


class TestCurrencyAndGateway:
    @pytest.mark.parametrize("code", ["XXZ", "ABC", "myr", "MY", "MYRR", "458", "💶"])
    def test_a_code_that_iso_4217_does_not_know(self, api: Api, code: str) -> None:
        answer = api.post("/invoices", invoice_body(currency_code=code))

        assert_refused(answer, 400, "invalid_currency", ("currency_code",))

    @pytest.mark.parametrize("code", ["EUR", "SGD", "JPY", "THB"])
    def test_a_code_that_we_do_not_serve(self, api: Api, code: str) -> None:
        answer = api.post("/invoices", invoice_body(currency_code=code))

        assert_refused(answer, 400, "unsupported_currency", ("currency_code",))

    @pytest.mark.parametrize("code", ["MYR", "USD"])
    def test_a_currency_that_the_gateway_does_not_take(self, api: Api, code: str) -> None:
        answer = api.post("/invoices", invoice_body(gateway_id=2, currency_code=code))

        assert_refused(answer, 400, "unsupported_gateway_currency", ("currency_code",))

    @pytest.mark.parametrize("gateway_id", [3, 2**31, MAX_AMOUNT])
    def test_a_gateway_that_does_not_exist(self, api: Api, gateway_id: int) -> None:
        answer = api.post("/invoices", invoice_body(gateway_id=gateway_id))

        assert_refused(answer, 400, "unknown_gateway", ("gateway_id",))


class TestTotal:
    @pytest.mark.parametrize(
        "lines",
        [
            [LINE | {"quantity": MAX_AMOUNT}],
            [LINE | {"unit_price": "90071992547409.91"}],  # only tax and fee lift it above
            [LINE | {"unit_price": "50000000000000", "quantity": 1, "tax_rate": 0}] * 2,
            [LINE | {"unit_price": "90071992547409.91", "quantity": MAX_AMOUNT}] * 500,
        ],
        ids=["quantity", "tax", "sum", "all"],
    )
    def test_above_what_json_clients_keep(self, api: Api, lines: list[dict[str, Any]]) -> None:
        answer = api.post("/invoices", invoice_body(line_items=lines))

        assert_refused(answer, 400, "invalid_amount", ("line_items",))

    @pytest.mark.parametrize("price", [0, "0.00", 0.0])
    @pytest.mark.parametrize("currency", ["IDR", "MYR", "USD"])
    def test_of_nothing(self, api: Api, currency: str, price: Any) -> None:
        GatewayFee.objects.update(fixed_amount=100)  # a fee alone is not allowed
        line = LINE | {"unit_price": price}

        answer = api.post("/invoices", invoice_body(currency_code=currency, line_items=[line]))

        assert_refused(answer, 400, "invalid_amount", ("line_items",))

    @pytest.mark.parametrize(
        "line",
        [
            {"discount": "1999.98"},
            {"quantity": 0.25, "unit_price": 10, "discount": 2.5},
            {"quantity": "0.001", "unit_price": "4.99"},
        ],
    )
    def test_of_nothing_after_discounts_and_rounding(self, api: Api, line: dict[str, Any]) -> None:
        answer = api.post("/invoices", invoice_body(line_items=[LINE | line] * 2))

        assert_refused(answer, 400, "invalid_amount", ("line_items",))

    @pytest.mark.parametrize("count", [0, 501])
    def test_of_too_few_or_too_many_lines(self, api: Api, count: int) -> None:
        answer = api.post("/invoices", invoice_body(line_items=[LINE] * count))

        assert_refused(answer, 400, "invalid_request", ("line_items",))

    @pytest.mark.parametrize("line", [None, 1, "x", [], [LINE]])
    def test_of_lines_that_are_none(self, api: Api, line: Any) -> None:
        answer = api.post("/invoices", invoice_body(line_items=[LINE, line]))

        assert_refused(answer, 400, "invalid_request", ("line_items", 1))


class TestExpiry:
    @pytest.mark.parametrize(
        "ahead",
        [
            timedelta(days=-400),
            timedelta(seconds=-1),
            timedelta(minutes=59),
            timedelta(days=30, minutes=1),
            timedelta(days=3650),
        ],
        ids=str,
    )
    def test_must_lie_an_hour_to_thirty_days_ahead(self, api: Api, ahead: timedelta) -> None:
        answer = api.post(
            "/invoices", invoice_body(expires_at=(timezone.now() + ahead).isoformat())
        )

        assert_refused(answer, 400, "invalid_expiry", ("expires_at",))

    @pytest.mark.parametrize("days", [27.9, 58.1], ids=["before the last", "too far behind it"])
    def test_must_fit_the_installments(self, api: Api, days: float) -> None:
        midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
        expires_at = (midnight + timedelta(days=days)).isoformat()

        answer = api.post(
            "/invoices", invoice_body(installments={"count": 2}, expires_at=expires_at)
        )

        assert_refused(answer, 400, "invalid_expiry", ("expires_at",))


def days_ahead(*days: int) -> list[str]:
    return [(timezone.now() + timedelta(days=day)).isoformat() for day in days]


ONE_LINE = {"line_items": [LINE]}
EXAMPLE_TOTAL = 217_998


class TestInstallments:
    @pytest.mark.parametrize("count", [None, 0, 1, 13, -1, 2**53, 2.0, "2", True])
    def test_number_two_to_twelve(self, api: Api, count: Any) -> None:
        answer = api.post("/invoices", invoice_body(installments={"count": count}))

        assert_refused(answer, 400, "invalid_request", ("installments", "count"))

    @pytest.mark.parametrize("amounts", ["x", 1, {}, [0, 1], [-1], [1.5], ["1"], [True], [2**53]])
    def test_amounts_are_whole_and_positive(self, api: Api, amounts: Any) -> None:
        plan = {"count": 2, "custom_amounts": amounts}

        answer = api.post("/invoices", invoice_body(installments=plan))

        assert_refused(answer, 400, "invalid_request", ("installments", "custom_amounts"))

    @pytest.mark.parametrize(
        "amounts",
        [
            [],
            [1, 2, 3, 4],
            [100_000, 100_000, EXAMPLE_TOTAL - 200_001],
            [100_000, 100_000, EXAMPLE_TOTAL - 199_999],
            [MAX_AMOUNT, 1, 1],
        ],
    )
    def test_amounts_sum_to_the_total(self, api: Api, amounts: list[int]) -> None:
        plan = {"count": 3, "custom_amounts": amounts}

        answer = api.post("/invoices", invoice_body(**ONE_LINE, installments=plan))

        assert_refused(answer, 400, "invalid_installments", ("installments", "custom_amounts"))

    @pytest.mark.parametrize("first", [EXAMPLE_TOTAL, EXAMPLE_TOTAL + 1, MAX_AMOUNT])
    def test_leave_the_last_something(self, api: Api, first: int) -> None:
        plan = {"count": 2, "custom_amounts": [first]}

        answer = api.post("/invoices", invoice_body(**ONE_LINE, installments=plan))

        assert_refused(answer, 400, "installment_too_small", ("installments",))

    def test_cannot_be_more_than_the_units(self, api: Api) -> None:
        line = LINE | {"quantity": 1, "unit_price": "0.02", "tax_rate": 0}

        answer = api.post("/invoices", invoice_body(line_items=[line], installments={"count": 3}))

        assert_refused(answer, 400, "installment_too_small", ("installments",))

    @pytest.mark.parametrize("days", [(7,), (7, 14, 21), (14, 7), (-1, 7)])
    def test_are_due_one_after_the_other(self, api: Api, days: tuple[int, ...]) -> None:
        plan = {"count": 2, "due_dates": days_ahead(*days)}

        answer = api.post("/invoices", invoice_body(installments=plan))

        assert_refused(answer, 400, "invalid_installments", ("installments", "due_dates"))

    def test_are_never_due_on_one_day(self, api: Api) -> None:
        plan = {"count": 2, "due_dates": days_ahead(7) * 2}

        answer = api.post("/invoices", invoice_body(installments=plan))

        assert_refused(answer, 400, "invalid_installments", ("installments", "due_dates"))

    def test_are_never_due_beyond_the_calendar(self, api: Api) -> None:
        plan = {"count": 2, "due_dates": ["9999-12-30T00:00:00Z", "9999-12-31T00:00:00Z"]}

        answer = api.post("/invoices", invoice_body(installments=plan))

        assert_refused(answer, 400, "invalid_installments", ("installments", "due_dates"))

    @pytest.mark.parametrize(
        ("plan", "field"),
        [
            ({"due_dates": ["2027-01-01T00:00:00"]}, "due_dates"),
            ({"due_dates": "2027-01-01T00:00:00Z"}, "due_dates"),
            ({"due_dates": [1]}, "due_dates"),
            ({"interval_days": 0}, "interval_days"),
            ({"interval_days": 367}, "interval_days"),
            ({"interval_days": "7"}, "interval_days"),
            ({"interval_days": 7, "due_dates": ["2027-01-01T00:00:00Z"]}, "due_dates"),
        ],
    )
    def test_times_are_times(self, api: Api, plan: dict[str, Any], field: str) -> None:
        answer = api.post("/invoices", invoice_body(installments={"count": 2, **plan}))

        assert_refused(answer, 400, "invalid_request", ("installments", field))


class TestKey:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize(
        ("key", "status", "code"),
        [
            ("", 401, "missing_api_key"),
            ("x", 400, "malformed_api_key"),
            (KEY[:-1], 400, "malformed_api_key"),
            (KEY + "0", 400, "malformed_api_key"),
            (KEY[:-1] + "g", 400, "malformed_api_key"),
            (KEY[:-1] + "é", 400, "malformed_api_key"),
            (KEY[::-1], 401, "invalid_api_key"),
        ],
    )
    def test_that_is_none(self, api: Api, method: str, key: str, status: int, code: str) -> None:
        answer = api.send(method, "/invoices", invoice_body(), headers={"x-api-key": key})

        assert_refused(answer, status, code)

    def test_that_is_missing(self, api: Api) -> None:
        answer = api.client.post("/invoices", invoice_body(), content_type="application/json")

        assert_refused(answer, 401, "missing_api_key")

    @pytest.mark.parametrize("ended", ["rotated", "revoked"])
    def test_that_has_ended(self, api: Api, ended: str) -> None:
        ApiKey.objects.update(**{"status": ended, f"{ended}_at": NOON})

        answer = api.post("/invoices", invoice_body())

        assert_refused(answer, 401, "invalid_api_key")

    def test_that_is_an_operators(self, api: Api, settings: Any) -> None:
        answer = api.client.post(
            "/invoices",
            invoice_body(),
            content_type="application/json",
            headers={"x-admin-key": settings.ADMIN_API_KEY},
        )

        assert_refused(answer, 401, "missing_api_key")


PATHS_OF_ONE = {
    "GET": ["", "/installments", "/transactions", "/overpayment"],
    "POST": ["/payments", "/cancel", "/supplementary"],
    "PATCH": ["/installments"],
}
BODIES_OF_ONE: dict[str, Any] = {
    "/payments": {},
    "/cancel": None,
    "/supplementary": ONE_LINE,
    "/installments": {"installments": [{"number": 1, "total": 10_000}]},
}
CALLS_OF_ONE = pytest.mark.parametrize(
    ("method", "path"), [(method, path) for method, paths in PATHS_OF_ONE.items() for path in paths]
)


class TestSomebodyElsesInvoice:
    @CALLS_OF_ONE
    def test_is_missing_like_one_that_does_not_exist(
        self, api: Api, method: str, path: str
    ) -> None:
        payment_request = PaymentRequestFactory.create()
        theirs = payment_request.invoice
        before = list(Invoice.objects.values())
        body = BODIES_OF_ONE.get(path) if method != "GET" else None

        answer = api.send(method, f"/invoices/{theirs.pk}{path}", body)
        nobodys = api.send(method, f"/invoices/{theirs.pk + 1}{path}", body)

        shown, missing = json.loads(answer.content), json.loads(nobodys.content)
        assert answer.status_code == nobodys.status_code == 404
        assert shown["error"] == missing["error"] == "not_found"
        assert (shown["message"], shown["details"]) == (missing["message"], missing["details"])
        assert list(Invoice.objects.values()) == before
        assert PaymentRequest.objects.get().status == "open"

    def test_is_not_listed(self, api: Api) -> None:
        invoice(external_id="order-77")

        assert api.get("/invoices").json()["results"] == []
        assert api.get("/invoices", external_id="order-77").json()["results"] == []


class TestIdThatNoInvoiceHas:
    @CALLS_OF_ONE
    def test_is_not_found(self, api: Api, method: str, path: str) -> None:
        body = BODIES_OF_ONE.get(path) if method != "GET" else None

        for row_id in ("0", "1", "9" * 18, str(2**63), "9" * 40, "-1", "abc", "1.0", "%00"):
            answer = api.send(method, f"/invoices/{row_id}{path}", body)

            assert_refused(answer, 404, "not_found")


class TestPathAndMethod:
    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("PUT", "/invoices", "GET, POST, HEAD, OPTIONS"),
            ("PATCH", "/invoices", "GET, POST, HEAD, OPTIONS"),
            ("DELETE", "/invoices", "GET, POST, HEAD, OPTIONS"),
            ("POST", "/invoices/1", "GET, HEAD, OPTIONS"),
            ("DELETE", "/invoices/1", "GET, HEAD, OPTIONS"),
            ("GET", "/invoices/1/payments", "POST, OPTIONS"),
            ("GET", "/invoices/1/cancel", "POST, OPTIONS"),
            ("POST", "/invoices/1/installments", "GET, PATCH, HEAD, OPTIONS"),
            ("PURGE", "/invoices", "GET, POST, HEAD, OPTIONS"),
        ],
    )
    def test_a_wrong_method_is_answered_with_the_right_ones(
        self, api: Api, method: str, path: str, allowed: str
    ) -> None:
        answer = api.send(method, path, invoice_body())

        assert_refused(answer, 405, "method_not_allowed")
        assert sorted(answer.headers["Allow"].split(", ")) == sorted(allowed.split(", "))

    @pytest.mark.parametrize(
        "path", ["/", "/invoice", "/invoices/", "/invoices/1/", "/v1/invoices"]
    )
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_wrong_path_is_not_found(self, api: Api, method: str, path: str) -> None:
        answer = api.send(method, path, invoice_body())

        assert_refused(answer, 404, "not_found")


EXAMPLE = {  # section "The merchant's invoice" of the specification
    "gateway_id": 1,
    "currency_code": "MYR",
    "external_id": "order-77",
    "line_items": [LINE],
    "installments": {"count": 2},
}


class TestTheMerchantsInvoice:
    def test_is_the_specifications_to_the_unit(self, live_api: Api) -> None:
        answer = live_api.post("/invoices", EXAMPLE)

        body = answer.json()
        midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
        installments = [
            {
                "number": number,
                "due_date": iso(midnight + timedelta(days=14 * number)),
                "amount": 99999,
                "tax": 6000,
                "service_fee": 3000,
                "total": 108999,
                "paid_amount": 0,
                "status": "unpaid",
                "paid_at": None,
                "payment_url": body["payment_url"] if number == 1 else None,
            }
            for number in (1, 2)
        ]
        assert answer.status_code == 201
        assert body == {
            "id": Invoice.objects.get().pk,
            "external_id": "order-77",
            "status": "pending",
            "currency_code": "MYR",
            "gateway_id": 1,
            "selected_gateway": "Xendit",
            "subtotal_amount": 199998,
            "total_tax_amount": 12000,
            "total_service_fee_amount": 6000,
            "total_amount": 217998,
            "paid_amount": 0,
            "overpayment_amount": 0,
            "refunded_amount": 0,
            "refund_status": "none",
            "amount_due": 217998,
            "payment_url": PaymentRequest.objects.get().payment_url,
            "parent_invoice_id": None,
            "description": None,
            "customer": None,
            "metadata": {},
            "version": 1,
            "updated_at": body["created_at"],
            "paid_at": None,
            "created_at": iso(Invoice.objects.get().created_at),
            "expires_at": iso(midnight + timedelta(days=29)),
            "payment_initiated_at": body["created_at"],
            "line_items": [
                {
                    "id": LineItem.objects.get().pk,
                    "product_name": "Phone",
                    "quantity": 2,
                    "unit_price": 999.99,
                    "discount_amount": 0,
                    "tax_rate": 0.06,
                    "tax_category": "SST",
                    "country_code": "MY",
                    "subtotal_amount": 199998,
                    "tax_amount": 12000,
                }
            ],
            "installment_schedule": installments,
        }
        assert b'"quantity":2,"unit_price":999.99,"discount_amount":0,' in answer.content
        assert b'"tax_rate":0.06,' in answer.content
        assert body["payment_url"].startswith("http")

    def test_is_read_as_it_was_answered(self, live_api: Api) -> None:
        made = live_api.post("/invoices", EXAMPLE)

        read = live_api.get(f"/invoices/{json.loads(made.content)['id']}")
        listed = live_api.get("/invoices")

        assert read.status_code == listed.status_code == 200
        assert read.content == made.content
        assert json.loads(listed.content)["results"] == [json.loads(made.content)]

    def test_has_exactly_the_declared_fields(self, live_api: Api) -> None:
        shown = json.loads(live_api.post("/invoices", EXAMPLE).content)

        fields = list(InvoiceResponse().fields.keys())
        fields.remove("payment_instructions")  # only where the gateway has no page
        assert list(shown) == fields
        assert list(shown["line_items"][0]) == list(LineItemResponse().fields)
        assert list(shown["installment_schedule"][0]) == list(InstallmentResponse().fields)

    def test_shows_a_schedule_only_where_one_was_asked_for(self, live_api: Api) -> None:
        shown = json.loads(live_api.post("/invoices", invoice_body()).content)

        optional = {"installment_schedule", "payment_instructions"}
        assert set(shown) == set(InvoiceResponse().fields) - optional

    def test_keeps_what_is_optional(self, live_api: Api, sandbox: Sandbox) -> None:
        optional: dict[str, Any] = {
            "description": "Two phones\nand a case",
            "customer": {"name": "Siti", "email": "siti@example.com", "phone": "+60123456789"},
            "metadata": {str(n): "x" * 500 for n in range(50)},
            "success_redirect_url": "https://shop.example/paid",
            "failure_redirect_url": "https://shop.example/failed",
            "external_id": "日本 / №77 🛒",
            "expires_at": iso(timezone.now().replace(microsecond=0) + timedelta(days=29)),
        }

        answer = live_api.post("/invoices", invoice_body(**optional))

        shown = json.loads(answer.content)
        kept = Invoice.objects.get()
        assert answer.status_code == 201
        for name, value in optional.items():
            if "url" in name:
                assert getattr(kept, name) == value
            else:
                assert shown[name] == value

    @pytest.mark.parametrize("phone", ["(021) 555 1234", "12345", "call me", "", None, "08\t12"])
    def test_is_never_lost_by_a_phone(self, live_api: Api, phone: str | None) -> None:
        customer = {"name": "Siti", "email": None, "phone": phone}

        answer = live_api.post("/invoices", rupiah_body(customer=customer))

        assert answer.status_code == 201
        assert json.loads(answer.content)["customer"] == customer

    @pytest.mark.parametrize(
        ("gateway_id", "method"),
        [(1, None), (2, None), (2, {"type": "gopay"}), (2, {"type": "shopeepay"})],
    )
    def test_may_lead_back_into_an_app(
        self, live_api: Api, gateway_id: int, method: dict[str, str] | None
    ) -> None:
        address = "myshop://order/1?paid=yes#top"

        answer = live_api.post(
            "/invoices",
            rupiah_body(
                gateway_id=gateway_id,
                payment_method=method,
                success_redirect_url=address,
                failure_redirect_url="com.my-shop.app2://",
            ),
        )

        assert answer.status_code == 201
        assert Invoice.objects.get().success_redirect_url == address

    @pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S.0000000Z", "%Y-%m-%dT%H:%M:%S+0000"])
    def test_takes_times_as_languages_print_them(self, live_api: Api, form: str) -> None:
        days = [(timezone.now() + timedelta(days=day)).strftime(form) for day in (7, 14, 15)]
        plan = {"count": 2, "due_dates": days[:2]}

        answer = live_api.post("/invoices", invoice_body(installments=plan, expires_at=days[2]))

        shown = json.loads(answer.content)
        assert answer.status_code == 201
        assert [installment["due_date"] for installment in shown["installment_schedule"]] == [
            f"{day[:19]}Z" for day in days[:2]
        ]
        assert shown["expires_at"] == f"{days[2][:19]}Z"

    @pytest.mark.parametrize(
        ("currency", "price", "minor"),
        [
            ("MYR", "120.55", 12055),
            ("MYR", 120.55, 12055),
            ("USD", "0.10", 10),
            ("USD", 7, 700),
            ("IDR", "150000.00", 150000),
        ],
    )
    def test_takes_prices_as_numbers_and_as_strings(
        self, live_api: Api, currency: str, price: Any, minor: int
    ) -> None:
        line = LINE | {"quantity": 1, "unit_price": price}

        answer = live_api.post("/invoices", invoice_body(currency_code=currency, line_items=[line]))

        assert answer.status_code == 201
        assert json.loads(answer.content)["subtotal_amount"] == minor

    @pytest.mark.parametrize(
        ("quantity", "shown"),
        [(2, b"2"), (2.0, b"2"), ("2.000", b"2"), (1.5, b"1.5"), ("1.500", b"1.5"), (100, b"100")],
    )
    def test_shows_a_quantity_without_empty_decimals(
        self, live_api: Api, quantity: Any, shown: bytes
    ) -> None:
        made = live_api.post("/invoices", invoice_body(line_items=[LINE | {"quantity": quantity}]))

        read = live_api.get(f"/invoices/{json.loads(made.content)['id']}")
        assert made.status_code == 201
        assert b'"quantity":' + shown + b"," in made.content
        assert read.content == made.content

    def test_takes_a_discount_off_before_tax_and_fee(self, live_api: Api) -> None:
        rice = LINE | {"quantity": 1.5, "unit_price": "9.99", "discount": 4.99, "tax_rate": 0.1}

        answer = live_api.post("/invoices", invoice_body(line_items=[rice, LINE]))

        body = json.loads(answer.content)
        line = body["line_items"][0]
        assert answer.status_code == 201
        assert line["discount_amount"] == 499
        assert line["subtotal_amount"] == 1000  # 14.985 is 14.99, less 4.99
        assert line["tax_amount"] == 100
        assert body["subtotal_amount"] == 200_998
        assert body["total_amount"] == 200_998 + 12_100 + body["total_service_fee_amount"]

    @pytest.mark.parametrize("gateway_id", [1, 2])
    @pytest.mark.parametrize("plan", [None, {"count": 3}])
    @pytest.mark.parametrize("method", [None, {"type": "bank_transfer", "bank": "bca"}])
    def test_of_fractions_and_discounts_is_taken_by_both_gateways(
        self, live_api: Api, gateway_id: int, plan: Any, method: Any
    ) -> None:
        rice = {"product_name": "Beras | " * 20, "quantity": 1.5, "unit_price": 13_333}
        sale = {"product_name": "Kopi", "quantity": 3, "unit_price": 20_000, "discount": 6_000}
        body = rupiah_body(
            gateway_id=gateway_id,
            line_items=[line | {"tax_rate": 0.11} for line in [rice, sale] * 40],
            external_id="order-77",
            installments=plan,
            payment_method=method,
        )

        answer = live_api.post("/invoices", body)

        assert answer.status_code == 201, answer.content
        assert json.loads(answer.content)["subtotal_amount"] == 40 * (20_000 + 54_000)

    @pytest.mark.parametrize("discount", [ABSENT, None, 0, "0.00"])
    def test_without_a_discount_is_the_same_however_that_is_said(
        self, live_api: Api, discount: Any
    ) -> None:
        first = live_api.post("/invoices", EXAMPLE)
        line = {**LINE, "quantity": "2.000"}
        if discount is not ABSENT:
            line["discount"] = discount

        again = live_api.post("/invoices", EXAMPLE | {"line_items": [line]})

        assert again.status_code == 200
        assert json.loads(again.content)["id"] == json.loads(first.content)["id"]

    @pytest.mark.parametrize("change", [{"discount": "0.01"}, {"quantity": "2.001"}])
    def test_with_another_discount_or_quantity_is_another(
        self, live_api: Api, change: dict[str, Any]
    ) -> None:
        live_api.post("/invoices", EXAMPLE)

        answer = live_api.post("/invoices", EXAMPLE | {"line_items": [LINE | change]})

        assert answer.status_code == 409
        assert json.loads(answer.content)["error"] == "external_id_conflict"
        assert Invoice.objects.count() == 1

    def test_of_another_tenant_may_bear_the_same_external_id(self, api: Api) -> None:
        invoice(external_id="order-77", tenant=api.api_key.tenant)

        invoice(external_id="order-77", tenant=TenantFactory.create())

        assert Invoice.objects.filter(external_id="order-77").count() == 2


def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def statements(queries: CaptureQueriesContext) -> list[str]:
    """Return the statements that cost something: BEGIN, COMMIT and savepoints do not count."""
    ignored = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    return [q["sql"] for q in queries.captured_queries if not q["sql"].startswith(ignored)]


class TestStatements:
    @pytest.mark.parametrize(("lines", "count"), [(3, 1), (50, 1), (3, 12), (50, 12)])
    def test_of_a_post_grow_neither_with_lines_nor_installments(
        self, live_api: Api, lines: int, count: int
    ) -> None:
        body = invoice_body(line_items=[LINE] * lines)
        if count > 1:
            body["installments"] = {"count": count}
        live_api.post("/invoices", body)  # warm: the key is verified, the fee is read as always

        with CaptureQueriesContext(connection) as queries:
            answer = live_api.post("/invoices", body)

        assert answer.status_code == 201
        assert len(statements(queries)) == POST_STATEMENTS, statements(queries)

    @pytest.mark.parametrize("installments", [1, 12])
    @pytest.mark.parametrize("invoices", [1, 20])
    def test_of_a_list_grow_neither_with_invoices_nor_installments(
        self, api: Api, installments: int, invoices: int
    ) -> None:
        for _ in range(invoices):
            invoice(tenant=api.api_key.tenant, totals=[1000] * installments)

        with CaptureQueriesContext(connection) as queries:
            answer = api.get("/invoices")

        assert len(json.loads(answer.content)["results"]) == invoices
        assert len(statements(queries)) == GET_STATEMENTS, statements(queries)

    @pytest.mark.parametrize("installments", [1, 12])
    def test_of_a_get_do_not_grow_with_installments(self, api: Api, installments: int) -> None:
        shown = invoice(tenant=api.api_key.tenant, totals=[1000] * installments)

        with CaptureQueriesContext(connection) as queries:
            answer = api.get(f"/invoices/{shown.pk}")

        assert answer.status_code == 200
        assert len(statements(queries)) == GET_STATEMENTS, statements(queries)


POST_STATEMENTS = 14  # two trips: of the invoice, and of its page
GET_STATEMENTS = 6  # the key; the invoice, its lines, instalments, open payment; the audit log


@pytest.fixture
def shop(api: Api) -> Api:
    """Invoices of many kinds, and somebody else's."""
    tenant = api.api_key.tenant
    kinds: list[dict[str, Any]] = [
        {"status": "draft", "payment_initiated_at": None},
        {"status": "pending", "currency_code": "IDR", "gateway_id": 2},
        {"status": "pending", "currency_code": "IDR"},
        {"status": "expired", "currency_code": "USD"},
        {"status": "cancelled"},
    ]
    for number, fields in enumerate(kinds):
        created_at = NOON + timedelta(hours=number)
        invoice(tenant=tenant, external_id=f"order-{number}", created_at=created_at, **fields)
    invoice(external_id="order-0")
    return api


def listed(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["external_id"] for row in json.loads(answer.content)["results"]]


class TestList:
    def test_is_newest_first(self, shop: Api) -> None:
        answer = shop.get("/invoices")

        assert listed(answer) == ["order-4", "order-3", "order-2", "order-1", "order-0"]
        assert set(json.loads(answer.content)) == {"results", "next", "previous"}

    @pytest.mark.parametrize(
        ("params", "numbers"),
        [
            ({"status": "pending"}, [2, 1]),
            ({"status": "failed"}, []),
            ({"currency_code": "IDR"}, [2, 1]),
            ({"currency_code": "EUR"}, []),
            ({"gateway_id": 2}, [1]),
            ({"gateway_id": 1, "currency_code": "IDR"}, [2]),
            ({"external_id": "order-3"}, [3]),
            ({"external_id": "order"}, []),
            ({"created_from": "2026-11-22T14:00:00Z"}, [4, 3, 2]),
            ({"created_to": "2026-11-22T14:00:00Z"}, [1, 0]),
            ({"created_from": "2026-11-22", "created_to": "2026-11-23"}, [4, 3, 2, 1, 0]),
            ({"created_to": "2026-11-22"}, []),
            ({"created_from": "2026-11-22T21:00:00 07:00"}, [4, 3, 2]),  # a plus not encoded
            ({"created_from": "2026-11-22T20:00:00+07:00", "created_to": iso(NOON)}, []),
            (
                {"created_from": "2026-11-22T20:00:00+07:00", "created_to": "2026-11-22T14:00:01Z"},
                [2, 1],
            ),
            ({"created_from": "0001-01-01T00:00:00Z"}, [4, 3, 2, 1, 0]),
            ({"created_to": "9999-12-31T23:59:59Z"}, [4, 3, 2, 1, 0]),
        ],
    )
    def test_shows_what_is_asked_for(
        self, shop: Api, params: dict[str, Any], numbers: list[int]
    ) -> None:
        answer = shop.get("/invoices", **params)

        assert listed(answer) == [f"order-{number}" for number in numbers]

    @pytest.mark.parametrize(
        ("params", "numbers"),
        [
            ({"customer_email": "siti@example.com"}, [2, 1]),
            ({"customer_email": "SITI@EXAMPLE.COM"}, [2, 1]),
            ({"customer_email": "iti@example.com"}, []),
            ({"metadata[order]": "77"}, [2, 0]),
            ({"metadata[order]": "7"}, []),
            ({"metadata[ORDER]": "77"}, []),
            ({"metadata[order]": "77", "metadata[shop]": "Kuta [2] & more"}, [2]),
            ({"metadata[a]b]": ""}, [0]),
            ({"metadata[order]": "77", "status": "pending"}, [2]),
            ({"parent_invoice_id": 0}, [2]),
            ({"parent_invoice_id": 999_999_999}, []),
            ({"updated_from": "2026-11-22T14:00:00Z"}, [1]),
            ({"updated_from": "2026-11-23"}, []),
        ],
    )
    def test_shows_what_is_asked_for_by_customer_metadata_parent_or_change(
        self, shop: Api, params: dict[str, Any], numbers: list[int]
    ) -> None:
        mine = Invoice.objects.filter(tenant=shop.api_key.tenant).order_by("pk")
        first, second, third = (mine.get(external_id=f"order-{number}") for number in range(3))
        mine.filter(pk=first.pk).update(metadata={"order": "77", "a]b": ""})
        mine.filter(pk=second.pk).update(updated_at=NOON + timedelta(hours=2))
        customer = {"name": "Siti", "email": "Siti@Example.com", "phone": None}
        mine.filter(pk__in=[second.pk, third.pk]).update(customer=customer)
        invoice(
            tenant=shop.api_key.tenant,
            external_id="order-2b",
            parent_id=first.pk,
            metadata={"order": "77", "shop": "Kuta [2] & more"},
            customer=customer,
            status="pending",
        )
        other = invoice(metadata={"order": "77"}, customer=customer, parent_id=first.pk)
        assert other.tenant_id != shop.api_key.tenant_id
        names = {0: "order-0", 1: "order-1", 2: "order-2b"}
        if "customer_email" in params:
            mine.filter(pk=third.pk).update(customer=None)
        if params.get("parent_invoice_id") == 0:
            params = {"parent_invoice_id": first.pk}

        answer = shop.get("/invoices", **params)

        assert listed(answer) == [names[number] for number in numbers]

    def test_takes_the_same_statements_whatever_is_asked_for(self, shop: Api) -> None:
        invoice(
            tenant=shop.api_key.tenant,
            metadata={"a": "b", "c": "d"},
            customer={"name": None, "email": "a@example.com", "phone": None},
        )
        counts = set()
        for params in (
            {"limit": 1},
            {"limit": 100},
            {"metadata[a]": "b", "metadata[c]": "d", "customer_email": "a@example.com"},
            {"status": "pending", "refund_status": "none", "updated_from": "2026-11-01"},
        ):
            with CaptureQueriesContext(connection) as queries:
                shop.get("/invoices", **params)
            counts.add(len(queries))
        assert len(counts) == 1

    def test_finds_a_pair_of_metadata_no_longer_once_it_is_changed(self, shop: Api) -> None:
        mine = Invoice.objects.filter(tenant=shop.api_key.tenant, external_id="order-0")
        mine.update(metadata={"a": "1", "b": "2"})
        mine.update(metadata={"a": "1", "b": "3"})

        assert listed(shop.get("/invoices", **{"metadata[b]": "2"})) == []
        assert listed(shop.get("/invoices", **{"metadata[b]": "3"})) == ["order-0"]
        assert listed(shop.get("/invoices", **{"metadata[a]": "1"})) == ["order-0"]

    def test_is_turned_page_by_page_and_back(self, shop: Api) -> None:
        first = shop.get("/invoices", limit=2)
        second = follow(shop, first, "next")
        third = follow(shop, second, "next")
        back = follow(shop, third, "previous")

        pages = [listed(page) for page in (first, second, third, back)]
        assert pages == [
            ["order-4", "order-3"],
            ["order-2", "order-1"],
            ["order-0"],
            ["order-2", "order-1"],
        ]
        assert json.loads(first.content)["previous"] is None
        assert json.loads(third.content)["next"] is None
        assert listed(follow(shop, back, "previous")) == ["order-4", "order-3"]

    def test_keeps_its_filter_from_page_to_page(self, shop: Api) -> None:
        first = shop.get("/invoices", limit=1, status="pending")

        assert listed(first) == ["order-2"]
        assert listed(follow(shop, first, "next")) == ["order-1"]

    def test_does_not_shift_when_an_invoice_arrives(self, shop: Api) -> None:
        first = shop.get("/invoices", limit=2)
        invoice(tenant=shop.api_key.tenant, external_id="order-5")

        assert listed(follow(shop, first, "next")) == ["order-2", "order-1"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("status", value) for value in ["paid", "", "PENDING", "draft,pending", "\0"]),
            *(("currency_code", value) for value in ["myr", "MY", "", "\0"]),
            *(("gateway_id", value) for value in ["x", "0", "-1", "", "1.5", "9" * 30]),
            *(("external_id", value) for value in ["", "x" * 256, "\0"]),
            *(("parent_invoice_id", value) for value in ["x", "0", "", "9" * 30]),
            *(("customer_email", value) for value in ["", "siti", "a@b", "x" * 255, "\0"]),
            *(("metadata[a]", value) for value in ["x" * 501, "\0"]),
            *((name, "1") for name in ("metadata[]", f"metadata[{'k' * 41}]", "metadata[\0]")),
            *((name, "1") for name in ("metadata", "metadata[", "metadata.a", "[a]")),
            *(
                (name, value)
                for name in ("created_from", "created_to", "updated_from")
                for value in ["", "yesterday", "2026-13-01", "2026-11-22T00:00:00", "1e9", "\0"]
            ),
            *(("limit", value) for value in ["0", "101", "-1", "x", "", "1.0", "9" * 30]),
            ("colour", "red"),
            ("Status", "pending"),
        ],
    )
    def test_refuses_a_filter_that_is_none(self, api: Api, name: str, value: str) -> None:
        answer = api.get("/invoices", **{name: value})

        assert_refused(answer, 400, "invalid_request", (name,))

    def test_refuses_more_pairs_of_metadata_than_ten(self, api: Api) -> None:
        ten = {f"metadata[{number}]": "x" for number in range(10)}

        assert listed(api.get("/invoices", **ten)) == []
        assert_refused(
            api.get("/invoices", **ten, **{"metadata[10]": "x"}),
            400,
            "invalid_request",
            ("metadata",),
        )

    @pytest.mark.parametrize(
        "name", ["status", "gateway_id", "metadata[a]", "limit", "cursor", "colour"]
    )
    def test_refuses_a_filter_given_twice(self, api: Api, name: str) -> None:
        answer = api.send("GET", "/invoices", QUERY_STRING=f"{name}=1&{name}=2")

        assert_refused(answer, 400, "invalid_request", (name,))

    @pytest.mark.parametrize(
        "cursor", ["x", "PDE", "!!!!", "PHg=", "\u00e9", "PDk5OTk5OTk5OTk5OTk5OTk5OTk5OQ=="]
    )
    def test_refuses_a_cursor_that_is_none_of_ours(self, api: Api, cursor: str) -> None:
        answer = api.get("/invoices", cursor=cursor)

        assert_refused(answer, 400, "invalid_cursor")

    def test_is_empty_for_a_new_merchant(self, api: Api) -> None:
        ApiKeyFactory.create()

        assert api.get("/invoices").content == b'{"results":[],"next":null,"previous":null}'


def follow(api: Api, answer: Any, name: str) -> Any:
    _, _, query = json.loads(answer.content)[name].partition("?")
    return api.send("GET", "/invoices", QUERY_STRING=query)
