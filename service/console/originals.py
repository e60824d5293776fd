"""The picture that the camera put into an original: found by range reads, handed on as it is, never decoded here."""

import io
import struct
from collections.abc import Callable
from typing import BinaryIO, Final, cast

from processor.integrity.tiff_walk import Tag, walk

MOST_BYTES: Final = 24 * 1024 * 1024
"""Of a preview. Cameras embed a few megabytes at most."""
_BLOCK: Final = 64 * 1024
_MOST_BLOCKS: Final = 48
"""Reads of one search: directories stand together, or at some few places of the file."""
_UPRIGHT: Final = 1

Read = Callable[[int, int], bytes]
"""`read(start, length)`: at most `length` bytes of the original from `start`."""


def embedded_picture(read: Read, size_bytes: int) -> bytes | None:
    """The largest JPEG for show in a TIFF-based RAW (DNG, CR2, NEF, ARW, ORF, PEF, RW2), to be shown upright.

    Args:
        read: how to get at the original.
        size_bytes: of the original.

    Returns:
        The file, or None when there is none, or another kind of RAW.
    """
    try:
        found = walk(cast(BinaryIO, _Ranged(read, size_bytes)), size_bytes)
    except struct.error:  # it ended early
        return None
    if found is None or not found.directories:
        return None
    orientation = found.directories[0].integer(Tag.ORIENTATION, _UPRIGHT)
    for offset, length in reversed(found.previews()):
        if not 0 < length <= MOST_BYTES or offset + length > size_bytes:
            continue
        jpeg = read(offset, length)
        if len(jpeg) == length and jpeg.startswith(b"\xff\xd8\xff"):
            return _turned(jpeg, orientation)
    return None


def _turned(jpeg: bytes, orientation: int) -> bytes:
    """With the original's EXIF orientation (TIFF 6.0 tag 274), unless the JPEG brings EXIF of its own."""
    if orientation == _UPRIGHT or not 1 <= orientation <= 8 or b"Exif\0\0" in jpeg[:64]:
        return jpeg
    directory = struct.pack(">HHHIHHI", 1, Tag.ORIENTATION, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + b"MM\0*" + struct.pack(">I", 8) + directory
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


class _Ranged(io.BufferedIOBase):
    """An object in storage as a file that can be read; an original that makes us read all over it ends early."""

    def __init__(self, read: Read, size_bytes: int) -> None:
        super().__init__()
        self._fetch = read
        self._size = size_bytes
        self._place = 0
        self._blocks: dict[int, bytes] = {}

    def seekable(self) -> bool:
        """Yes."""
        return True

    def readable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Goes to a place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def tell(self) -> int:
        """Where it is."""
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        """At most `size` bytes."""
        size = -1 if size is None else size
        end = self._size if size < 0 else min(self._size, self._place + size)
        parts = bytearray()
        while self._place < end:
            number, within = divmod(self._place, _BLOCK)
            part = self._block(number)[within : within + end - self._place]
            if not part:
                break
            parts += part
            self._place += len(part)
        return bytes(parts)

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            if len(self._blocks) >= _MOST_BLOCKS:
                return b""
            self._blocks[number] = self._fetch(number * _BLOCK, _BLOCK)
        return self._blocks[number]
