"""Spoils RAW files the way an attacker would: by their structure first, by their bytes besides.

Guided by the format and not by coverage: the code in question is C++ in a wheel that carries no instrumentation, in
which a coverage-guided fuzzer would be blind.
"""

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
_POINTERS: Final = frozenset({330, 34665, 34853, 40965, 50740})
"""Of further directories: SubIFDs, EXIF, GPS, interoperability, DNG private data."""
_TELLING: Final = (254, 256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 322, 323, 324, 325, 330, 33421, 33422)
_DNG: Final = (50706, 50708, 50710, 50711, 50712, 50713, 50714, 50717, 50718, 50719, 50720, 50721, 50728, 50829)
_NUMBERS: Final = (
    0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 127, 128, 255, 256, 257, 1023, 4095, 4096, 16383, 32767, 32768,
    65534, 65535, 65536, 65537, 0x00FFFFFF, 0x01000000, 0x7FFFFFFE, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF,
)  # fmt: skip
_MARKERS: Final = (0xC0, 0xC3, 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD)
_MOST_DIRECTORIES = 32


Data = bytes | bytearray


@dataclass(frozen=True, slots=True)
class Entry:
    """A field of a directory: where it stands and what it says."""

    at: int
    tag: int
    kind: int
    count: int


def entries(data: Data) -> list[Entry]:
    """Every field of every directory of a TIFF, as far as they can be followed."""
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    return [] if order is None else list(_walk(data, order))


def _walk(data: Data, order: str) -> Iterator[Entry]:
    waiting, seen = [_number(data, 4, order)], set[int]()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        start = waiting.pop()
        if start in seen or not 0 < start <= len(data) - 6:
            continue
        seen.add(start)
        count = struct.unpack_from(f"{order}H", data, start)[0]
        for place in range(start + 2, min(start + 2 + 12 * count, len(data) - 12), 12):
            tag, kind, number = struct.unpack_from(f"{order}HHI", data, place)
            yield Entry(place, tag, kind, number)
            if tag in _POINTERS:
                inline = number * _SIZES.get(kind, 1) <= 4
                at = place + 8 if inline else _number(data, place + 8, order)
                waiting += [_number(data, at + 4 * index, order) for index in range(min(number, 8))]
        waiting.append(_number(data, start + 2 + 12 * count, order))


def _number(data: Data, at: int, order: str) -> int:
    return int(struct.unpack_from(f"{order}I", data, at)[0]) if 0 <= at <= len(data) - 4 else 0


def spoil(data: bytes, others: Sequence[bytes], rng: random.Random) -> tuple[bytes, tuple[str, ...]]:
    """A spoilt copy, and the names of what was done to it: one to four things, mostly to its structure."""
    done = []
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        way = rng.choice(_WAYS)
        way(spoilt, others, rng)
        done.append(way.__name__.strip("_"))
        if not spoilt:
            break
    return bytes(spoilt), tuple(done)


def _tag_value(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """Another value, inline or where the field's offset leads."""
    entry = _some_entry(data, rng)
    if entry is None:
        return _bits(data, _others, rng)
    at = entry.at + 8
    inline = entry.count * _SIZES.get(entry.kind, 1) <= 4
    if not inline and rng.random() < 0.6:
        at = _number(data, at, _order(data)) + 4 * rng.randrange(max(1, min(entry.count, 64)))
    _put(data, at, rng.choice(_NUMBERS), rng, wide=entry.kind != 3)
    return None


def _tag_header(data: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    """Another tag, type or count."""
    entry = _some_entry(data, rng)
    if entry is None:
        return _bits(data, others, rng)
    field = rng.randrange(3)
    if field == 0:
        struct.pack_into(f"{_order(data)}H", data, entry.at, rng.choice((*_TELLING, *_DNG, rng.randrange(65536))))
    elif field == 1:
        struct.pack_into(f"{_order(data)}H", data, entry.at + 2, rng.choice((*_SIZES, 0, 14, 255, 65535)))
    else:
        _put(data, entry.at + 4, rng.choice(_NUMBERS), rng, wide=True)
    return None


def _dimensions(data: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    """A picture of another size than its data: huge, empty, one pixel off."""
    for entry in entries(data):
        if entry.tag in {256, 257, 278, 322, 323} and rng.random() < 0.7:
            _put(data, entry.at + 8, rng.choice((*_NUMBERS, rng.randrange(1 << 16))), rng, wide=entry.kind == 4)
    if rng.random() < 0.3:
        _tag_value(data, others, rng)


def _loop(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """A pointer to a directory that leads back, or into the picture."""
    pointers = [entry.at + 8 for entry in entries(data) if entry.tag in _POINTERS] or [4]
    target = rng.choice((4, 8, struct.unpack_from("<I", data, 4)[0] if len(data) > 8 else 0, rng.randrange(len(data))))
    _put(data, rng.choice([4, *pointers]), target, rng, wide=True)


def _jpeg(data: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    """The header of a lossless-JPEG tile or of a preview: precision, size, components, code tables, predictor."""
    found = list(_marks(data))
    if not found:
        return _tag_value(data, others, rng)
    at = rng.choice(found) + 2
    for _ in range(rng.randrange(1, 5)):
        place = min(len(data) - 1, at + rng.randrange(0, 40))
        data[place] = rng.choice((0, 1, 2, 4, 8, 15, 16, 17, 127, 128, 254, 255, rng.randrange(256)))
    return None


def _marks(data: bytearray) -> Iterator[int]:
    at = data.find(b"\xff")
    looked = 0
    while at >= 0 and looked < 4096:
        if at + 1 < len(data) and data[at + 1] in _MARKERS:
            yield at
        at = data.find(b"\xff", at + 1)
        looked += 1


def _cut(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """The beginning of it."""
    del data[int(len(data) * rng.random() ** 0.5) :]


def _bits(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """Some bits turned, mostly near the beginning, where the structure is."""
    for _ in range(rng.choice((1, 2, 8, 64))):
        data[int(len(data) * rng.random() ** rng.choice((1, 4)))] ^= 1 << rng.randrange(8)


def _block(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """A stretch of one value."""
    start = rng.randrange(len(data))
    length = min(len(data) - start, rng.choice((1, 4, 64, 512, 4096, 65536)))
    data[start : start + length] = bytes([rng.choice((0, 0xFF, 0x80, 0x41))]) * length


def _splice(data: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    """A stretch of another file in the place of its own."""
    other = rng.choice(others)
    start, length = rng.randrange(len(data)), rng.choice((16, 256, 4096, 65536))
    begin = rng.randrange(len(other))
    data[start : start + length] = other[begin : begin + length]


def _move(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """A stretch taken out, doubled or put elsewhere, so that every offset behind it is wrong."""
    start, length = rng.randrange(len(data)), rng.choice((1, 2, 12, 100, 4096))
    piece = bytes(data[start : start + length])
    if rng.random() < 0.5:
        del data[start : start + length]
    if rng.random() < 0.7:
        at = rng.randrange(len(data) + 1)
        data[at:at] = piece


_Way = Callable[[bytearray, Sequence[bytes], random.Random], None]
_WAYS: Final[tuple[_Way, ...]] = (
    _tag_value, _tag_value, _tag_value, _tag_header, _tag_header, _dimensions, _loop, _jpeg, _jpeg, _cut, _bits,
    _block, _splice, _move,
)  # fmt: skip


def _some_entry(data: bytearray, rng: random.Random) -> Entry | None:
    found = [entry for entry in entries(data) if entry.at + 12 <= len(data)]
    telling = [entry for entry in found if entry.tag in _TELLING or entry.tag in _DNG]
    return rng.choice(telling if telling and rng.random() < 0.7 else found) if found else None


def _order(data: bytearray) -> str:
    return ">" if data[:2] == b"MM" else "<"


def _put(data: bytearray, at: int, value: int, _rng: random.Random, *, wide: bool) -> None:
    size = 4 if wide else 2
    if 0 <= at <= len(data) - size:
        struct.pack_into(f"{_order(data)}{'I' if wide else 'H'}", data, at, value & (0xFFFFFFFF if wide else 0xFFFF))
