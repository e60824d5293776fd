"""DNG files of every form that the unpackers meet, written by a small encoder of the tests' own."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from processor.sample.tiff import Ifd, Type, header, place
from processor.types import Mosaic

BLACK, WHITE = 256, 16383
WIDTH, HEIGHT, BITS, STRIP_OFFSETS, ROWS_PER_STRIP, STRIP_COUNTS = 256, 257, 258, 273, 278, 279
DNG_VERSION, LINEARIZATION, BLACK_DIM, BLACK_LEVEL, WHITE_LEVEL, ACTIVE_AREA = 50706, 50712, 50713, 50714, 50717, 50829
AS_SHOT_NEUTRAL, ORIENTATION = 50728, 274

Tags = Mapping[int, tuple[Type, Sequence[float]] | None]

_LENGTHS = {2: 1, 3: 3, 6: 4, 9: 3, 13: 4, 16: 2}
"""How many codes have which length: short ones and some far beyond what one table look-up resolves."""


def mosaic(height: int, width: int, *, white: int = WHITE, black: int = BLACK, seed: int = 1) -> Mosaic:
    """Noise on a slope with some extreme values: every length of difference occurs."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(0.1, 0.8, width)[None, :] * np.linspace(0.5, 1, height)[:, None]
    values = black + (white - black) * slope + rng.normal(0, (white - black) / 300, (height, width))
    spots = rng.random((height, width))
    values = np.where(spots < 0.01, 0, np.where(spots > 0.99, white, values))
    return np.clip(np.rint(values), 0, white).astype(np.uint16)


def ljpeg(samples: Mosaic, *, components: int = 1, predictor: int = 1, precision: int = 14, end: bool = True) -> bytes:
    """Encode rows of samples (components take turns in a row) as lossless JPEG, as ITU-T T.81 describes it."""
    rows, n = samples.shape
    values = samples.astype(np.int64)
    guess = np.zeros_like(values)
    a, b = np.zeros_like(values), np.zeros_like(values)
    c = np.zeros_like(values)
    a[:, components:], b[1:] = values[:, :-components], values[:-1]
    c[1:, components:] = values[:-1, :-components]
    by_number = {1: a, 2: b, 3: c, 4: a + b - c, 5: a + ((b - c) >> 1), 6: b + ((a - c) >> 1), 7: (a + b) >> 1}
    guess[:] = by_number[predictor]
    guess[0] = a[0]
    guess[:, :components] = b[:, :components]
    guess[0, :components] = 1 << (precision - 1)
    differences = (values - guess).ravel()
    differences = ((differences + 32768) & 0xFFFF) - 32768
    codes = _codes()
    bits = "".join(codes[_size(int(d))] + _extra(int(d)) for d in differences)
    bits += "1" * (-len(bits) % 8)
    stream = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    frame = struct.pack(">BHHB", precision, rows, n // components, components)
    frame += b"".join(bytes([i, 0x11, 0]) for i in range(components))
    table = bytes([0]) + bytes(_LENGTHS.get(i, 0) for i in range(1, 17)) + bytes(range(17))
    scan = bytes([components]) + b"".join(bytes([i, 0]) for i in range(components)) + bytes([predictor, 0, 0])
    parts = [b"\xff\xd8", _segment(0xC4, table), _segment(0xC3, frame), _segment(0xDA, scan), stream]
    return b"".join(parts) + (b"\xff\xd9" if end else b"")


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def _codes() -> dict[int, str]:
    codes, code, symbol = {}, 0, 0
    for length in range(1, 17):
        for _ in range(_LENGTHS.get(length, 0)):
            codes[symbol] = format(code, f"0{length}b")
            code, symbol = code + 1, symbol + 1
        code <<= 1
    return codes


def _size(difference: int) -> int:
    return abs(difference).bit_length()


def _extra(difference: int) -> str:
    size = _size(difference)
    if size in (0, 16):
        return ""
    return format(difference if difference > 0 else difference + (1 << size) - 1, f"0{size}b")


def tiles_of(
    values: Mosaic,
    tile: tuple[int, int],
    *,
    components: int = 1,
    predictor: int = 1,
    precision: int = 14,
    fold: int = 1,
) -> list[bytes]:
    """Cut a mosaic into tiles (height, width), padded at the edges, and encode each.

    Args:
        fold: lines of the mosaic that lie side by side in one row of the JPEG, so that equal colours are neighbours.
    """
    height, width = tile
    padded = np.pad(values, ((0, -values.shape[0] % height), (0, -values.shape[1] % width)), mode="edge")
    return [
        ljpeg(
            np.ascontiguousarray(padded[y : y + height, x : x + width]).reshape(height // fold, width * fold),
            components=components,
            predictor=predictor,
            precision=precision,
        )
        for y in range(0, padded.shape[0], height)
        for x in range(0, padded.shape[1], width)
    ]


def write_dng(
    path: Path,
    values: Mosaic,
    *,
    chunks: Sequence[bytes] | None = None,
    tile: tuple[int, int] | None = None,
    pattern: tuple[int, int, int, int] = (0, 1, 1, 2),
    tags: Tags | None = None,
    balance: NDArray[np.float64] | None = None,
) -> Path:
    """Write a CFA DNG with one raw image.

    Args:
        chunks: encoded tiles, or strips when there is no `tile`; None for uncompressed values.
        tile: (height, width) of the tiles.
        pattern: colour filters of the first 2×2 block, 0 = R, 1 = G, 2 = B.
        tags: what to set beside or instead of the usual, by tag; None leaves a tag out.
        balance: AsShotNeutral.
    """
    height, width = values.shape
    data = [values.astype("<u2").tobytes()] if chunks is None else list(chunks)
    raw = Ifd()
    usual: dict[int, tuple[Type, Sequence[float]] | None] = {
        254: (Type.LONG, [0]),
        WIDTH: (Type.LONG, [width]),
        HEIGHT: (Type.LONG, [height]),
        BITS: (Type.SHORT, [16]),
        259: (Type.SHORT, [1 if chunks is None else 7]),
        262: (Type.SHORT, [32803]),
        ORIENTATION: (Type.SHORT, [1]),
        277: (Type.SHORT, [1]),
        284: (Type.SHORT, [1]),
        33421: (Type.SHORT, [2, 2]),
        33422: (Type.BYTE, pattern),
        DNG_VERSION: (Type.BYTE, [1, 4, 0, 0]),
        50707: (Type.BYTE, [1, 1, 0, 0]),
        50710: (Type.BYTE, [0, 1, 2]),
        50711: (Type.SHORT, [1]),
        BLACK_DIM: (Type.SHORT, [1, 1]),
        BLACK_LEVEL: (Type.LONG, [BLACK]),
        WHITE_LEVEL: (Type.LONG, [WHITE]),
        50721: (Type.SRATIONAL, [1.0405, -0.3755, -0.1270, -0.5461, 1.3787, 0.1793, -0.1040, 0.2015, 0.6785]),
        AS_SHOT_NEUTRAL: (Type.RATIONAL, [0.5, 1.0, 0.65] if balance is None else list(balance)),
        50778: (Type.SHORT, [21]),
        ACTIVE_AREA: (Type.LONG, [0, 0, height, width]),
        **dict.fromkeys((324, 325) if tile else (STRIP_OFFSETS, STRIP_COUNTS), (Type.LONG, [0] * len(data))),
    }
    if tile:
        usual |= {322: (Type.LONG, [tile[1]]), 323: (Type.LONG, [tile[0]])}
    else:
        usual[ROWS_PER_STRIP] = (Type.LONG, [-(-height // len(data))])
    for tag, field in (usual | dict(tags or {})).items():
        if field is not None:
            raw.set(tag, field[0], *field[1])
    raw.set_text(271, "Test")
    raw.set_text(272, "Unpacker")
    raw.set_text(50708, "Test Unpacker")
    (first, start) = place([raw])
    places, counts = [], []
    for chunk in data:
        places.append(start)
        counts.append(len(chunk))
        start += len(chunk) + len(chunk) % 2
    if tags is None or not {STRIP_OFFSETS, 324} & set(tags):
        raw.set(324 if tile else STRIP_OFFSETS, Type.LONG, *places)
    raw.set(325 if tile else STRIP_COUNTS, Type.LONG, *counts)
    body = b"".join(chunk.ljust(len(chunk) + len(chunk) % 2, b"\0") for chunk in data)
    path.write_bytes(header(first) + raw.pack(first) + body)
    return path
