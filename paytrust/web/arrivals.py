"""A request while it arrives: its bytes are collected until all of it is here.

This module knows nothing of sockets and threads. The server's thread gets only whole requests. So a
caller that sends slowly, or never ends, uses only a few bytes of memory.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from gunicorn.http import errors
from gunicorn.http.body import Body, ChunkedReader, LengthReader
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

HEAD_SECONDS: Final = 10.0  # for the request line and all headers
BODY_SECONDS: Final = 20.0  # for the whole body, from the end of the head
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_CHUNK_LINE_BYTES: Final = 256
MAX_TRAILER_BYTES: Final = 8 * 1024
END_OF_HEAD: Final = b"\r\n\r\n"
BARE_LINE_FEED: Final = re.compile(rb"(?<!\r)\n")
# RFC 9112 7.1: a size in hexadecimal and nothing else, then optional extensions.
CHUNK_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e]*)?")


class BodyTooLarge(Exception):
    """The body is above the limit."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The body is larger than {limit_bytes} bytes.")


class TooSlow(Exception):
    """The request did not arrive in time."""


class Arrival:
    """One request that is arriving, with the bytes that were left over from the one before it."""

    def __init__(
        self,
        cfg: Any,  # noqa: ANN401  # gunicorn's settings have no types
        peer: Any,  # noqa: ANN401  # its address
        *,
        body_limit_bytes: int,
        now: float,
        number: int = 1,
    ) -> None:
        self._cfg, self._peer, self._number = cfg, peer, number
        self._limit_bytes = body_limit_bytes
        self._received = bytearray()
        self._looked_at = 0
        self._body: Iterator[bytes | None] | None = None
        self.message: Any = None  # gunicorn's Request, once the head is here
        self.deadline = now + HEAD_SECONDS

    def __len__(self) -> int:
        return len(self._received)

    def asks_for_body(self) -> bool:
        """Return, once, whether the caller waits for `100 Continue` before it sends its body."""
        if self.message is None or not self.message._expected_100_continue:  # noqa: SLF001
            return False
        self.message._expected_100_continue = False  # noqa: SLF001
        return True

    def feed(self, received: bytes, *, now: float) -> bytes | None:
        """Take the received bytes; return what is left over after the request is whole.

        Raises:
            ParseException: this is not a well-formed HTTP request.
            BodyTooLarge: its body is above the limit, or says that it is.
        """
        self._received += received
        if self.message is None and not self._read_head(now):
            return None
        assert self._body is not None
        body = next(self._body)
        if body is None:
            return None
        self.message._expected_100_continue = False  # noqa: SLF001  # it is here
        self.message.body = Body(LengthReader(IterUnreader([body]), len(body)))
        return bytes(self._received)

    def _read_head(self, now: float) -> bool:
        if self._number > 1 or self._looked_at == 0:
            while self._received[:2] == b"\r\n":  # RFC 9112 2.2: empty lines before a request
                del self._received[:2]
        end = self._received.find(END_OF_HEAD, max(0, self._looked_at - 3))
        seen_to = end if end >= 0 else len(self._received)
        if BARE_LINE_FEED.search(self._received, max(0, self._looked_at - 1), seen_to):
            raise errors.InvalidHeader("bare LF as line terminator")
        self._looked_at = len(self._received)
        if end < 0:
            self._refuse_endless_head()
            return False
        head = bytes(self._received[: end + len(END_OF_HEAD)])
        del self._received[: len(head)]
        self.message = Request(self._cfg, IterUnreader([head]), self._peer, self._number)
        self.deadline = now + BODY_SECONDS
        reader = self.message.body.reader
        if isinstance(reader, ChunkedReader):
            self._body = self._chunked()
        else:
            self._body = self._of_length(reader.length)
        return True

    def _refuse_endless_head(self) -> None:
        limit: int = self._cfg.limit_request_line
        if len(self._received) > limit and b"\r\n" not in self._received[: limit + 2]:
            raise errors.LimitRequestLine(len(self._received), limit)
        if len(self._received) > MAX_HEAD_BYTES:
            raise errors.LimitRequestHeaders("limit request headers size")

    def _of_length(self, length: int) -> Iterator[bytes | None]:
        """Yield None while bytes are missing, and the body when all are here."""
        if length > self._limit_bytes:
            raise BodyTooLarge(self._limit_bytes)
        while len(self._received) < length:
            yield None
        body = bytes(self._received[:length])
        del self._received[:length]
        yield body

    def _chunked(self) -> Iterator[bytes | None]:
        """Yield None while bytes are missing, and at the end the body without its framing."""
        body = bytearray()
        while True:
            yield from self._until_line(MAX_CHUNK_LINE_BYTES)
            line = self._line()
            if not (found := CHUNK_LINE.fullmatch(line)):
                raise errors.InvalidChunkSize(line)
            size = int(found[1], 16)
            if size == 0:
                break
            if len(body) + size > self._limit_bytes:
                raise BodyTooLarge(self._limit_bytes)
            while len(self._received) < size + 2:
                yield None
            if self._received[size : size + 2] != b"\r\n":
                raise errors.ChunkMissingTerminator(bytes(self._received[size : size + 2]))
            body += self._received[:size]
            del self._received[: size + 2]
        trailer_bytes = 0
        while True:
            yield from self._until_line(MAX_TRAILER_BYTES)
            line = self._line()
            trailer_bytes += len(line) + 2
            if not line:
                break
            if trailer_bytes > MAX_TRAILER_BYTES:
                raise errors.LimitRequestHeaders("limit request trailer section size")
        yield bytes(body)

    def _until_line(self, limit_bytes: int) -> Iterator[None]:
        looked_at = 0
        while self._received.find(b"\r\n", max(0, looked_at - 1)) < 0:
            looked_at = len(self._received)
            if b"\n" in self._received or looked_at > limit_bytes:
                raise errors.InvalidChunkSize(bytes(self._received[:32]))
            yield None

    def _line(self) -> bytes:
        line, _, _ = bytes(self._received[: MAX_TRAILER_BYTES + 2]).partition(b"\r\n")
        if b"\n" in line or len(line) > MAX_TRAILER_BYTES:
            raise errors.InvalidChunkSize(line[:32])
        del self._received[: len(line) + 2]
        return line
