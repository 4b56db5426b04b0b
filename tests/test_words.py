"""Docstrings, comments and docs are plain English, without the words of BANNED."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = (
    "paytrust",
    "apikeys",
    "events",
    "gateways",
    "invoices",
    "payments",
    "reporting",
    "bench",
    "tests",
)
# Copies of other texts: the specification, and what the gateways say about themselves.
QUOTED = {"rules.md", "gateway-facts.md"}
# Each word that is old, poetic or has several meanings, and what to write instead.
BANNED = {
    "alike": "the same way",
    "anew": "again",
    "bear": "have, carry",
    "bears": "has, carries",
    "bore": "had",
    "borne": "had",
    "ere": "before",
    "hence": "so",
    "hither": "here",
    "likewise": "the same, also",
    "lest": "so that ... not",
    "nobody": "no person, no other caller, or a sentence about who does it",
    "nought": "nothing",
    "thence": "from there",
    "thereof": "of it",
    "thither": "there",
    "thrice": "three times",
    "told": "said, reported, or a sentence about who gets it",
    "shall": "will, must",
    "whence": "from where",
    "whereof": "of which",
    "whither": "to where",
    "whichever": "any",
    "whoever": "the person who",
    "wherein": "in which",
}
WORD = re.compile(rf"\b({'|'.join(BANNED)})\b", re.IGNORECASE)
# A code span, or an example in a fence: not a sentence of ours.
CODE_SPAN = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
# The user of Unix systems.
USER_NOBODY = re.compile(r"\buser nobody\b")


def sources() -> Iterator[Path]:
    for folder in CODE:
        for path in (ROOT / folder).rglob("*.py"):
            if "migrations" not in path.parts:
                yield path


def docs() -> Iterator[Path]:
    yield from (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md")
    for path in (ROOT / "docs").rglob("*.md"):
        if path.name not in QUOTED:
            yield path


def prose_of(path: Path) -> Iterator[str]:
    """Yield the docstrings and comments of a module, or the text of a page."""
    text = path.read_text()
    if not WORD.search(text):  # nothing to find, and reading tokens takes time
        return
    if path.suffix == ".md":
        yield text
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def banned_in(prose: str) -> set[str]:
    sentences = USER_NOBODY.sub("", CODE_SPAN.sub("", prose))
    return {found.lower() for found in WORD.findall(sentences)}


def test_prose_has_no_banned_word() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {word}: write {BANNED[word]}"
        for path in (*sources(), *docs())
        for prose in prose_of(path)
        for word in banned_in(prose)
    }

    assert found == set()


@pytest.mark.parametrize(
    ("prose", "banned"),
    [
        ("Nobody is told of it.", {"nobody", "told"}),
        ("The answer bears an id.", {"bears"}),
        ("Runs as the user nobody; `told` is a name.", set()),
        ("```\nopened anew\n```\nA bearing, a hence-forth and a bearer.", {"hence"}),
    ],
)
def test_a_banned_word_is_found_in_sentences_only(prose: str, banned: set[str]) -> None:
    assert banned_in(prose) == banned
