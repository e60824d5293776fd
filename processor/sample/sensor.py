"""A camera's sensor: turns a picture into the noisy colour-filter mosaic that a camera would have recorded of it."""

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from processor.types import Mosaic, Rgb8

BLACK: Final = 1008
WHITE: Final = 16383
BITS: Final = 14

COLOUR_MATRIX: Final = np.array([[1.0405, -0.3755, -0.1270], [-0.5461, 1.3787, 0.1793], [-0.1040, 0.2015, 0.6785]])
"""XYZ under D65 to camera RGB, of a full-frame sensor's kind: what DNG calls ColorMatrix1."""

AS_SHOT_NEUTRAL: Final = np.array([0.4912, 1.0, 0.6410])
"""What the sensor gives for white, relative to green."""

FULL_WELL_E: Final = 28_000.0
"""Electrons at WHITE: a full-frame sensor of today around ISO 200."""

READ_NOISE_E: Final = 3.0

BAND_ROWS: Final = 256
"""Rows that are computed at a time; even, so that every band starts in the same phase of the mosaic."""

# Linear sRGB to XYZ under D65, IEC 61966-2-1.
_XYZ_FROM_RGB: Final = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear_from_srgb() -> NDArray[np.float32]:
    """256 values: 8-bit sRGB to linear light, 0 to 1 (IEC 61966-2-1)."""
    code = np.arange(256) / 255
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4).astype(np.float32)


def camera_from_rgb() -> NDArray[np.float64]:
    """3×3 from linear sRGB to the sensor's channels; white gives AS_SHOT_NEUTRAL, so green alone reaches full scale."""
    matrix = COLOUR_MATRIX @ _XYZ_FROM_RGB
    neutral: NDArray[np.float64] = matrix / matrix.sum(axis=1, keepdims=True) * AS_SHOT_NEUTRAL[:, None]
    return neutral


def expose(picture: Rgb8, pattern: tuple[int, int, int, int], seed: int) -> Iterator[Mosaic]:
    """Bands of BAND_ROWS rows of the mosaic, top to bottom, with shot and read noise.

    Args:
        picture: H×W×3 sRGB, in the sensor's orientation.
        pattern: the filter of each place of the 2×2 cell, row by row: 0 red, 1 green, 2 blue.
        seed: decides the noise. The same arguments give the same values on every machine.

    Yields:
        uint16 from 0 to WHITE, with BLACK for no light; the last band may be shorter.
    """
    linear = linear_from_srgb()
    matrix = camera_from_rgb()
    rng = np.random.Generator(np.random.SFC64([seed, 0x5E45]))
    scale = (WHITE - BLACK) / FULL_WELL_E
    for top in range(0, picture.shape[0], BAND_ROWS):
        band = picture[top : top + BAND_ROWS]
        electrons = np.empty(band.shape[:2], np.float32)
        for place, channel in enumerate(pattern):
            row, column = divmod(place, 2)
            sites = np.ascontiguousarray(band[row::2, column::2])
            if sites.size:
                weights = (matrix[channel] * FULL_WELL_E).astype(np.float32)[None, :]
                electrons[row::2, column::2] = cv2.transform(cv2.LUT(sites, linear), weights)
        # A saturated colour can lie outside what the sensor sees; light is never negative.
        np.maximum(electrons, 0, out=electrons)
        noise = rng.standard_normal(electrons.shape, dtype=np.float32)
        noise *= np.sqrt(electrons + READ_NOISE_E**2)
        electrons += noise
        electrons *= scale
        electrons += BLACK
        yield np.clip(np.rint(electrons, out=electrons), 0, WHITE).astype(np.uint16)
