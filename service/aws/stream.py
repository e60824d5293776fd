"""Writes one object as a stream of unknown length: parts go to storage while the next one is filled."""

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from service.aws.storage import MIB, Bucket, Part

FIRST_PART_BYTES = 8 * MIB
PARTS_UNTIL_LARGER = 1000
"""After so many parts they double in size: 10 000 parts, the most that storage takes, then hold over 5 TiB."""
UPLOADS_AT_ONCE = 2


class ObjectWriter:
    """A file-like object that is stored when the `with` block ends well, and leaves nothing behind when it does not.

    What fits into one part is stored by a single call. Memory is bounded: the part being filled and two under way.

    Example:
        with ObjectWriter(bucket, key, content_type="application/zip") as out:
            for piece in archive:
                out.write(piece)
    """

    def __init__(
        self,
        bucket: Bucket,
        key: str,
        *,
        content_type: str,
        file_name: str | None = None,
        first_part_bytes: int = FIRST_PART_BYTES,
    ) -> None:
        self._bucket, self._key = bucket, key
        self._content_type, self._file_name = content_type, file_name
        self._part_bytes = first_part_bytes
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._under_way: list[Future[Part]] = []
        self._parts: list[Part] = []
        self._sent_parts = 0
        self.size_bytes = 0
        """Bytes written so far."""

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Takes all of `data`; may wait for parts under way.

        Raises:
            AwsError: a part could not be stored.
        """
        self._buffer += data
        self.size_bytes += len(data)
        while len(self._buffer) > self._part_bytes:
            part = bytes(memoryview(self._buffer)[: self._part_bytes])
            del self._buffer[: self._part_bytes]
            self._send(part)
        return len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        except BaseException:
            self._abort()
            raise
        else:
            if kind is not None:
                self._abort()
        finally:
            if self._threads is not None:
                self._threads.shutdown(wait=True, cancel_futures=True)

    def _send(self, data: bytes) -> None:
        if self._threads is None or self._upload_id is None:
            self._upload_id = self._bucket.create_upload(
                self._key, content_type=self._content_type, file_name=self._file_name
            )
            self._threads = ThreadPoolExecutor(UPLOADS_AT_ONCE, thread_name_prefix="object-writer")
        while len(self._under_way) >= UPLOADS_AT_ONCE:
            self._parts.append(self._under_way.pop(0).result())
        self._sent_parts += 1
        self._under_way.append(
            self._threads.submit(self._bucket.put_part, self._key, self._upload_id, number=self._sent_parts, data=data)
        )
        if self._sent_parts % PARTS_UNTIL_LARGER == 0:
            self._part_bytes *= 2

    def _finish(self) -> None:
        if self._upload_id is None:
            self._bucket.put(self._key, bytes(self._buffer), content_type=self._content_type, file_name=self._file_name)
            return
        self._send(bytes(self._buffer))
        self._parts += [future.result() for future in self._under_way]
        self._under_way.clear()
        self._bucket.complete_upload(self._key, self._upload_id, self._parts)

    def _abort(self) -> None:
        for future in self._under_way:
            future.cancel()
        for future in self._under_way:
            if not future.cancelled():
                future.exception()  # a part that lands after the abort would stay behind
        if self._upload_id is not None:
            self._bucket.abort_upload(self._key, self._upload_id)
