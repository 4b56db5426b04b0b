"""Reading XML from other people: no DTD, no entities, no network, no large files."""

from http import HTTPStatus

from lxml import etree

from paytrust.errors import PayTrustError

LIMIT_BYTES = 1024 * 1024


class UnreadableDocument(PayTrustError):
    """The document is no XML that can be read safely."""

    status = HTTPStatus.BAD_REQUEST
    code = "unreadable_document"


def parse(raw: bytes, *, limit_bytes: int = LIMIT_BYTES) -> etree._Element:
    """Read one XML document in UTF-8 and return its root.

    Each call has its own parser: another library may have changed the default one, and a shared one
    would make callers wait for each other. The parser itself finds a DTD; a search for its letters
    could be deceived. Bytes are read as UTF-8 even if the document names another encoding.

    Raises:
        UnreadableDocument: too large, not well-formed UTF-8, or with a DTD.
    """
    if len(raw) > limit_bytes:
        raise UnreadableDocument(f"The document is larger than {limit_bytes} bytes.")
    parser = etree.XMLParser(
        encoding="UTF-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        reason = " ".join(str(error.msg).split())
        raise UnreadableDocument(f"The document is not well-formed XML: {reason}.") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnreadableDocument("The document has a DTD (<!DOCTYPE ...>); none is accepted.")
    return root
