"""Where a DNG keeps its raw image and in what form, read strictly: what we do not know exactly is left to LibRaw."""

from dataclasses import dataclass
from typing import Final

from processor.errors import ImageError, ReasonCode, Stage
from processor.unpack.tiff import Directory, TiffError, directories

UNCOMPRESSED: Final = "uncompressed"
LOSSLESS_JPEG: Final = "lossless-jpeg"

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_COUNTS, _PLANAR = 273, 277, 278, 279, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS, _SAMPLE_FORMAT = 322, 323, 324, 325, 339
_CFA_DIM, _CFA_PATTERN, _DNG_VERSION, _CFA_PLANES, _CFA_LAYOUT, _LINEARIZATION = (
    33421,
    33422,
    50706,
    50710,
    50711,
    50712,
)
_BLACK_DIM, _BLACK, _BLACK_DELTA_H, _BLACK_DELTA_V, _WHITE = 50713, 50714, 50715, 50716, 50717
_CROP_ORIGIN, _CROP_SIZE, _ACTIVE_AREA, _MASKED_AREAS, _OPCODES_1, _OPCODES_2 = 50719, 50720, 50829, 50830, 51008, 51009
_CFA, _LINEAR_RAW = 32803, 34892

_UNUSUAL: Final = (_LINEARIZATION, _BLACK_DELTA_H, _BLACK_DELTA_V, _MASKED_AREAS, _OPCODES_1, _OPCODES_2)
"""Tags with which LibRaw changes values or levels while it unpacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawImage:
    """The one raw image of a DNG.

    Attributes:
        width, height: stored size in pixels.
        form: how it is stored, when one of our unpackers knows that form exactly; else None.
        tiled: in tiles, which are whole also where they reach beyond the image, rather than strips.
        chunk_width, chunk_height: size of a tile or strip; the last ones may reach beyond the image.
        offsets, counts: place and length of every chunk in the file, row by row.
        black: level of the 2×2 block's four sites, row-major, counted from the active area's corner.
        white: saturation level.
    """

    width: int
    height: int
    form: str | None
    tiled: bool
    chunk_width: int
    chunk_height: int
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    black: tuple[int, int, int, int]
    white: int


def read_raw_image(data: memoryview, name: str) -> RawImage | None:
    """The raw image of a DNG, or None when the file is no DNG or holds none or several.

    Args:
        data: the whole file.
        name: what errors call it.

    Raises:
        ImageError: DAMAGED, when the header contradicts itself in a way that LibRaw would take without a word.
    """
    try:
        found = directories(data)
        version = found[0].integers(_DNG_VERSION)
        if not version:
            return None
        raws = [d for d in found if d.integer(_PHOTOMETRIC, -1) in (_CFA, _LINEAR_RAW)]
        full = [d for d in raws if not d.integer(_SUBFILE, 0) & 1]
        if len(full) == 1:
            _check(full[0], name)
        if len(raws) != 1 or not full or full[0].integer(_PHOTOMETRIC, -1) != _CFA:
            return None
        return _describe(full[0], version, little=bytes(data[:2]) == b"II")
    except (TiffError, ValueError):
        return None  # LibRaw has opened it; what it makes of the rest is for it to say


def _damaged(message: str) -> ImageError:
    return ImageError(ReasonCode.DAMAGED, message, stage=Stage.READ)


def _check(raw: Directory, name: str) -> None:
    """Refuse what LibRaw accepts and develops into a black, false-coloured or shifted picture."""
    width, height = raw.integer(_WIDTH, 0), raw.integer(_HEIGHT, 0)
    pattern, planes = raw.integers(_CFA_PATTERN), raw.integers(_CFA_PLANES) or (0, 1, 2)
    if raw.integer(_PHOTOMETRIC, -1) == _CFA and not set(pattern) <= set(planes):
        raise _damaged(f"{name} has the colour filter pattern {pattern}; only its colours {planes} are allowed")
    area = raw.integers(_ACTIVE_AREA) or (0, 0, height, width)
    if len(area) == 4 and not (0 <= area[0] < area[2] <= height and 0 <= area[1] < area[3] <= width):
        raise _damaged(
            f"{name} has the active area {area}, which does not lie within its {height} rows × {width} columns"
        )
    origin, size = raw.numbers(_CROP_ORIGIN), raw.numbers(_CROP_SIZE)
    if len(origin) == len(size) == 2 and len(area) == 4:
        fits = origin[0] + size[0] <= area[3] - area[1] and origin[1] + size[1] <= area[2] - area[0]
        if not fits or min(size) < 1 or min(origin) < 0:
            raise _damaged(
                f"{name} crops {size[0]:g} × {size[1]:g} pixels from ({origin[0]:g}, {origin[1]:g}), "
                f"which do not lie within its active area of {area[3] - area[1]} × {area[2] - area[0]}"
            )
    bits = raw.integer(_BITS, 16)
    black, white = raw.numbers(_BLACK) or (0,), raw.numbers(_WHITE) or ((1 << min(bits, 16)) - 1,)
    if max(black) >= min(white):
        raise _damaged(
            f"{name} has black level {max(black):g} and white level {min(white):g}; black must be below white"
        )


def _describe(raw: Directory, version: tuple[int, ...], *, little: bool) -> RawImage | None:
    width, height = raw.integer(_WIDTH, 0), raw.integer(_HEIGHT, 0)
    tiled = _TILE_OFFSETS in raw
    offsets = raw.integers(_TILE_OFFSETS if tiled else _STRIP_OFFSETS)
    counts = raw.integers(_TILE_COUNTS if tiled else _STRIP_COUNTS)
    chunk_width = raw.integer(_TILE_WIDTH, 0) if tiled else width
    chunk_height = raw.integer(_TILE_HEIGHT, 0) if tiled else min(raw.integer(_ROWS_PER_STRIP, height), height)
    if min(width, height, chunk_width, chunk_height) < 1 or chunk_width > width or chunk_height > height:
        return None  # LibRaw does not cut off the padding of a tile larger than the image; what it makes of it stands
    black = _black(raw)
    white = raw.integers(_WHITE)
    usual = black is not None and len(white) == 1 and not any(tag in raw for tag in _UNUSUAL) and _is_bayer(raw)
    whole = len(offsets) == len(counts) == -(-width // chunk_width) * -(-height // chunk_height)
    return RawImage(
        width=width,
        height=height,
        form=_form(raw, version, little=little, tiled=tiled) if usual and whole else None,
        tiled=tiled,
        chunk_width=chunk_width,
        chunk_height=chunk_height,
        offsets=offsets,
        counts=counts,
        black=black or (0, 0, 0, 0),
        white=white[0] if white else 0,
    )


def _form(raw: Directory, version: tuple[int, ...], *, little: bool, tiled: bool) -> str | None:
    compression, bits = raw.integer(_COMPRESSION, 0), raw.integers(_BITS)
    if compression == 1 and bits == (16,) and little and not tiled:
        return UNCOMPRESSED
    # Before DNG 1.1 the longest code of lossless JPEG was read differently.
    if compression == 7 and len(bits) == 1 and 8 < bits[0] <= 16 and version >= (1, 1):
        return LOSSLESS_JPEG
    return None


def _is_bayer(raw: Directory) -> bool:
    return (
        raw.integers(_SAMPLES) in ((), (1,))
        and raw.integer(_PLANAR, 1) == 1
        and raw.integer(_SAMPLE_FORMAT, 1) == 1
        and raw.integers(_CFA_DIM) == (2, 2)
        and raw.integer(_CFA_LAYOUT, 1) == 1
        and raw.integers(_CFA_PLANES) in ((), (0, 1, 2))
        and len(raw.integers(_CFA_PATTERN)) == 4
    )


def _black(raw: Directory) -> tuple[int, int, int, int] | None:
    dim, values = raw.integers(_BLACK_DIM) or (1, 1), raw.numbers(_BLACK) or (0,)
    if any(not 0 <= value < 65536 or value != int(value) for value in values):
        return None
    levels = tuple(int(value) for value in values)
    if dim == (1, 1) and len(levels) == 1:
        return levels[0], levels[0], levels[0], levels[0]
    return (levels[0], levels[1], levels[2], levels[3]) if dim == (2, 2) and len(levels) == 4 else None
