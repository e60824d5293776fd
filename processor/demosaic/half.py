"""Half-size development of a Bayer mosaic, in phase: one pixel per 2×2 block, all colours at the block's centre.

LibRaw's half-size takes red, green and blue from different corners of a block, which leaves them up to half a pixel apart
and paints fringes on every edge. Here green is first rebuilt at the red and blue sites, along the edge rather than across
it (weights and second-order correction after Hamilton and Adams, US 5 629 734), then the colour differences, which are
smooth, are interpolated to the centre. Everything from raw values to 8-bit RGB happens in one pass over rows that stay in
the processor's cache.

The kernels know one arrangement, R G / G B. The other three are the same one seen from below (rows reversed), with red
and blue exchanged, or both; see `processor.demosaic`.

Each loop reads rows shifted by whole elements from non-negative indices and has no branch, so that LLVM vectorises it.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from processor.demosaic.compile import OPTIONS

F = np.float32
Row = NDArray[np.float32]

DROOP = F(0.1)
"""Share of the Laplacian of green that is added back: averaging four greens over a block loses that much contrast."""

_EPSILON = F(1e-4)
_QUARTER, _HALF, _ZERO, _ONE = F(0.25), F(0.5), F(0), F(1)


@njit(**OPTIONS)
def _load(upper, lower, left, n, level, red, green1, green2, blue):  # type: ignore[no-untyped-def]
    """Split two mosaic rows into four colour rows: minus black, times balance, clipped to 0..1, edges mirrored."""
    k0, k1, k2, k3 = level[0], level[1], level[2], level[3]
    s0, s1, s2, s3 = level[4], level[5], level[6], level[7]
    a = upper[left : left + 2 * n]
    b = lower[left : left + 2 * n]
    for j in range(n):
        red[j + 1] = min(max((F(a[2 * j]) - k0) * s0, _ZERO), _ONE)
        green1[j + 1] = min(max((F(a[2 * j + 1]) - k1) * s1, _ZERO), _ONE)
    for j in range(n):
        green2[j + 1] = min(max((F(b[2 * j]) - k2) * s2, _ZERO), _ONE)
        blue[j + 1] = min(max((F(b[2 * j + 1]) - k3) * s3, _ZERO), _ONE)
    for row in (red, green1, green2, blue):
        row[0] = row[1]
        row[n + 1] = row[n]


@njit(**OPTIONS)
def _green_at(centre, left, right, up, down, bend_h, bend_v):  # type: ignore[no-untyped-def]
    """Green at a red or blue site from its four green neighbours and the colour's own bend along each axis."""
    flat_h = abs(left - right) + abs(bend_h) + _EPSILON
    flat_v = abs(up - down) + abs(bend_v) + _EPSILON
    along_h = (left + right) * _HALF + bend_h * _QUARTER
    along_v = (up + down) * _HALF + bend_v * _QUARTER
    # The smoother direction gets the weight: each estimate is weighed with the other's activity, squared.
    weight_h = flat_v * flat_v
    weight_v = flat_h * flat_h
    green = (along_h * weight_h + along_v * weight_v) / (weight_h + weight_v)
    lowest = min(min(left, right), min(up, down))
    highest = max(max(left, right), max(up, down))
    return min(max(green, lowest), highest)


@njit(**OPTIONS)
def _differences(n, r, r_up, r_down, g1, g1_down, g2, g2_up, b, b_up, b_down, green, dr, db):  # type: ignore[no-untyped-def]
    """Green at the block's centre, and red and blue minus green at their own sites."""
    for j in range(n):
        c = r[j + 1]
        bend_h = c + c - r[j] - r[j + 2]
        bend_v = c + c - r_up[j + 1] - r_down[j + 1]
        at_red = _green_at(c, g1[j], g1[j + 1], g2_up[j + 1], g2[j + 1], bend_h, bend_v)
        d = b[j + 1]
        bend_h = d + d - b[j] - b[j + 2]
        bend_v = d + d - b_up[j + 1] - b_down[j + 1]
        at_blue = _green_at(d, g2[j + 1], g2[j + 2], g1[j + 1], g1_down[j + 1], bend_h, bend_v)
        green[j + 1] = (g1[j + 1] + g2[j + 1] + at_red + at_blue) * _QUARTER
        dr[j + 1] = c - at_red
        db[j + 1] = d - at_blue
    for row in (green, dr, db):
        row[0] = row[1]
        row[n + 1] = row[n]


@njit(**OPTIONS)
def _encode(linear):  # type: ignore[no-untyped-def]
    """sRGB transfer function (IEC 61966-2-1) to 8 bits; its power part as a polynomial in the fourth root.

    The coefficients are a minimax fit over 0.0031308..1, at most 0.009 of 255 off, which is far less than rounding.
    """
    x = min(max(linear, _ZERO), _ONE)
    root2 = np.sqrt(x)
    root4 = np.sqrt(root2)
    power = (
        F(-0.06461397946510951 * 255 + 0.5)
        + F(0.19615184914701667 * 255) * root4
        + F(1.1226466599053928 * 255) * root2
        + F(-0.33547129364915634 * 255) * root2 * root4
        + F(0.08132136848314099 * 255) * x
    )
    straight = F(12.92 * 255) * x + _HALF
    return np.uint8(np.int32(straight if x < F(0.0031308) else power))


@njit(**OPTIONS)
def _write(n, green, green_up, green_down, dr, dr_down, db, db_up, matrix, out):  # type: ignore[no-untyped-def]
    """Bring the differences to the centre, apply the colour matrix and the transfer function, store RGB."""
    m00, m01, m02 = matrix[0], matrix[1], matrix[2]
    m10, m11, m12 = matrix[3], matrix[4], matrix[5]
    m20, m21, m22 = matrix[6], matrix[7], matrix[8]
    centre, around = _ONE + DROOP, DROOP * _QUARTER
    near, side, far = F(9 / 16), F(3 / 16), F(1 / 16)
    for j in range(n):
        g = centre * green[j + 1] - around * (green[j] + green[j + 2] + green_up[j + 1] + green_down[j + 1])
        # Red lies a quarter block up and left of the centre, blue as far down and right: bilinear weights 9 3 3 1.
        r = g + near * dr[j + 1] + side * (dr[j + 2] + dr_down[j + 1]) + far * dr_down[j + 2]
        b = g + near * db[j + 1] + side * (db[j] + db_up[j + 1]) + far * db_up[j]
        r, g, b = max(r, _ZERO), max(g, _ZERO), max(b, _ZERO)
        out[3 * j] = _encode(m00 * r + m01 * g + m02 * b)
        out[3 * j + 1] = _encode(m10 * r + m11 * g + m12 * b)
        out[3 * j + 2] = _encode(m20 * r + m21 * g + m22 * b)


@njit(**OPTIONS)
def half_rggb(values, top, left, step, rows, n, level, matrix, out, out_first):  # type: ignore[no-untyped-def]
    """Develop `rows` × `n` blocks of an R G / G B mosaic.

    Args:
        values: uint16, C-contiguous, the whole stored mosaic.
        top: the mosaic row that holds R and G of the first block.
        left: the mosaic column where the first block starts.
        step: 1 when the rows run down the picture, -1 when they are taken from below.
        rows, n: blocks down and across.
        level: 8 × float32: black of R, G, G, B; then the factors that bring white to at least 1.
        matrix: 9 × float32, row-major: balanced camera RGB to linear output RGB.
        out: uint8, rows × (3 n), C-contiguous.
        out_first: the row of `out` that takes the first block; the next one goes to `out_first + step`.
    """
    # Seven row sets of four, used in turn: four colours, green at the centre, two differences. They fit in cache.
    ring = np.empty((28, n + 2), F)
    for i in range(-2, rows + 2):
        source = i
        if source < 0:
            source = min(-1 - source, rows - 1)
        if source >= rows:
            source = max(2 * rows - 1 - source, 0)
        row = top + 2 * step * source
        new = i & 3
        _load(values[row], values[row + step], left, n, level, ring[new], ring[4 + new], ring[8 + new], ring[12 + new])
        if i >= 0:
            mid, old = (i - 1) & 3, (i - 2) & 3
            _differences(
                n,
                ring[mid],
                ring[old],
                ring[new],
                ring[4 + mid],
                ring[4 + new],
                ring[8 + mid],
                ring[8 + old],
                ring[12 + mid],
                ring[12 + old],
                ring[12 + new],
                ring[16 + mid],
                ring[20 + mid],
                ring[24 + mid],
            )
        if i >= 2:
            mid, old, new = (i - 2) & 3, (i - 3) & 3, (i - 1) & 3
            _write(
                n,
                ring[16 + mid],
                ring[16 + old],
                ring[16 + new],
                ring[20 + mid],
                ring[20 + new],
                ring[24 + mid],
                ring[24 + old],
                matrix,
                out[out_first + step * (i - 2)],
            )
