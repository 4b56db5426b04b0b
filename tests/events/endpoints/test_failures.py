"""Why attempts failed, in the reader's language."""

import ast
import inspect
from collections.abc import Iterator, Sequence

import pytest
from django.utils import translation

from events.deliveries import addresses, transport
from events.endpoints.failures import in_words

REFUSED_BEFORE = "The URL"  # begins what `addresses` says of URLs that no endpoint can have


def sentences() -> Iterator[str]:
    """Yield what the code says of an attempt, with 7 for each of its values."""
    for module, makers in (
        (transport, {"_Failed", "_in_words", "_LATE"}),
        (addresses, {"UrlNotAllowed"}),
    ):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in makers:
                yield from texts_in(node.args[:1])
            elif isinstance(node, ast.FunctionDef) and node.name in makers:
                returned = (one for one in ast.walk(node) if isinstance(one, ast.Return))
                yield from texts_in([one.value for one in returned])
            elif isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") in makers:
                yield from texts_in([node.value])


def texts_in(nodes: Sequence[ast.expr | None]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant):
            yield str(node.value)
        elif isinstance(node, ast.JoinedStr):
            pieces = (one.value if isinstance(one, ast.Constant) else "7" for one in node.values)
            yield "".join(map(str, pieces))


SAID = [one for one in sentences() if not one.startswith(REFUSED_BEFORE)]


def test_finds_the_sentences_of_the_code() -> None:
    assert {
        "the connection broke: 7",
        "no whole answer within 7 s",
        "no TLS handshake: 7",
        "7 has no address.",
    } <= set(SAID)


@pytest.mark.parametrize("language", ["id", "ms"])
def test_knows_each_sentence(language: str) -> None:
    said = [*SAID, "the answer was HTTP 500"]

    with translation.override(language):
        assert [one for one in said if in_words(one) == one] == []


def test_keeps_what_the_sentence_is_about() -> None:
    with translation.override("id"):
        assert in_words("the answer was HTTP 503") == "jawabannya HTTP 503"
    assert in_words("the answer was HTTP 503") == "the answer was HTTP 503"


def test_shows_what_it_does_not_know_as_it_is() -> None:
    with translation.override("ms"):
        assert in_words("100 % new") == "100 % new"
