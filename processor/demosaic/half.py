"""Half-size development of a Bayer mosaic, in phase: one pixel per 2×2 block, all colours at the block's centre.

LibRaw's half-size takes red, green and blue from different corners of a block, which leaves them up to half a pixel
apart and paints fringes on every edge. Here green is first rebuilt at the red and blue sites, along edges rather than
across them; then the colour differences, which are smooth, are interpolated to the centre. Everything from raw values
to 8-bit RGB happens in one pass over rows that stay in the processor's cache.
"""
# ruff: noqa: PLR0917  numba passes arguments by position

from typing import Any

import numpy as np
from numba import types

from processor.demosaic.rows import F, colour_differences, encode, split
from processor.jit import helper, kernel

_DROOP = F(0.1)
"""Share of green's Laplacian that is added back: the mean of four greens over a block loses that much contrast."""

_QUARTER, _ZERO, _ONE = F(0.25), F(0), F(1)


@helper
def _load(upper: Any, lower: Any, n: Any, level: Any, red: Any, green1: Any, green2: Any, blue: Any) -> None:
    """Split the two lines of a row of blocks into four colour rows, edges repeated into the margins."""
    split(upper, red[1:], green1[1:], n, level[0], level[1], level[4], level[5])
    split(lower, green2[1:], blue[1:], n, level[2], level[3], level[6], level[7])
    for row in (red, green1, green2, blue):
        row[0], row[n + 1] = row[1], row[n]


@helper
def _centre_green(n: Any, r: Any, dr: Any, g1: Any, g2: Any, b: Any, db: Any, green: Any) -> None:
    """Green at the centre of the blocks: the mean of the four greens around it, measured and rebuilt."""
    for j in range(n + 2):
        green[j] = (g1[j] + g2[j] + (r[j] - dr[j]) + (b[j] - db[j])) * _QUARTER
    green[0], green[n + 1] = green[1], green[n]


@helper
def _write(
    n: Any,
    green: Any,
    green_up: Any,
    green_down: Any,
    dr: Any,
    dr_down: Any,
    db: Any,
    db_up: Any,
    matrix: Any,
    out: Any,
) -> None:
    """Bring the differences to the centre, apply the colour matrix and the transfer function, store RGB."""
    m00, m01, m02 = matrix[0], matrix[1], matrix[2]
    m10, m11, m12 = matrix[3], matrix[4], matrix[5]
    m20, m21, m22 = matrix[6], matrix[7], matrix[8]
    centre, around = _ONE + _DROOP, _DROOP * _QUARTER
    near, side, far = F(9 / 16), F(3 / 16), F(1 / 16)
    for j in range(n):
        g = centre * green[j + 1] - around * (green[j] + green[j + 2] + green_up[j + 1] + green_down[j + 1])
        # Red lies a quarter block up and left of the centre, blue as far down and right: bilinear weights 9 3 3 1.
        r = g + near * dr[j + 1] + side * (dr[j + 2] + dr_down[j + 1]) + far * dr_down[j + 2]
        b = g + near * db[j + 1] + side * (db[j] + db_up[j + 1]) + far * db_up[j]
        r, g, b = max(r, _ZERO), max(g, _ZERO), max(b, _ZERO)
        out[3 * j] = encode(m00 * r + m01 * g + m02 * b)
        out[3 * j + 1] = encode(m10 * r + m11 * g + m12 * b)
        out[3 * j + 2] = encode(m20 * r + m21 * g + m22 * b)


@kernel(
    types.Array(types.uint16, 2, "C", readonly=True),
    types.int64, types.int64, types.int64, types.int64, types.int64, types.int64, types.int64,
    types.float32[::1], types.float32[::1], types.uint8[:, ::1],
)  # fmt: skip
def half_rggb(
    values: Any,
    top: int,
    left: int,
    step: int,
    rows: int,
    n: int,
    begin: int,
    end: int,
    level: Any,
    matrix: Any,
    out: Any,
) -> None:
    """Develop the rows of blocks from `begin` to before `end` of `rows` × `n` blocks of an R G / G B mosaic.

    Args:
        values: uint16, the whole stored mosaic.
        top: the line of the mosaic with R and G of the first row of blocks.
        left: the column where the blocks begin.
        step: 1 when the rows of blocks run down the picture, -1 when they are taken from the bottom upwards.
        rows, n: blocks down and across.
        begin, end: which rows of blocks, counted along `step`; the rows next to them are read too.
        level: 8 × float32: black of R, G, G, B; then their factors to linear light.
        matrix: 9 × float32, row-major: balanced camera RGB to linear output RGB.
        out: uint8, rows × (3 n), in the picture's own order whatever `step` is.
    """
    # Seven sets of four rows, each set used in turn: four colours, two differences, green at the centre.
    ring = np.empty((28, n + 2), F)
    first = 0 if step > 0 else rows - 1
    for i in range(begin - 2, end + 2):
        source = min(max(i, -1 - i), 2 * rows - 1 - i)  # rows beyond an edge mirror those within
        source = min(max(source, 0), rows - 1)
        line = top + 2 * step * source
        new = i & 3
        upper = values[line, left : left + 2 * n]
        lower = values[line + step, left : left + 2 * n]
        _load(upper, lower, n, level, ring[new], ring[4 + new], ring[8 + new], ring[12 + new])
        if i >= begin:
            mid, old = (i - 1) & 3, (i - 2) & 3
            colour_differences(
                n, ring[mid], ring[old], ring[new], ring[4 + mid], ring[4 + new], ring[8 + mid], ring[8 + old],
                ring[12 + mid], ring[12 + old], ring[12 + new], ring[16 + mid], ring[20 + mid],
            )  # fmt: skip
            _centre_green(
                n, ring[mid], ring[16 + mid], ring[4 + mid], ring[8 + mid], ring[12 + mid], ring[20 + mid],
                ring[24 + mid],
            )  # fmt: skip
        if i >= begin + 2:
            down, mid, up = (i - 1) & 3, (i - 2) & 3, (i - 3) & 3
            _write(
                n, ring[24 + mid], ring[24 + up], ring[24 + down], ring[16 + mid], ring[16 + down],
                ring[20 + mid], ring[20 + up], matrix, out[first + step * (i - 2)],
            )  # fmt: skip
