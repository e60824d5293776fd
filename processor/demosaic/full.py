"""Full-size development of a Bayer mosaic: edge-directed green, then colour differences, in one pass.

Green is rebuilt at the red and blue sites along edges (see `rows.green_at`); red and blue follow from the differences
to green of the nearest sites of their colour. On photographs this is as near to the true scene as LibRaw's AHD at a
fraction of its time: everything up to 8-bit RGB happens while the rows are in the processor's cache.
"""
# ruff: noqa: PLR0917  numba passes arguments by position

from typing import Any

import numpy as np
from numba import types

from processor.demosaic.rows import F, colour_differences, encode, linear, split
from processor.jit import helper, kernel

_QUARTER, _HALF, _ZERO = F(0.25), F(0.5), F(0)


@helper
def _load(line: Any, shift: Any, width: Any, n: Any, k0: Any, k1: Any, s0: Any, s1: Any, even: Any, odd: Any) -> None:
    """Split one line of the mosaic into two colour rows of n blocks, of which the first may begin left of the picture.

    Columns outside the picture mirror those inside about the edge column, which keeps their colours apart.

    Args:
        line: the visible part of a mosaic line.
        shift: 1 when the first block's first column lies outside the picture, else 0.
        width: visible columns.
    """
    whole = (width + shift) // 2 - shift
    split(line[shift:], even[1 + shift :], odd[1 + shift :], whole, k0, k1, s0, s1)
    if shift:
        odd[1] = linear(line[0], k1, s1)
        even[1] = linear(line[1], k0, s0)
    if (width + shift) % 2:
        even[n] = linear(line[width - 1], k0, s0)
        odd[n] = linear(line[width - 2], k1, s1)
    even[0], odd[0] = even[2 + shift], odd[1 + shift]
    even[n + 1], odd[n + 1] = even[width - n + shift], odd[width - 1 - n + shift]


@helper
def _upper(n: Any, red: Any, green: Any, dr: Any, db: Any, db_up: Any, out_r: Any, out_g: Any, out_b: Any) -> None:
    """Full colour on the line of red and green sites."""
    for j in range(n):
        d = dr[j + 1]
        g = red[j + 1] - d
        out_r[2 * j] = red[j + 1]
        out_g[2 * j] = g
        out_b[2 * j] = g + (db_up[j] + db_up[j + 1] + db[j] + db[j + 1]) * _QUARTER
        g = green[j + 1]
        out_r[2 * j + 1] = g + (d + dr[j + 2]) * _HALF
        out_g[2 * j + 1] = g
        out_b[2 * j + 1] = g + (db_up[j + 1] + db[j + 1]) * _HALF


@helper
def _lower(n: Any, blue: Any, green: Any, db: Any, dr: Any, dr_down: Any, out_r: Any, out_g: Any, out_b: Any) -> None:
    """Full colour on the line of green and blue sites."""
    for j in range(n):
        d = db[j + 1]
        g = green[j + 1]
        out_r[2 * j] = g + (dr[j + 1] + dr_down[j + 1]) * _HALF
        out_g[2 * j] = g
        out_b[2 * j] = g + (db[j] + d) * _HALF
        g = blue[j + 1] - d
        out_r[2 * j + 1] = g + (dr[j + 1] + dr[j + 2] + dr_down[j + 1] + dr_down[j + 2]) * _QUARTER
        out_g[2 * j + 1] = g
        out_b[2 * j + 1] = blue[j + 1]


@helper
def _write(width: Any, red: Any, green: Any, blue: Any, matrix: Any, out: Any) -> None:
    """Apply the colour matrix and the transfer function, store RGB."""
    m00, m01, m02 = matrix[0], matrix[1], matrix[2]
    m10, m11, m12 = matrix[3], matrix[4], matrix[5]
    m20, m21, m22 = matrix[6], matrix[7], matrix[8]
    for j in range(width):
        r, g, b = max(red[j], _ZERO), green[j], max(blue[j], _ZERO)
        out[3 * j] = encode(m00 * r + m01 * g + m02 * b)
        out[3 * j + 1] = encode(m10 * r + m11 * g + m12 * b)
        out[3 * j + 2] = encode(m20 * r + m21 * g + m22 * b)


@kernel(
    types.Array(types.uint16, 2, "C", readonly=True),
    types.int64, types.int64, types.int64, types.int64, types.int64,
    types.float32[::1], types.float32[::1], types.uint8[:, ::1],
)  # fmt: skip
def full_rggb(
    values: Any, top: int, left: int, height: int, width: int, shift: int, level: Any, matrix: Any, out: Any
) -> None:
    """Develop every pixel of a window, which is at least 8 × 8.

    Args:
        values: uint16, the whole stored mosaic.
        top, left, height, width: the window.
        shift: 1 when the R G / G B blocks begin one column left of the window, else 0.
        level: 8 × float32: black of R, G, G, B; then their factors to linear light.
        matrix: 9 × float32, row-major: balanced camera RGB to linear output RGB.
        out: uint8, height × (3 width).
    """
    rows, n = (height + 1) // 2, (width + shift + 1) // 2
    # Six sets of four rows, each set used in turn: four colours and two differences; then one line in full colour.
    ring = np.empty((24, n + 2), F)
    rgb = np.empty((3, 2 * n), F)
    red, green, blue = rgb[0, shift:], rgb[1, shift:], rgb[2, shift:]
    for i in range(-2, rows + 2):
        new = i & 3
        for k in (0, 2):
            y = abs(2 * i + k // 2)  # lines outside the picture mirror those inside about the edge line
            line = values[top + min(y, 2 * (height - 1) - y), left : left + width]
            even, odd = ring[4 * k + new], ring[4 * k + 4 + new]
            _load(line, shift, width, n, level[k], level[k + 1], level[4 + k], level[5 + k], even, odd)
        if i >= 0:
            mid, old = (i - 1) & 3, (i - 2) & 3
            colour_differences(
                n, ring[mid], ring[old], ring[new], ring[4 + mid], ring[4 + new], ring[8 + mid], ring[8 + old],
                ring[12 + mid], ring[12 + old], ring[12 + new], ring[16 + mid], ring[20 + mid],
            )  # fmt: skip
        if i >= 2:
            after, mid, before = (i - 1) & 3, (i - 2) & 3, (i - 3) & 3
            y = 2 * (i - 2)
            if y >= 0:
                _upper(
                    n, ring[mid], ring[4 + mid], ring[16 + mid], ring[20 + mid], ring[20 + before],
                    rgb[0], rgb[1], rgb[2],
                )  # fmt: skip
                _write(width, red, green, blue, matrix, out[y])
            if y + 1 < height:
                _lower(
                    n, ring[12 + mid], ring[8 + mid], ring[20 + mid], ring[16 + mid], ring[16 + after],
                    rgb[0], rgb[1], rgb[2],
                )  # fmt: skip
                _write(width, red, green, blue, matrix, out[y + 1])
