"""No rule stands twice: no twelve lines of the code are the same as twelve others."""

import ast
import io
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (
    "apikeys",
    "bench",
    "events",
    "gateways",
    "invoices",
    "payments",
    "paytrust",
    "reporting",
)
LINES = 12
LAYOUT = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}
Line = tuple[int, str]  # its number, and what it says without layout


def lines_of(source: str) -> list[Line]:
    """Return the lines of code: no comments, imports, docstrings or lone brackets."""
    skipped = set(_left_out(ast.parse(source)))
    tokens = (
        token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in LAYOUT and token.start[0] not in skipped
    )
    rows = groupby(tokens, key=lambda token: token.start[0])
    said = ((number, " ".join(token.string for token in row)) for number, row in rows)
    return [(number, text) for number, text in said if any(map(str.isalnum, text))]


def _left_out(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)


def pairs_of(files: Iterable[tuple[str, str]]) -> list[str]:
    """Return the places in which the same lines stand, of files given by name and source."""
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, source in files:
        lines = lines_of(source)
        for start in range(len(lines) - LINES + 1):
            run = lines[start : start + LINES]
            places[tuple(text for _, text in run)].append(f"{name}:{run[0][0]}")
    return [" ~ ".join(found) for found in places.values() if len(found) > 1]


def test_no_twelve_lines_stand_twice() -> None:
    files = (
        (str(path.relative_to(ROOT)), path.read_text())
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "migrations" not in path.parts
    )

    assert pairs_of(files) == []


class TestPairsOf:
    BODY = "\n".join(f"    total{n} = net{n} + tax{n}" for n in range(LINES - 1))

    def test_finds_the_same_lines_in_another_layout(self) -> None:
        again = self.BODY.replace(" + ", "  +  ").replace("\n", "  # why\n\n")

        found = pairs_of([("a.py", f"def f():\n{self.BODY}\n"), ("b.py", f"\ndef f():\n{again}\n")])

        assert found == ["a.py:1 ~ b.py:2"]

    def test_counts_neither_imports_nor_docstrings(self) -> None:
        imports = "".join(f"import module{n}\n" for n in range(LINES + 1))
        text = '"""' + "\n".join(f"Line {n}" for n in range(LINES + 1)) + '"""\n'

        assert pairs_of([("a.py", text + imports), ("b.py", text + imports)]) == []

    def test_leaves_eleven_lines_alone(self) -> None:
        assert pairs_of([("a.py", f"if a:\n{self.BODY}"), ("b.py", f"if b:\n{self.BODY}")]) == []
