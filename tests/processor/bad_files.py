"""The corpus of bad and oddly named files, built from samples, each with what must become of it.

`BAD_FILES` is a table to parametrise tests with; `build` makes one of its files. Nothing here is committed as bytes.
"""

import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from processor.errors import ReasonCode

TRUNCATIONS = (1, 10, 50, 90, 99.9)
"""Percent of a file that is left."""

IMAGE_WIDTH, IMAGE_LENGTH, STRIP_OFFSETS, SUB_IFDS = 256, 257, 273, 330
CFA_PATTERN, BLACK_LEVEL, CROP_ORIGIN, CROP_SIZE, ACTIVE_AREA = 33422, 50714, 50719, 50720, 50829

_FORMATS = {1: "B", 3: "H", 4: "I"}


@dataclass(frozen=True, slots=True)
class Sources:
    """Good samples to spoil: one uncompressed, one of lossless-JPEG tiles, both with a preview."""

    uncompressed: Path
    lossless_jpeg: Path


Build = Callable[[Path, Sources], None]


@dataclass(frozen=True, slots=True)
class BadFile:
    """One bad file.

    Attributes:
        name: its file name, unique in the table.
        reasons: the codes that are right for it.
        make: writes it to a path.
        binds_root: False when the superuser can read it all the same.
    """

    name: str
    reasons: frozenset[ReasonCode]
    make: Build
    binds_root: bool = True

    def build(self, folder: Path, sources: Sources) -> Path:
        """Make the file in a folder. Skips the calling test where it cannot be bad."""
        if not self.binds_root and os.geteuid() == 0:
            pytest.skip(f"{self.name}: permissions do not bind root")
        path = folder / self.name
        self.make(path, sources)
        return path


def raw_field(data: bytes, tag: int) -> tuple[int, int, int]:
    """(type, count, byte offset of the values) of a field of the raw directory of a little-endian sample."""
    (main,) = struct.unpack_from("<I", data, 4)
    _, count, at = _field(data, main, SUB_IFDS)
    (raw,) = struct.unpack_from("<I", data, at)
    assert count >= 1
    return _field(data, raw, tag)


def _field(data: bytes, directory: int, tag: int) -> tuple[int, int, int]:
    (entries,) = struct.unpack_from("<H", data, directory)
    for entry in range(entries):
        at = directory + 2 + 12 * entry
        found, kind, count = struct.unpack_from("<HHI", data, at)
        if found == tag:
            inline = count * struct.calcsize(_FORMATS[kind]) <= 4
            return kind, count, at + 8 if inline else struct.unpack_from("<I", data, at + 8)[0]
    raise KeyError(tag)


def with_tags(source: Path, changes: dict[int, tuple[int, ...]]) -> bytes:
    """A sample's bytes with other values in fields of its raw directory."""
    data = bytearray(source.read_bytes())
    for tag, values in changes.items():
        kind, count, at = raw_field(bytes(data), tag)
        assert count == len(values)
        struct.pack_into(f"<{count}{_FORMATS[kind]}", data, at, *values)
    return bytes(data)


def with_pixels(source: Path, change: Callable[[np.ndarray], None]) -> bytes:
    """An uncompressed sample's bytes after `change` wrote into its H×W uint16 mosaic."""
    data = bytearray(source.read_bytes())
    width, height, offset = (
        struct.unpack_from("<I", data, raw_field(bytes(data), tag)[2])[0]
        for tag in (IMAGE_WIDTH, IMAGE_LENGTH, STRIP_OFFSETS)
    )
    mosaic = np.frombuffer(data, "<u2", width * height, offset).reshape(height, width)
    change(mosaic)
    return bytes(data)


def truncated(source: Path, percent: float) -> bytes:
    """The first `percent` of a file."""
    data = source.read_bytes()
    return data[: int(len(data) * percent / 100)]


def png_bomb(width_px: int, height_px: int) -> bytes:
    """A valid black PNG of one bit per pixel: thousands of times smaller than what it unpacks to."""
    row = bytes(1 + (width_px + 7) // 8)
    packer = zlib.compressobj(1)
    data = b"".join([*(packer.compress(row * 100) for _ in range(height_px // 100)), packer.flush()])
    header = struct.pack(">IIBBBBB", width_px, height_px, 1, 0, 0, 0, 0)
    chunks = (_png_chunk(b"IHDR", header), _png_chunk(b"IDAT", data), _png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _jpeg() -> bytes:
    ramp = np.add.outer(np.arange(120), np.arange(160)).astype(np.uint8)
    return bytes(cv2.imencode(".jpg", ramp)[1])


def _write(content: Callable[[Sources], bytes]) -> Build:
    def make(path: Path, sources: Sources) -> None:
        path.write_bytes(content(sources))

    return make


def _tags(changes: dict[int, tuple[int, ...]]) -> Build:
    return _write(lambda sources: with_tags(sources.uncompressed, changes))


def _claims(width_px: int, height_px: int) -> Build:
    return _tags(
        {
            IMAGE_WIDTH: (width_px,),
            IMAGE_LENGTH: (height_px,),
            ACTIVE_AREA: (0, 0, height_px, width_px),
            CROP_SIZE: (width_px, height_px),
        }
    )


def _pixels(change: Callable[[np.ndarray], None]) -> Build:
    return _write(lambda sources: with_pixels(sources.uncompressed, change))


def _zero_half(mosaic: np.ndarray) -> None:
    mosaic[mosaic.shape[0] // 2 :] = 0


def _cut(percent: float, *, compressed: bool) -> Build:
    return _write(lambda files: truncated(files.lossless_jpeg if compressed else files.uncompressed, percent))


def _unreadable(path: Path, sources: Sources) -> None:
    path.write_bytes(sources.uncompressed.read_bytes())
    path.chmod(0)


_CUT_OFF = frozenset({ReasonCode.TRUNCATED})
_DAMAGED = frozenset({ReasonCode.DAMAGED})
_TOO_LARGE = frozenset({ReasonCode.TOO_LARGE})
_NOT_AN_IMAGE = frozenset({ReasonCode.NOT_AN_IMAGE})
_UNREADABLE = frozenset({ReasonCode.UNREADABLE})

BAD_FILES: tuple[BadFile, ...] = (
    *(BadFile(f"cut_{percent}.dng", _CUT_OFF, _cut(percent, compressed=False)) for percent in TRUNCATIONS),
    *(BadFile(f"cut_ljpeg_{percent}.dng", _CUT_OFF, _cut(percent, compressed=True)) for percent in TRUNCATIONS),
    BadFile("claims_60000x60000.dng", _TOO_LARGE, _claims(60_000, 60_000)),
    BadFile("claims_16000x16000.dng", _TOO_LARGE, _claims(16_000, 16_000)),
    BadFile("claims_9000x6000.dng", frozenset({ReasonCode.DAMAGED}), _claims(9_000, 6_000)),
    BadFile("bomb.nef", _NOT_AN_IMAGE, _write(lambda _: png_bomb(30_000, 30_000))),
    BadFile("jpeg.nef", _NOT_AN_IMAGE, _write(lambda _: _jpeg())),
    BadFile("text.cr2", _NOT_AN_IMAGE, _write(lambda _: b"Dear customer,\nyour pictures are ready.\n" * 50)),
    BadFile("zeros.arw", _NOT_AN_IMAGE, _write(lambda _: bytes(65_536))),
    BadFile("empty.dng", _NOT_AN_IMAGE, _write(lambda _: b"")),
    BadFile("unreadable.dng", _UNREADABLE, _unreadable, binds_root=False),
    BadFile("folder.dng", _UNREADABLE, lambda path, _: path.mkdir()),
    BadFile("broken_link.dng", _UNREADABLE, lambda path, _: path.symlink_to("nowhere.dng")),
    BadFile("link_loop.dng", _UNREADABLE, lambda path, _: path.symlink_to(path.name)),
    BadFile("missing.dng", _UNREADABLE, lambda _path, _: None),
    BadFile("black_above_white.dng", _DAMAGED, _tags({BLACK_LEVEL: (65_535,)})),
    BadFile("cfa_9999.dng", _DAMAGED | {ReasonCode.UNSUPPORTED_CODEC}, _tags({CFA_PATTERN: (9, 9, 9, 9)})),
    BadFile("crop_outside.dng", _DAMAGED, _tags({CROP_ORIGIN: (5_000, 5_000)})),
    BadFile("active_area_outside.dng", _DAMAGED, _tags({ACTIVE_AREA: (0, 0, 9_000, 9_000)})),
    BadFile("zero_size.dng", _DAMAGED | {ReasonCode.UNSUPPORTED_CODEC}, _tags({IMAGE_WIDTH: (0,), IMAGE_LENGTH: (0,)})),
    BadFile("all_zero.dng", _DAMAGED, _pixels(lambda mosaic: mosaic.fill(0))),
    BadFile("all_equal.dng", _DAMAGED, _pixels(lambda mosaic: mosaic.fill(5_000))),
    BadFile("last_half_zero.dng", _DAMAGED, _pixels(_zero_half)),
)

GOOD_NAMES: tuple[str, ...] = (
    "Grüße aus Köln.dng",
    "写真 №7 (копия).dng",
    "with space and 'quotes'.DNG",
    "#hash %41 & = ?.dng",
    "-leading-dash.dng",
    "two.dots.dng",
    "monday/IMG_0001.dng",
    "tuesday/IMG_0001.dng",
)
"""Relative paths under which a good file must develop like any other; two of them share a name."""


def build_good_names(folder: Path, sources: Sources) -> list[Path]:
    """Copies of the good uncompressed sample under every one of GOOD_NAMES."""
    paths = [folder / name for name in GOOD_NAMES]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sources.uncompressed.read_bytes())
    return paths
