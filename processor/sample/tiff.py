"""A minimal little-endian TIFF writer: fields, directories, and offsets that are filled in once they are known."""

import struct
from collections.abc import Sequence
from enum import IntEnum
from fractions import Fraction
from typing import Final

HEADER_BYTES: Final = 8
_INLINE_BYTES: Final = 4

Number = int | float | Fraction


class Type(IntEnum):
    """Field types of TIFF 6.0, section 2."""

    BYTE = 1
    ASCII = 2
    SHORT = 3
    LONG = 4
    RATIONAL = 5
    UNDEFINED = 7
    SRATIONAL = 10


_FORMATS: Final = {Type.BYTE: "B", Type.SHORT: "H", Type.LONG: "I", Type.RATIONAL: "I", Type.SRATIONAL: "i"}


class Ifd:
    """One image file directory. Its packed size depends on the types and counts alone, never on the values.

    So a file can be laid out first, its pixels streamed out, and the directories written last into the room kept
    for them at the start of the file, which is where cameras put them.
    """

    def __init__(self) -> None:
        self._fields: dict[int, tuple[Type, int, bytes]] = {}

    def set(self, tag: int, kind: Type, *values: Number) -> None:
        """Set a numeric field; rationals take floats or fractions and keep six decimals."""
        if kind in {Type.RATIONAL, Type.SRATIONAL}:
            fractions = [Fraction(value).limit_denominator(1_000_000) for value in values]
            numbers = [part for each in fractions for part in (each.numerator, each.denominator)]
        else:
            numbers = [int(value) for value in values]
        self._fields[tag] = (kind, len(values), struct.pack(f"<{len(numbers)}{_FORMATS[kind]}", *numbers))

    def set_text(self, tag: int, text: str) -> None:
        """Set a zero-terminated ASCII field."""
        data = text.encode("ascii") + b"\0"
        self._fields[tag] = (Type.ASCII, len(data), data)

    def set_bytes(self, tag: int, data: bytes) -> None:
        """Set a field of bytes whose meaning the tag defines."""
        self._fields[tag] = (Type.UNDEFINED, len(data), data)

    def size_bytes(self) -> int:
        """Length of the packed directory with the values that do not fit into its entries."""
        outside = sum(_even(len(data)) for _, _, data in self._fields.values() if len(data) > _INLINE_BYTES)
        return self._table_bytes() + outside

    def pack(self, offset: int) -> bytes:
        """The directory as it stands at `offset` bytes into the file, without a following directory."""
        entries = [struct.pack("<H", len(self._fields))]
        outside = bytearray()
        for tag, (kind, count, data) in sorted(self._fields.items()):
            value = data.ljust(_INLINE_BYTES, b"\0")
            if len(data) > _INLINE_BYTES:
                value = struct.pack("<I", offset + self._table_bytes() + len(outside))
                outside += data.ljust(_even(len(data)), b"\0")
            entries.append(struct.pack("<HHI", tag, kind, count) + value)
        return b"".join([*entries, b"\0\0\0\0", bytes(outside)])

    def _table_bytes(self) -> int:
        return 2 + 12 * len(self._fields) + 4


def place(ifds: Sequence[Ifd]) -> list[int]:
    """File offsets of directories that follow the header one after the other, then the first offset after them."""
    offsets = [HEADER_BYTES]
    for ifd in ifds:
        offsets.append(offsets[-1] + ifd.size_bytes())
    return offsets


def header(first_ifd: int) -> bytes:
    """The eight bytes that a little-endian TIFF file starts with."""
    return struct.pack("<2sHI", b"II", 42, first_ifd)


def _even(length: int) -> int:
    # TIFF 6.0 wants values on word boundaries.
    return length + (length & 1)
