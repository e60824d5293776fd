"""A strict, read-only TIFF directory reader: what stands in the tags, and nothing outside the file."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

Buffer = memoryview

_TYPES: Final[Mapping[int, tuple[str, int]]] = {
    1: ("B", 1),
    2: ("s", 1),
    3: ("H", 2),
    4: ("I", 4),
    5: ("II", 8),
    6: ("b", 1),
    7: ("B", 1),
    8: ("h", 2),
    9: ("i", 4),
    10: ("ii", 8),
    11: ("f", 4),
    12: ("d", 8),
    13: ("I", 4),
}
_MAX_DIRECTORIES = 64
_MAX_VALUES = 1 << 20
SUB_IFDS = 330


class TiffError(ValueError):
    """The file is not a TIFF, or its directories are broken.

    Attributes:
        beyond_end: True when a directory or value lies outside the file, as after a truncation.
    """

    def __init__(self, message: str, *, beyond_end: bool = False) -> None:
        super().__init__(message)
        self.beyond_end = beyond_end


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag of a directory: its type, number of values and where they stand in the file."""

    kind: int
    count: int
    offset: int


class Directory:
    """One image file directory (IFD)."""

    def __init__(self, data: Buffer, order: str, entries: dict[int, Entry]) -> None:
        self._data = data
        self._order = order
        self.entries = entries

    def __contains__(self, tag: int) -> bool:
        return tag in self.entries

    def numbers(self, tag: int) -> tuple[float, ...]:
        """The values of a numeric tag, rationals divided; empty without the tag.

        Raises:
            TiffError: the values lie outside the file or are no numbers.
        """
        entry = self.entries.get(tag)
        if entry is None:
            return ()
        code, size = _TYPES.get(entry.kind, ("", 0))
        if not size or code == "s" or entry.count > _MAX_VALUES:
            raise TiffError(f"tag {tag} has type {entry.kind} and {entry.count} values, which no reader expects")
        end = entry.offset + entry.count * size
        if end > len(self._data):
            raise TiffError(f"tag {tag} ends at byte {end} of {len(self._data)}", beyond_end=True)
        values = struct.unpack_from(f"{self._order}{entry.count * len(code)}{code[0]}", self._data, entry.offset)
        if len(code) == 1:
            return values
        pairs = zip(values[::2], values[1::2], strict=True)
        return tuple(top / bottom if bottom else float("nan") for top, bottom in pairs)

    def integers(self, tag: int) -> tuple[int, ...]:
        """The values of a tag that holds whole numbers.

        Raises:
            TiffError: as `numbers`, or a value is not whole.
        """
        values = self.numbers(tag)
        if any(value != value // 1 for value in values):
            raise TiffError(f"tag {tag} holds {values[:4]}, expected whole numbers")
        return tuple(int(value) for value in values)

    def integer(self, tag: int, default: int) -> int:
        """The first value of a whole-number tag."""
        values = self.integers(tag)
        return values[0] if values else default

    def text(self, tag: int) -> str:
        """The value of an ASCII tag without padding; empty without the tag."""
        entry = self.entries.get(tag)
        if entry is None or entry.offset + entry.count > len(self._data):
            return ""
        return bytes(self._data[entry.offset : entry.offset + entry.count]).split(b"\0")[0].decode("utf-8", "replace")


def byte_order(data: Buffer) -> str | None:
    """`<` or `>` for a TIFF's first four bytes, None for anything else."""
    return {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(data[:4]))


def directories(data: Buffer) -> list[Directory]:
    """Every directory of the main chain and of its SubIFDs, in file order.

    Raises:
        TiffError: not a TIFF, or a directory that lies outside the file, repeats or never ends.
    """
    order = byte_order(data)
    if order is None:
        raise TiffError("the first bytes are not those of a TIFF")
    if len(data) < 8:
        raise TiffError("the file ends within its header", beyond_end=True)
    found: list[Directory] = []
    seen: set[int] = set()
    waiting = [struct.unpack_from(f"{order}I", data, 4)[0]]
    while waiting:
        offset = waiting.pop(0)
        if offset in seen or len(seen) >= _MAX_DIRECTORIES:
            raise TiffError(f"the directories run in a circle at byte {offset} or are more than {_MAX_DIRECTORIES}")
        seen.add(offset)
        directory, following = _directory(data, order, offset)
        found.append(directory)
        waiting.extend(directory.integers(SUB_IFDS))
        if following:
            waiting.append(following)
    return found


def _directory(data: Buffer, order: str, offset: int) -> tuple[Directory, int]:
    if offset + 2 > len(data):
        raise TiffError(f"a directory starts at byte {offset} of {len(data)}", beyond_end=True)
    (count,) = struct.unpack_from(f"{order}H", data, offset)
    end = offset + 2 + 12 * count
    if end + 4 > len(data):
        raise TiffError(f"a directory ends at byte {end + 4} of {len(data)}", beyond_end=True)
    entries = dict(_entries(data, order, offset + 2, count))
    (following,) = struct.unpack_from(f"{order}I", data, end)
    return Directory(data, order, entries), following


def _entries(data: Buffer, order: str, start: int, count: int) -> Iterator[tuple[int, Entry]]:
    for place in range(start, start + 12 * count, 12):
        tag, kind, values = struct.unpack_from(f"{order}HHI", data, place)
        inline = values * _TYPES.get(kind, ("", 1))[1] <= 4
        offset = place + 8 if inline else struct.unpack_from(f"{order}I", data, place + 8)[0]
        yield tag, Entry(kind, values, offset)
