"""Colour: from camera RGB to linear sRGB or Display P3, and the ICC profiles that renditions carry."""

import struct
from functools import cache

import numpy as np
from numpy.typing import NDArray

from processor.types import ColourSpace

Matrix = NDArray[np.float64]

D65_XY = (0.3127, 0.3290)
"""Chromaticity of the white of both spaces (IEC 61966-2-1; SMPTE EG 432-1)."""

PRIMARIES_XY: dict[ColourSpace, tuple[tuple[float, float], ...]] = {
    ColourSpace.SRGB: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    ColourSpace.DISPLAY_P3: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""Chromaticities of red, green and blue: ITU-R BT.709 for sRGB, SMPTE RP 431-2 for P3."""

D50_XYZ = np.array([0.9642, 1.0, 0.8249])
"""White of the ICC profile connection space (ICC.1:2022, 7.2.16)."""

BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""XYZ to cone response for chromatic adaptation (ICC.1:2022, annex E)."""

_DESCRIPTIONS = {ColourSpace.SRGB: "sRGB", ColourSpace.DISPLAY_P3: "Display P3"}


def xyz_of_white(xy: tuple[float, float]) -> Matrix:
    """Tristimulus values with Y = 1 of a chromaticity."""
    x, y = xy
    return np.array([x / y, 1.0, (1 - x - y) / y])


def rgb_to_xyz(space: ColourSpace) -> Matrix:
    """3×3 matrix from linear RGB of a space to XYZ under D65 (SMPTE RP 177)."""
    columns = np.stack([xyz_of_white(xy) for xy in PRIMARIES_XY[space]], axis=1)
    scaled: Matrix = columns * np.linalg.solve(columns, xyz_of_white(D65_XY))
    return scaled


@cache
def _srgb_to(space: ColourSpace) -> Matrix:
    matrix: Matrix = (np.linalg.inv(rgb_to_xyz(space)) @ rgb_to_xyz(ColourSpace.SRGB)).astype(np.float64)
    return matrix


def camera_to_output(camera_to_srgb: NDArray[np.floating], space: ColourSpace) -> Matrix:
    """3×3 matrix from white-balanced camera RGB to a linear output space.

    Args:
        camera_to_srgb: LibRaw's `rgb_cam`, 3×3: camera RGB, balanced so that neutral is (1, 1, 1), to linear sRGB.
        space: the output space; both share sRGB's white, so no adaptation takes place.
    """
    matrix: Matrix = _srgb_to(space) @ np.asarray(camera_to_srgb, np.float64)
    return matrix


def adaptation_to_d50() -> Matrix:
    """Bradford matrix that takes XYZ under D65 to XYZ under D50."""
    cones = (BRADFORD @ D50_XYZ) / (BRADFORD @ xyz_of_white(D65_XY))
    adaptation: Matrix = np.linalg.solve(BRADFORD, cones[:, None] * BRADFORD)
    return adaptation


@cache
def icc_profile(space: ColourSpace) -> bytes:
    """An ICC version 4 display profile (matrix and parametric curve), the same bytes on every call and machine."""
    colorants = adaptation_to_d50() @ rgb_to_xyz(space)
    # Parametric curve of type 3: ((x + 0.055) / 1.055) ** 2.4 from 0.04045 up, x / 12.92 below (IEC 61966-2-1).
    curve = b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    tags = {
        b"desc": _text(_DESCRIPTIONS[space]),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": _xyz(D50_XYZ),
        b"chad": b"sf32" + bytes(4) + _fixed(*adaptation_to_d50().ravel()),
        b"rXYZ": _xyz(colorants[:, 0]),
        b"gXYZ": _xyz(colorants[:, 1]),
        b"bXYZ": _xyz(colorants[:, 2]),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    return _assemble(tags)


def _assemble(tags: dict[bytes, bytes]) -> bytes:
    start = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    places: dict[bytes, int] = {}
    for name, data in tags.items():
        if data not in places:  # equal curves share one copy, as the format allows
            places[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, places[data], len(data))
    # ICC.1:2022, 7.2. The date is fixed: the bytes must not depend on the clock.
    header = struct.pack(">I4xI", start + len(body), 0x04300000) + b"mntrRGB XYZ "
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(*D50_XYZ)
    return header.ljust(128, b"\0") + table + body


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def _xyz(values: NDArray[np.floating]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*values)


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(encoded), 28) + encoded
