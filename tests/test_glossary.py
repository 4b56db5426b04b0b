"""Names in the code keep to docs/glossary.md."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APPS = ("paytrust", "apikeys", "events", "gateways", "invoices", "payments", "reporting")
# Each word of a name that the glossary does not allow, and what to write instead.
AVOIDED = {
    "instalment": "installment",
    "instalments": "installments",
    "utils": "the noun that is missing",
    "helper": "the noun that is missing",
    "helpers": "the noun that is missing",
    "common": "the noun that is missing",
    "misc": "the noun that is missing",
    "manager": "the noun that is missing",
    "handler": "the noun that is missing",
}


def sources() -> Iterator[Path]:
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            if "migrations" not in path.parts:
                yield path


def names_of(path: Path) -> Iterator[str]:
    """Return the names that a module gives: its own, and those of what it defines."""
    yield path.stem
    yield from path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg


def words_of(name: str) -> set[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return {word.lower() for word in spaced.split("_")}


def test_no_name_has_a_word_that_the_glossary_replaces() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources()
        for name in names_of(path)
        if words_of(name) & AVOIDED.keys()
    }

    assert found == set()


def test_the_glossary_explains_each_word_once() -> None:
    glossary = (ROOT / "docs/glossary.md").read_text().partition("## Words that we do not use")[0]
    rows = re.findall(r"^\| (?!word )([a-z][a-z ]*) \|", glossary, re.MULTILINE)

    assert len(rows) == len(set(rows))
    assert {"claim", "installment", "overdue", "report", "refund", "reversal"} <= set(rows)
