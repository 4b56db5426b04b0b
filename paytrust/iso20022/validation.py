"""Is a message valid? First by its official schema, then by rules of ours (`rules`)."""

from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from threading import Lock
from typing import Any

from lxml import etree

from paytrust.errors import PayTrustError
from paytrust.iso20022 import builder, rules
from paytrust.iso20022.messages import Message

MOST_PROBLEMS = 20  # of one document; a person cannot use more
_lock = Lock()  # a schema keeps the errors of its last run, and is compiled only once


class InvalidDocument(PayTrustError):
    """The ISO 20022 message made of this is not valid. `details` say why."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_document"


def checked(root: etree._Element, message: Message) -> bytes:
    """Return the bytes of a valid message.

    Raises:
        InvalidDocument: by the schema or by a rule; `details` has the problems in words.
    """
    found = problems(root, message)
    if found:
        raise InvalidDocument(
            f"The {message} is not valid: {found[0]}", details={"problems": found}
        )
    return builder.serialized(root)


def problems(root: etree._Element, message: Message) -> list[str]:
    """Return the faults of a message as texts; empty if it is valid.

    The rules see only messages that the schema accepts, because they rely on its structure. A
    bank's statement need only be valid by the schema: the bank does not keep our rules.
    """
    found = _schema_errors(root, message)
    if found or message == Message.CAMT_053_08:
        return found
    return list(rules.violations(root))[:MOST_PROBLEMS]


def message_of(root: etree._Element) -> Message | None:
    """Return which message a document is; None if PayTrust does not know it."""
    namespace = etree.QName(root).namespace
    return next((message for message in Message if message.namespace == namespace), None)


def _schema_errors(root: etree._Element, message: Message) -> list[str]:
    with _lock:
        schema = _schema(message)
        if schema.validate(root):
            return []
        log: Iterable[Any] = schema.error_log  # type: ignore[assignment]  # the stubs say less
        errors = [(error.line, error.message) for error in log]
    noise = f"{{{message.namespace}}}"
    return [f"line {line}: {text.replace(noise, '')}" for line, text in errors[:MOST_PROBLEMS]]


@cache
def _schema(message: Message) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(message.schema_file, etree.XMLParser(no_network=True)))
