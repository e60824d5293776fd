"""Transfers between the disk and the storage, by presigned links. The API key never comes here."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from client.errors import ChangedFileError, ClientError, NetworkError, StorageError
from client.files import LocalFile
from client.retry import Transient, retry_after_s
from client.stop import Stop
from client.transport import CONNECT_TIMEOUT_S, TRANSIENT_STATUSES, USER_AGENT, tls, unreachable

BLOCK_BYTES = 256 * 1024
SILENCE_S = 60.0
"""Longest time in which a transfer moves no byte."""

_LINK_REFUSALS = frozenset(
    {"AccessDenied", "ExpiredToken", "RequestExpired", "InvalidToken", "NoSuchUpload", "SignatureDoesNotMatch"}
)
_BROKEN_BODIES = frozenset(
    {"BadDigest", "IncompleteBody", "InvalidDigest", "RequestTimeout", "XAmzContentChecksumMismatch",
     "XAmzContentSHA256Mismatch"}
)  # fmt: skip
_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")
_MAX_ERROR_BYTES = 64 * 1024

Moved = Callable[[int], None]
"""Hears how many bytes moved; a negative number when an attempt has to be done again."""


class LinkRefusedError(ClientError):
    """The storage does not accept a link (any more): a new one may help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A stretch of a file.

    Attributes:
        file: as announced.
        offset, size_bytes: of the stretch.
    """

    file: LocalFile
    offset: int
    size_bytes: int

    @classmethod
    def whole(cls, file: LocalFile) -> "Slice":
        """All of a file."""
        return cls(file=file, offset=0, size_bytes=file.size_bytes)

    def blocks(self, stop: Stop) -> Iterator[bytes]:
        """The bytes, block by block.

        Raises:
            ChangedFileError: there are fewer than announced, or they cannot be read.
            Interrupted: between two blocks.
        """
        left = self.size_bytes
        try:
            with self.file.path.open("rb", buffering=0) as source:
                source.seek(self.offset)
                while left:
                    stop.check()
                    block = source.read(min(BLOCK_BYTES, left))
                    if not block:
                        raise ChangedFileError(f"{self.file.name}: became shorter while it was read")
                    left -= len(block)
                    yield block
        except OSError as error:
            raise ChangedFileError(f"{self.file.name}: cannot be read: {error.strerror}") from None

    def sha256(self, stop: Stop) -> bytes:
        """Digest of the bytes."""
        return self._digest("sha256", stop)

    def md5_header(self, stop: Stop) -> str:
        """The `Content-MD5` of the bytes: the one checksum that storage verifies without having signed it."""
        return b64encode(self._digest("md5", stop)).decode()

    def _digest(self, algorithm: str, stop: Stop) -> bytes:
        hasher = hashlib.new(algorithm, usedforsecurity=False)
        for block in self.blocks(stop):
            hasher.update(block)
        return hasher.digest()


class Storage:
    """A connection pool to the storage. Safe to use from several threads.

    Args:
        parallel: transfers at a time.
    """

    def __init__(self, *, parallel: int) -> None:
        timeout = httpx.Timeout(SILENCE_S, connect=CONNECT_TIMEOUT_S, pool=None)
        limits = httpx.Limits(max_connections=parallel, max_keepalive_connections=parallel)
        # A rendition is stored as it is: nothing on the way may compress it.
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        self._http = httpx.Client(verify=tls(), timeout=timeout, limits=limits, headers=headers)

    def close(self) -> None:
        """Gives the connections back."""
        self._http.close()

    def put(self, url: str, source: Slice, *, headers: Mapping[str, str], stop: Stop, moved: Moved) -> str:
        """Uploads once and returns the ETag.

        Args:
            url: the link.
            source: the bytes.
            headers: those that the link was signed with, to be sent exactly.
            stop: ends the transfer between two blocks.
            moved: hears of the bytes; whatever a failed attempt had told is taken back.

        Raises:
            LinkRefusedError: a new link may help.
            Transient: trying again may help.
            StorageError: refused for good.
            ChangedFileError: the file is not what was announced.
        """
        sized = {**headers, "Content-Length": str(source.size_bytes)}
        with _attempt(source.file.name, moved) as tell:

            def body() -> Iterator[bytes]:
                for block in source.blocks(stop):
                    yield block
                    tell(len(block))

            answer = self._http.put(url, content=body(), headers=_once(sized))
            if not answer.is_success:
                raise _refusal(source.file.name, answer, answer.content[:_MAX_ERROR_BYTES])
        etag: str = answer.headers.get("ETag", "")
        return etag

    def get(self, url: str, target: Path, *, name: str, size_bytes: int | None, stop: Stop, moved: Moved) -> None:
        """Downloads into a file once; what the file holds already, of an earlier attempt, is not asked for again.

        Args:
            url: the link.
            target: written at its end; the caller renames it when all is there.
            name: for messages.
            size_bytes: what must be there in the end, or None when nobody knows before.
            stop: ends the transfer between two blocks.
            moved: hears of the bytes, also of those that were there.

        Raises:
            LinkRefusedError, Transient, StorageError: as `put`.
            OSError: the disk.
        """
        have = target.stat().st_size if target.exists() else 0
        if size_bytes is not None and have > size_bytes:
            target.unlink()
            have = 0
        if have and have == size_bytes:
            moved(have)
            return
        headers = {"Range": f"bytes={have}-"} if have else {}
        with _attempt(name, moved) as tell:
            with self._http.stream("GET", url, headers=headers) as answer:
                if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                    target.unlink(missing_ok=True)
                    raise Transient(NetworkError(f"{name}: is not the object whose beginning was downloaded"))
                if not answer.is_success:
                    raise _refusal(name, answer, _beginning(answer))
                goes_on = answer.status_code == httpx.codes.PARTIAL_CONTENT
                if goes_on:
                    tell(have)
                with target.open("ab" if goes_on else "wb") as file:
                    for block in answer.iter_raw():  # as it comes: gathered blocks would be lost when it breaks off
                        stop.check()
                        file.write(block)
                        tell(len(block))
            there = target.stat().st_size
            if size_bytes is not None and there != size_bytes:
                if there > size_bytes:
                    target.unlink()
                raise Transient(NetworkError(f"{name}: {there} bytes arrived, {size_bytes} were announced"))


@contextmanager
def _attempt(name: str, moved: Moved) -> Iterator[Moved]:
    """An attempt to transfer: what it tells is taken back when it fails, and a broken connection may be tried again."""
    told = 0

    def tell(amount: int) -> None:
        nonlocal told
        told += amount
        moved(amount)

    try:
        yield tell
    except httpx.TransportError as error:
        moved(-told)
        raise Transient(unreachable(name, error)) from error
    except BaseException:
        moved(-told)
        raise


def _once(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers without repeats that differ in case alone."""
    return {name.lower(): value for name, value in headers.items()}


def _beginning(answer: httpx.Response) -> bytes:
    """The body of an error, but not an endless one."""
    read = bytearray()
    for block in answer.iter_bytes():
        read += block
        if len(read) >= _MAX_ERROR_BYTES:
            break
    return bytes(read)


def _refusal(name: str, answer: httpx.Response, body: bytes) -> Exception:
    """An error answer of the storage as an exception. The link stays out of it: it is a secret while it lives."""
    match = _CODE.search(body)
    code = match.group(1).decode() if match else ""
    error = StorageError(name, status=answer.status_code, code=code)
    if answer.status_code in TRANSIENT_STATUSES:
        # When patience ends, it is the storage that fails and not this one file.
        return Transient(NetworkError(str(error)), after_s=retry_after_s(answer.headers.get("Retry-After")))
    if code in _BROKEN_BODIES:
        return Transient(error)
    if code in _LINK_REFUSALS or answer.status_code == httpx.codes.FORBIDDEN:
        return LinkRefusedError(str(error))
    return error
