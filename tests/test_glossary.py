"""Names in code and tests keep to docs/glossary.md."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (
    *("paytrust", "apikeys", "events", "gateways", "invoices", "payments", "reporting"),
    *("bench", "tests"),
)
MISSING = "the noun that is missing"
# Each word of a name that the glossary does not allow, and what to write instead.
AVOIDED = {
    "part": "installment",
    "parts": "installments",
    "wire": "JSON, HTTP, message",
    "vocabulary": "texts, names",
    "utils": MISSING,
    "util": MISSING,
    "helper": MISSING,
    "helpers": MISSING,
    "common": MISSING,
    "misc": MISSING,
    "manager": MISSING,
    "handler": MISSING,
}
# The same for words of which each form is avoided: how they begin, or the whole word.
STEMS = {
    "instalment": "installment",
    "forget": "delete, end",
    "forgot": "delete, end",
    "told": "shown, sent, notified",
    "untold": "shown, sent, notified",
    "vouch": "authenticate, sign",
    "neighbour": "neighbor",
    "colour": "color",
    "cheque": "check",
    "catalogue": "catalog",
    "behaviour": "behavior",
    "initialis": "initializ",
    "normalis": "normaliz",
    "recognis": "recogniz",
    "serialis": "serializ",
    "authoris": "authoriz",
}


def sources() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            if "migrations" not in path.parts:
                yield path


def names_of(source: str) -> Iterator[str]:
    """Return the names that a module gives: what it defines, takes, sets and imports under."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef(name="_initialise_endpoints"):
                pass  # DRF's name, which our generator extends
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name
            case ast.arg():
                yield node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr
            case ast.alias(asname=str(name)):
                yield name


def words_of(name: str) -> set[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.replace("in_part", ""))
    return {word.lower() for word in spaced.split("_")}


def is_avoided(name: str) -> bool:
    words = words_of(name)
    return bool(words & AVOIDED.keys()) or any(word.startswith(tuple(STEMS)) for word in words)


def test_no_name_has_a_word_that_the_glossary_replaces() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources()
        for name in (*path.relative_to(ROOT).with_suffix("").parts, *names_of(path.read_text()))
        if is_avoided(name)
    }

    assert found == set()


@pytest.mark.parametrize(
    "planted",
    [
        "class Part: ...",
        "def forget_adapters(): ...",
        "def of(part_id): ...",
        "parts = []",
        "order.told = True",
        "def test_of_an_instalment(): ...",
        "from gateways import adapter as gateway_wire",
        "[paid for untold in rows]",
        "class TestVouching: ...",
        "neighbours: int = 2",
    ],
)
def test_finds_a_planted_name(planted: str) -> None:
    assert any(is_avoided(name) for name in names_of(planted))


@pytest.mark.parametrize("name", ["refundable_in_part", "partition", "department", "wired_up"])
def test_leaves_other_words_alone(name: str) -> None:
    assert not is_avoided(name)


def test_the_glossary_explains_each_word_once() -> None:
    glossary = (ROOT / "docs/glossary.md").read_text().partition("## Words that we do not use")[0]
    rows = re.findall(r"^\| (?!word )([a-z][a-z ]*) \|", glossary, re.MULTILINE)

    assert len(rows) == len(set(rows))
    assert {"claim", "installment", "overdue", "report", "refund", "reversal"} <= set(rows)
