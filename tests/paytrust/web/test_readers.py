"""Right bodies are read at once; the verdicts are those of reading field by field."""

import copy
import json
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.urls import get_resolver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from rest_framework import serializers

from invoices.invoices.serializers import InvoiceCreateRequest, LineItemRequest
from paytrust.errors import PayTrustError
from paytrust.web import serializers as strict
from paytrust.web import strict_json
from paytrust.web.readers import Reader
from paytrust.web.serializers import StrictSerializer
from tests.factories import invoice_body

WRITTEN = {"quantity": 1, "unit_price": "1.50", "tax_rate": "0"}
# Each first what is right for most fields, then what is nearly so.
TEXTS = (
    ["a", "é", "MY", "MYR", "PT-1", "a@example.com", "10.0.0.0/8", "YQ==", "myshop://order/1"],
    [
        "",
        " ",
        "\n",
        "a\tb",
        "\x00",
        "\x85",
        "\u2028",
        "\ud800",
        "\ufffe",
        " a ",
        "XK",
        "EUR",
        "data:,",
    ],
)
NUMBERS = ([2, 3, 12], [-1, 0, 1, 13, 366, 367, 10**15, 10**18, 10**40, -(10**40), Decimal("2.0")])
DECIMALS = (
    ["0.06", "1", 1, Decimal("0.5"), Decimal("1.0")],
    [
        *("0", "1.2345", "1.23456", "-1", "1e2", " 1", "1_0", "NaN", "Infinity", "9" * 31, "٣", ""),
        *(Decimal("2.0"), Decimal("1E+2"), Decimal("-0.00"), 0, True, "0." + "0" * 30 + "1"),
    ],
)
TIMES = (
    ["2026-11-30T09:00:00Z", "2026-11-30T09:00:00.123456789+0700"],
    ["2026-11-30", "2026-11-30T09:00:00", "2026-02-30T09:00:00Z", "0001-01-01T00:00:00+14:00"],
)
JUNK = st.one_of(
    st.text(max_size=5),
    st.sampled_from([None, True, 0, Decimal("0.5"), "", [], {}, [None], {"": 0}]),
)


def kinds() -> list[type[StrictSerializer]]:
    """All serializers of PayTrust that read a request."""
    get_resolver().url_patterns  # noqa: B018  # imports the views
    return sorted(
        (kind for kind in _below(StrictSerializer) if not kind.__module__.startswith("tests.")),
        key=lambda kind: f"{kind.__module__}.{kind.__qualname__}",
    )


def _below(kind: type[StrictSerializer]) -> Iterator[type[StrictSerializer]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def values(field: Any, *, right: bool) -> SearchStrategy[Any]:
    """Values that are right for a field, but for rules of its own, or also some that are nearly."""
    known: tuple[list[Any], list[Any]]
    match field:
        case StrictSerializer():
            return bodies(type(field), right=right)
        case serializers.ListSerializer() | serializers.ListField():
            return st.lists(
                values(field.child, right=right), min_size=1 if right else 0, max_size=3
            )
        case serializers.DictField():
            keys = st.sampled_from(["a", "", "k" * 40] if right else ["a", "k" * 41])
            return st.dictionaries(keys, values(field.child, right=right), max_size=3)
        case serializers.ChoiceField():
            known = [*field.choices], ["other"]
        case serializers.DateTimeField():
            known = TIMES
        case strict.StrictDecimalField():
            known = DECIMALS
        case serializers.IntegerField():
            known = NUMBERS
        case serializers.BooleanField():
            known = [True, False], [1, "true"]
        case _:
            longest = getattr(field, "max_length", None) or 100
            known = [*TEXTS[0], "x" * longest], [*TEXTS[1], "x" * (longest + 1)]
    return st.sampled_from(known[0] if right else known[0] + known[1])


@st.composite
def bodies(draw: DrawFn, kind: type[StrictSerializer], *, right: bool | None = None) -> Any:
    """Bodies with any of the known fields; half of them with values that may be wrong."""
    right = draw(st.booleans()) if right is None else right
    body = {}
    for name, field in kind().fields.items():
        how = draw(st.integers(0, 19))
        if how == 0 and not right:
            body[name] = draw(JUNK)
        elif how == 1 and (field.allow_null or not right):
            body[name] = None
        elif field.required or how > 9:
            body[name] = draw(values(field, right=right))
    if not right and draw(st.integers(0, 19)) == 0:
        body["unknown"] = 1
    return body


def verdict(kind: type[StrictSerializer], body: Any) -> tuple[bool, Any]:
    """What a serializer says of a body: right or not, and its values or what is wrong where."""
    asked = kind(data=copy.deepcopy(body))
    try:
        return (True, asked.validated_data) if asked.is_valid() else (False, asked.errors)
    except PayTrustError as error:
        return False, {error.code: error.details}


@pytest.fixture
def field_by_field(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[bool, Any]]:
    """The verdict without readers."""

    def read(kind: type[StrictSerializer], body: Any) -> tuple[bool, Any]:
        with monkeypatch.context() as patched:
            patched.setattr(Reader, "read", lambda *_: None)
            return verdict(kind, body)

    return read


def typed(value: Any) -> Any:
    """The same with the type of each value, so that 1, True and 1.0 differ, and names in order."""
    if isinstance(value, dict):
        return [(name, typed(member)) for name, member in value.items()]
    if isinstance(value, list):
        return [typed(member) for member in value]
    return type(value), str(value)


@pytest.mark.django_db
class TestReaders:
    @pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
    def test_judge_as_the_fields_do(
        self, kind: type[StrictSerializer], field_by_field: Callable[..., tuple[bool, Any]]
    ) -> None:
        of_an_invoice = hasattr(kind, "to_request")

        @settings(
            max_examples=600 if of_an_invoice else 60,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture],
        )
        @given(bodies(kind))
        def judged(body: Any) -> None:
            slowly, quickly = field_by_field(kind, body), verdict(kind, body)

            assert quickly[0] == slowly[0]
            assert typed(quickly[1]) == typed(slowly[1])

        judged()


def cost_of(text: str) -> float:
    """The least processor time of three, in seconds, that one line with a name takes to be read."""
    times = []
    for _ in range(3):
        asked = LineItemRequest(data={"product_name": text, **WRITTEN})
        began = time.thread_time()
        asked.is_valid()
        times.append(time.thread_time() - began)
    return min(times)


def test_a_refused_text_costs_as_much_as_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern of which two parts may match the same takes the square of it: 11 ms for 2000."""
    monkeypatch.setattr(strict, "_threads", threading.local())
    field: Any = LineItemRequest._declared_fields["product_name"]
    monkeypatch.setitem(field._kwargs, "max_length", 20_000)  # fields are copied by these

    right, refused = cost_of("x" * 20_000), cost_of("x" * 19_999 + "\x01")

    assert refused < 50 * right


class TestUsualBodies:
    """Bodies as merchants send them never need the fields one by one."""

    @pytest.mark.parametrize(
        "more",
        [
            {},
            {"external_id": "PT-1", "description": "two\nlines", "metadata": {"cart": "7"}},
            {"customer": {"name": "Siti", "email": "siti@example.com", "phone": ""}},
            {"installments": {"count": 3, "interval_days": 30}},
            {"installments": {"count": 2, "due_dates": ["2027-01-01", "2027-02-01T00:00:00Z"]}},
            {"installments": {"count": 2, "custom_amounts": [1, 2]}},
            {"expires_at": "2027-01-01T00:00:00Z", "success_redirect_url": "myshop://order/1"},
            {"payment_method": {"type": "bank_transfer", "bank": "bca"}},
        ],
    )
    def test_of_invoices_are_read_at_once(
        self, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
    ) -> None:
        found: list[dict[str, Any] | None] = []
        read_at_once = Reader.read

        def read(reader: Reader, given: dict[str, Any]) -> dict[str, Any] | None:
            found.append(read_at_once(reader, given))
            return found[-1]

        monkeypatch.setattr(Reader, "read", read)
        body = strict_json.decode(json.dumps(invoice_body(**more)).encode())

        asked = InvoiceCreateRequest(data=body)

        assert asked.is_valid(), asked.errors
        assert found == [asked.validated_data]
