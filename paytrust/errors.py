"""The failures that PayTrust expects. This module imports no framework."""

from http import HTTPStatus
from typing import Any, ClassVar


class PayTrustError(Exception):
    """The request cannot be served as it is.

    Anything that is not a PayTrustError is a bug, and a 500. A subclass says its `status`, a
    stable `code` (clients branch on it, never on the text), and whether the same idempotent
    call may be sent again and will go on where this one stopped (`resumable`). The first line
    of its docstring is the message for people, unless one is given. `for_staff` is what the
    back office says instead: a translatable text without words of the API.
    """

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    code: ClassVar[str] = "invalid_request"
    resumable: ClassVar[bool] = False
    for_staff: ClassVar[object] = None

    def __init__(self, message: str = "", *, details: dict[str, Any] | None = None) -> None:
        super().__init__(message or first_line(type(self).__doc__))
        self.details: dict[str, Any] = details or {}
        self.retry_after_seconds: int | None = None  # when the call may be sent again, if known


def gettext_noop(text: str) -> str:
    """Mark a text for translation without a framework; the code that shows it translates it."""
    return text


def first_line(docstring: str | None) -> str:
    """Return the first line of a docstring, or an empty text."""
    return (docstring or "").strip().partition("\n")[0]
