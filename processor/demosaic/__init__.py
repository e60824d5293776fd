"""Our own demosaicing kernels: sensor values to 8-bit RGB in one pass, single-threaded, the interpreter lock released."""

import numpy as np
from numpy.typing import NDArray

from processor.demosaic.half import half_rggb
from processor.types import Mosaic, Rgb8

Pattern = tuple[int, int, int, int]
"""Colour indices of a 2×2 block, row-major: 0 = R, 1 = G, 2 = B, 3 = second G."""


def half_size(
    values: Mosaic,
    *,
    window: tuple[int, int, int, int],
    pattern: Pattern,
    black: NDArray[np.float32],
    scale: NDArray[np.float32],
    matrix: NDArray[np.float64],
) -> Rgb8:
    """Develop every whole 2×2 block of a window into one pixel; an odd last row or column is left out.

    Args:
        values: the whole stored mosaic, uint16, C-contiguous.
        window: top, left, height and width of the visible area in it.
        pattern: colours of the window's first block, a Bayer pattern.
        black, scale: per colour index (R, G, B, second G): level to subtract, factor that brings white to 1 or more.
        matrix: 3×3, balanced camera RGB to linear output RGB.

    Returns:
        (height // 2) × (width // 2) × 3, gamma-encoded.
    """
    top, left, height, width = window
    rows, n = height // 2, width // 2
    out = np.empty((rows, 3 * n), np.uint8)
    red_first, from_below = _orient(pattern)
    order = _site_order(pattern, from_below)
    level = np.concatenate([black[order], scale[order]]).astype(np.float32)
    coefficients = np.asarray(matrix, np.float64)
    if not red_first:
        coefficients = coefficients[:, ::-1]
    half_rggb(
        values,
        top + 2 * rows - 1 if from_below else top,
        left,
        -1 if from_below else 1,
        rows,
        n,
        level,
        np.ascontiguousarray(coefficients, np.float32).ravel(),
        out,
        rows - 1 if from_below else 0,
    )
    return out.reshape(rows, n, 3)


def _orient(pattern: Pattern) -> tuple[bool, bool]:
    """Whether the R G / G B kernel sees red (else blue) as its first colour, and whether it takes the rows from below."""
    from_below = pattern[0] in (1, 3)
    first = pattern[2] if from_below else pattern[0]
    return first == 0, from_below


def _site_order(pattern: Pattern, from_below: bool) -> list[int]:
    """The pattern in the order in which the kernel meets it."""
    return [*pattern[2:], *pattern[:2]] if from_below else list(pattern)
