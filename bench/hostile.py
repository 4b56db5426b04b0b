"""What bodies cost that are made to cost much: CPU of the web server per 100 KB refused."""

import json
from collections.abc import Iterator
from typing import Any, Final

from bench import figures
from bench.load import Request
from bench.rounds import Bench, Subject
from bench.table import Row, Target

LIMIT_MS_PER_100_KB: Final = 5.0
PER_ROUND: Final = 16
LARGEST: Final = 250_000  # bytes: what the limit lets in
SMALL: Final = "a small refused body"
INVOICE: Final[dict[str, Any]] = {"gateway_id": 1, "currency_code": "MYR"}
LINE: Final[dict[str, Any]] = {
    "product_name": "A phone with two cameras and a cover of leather",
    "quantity": 1,
    "unit_price": "999.99",
    "tax_rate": "0.06",
    "tax_category": "SST",
    "country_code": "MY",
}


def shapes() -> dict[str, tuple[bytes, int]]:
    """Return bodies for `POST /invoices` by name, each with the status that refuses it."""
    return {name: (body, status) for name, body, status in _shapes()}


def run(bench: Bench) -> list[Row]:
    """Measure each shape beside a small body that is refused as well."""
    key = {"X-API-Key": bench.stack.api_key, "Content-Type": "application/json"}

    def subject(name: str, body: bytes, status: int) -> Subject:
        request = Request("POST", "/invoices", body.decode("utf-8", "surrogateescape"), key)
        return Subject(name, lambda n: [request] * n, status)

    table = shapes()
    taken = bench.interleaved(
        [subject(name, body, status) for name, (body, status) in table.items()], size=PER_ROUND
    )
    small = figures.summary(taken[SMALL]).cpu_ms["web"]
    rows = []
    for name, rounds in taken.items():
        summary = figures.summary(rounds)
        hundreds_of_kb = len(table[name][0]) / 100_000
        target = Target(
            "ms CPU per 100 KB",
            LIMIT_MS_PER_100_KB,
            (summary.cpu_ms["web"] - small) / hundreds_of_kb,
        )
        rows.append(Row(name, summary, None if name == SMALL else target))
    return rows


def _shapes() -> Iterator[tuple[str, bytes, int]]:
    yield SMALL, b"{}", 400
    names = ",".join(f'"n{i:07}":1' for i in range(9_990))
    yield "names, one of them twice", f'{{{names},"n0000000":2}}'.encode(), 400
    yield "names that nobody knows", f"{{{names}}}".encode(), 400
    yield "one name, again and again", b'{"a":1' + b',"a":1' * 9_990 + b"}", 400
    yield "empty lines", _invoice(line_items=[{}] * 9_000), 400
    yield "empty lines, as many as an invoice may have", _padded([{}] * 500), 400
    yield "more values than a body may hold", b"[" + b"{}," * (LARGEST // 3) + b"{}]", 400
    yield "lists in lists", b"[" * (LARGEST // 2) + b"]" * (LARGEST // 2), 400
    yield "lists in lists, fewer", _padded_text(b"[" * 4_900 + b"]" * 4_900), 400
    yield "objects in objects", b'{"a":' * (LARGEST // 6), 400
    yield "a number of many digits", b'{"gateway_id":' + b"1" * LARGEST + b"}", 400
    numbers = ",".join(["1e400"] * 9_900)
    yield "numbers out of proportion", f'{{"line_items":[{numbers}]}}'.encode(), 400
    yield "half a surrogate pair", _invoice(external_id="x" * LARGEST + "\ud800"), 400
    yield "many halves", _invoice(metadata={str(i): "\ud800" * 4 for i in range(6_000)}), 400
    yield "a long text", _invoice(line_items=[LINE], description="x" * LARGEST), 400
    yield "a long name", json.dumps({"x" * LARGEST: 1}).encode(), 400
    yield "a long text of spaces", _invoice(external_id=" " * LARGEST), 400
    customer = {"email": "a@" + "a." * (LARGEST // 2), "phone": "+" + "1 " * 10}
    yield "a long address", _invoice(line_items=[LINE], customer=customer), 400
    url = "https://" + "a-" * (LARGEST // 2)
    yield "a long link", _invoice(line_items=[LINE], success_redirect_url=url), 400
    wrong: dict[str, object] = {name: [] for name in LINE}
    yield "lines in which all is wrong", _invoice(line_items=[wrong] * 500), 400
    yield (
        "many pairs of metadata",
        _invoice(line_items=[LINE], metadata={f"k{i}": "v" for i in range(9_000)}),
        400,
    )
    yield (
        "many due dates",
        _invoice(line_items=[LINE], installments={"count": 2, "due_dates": ["2026-13-01"] * 9_000}),
        400,
    )
    yield "no JSON after many values", _invoice(line_items=[1] * 9_000)[:-1], 400
    yield "not UTF-8 at the end", b'"' + b"x" * LARGEST + b'\xc3"', 400
    lines = [{**LINE, "product_name": "x" * 255}] * 499
    yield "499 right lines and a wrong one", _invoice(line_items=[*lines, {}]), 400
    yield "a body above the limit", b" " * 400_000, 413


def _invoice(**fields: object) -> bytes:
    return json.dumps(INVOICE | fields, separators=(",", ":")).encode()


def _padded(lines: list[Any]) -> bytes:
    return _padded_text(_invoice(line_items=lines))


def _padded_text(body: bytes) -> bytes:
    return body + b" " * (100_000 - len(body))
