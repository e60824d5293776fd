"""The scene that samples show: the same photo at any size, another one for each seed.

A lake in the mountains with a village on the far shore, and on the near bank a test board: soft gradients, distant
edges, fine irregular texture, saturated colours and printed detail, which are what decoders and scalers fail at.
"""

from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from processor.sample.board import place_board
from processor.sample.canvas import Canvas
from processor.sample.land import paint_land
from processor.sample.meadow import grow_meadow
from processor.sample.mood import mood_of
from processor.sample.sky import paint_sky
from processor.sample.village import build_village
from processor.sample.water import fill_lake, sail_boat
from processor.types import Rgb8

_FINE_PX: Final = 6000
"""Long edge from which on one drawn pixel makes one pixel; smaller scenes are drawn larger and averaged."""

_LENS_BLUR_PX: Final = 0.65
"""Standard deviation of what lens and sensor blur in any photo."""

_SHORE: Final = 0.585
_BANK: Final = 0.86
_VILLAGE: Final = 0.15
"""Height of forest and village above the shore, in units."""


_KEPT_PIXELS: Final = 2_000_000
"""Scenes up to this size are remembered: tests and demos ask for the same small ones again and again."""


def render_scene(width_px: int, height_px: int, seed: int) -> Rgb8:
    """The photo, H×W×3 uint8 sRGB, upright. The same arguments give the same pixels."""
    if width_px * height_px <= _KEPT_PIXELS:
        return _kept(width_px, height_px, seed).copy()
    return _render(width_px, height_px, seed)


@lru_cache(maxsize=6)
def _kept(width_px: int, height_px: int, seed: int) -> Rgb8:
    return _render(width_px, height_px, seed)


def _render(width_px: int, height_px: int, seed: int) -> Rgb8:
    factor = _oversampling(max(width_px, height_px))
    canvas = Canvas(width_px * factor, height_px * factor)
    mood = mood_of(seed)
    shore = _SHORE * canvas.height
    paint_sky(canvas, mood, seed, shore)
    paint_land(canvas, mood, seed, shore)
    build_village(canvas, mood, seed, shore)
    canvas.roughen(shore - _VILLAGE, shore, seed)
    fill_lake(canvas, mood, seed, shore)
    sail_boat(canvas, mood, seed, shore)
    bank = _BANK * canvas.height
    grow_meadow(canvas, mood, seed, bank)
    canvas.roughen(bank, canvas.height, seed)
    place_board(canvas, mood, canvas.height - 0.02)
    pixels = canvas.pixels
    if factor > 1:
        pixels = np.asarray(cv2.resize(pixels, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), _LENS_BLUR_PX), np.uint8)


def _oversampling(long_edge_px: int) -> int:
    if long_edge_px >= _FINE_PX:
        return 1
    return 2 if 2 * long_edge_px >= _FINE_PX // 2 else 4
