"""Fractal noise that looks the same at any size: more pixels show finer octaves, the coarse ones stay as they are."""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_MAX_OCTAVES: Final = 16


def generator(*key: int) -> np.random.Generator:
    """Random numbers that depend on the key alone."""
    return np.random.Generator(np.random.SFC64(list(key)))


def fractal(
    size_px: tuple[int, int],
    cells: tuple[int, int],
    key: tuple[int, ...],
    *,
    persistence: float = 0.5,
    finest_px: float = 1,
) -> Plane:
    """Two-dimensional noise: octaves of random grids, each twice as fine and `persistence` times as strong.

    Args:
        size_px: (width, height) of the result.
        cells: (across, down) of the coarsest grid.
        key: decides the pattern.
        finest_px: octaves with smaller cells are left out.

    Returns:
        height×width float32 with mean 0 and a standard deviation of about 1.
    """
    width, height = size_px
    columns, rows = cells
    # Of all octaves, also those left out: so the coarse ones are as strong at any size.
    strength = math.sqrt(12 * (1 - persistence**2))
    grid = np.zeros((rows, columns), np.float32)
    for octave in range(_MAX_OCTAVES):
        if octave:
            grid = _resized(grid, (columns, rows))
        values = generator(*key, octave).random((rows, columns), dtype=np.float32)
        values -= 0.5
        values *= strength * persistence**octave
        grid += values
        if 2 * rows * finest_px > height or 2 * columns * finest_px > width:
            break
        columns, rows = 2 * columns, 2 * rows
    return _resized(grid, size_px)


def outline(x: NDArray[np.float64], cells_per_unit: float, key: tuple[int, ...], *, persistence: float = 0.5) -> Plane:
    """One-dimensional noise with sharp corners, as ridge lines have, for positions from -1 to 7.

    Returns:
        One value for each position, with mean 0 and a standard deviation of about 1.
    """
    step = float(x[1] - x[0]) if len(x) > 1 else 1.0
    total = np.zeros(len(x))
    for octave in range(_MAX_OCTAVES):
        cells = math.ceil(8 * cells_per_unit) << octave
        values = generator(*key, octave).standard_normal(cells + 1)
        total += np.interp(x, np.linspace(-1, 7, cells + 1), values) * persistence**octave
        if 8 / cells < step:
            break
    return (total * math.sqrt(1 - persistence**2)).astype(np.float32)


def _resized(plane: Plane, size_px: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(plane, size_px, interpolation=cv2.INTER_CUBIC), np.float32)
