"""What the demosaicing kernels share: rows of one colour, green along edges, and the way to 8 bits.

A mosaic row holds two colours in turn. Each becomes a row of its own, float32, with one element of margin at either
end: element j + 1 belongs to block j. Loops therefore read whole rows at a fixed shift, without negative indices or
branches, and LLVM vectorises them.
"""
# ruff: noqa: PLR0917  numba passes arguments by position

from typing import Any

import numpy as np

from processor.jit import helper

F = np.float32

_EPSILON = F(1e-4)
_QUARTER, _HALF, _ZERO, _ONE = F(0.25), F(0.5), F(0), F(1)


@helper
def linear(value: Any, black: Any, scale: Any) -> Any:
    """A sensor value as linear light: minus black, times balance, clipped so that blown highlights stay neutral."""
    return min(max((F(value) - black) * scale, _ZERO), _ONE)


@helper
def split(mosaic: Any, first: Any, second: Any, n: Any, black0: Any, black1: Any, scale0: Any, scale1: Any) -> None:
    """Split n pairs of a mosaic row into the inner elements of two colour rows."""
    for j in range(n):
        first[j] = linear(mosaic[2 * j], black0, scale0)
        second[j] = linear(mosaic[2 * j + 1], black1, scale1)


@helper
def green_at(left: Any, right: Any, up: Any, down: Any, bend_h: Any, bend_v: Any) -> Any:
    """Green at a red or blue site, from its four green neighbours and the site's own colour.

    After Hamilton and Adams (US 5 629 734): along each axis the mean of two greens is corrected by the second
    difference (`bend`) of the site's colour, and the axis with less activity prevails; here by weights rather than by
    choice. The result stays within its neighbours.
    """
    active_h = abs(left - right) + abs(bend_h) + _EPSILON
    active_v = abs(up - down) + abs(bend_v) + _EPSILON
    along_h = (left + right) * _HALF + bend_h * _QUARTER
    along_v = (up + down) * _HALF + bend_v * _QUARTER
    weight_h = active_v * active_v
    weight_v = active_h * active_h
    green = (along_h * weight_h + along_v * weight_v) / (weight_h + weight_v)
    lowest = min(min(left, right), min(up, down))  # noqa: PLW3301  pairs become vector instructions
    highest = max(max(left, right), max(up, down))  # noqa: PLW3301
    return min(max(green, lowest), highest)


@helper
def colour_differences(
    n: Any, r: Any, r_up: Any, r_down: Any, g1: Any, g1_down: Any, g2: Any, g2_up: Any, b: Any, b_up: Any, b_down: Any,
    dr: Any, db: Any,
) -> None:  # fmt: skip
    """Red minus green at the red sites and blue minus green at the blue sites of one row of R G / G B blocks.

    Args:
        n: number of blocks.
        r, g1, g2, b: colour rows of these blocks: red and green of the upper line, green and blue of the lower.
        r_up, g2_up, b_up, r_down, g1_down, b_down: those of the block rows above and below.
        dr, db: take the differences, margins included.
    """
    for j in range(n):
        c = r[j + 1]
        bend_h = c + c - r[j] - r[j + 2]
        bend_v = c + c - r_up[j + 1] - r_down[j + 1]
        dr[j + 1] = c - green_at(g1[j], g1[j + 1], g2_up[j + 1], g2[j + 1], bend_h, bend_v)
        d = b[j + 1]
        bend_h = d + d - b[j] - b[j + 2]
        bend_v = d + d - b_up[j + 1] - b_down[j + 1]
        db[j + 1] = d - green_at(g2[j + 1], g2[j + 2], g1[j + 1], g1_down[j + 1], bend_h, bend_v)
    dr[0], dr[n + 1] = dr[1], dr[n]
    db[0], db[n + 1] = db[1], db[n]


@helper
def encode(light: Any) -> Any:
    """sRGB transfer function (IEC 61966-2-1) to 8 bits; its power part as a polynomial in the fourth root.

    The coefficients are a minimax fit over 0.0031308..1, at most 0.009 of 255 off: far less than rounding.
    """
    x = min(max(light, _ZERO), _ONE)
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
