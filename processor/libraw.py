"""What LibRaw knows of a file before unpacking it and rawpy does not tell: names, mosaic, colour.

Every colour property of rawpy unpacks the file first, which costs a second or more on a compressed original. LibRaw's
documented C interface answers in a millisecond, from the same shared library that rawpy has loaded already. When the
library is not found, or answers differently from rawpy, there are no facts and callers use rawpy alone.
"""

import ctypes
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import rawpy

_PATTERNS = ("libraw_r.so*", "libraw_r*.dylib", ".dylibs/libraw_r*.dylib", "raw_r.dll", "libraw_r*.dll")


@dataclass(frozen=True, slots=True, kw_only=True)
class LibRawFacts:
    """Header facts of one file.

    Attributes:
        make, model: the camera's names.
        colours: number of colours of the sensor.
        filters: LibRaw's code of the colour filter array; below 1000 it is no repeating 2×8 mosaic (9 is X-Trans).
        mosaic: colour index at (row, column) of the visible area's first 8×2 block, row-major; empty without a mosaic.
        camera_balance: as-shot multipliers of R, G, B and second G; all zero when the file has none.
        camera_to_srgb: 3 rows of 4: balanced camera colours to linear sRGB.
        white_level: saturation before unpacking; some decoders correct it while they unpack.
    """

    make: str
    model: str
    colours: int
    filters: int
    mosaic: tuple[int, ...]
    camera_balance: tuple[float, float, float, float]
    camera_to_srgb: tuple[tuple[float, ...], ...]
    white_level: int


class _ImageParameters(ctypes.Structure):
    """The beginning of LibRaw's `libraw_iparams_t`, unchanged since LibRaw 0.20."""

    _fields_ = (
        ("guard", ctypes.c_char * 4),
        ("make", ctypes.c_char * 64),
        ("model", ctypes.c_char * 64),
        ("software", ctypes.c_char * 64),
        ("normalized_make", ctypes.c_char * 64),
        ("normalized_model", ctypes.c_char * 64),
        ("maker_index", ctypes.c_uint),
        ("raw_count", ctypes.c_uint),
        ("dng_version", ctypes.c_uint),
        ("is_foveon", ctypes.c_uint),
        ("colors", ctypes.c_int),
        ("filters", ctypes.c_uint),
        ("xtrans", ctypes.c_byte * 36),
        ("xtrans_abs", ctypes.c_byte * 36),
        ("cdesc", ctypes.c_char * 5),
    )


def words_of(error: rawpy.LibRawError) -> str:
    """What LibRaw says of an error, in lower case, for the end of a sentence."""
    text = error.args[0] if error.args else "no reason given"
    return (text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)).lower()


@cache
def _library() -> ctypes.CDLL | None:
    """rawpy's own LibRaw with typed functions, or None where the wheel hides it."""
    folder = Path(rawpy.__file__).parent
    for pattern in _PATTERNS:
        for path in sorted(folder.glob(pattern)):
            try:
                library = ctypes.CDLL(str(path))
                _declare(library)
            except (OSError, AttributeError):
                continue
            return library
    return None


def _declare(library: ctypes.CDLL) -> None:
    handle, number = ctypes.c_void_p, ctypes.c_int
    library.libraw_init.restype = handle
    library.libraw_init.argtypes = [ctypes.c_uint]
    library.libraw_open_file.argtypes = [handle, ctypes.c_char_p]
    library.libraw_close.argtypes = [handle]
    library.libraw_get_iparams.restype = ctypes.POINTER(_ImageParameters)
    library.libraw_get_iparams.argtypes = [handle]
    library.libraw_get_cam_mul.restype = ctypes.c_float
    library.libraw_get_cam_mul.argtypes = [handle, number]
    library.libraw_get_rgb_cam.restype = ctypes.c_float
    library.libraw_get_rgb_cam.argtypes = [handle, number, number]
    library.libraw_get_color_maximum.argtypes = [handle]
    library.libraw_COLOR.argtypes = [handle, number, number]


def read_facts(path: Path, raw: rawpy.RawPy) -> LibRawFacts | None:
    """Ask LibRaw about a file that `raw` has open.

    Args:
        path: the file.
        raw: rawpy's handle of it, against which the answers are checked.

    Returns:
        The facts, or None when LibRaw cannot be asked or disagrees with rawpy about the same file.
    """
    library = _library()
    if library is None or sys.platform == "win32":  # LibRaw's narrow paths cannot name every file there
        return None
    handle = library.libraw_init(0)
    if not handle:
        return None
    try:
        if library.libraw_open_file(handle, os.fsencode(path)) != 0:
            return None
        parameters = library.libraw_get_iparams(handle).contents
        # A LibRaw with another structure would show here first, so these two fields vouch for the ones before them.
        if parameters.colors != raw.num_colors or parameters.cdesc != raw.color_desc.rstrip(b"\0"):
            return None
        repeats = parameters.filters >= 1000
        return LibRawFacts(
            make=parameters.make.decode("utf-8", "replace").strip(),
            model=parameters.model.decode("utf-8", "replace").strip(),
            colours=parameters.colors,
            filters=parameters.filters,
            mosaic=tuple(library.libraw_COLOR(handle, i // 2, i % 2) for i in range(16)) if repeats else (),
            camera_balance=tuple(library.libraw_get_cam_mul(handle, i) for i in range(4)),
            camera_to_srgb=tuple(tuple(library.libraw_get_rgb_cam(handle, i, j) for j in range(4)) for i in range(3)),
            white_level=library.libraw_get_color_maximum(handle),
        )
    finally:
        library.libraw_close(handle)
