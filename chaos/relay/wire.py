"""HTTP/1.1 as far as a relay has to understand it: where a message's head and body end. Bytes pass unchanged.

Unchanged means that signatures stay valid: they cover the `Host` header, which a proxy would rewrite.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

PIECE_BYTES = 64 * 1024
MAX_HEAD_BYTES = 128 * 1024

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect: *100-continue\r\n", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)
_SERVICE = re.compile(rb"(?:/|%2F)\d{8}(?:/|%2F)[a-z0-9-]+?(?:/|%2F)([a-z0-9-]+?)(?:/|%2F)aws4_request")
_TARGET = re.compile(rb"\r\nx-amz-target: *[A-Za-z0-9_]+\.([A-Za-z]+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request or an answer, up to and with the empty line."""

    raw: bytes

    @property
    def method(self) -> str:
        """Of a request."""
        return self.raw.split(b" ", 1)[0].decode()

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.raw[9:12])

    @property
    def service(self) -> str:
        """The AWS service that a request is signed for, `s3` when by a link; empty when unsigned."""
        found = _SERVICE.search(self.raw)
        return found[1].decode() if found else ""

    @property
    def operation(self) -> str:
        """The operation where a header names it (`SendMessage`), else the method (`PUT`)."""
        found = _TARGET.search(self.raw)
        return found[1].decode() if found else self.method

    @property
    def length(self) -> int | None:
        """Bytes of the body, None when they come in chunks."""
        if _CHUNKED.search(self.raw):
            return None
        found = _LENGTH.search(self.raw)
        return int(found[1]) if found else 0

    @property
    def waits_for_continue(self) -> bool:
        """Whether the client sends its body only after an answer of 100."""
        return bool(_EXPECT.search(self.raw))

    @property
    def closes(self) -> bool:
        """Whether the connection ends with this message."""
        return bool(_CLOSE.search(self.raw))


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head, None when the other side has closed the connection between two messages."""
    try:
        return Head(await reader.readuntil(b"\r\n\r\n"))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def body(reader: asyncio.StreamReader, head: Head) -> AsyncIterator[bytes]:
    """The message's body in pieces, chunk frames included.

    Raises:
        asyncio.IncompleteReadError: the connection ended within it.
    """
    if head.length is not None:
        left = head.length
        while left > 0:
            piece = await reader.read(min(left, PIECE_BYTES))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            yield piece
        return
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        yield line + await reader.readexactly(size + 2)
        if size == 0:
            return
