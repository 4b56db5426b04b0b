"""The kinds of acts that the trail knows. Each app registers its own beside the acts."""

from django.utils.functional import Promise

KINDS: dict[str, str | Promise] = {}
"""What staff did, by code, as a text that follows their name: "asked the gateway"."""


def register(code: str, text: str | Promise) -> str:
    """Add a kind of act and return its code, which the trail keeps.

    Raises:
        ValueError: another kind has this code.
    """
    if code in KINDS:
        raise ValueError(f"{code} is registered already")
    KINDS[code] = text
    return code


def text_of(code: str) -> str:
    """Return a kind's text in the reader's language; a code that is no longer known stays."""
    return str(KINDS.get(code, code))
