"""Walks the directories of a TIFF-based RAW without trusting a single number in it.

Bounded on purpose: directories, entries and values are counted, offsets are remembered so that loops end, there is no
recursion, and no more than MAX_VALUES numbers are read in all, however many the file claims to have.
"""

import struct
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import BinaryIO, Final

MAX_IFDS: Final = 64
MAX_ENTRIES: Final = 1024
MAX_SUB_IFDS: Final = 16
MAX_VALUES: Final = 262_144
MAX_THUMBNAIL_PX: Final = 1024

_SIZES: Final = {1: 1, 3: 2, 4: 4, 5: 8, 10: 8, 13: 4}
_INTEGERS: Final = {1: "B", 3: "H", 4: "I", 13: "I"}
_RATIONALS: Final = {5: "I", 10: "i"}

# Magic numbers after the byte order: TIFF, Olympus ORF (two of them), Panasonic RW2.
_TIFF: Final = 42
_MAGICS: Final = {_TIFF, 0x4F52, 0x5352, 0x0055}


class Tag(IntEnum):
    """The tags that the checks read; names as in TIFF 6.0 and DNG 1.7."""

    NEW_SUBFILE_TYPE = 254
    IMAGE_WIDTH = 256
    IMAGE_LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES_PER_PIXEL = 277
    STRIP_BYTE_COUNTS = 279
    TILE_OFFSETS = 324
    TILE_BYTE_COUNTS = 325
    SUB_IFDS = 330
    JPEG_OFFSET = 513
    JPEG_LENGTH = 514
    CFA_PATTERN = 33422
    DNG_VERSION = 50706
    BLACK_LEVEL = 50714
    WHITE_LEVEL = 50717
    DEFAULT_CROP_ORIGIN = 50719
    DEFAULT_CROP_SIZE = 50720
    ACTIVE_AREA = 50829


_KNOWN: Final = frozenset(Tag)


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory: where it stands and the numeric values of its known tags."""

    offset: int
    values: dict[int, tuple[float, ...]]

    def integers(self, tag: Tag) -> tuple[int, ...]:
        """All values of a tag, empty when it is absent."""
        return tuple(int(value) for value in self.values.get(tag, ()))

    def integer(self, tag: Tag, default: int) -> int:
        """The first value of a tag."""
        return int(self.values[tag][0]) if self.values.get(tag) else default

    @property
    def is_reduced(self) -> bool:
        """Whether this is a thumbnail or preview by its own account."""
        return bool(self.integer(Tag.NEW_SUBFILE_TYPE, 0) & 1)

    def segments(self) -> list[tuple[int, int]]:
        """(offset, bytes) of each strip or tile, and of a JPEG that is referenced the old way."""
        pairs: list[tuple[int, int]] = []
        for offsets, counts in (
            (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS),
            (Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS),
            (Tag.JPEG_OFFSET, Tag.JPEG_LENGTH),
        ):
            pairs += self._pairs(offsets, counts)
        return pairs

    def jpegs(self) -> list[tuple[int, int]]:
        """(offset, bytes) of a JPEG that is referenced the old way."""
        return self._pairs(Tag.JPEG_OFFSET, Tag.JPEG_LENGTH)

    def _pairs(self, offsets: Tag, counts: Tag) -> list[tuple[int, int]]:
        # A fraction may be negative, and no place in a file is.
        found = zip(self.integers(offsets), self.integers(counts), strict=False)
        return [(offset, length) for offset, length in found if offset >= 0]


@dataclass(slots=True)
class Walk:
    """What the walk came by.

    Attributes:
        is_plain_tiff: magic number 42, so tags mean what TIFF says.
        directories: those that could be read, in the order found.
        outside: offsets of directories that lie wholly or partly beyond the end of the file.
    """

    is_plain_tiff: bool
    directories: list[Directory] = field(default_factory=list)
    outside: list[int] = field(default_factory=list)

    def previews(self) -> list[tuple[int, int]]:
        """(offset, bytes) of the embedded JPEG pictures for show, smallest first."""
        found = set[tuple[int, int]]()
        for directory in self.directories:
            segments = directory.segments()
            is_jpeg = directory.integer(Tag.COMPRESSION, 0) in {6, 7}
            if is_jpeg and directory.is_reduced and len(segments) == 1:
                found.update(segments)
            found.update(directory.jpegs())
        return sorted(found, key=lambda segment: segment[1])

    def thumbnails(self) -> list[tuple[int, int, int]]:
        """(offset, width, height) of the embedded uncompressed 8-bit RGB pictures for show."""
        return [
            (directory.integer(Tag.STRIP_OFFSETS, 0), width, height)
            for directory in self.directories
            if directory.is_reduced
            and directory.integer(Tag.COMPRESSION, 0) == 1
            and directory.integer(Tag.PHOTOMETRIC, 0) == 2
            and directory.integer(Tag.BITS_PER_SAMPLE, 0) == 8
            and (width := directory.integer(Tag.IMAGE_WIDTH, 0)) <= MAX_THUMBNAIL_PX
            and (height := directory.integer(Tag.IMAGE_LENGTH, 0)) <= MAX_THUMBNAIL_PX
            and directory.segments() == [(directory.integer(Tag.STRIP_OFFSETS, 0), 3 * width * height)]
        ]

    @property
    def is_dng(self) -> bool:
        """Whether any directory carries a DNG version."""
        return any(Tag.DNG_VERSION in directory.values for directory in self.directories)


def walk(file: BinaryIO, size_bytes: int) -> Walk | None:
    """Read the directories of a TIFF-based file, or None when it is not one.

    Args:
        file: opened for reading; only headers are read.
        size_bytes: the file's length.
    """
    file.seek(0)
    head = file.read(8)
    if len(head) < 8 or head[:2] not in {b"II", b"MM"}:
        return None
    order = "<" if head[:2] == b"II" else ">"
    magic, first = struct.unpack(order + "HI", head[2:])
    if magic not in _MAGICS:
        return None
    found = Walk(is_plain_tiff=magic == _TIFF)
    reader = _Reader(file, order, size_bytes)
    pending, seen = deque([first]), set[int]()
    while pending and len(seen) < MAX_IFDS:
        offset = pending.popleft()
        if offset in seen:
            continue
        seen.add(offset)
        read = reader.directory(offset)
        if read is None:
            found.outside.append(offset)
            continue
        directory, following = read
        found.directories.append(directory)
        pending.extend(directory.integers(Tag.SUB_IFDS)[:MAX_SUB_IFDS])
        if following:
            pending.append(following)
    return found


class _Reader:
    """Reads directories and counts the numbers it has read."""

    def __init__(self, file: BinaryIO, order: str, size_bytes: int) -> None:
        self._file = file
        self._order = order
        self._size_bytes = size_bytes
        self._budget = MAX_VALUES

    def directory(self, offset: int) -> tuple[Directory, int] | None:
        """The directory at an offset and the offset of the one that follows (0 for none); None when it lies outside."""
        if offset < 8 or offset + 2 > self._size_bytes:
            return None
        self._file.seek(offset)
        (count,) = struct.unpack(self._order + "H", self._file.read(2))
        if count > MAX_ENTRIES or offset + 2 + 12 * count > self._size_bytes:
            return None
        # The link to the next directory may be missing at the very end of a file.
        table = self._file.read(12 * count + 4).ljust(12 * count + 4, b"\0")
        values: dict[int, tuple[float, ...]] = {}
        for entry in range(count):
            tag, kind, number, inline = struct.unpack_from(self._order + "HHI4s", table, 12 * entry)
            if tag in _KNOWN and tag not in values:
                values[tag] = self._values(kind, number, inline)
        (following,) = struct.unpack_from(self._order + "I", table, 12 * count)
        return Directory(offset, values), following

    def _values(self, kind: int, number: int, inline: bytes) -> tuple[float, ...]:
        width = _SIZES.get(kind)
        if width is None or not 0 < number <= self._budget:
            return ()
        data = inline
        if number * width > len(inline):
            self._file.seek(struct.unpack(self._order + "I", inline)[0])
            data = self._file.read(number * width)
            number = min(number, len(data) // width)
        self._budget -= number
        if kind in _INTEGERS:
            return struct.unpack_from(f"{self._order}{number}{_INTEGERS[kind]}", data)
        if kind in _RATIONALS:
            parts = struct.unpack_from(f"{self._order}{2 * number}{_RATIONALS[kind]}", data)
            return tuple(n / d if d else 0.0 for n, d in zip(parts[::2], parts[1::2], strict=True))
        return ()
