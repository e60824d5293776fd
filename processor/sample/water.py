"""The lake: a rippled mirror of everything above the shore, with the sun's glitter and a sailing boat."""

from typing import Final

import cv2
import numpy as np

from processor.sample.canvas import Canvas, tinted
from processor.sample.mood import Mood
from processor.sample.noise import Plane, fractal, generator

_CHUNK_ROWS: Final = 256


def fill_lake(canvas: Canvas, mood: Mood, seed: int, shore: float) -> None:
    """Fill everything below the shore (in units) with water."""
    first = canvas.row(shore)
    height_px, width_px = canvas.pixels.shape[:2]
    rows = height_px - first
    ripples = _ripples((width_px, rows), canvas.width, seed)
    above = canvas.pixels[:first]
    deep = np.array(tinted(mood.zenith, 0.42, mood.light), np.float32)
    columns = np.arange(width_px, dtype=np.float32)
    for top in range(0, rows, _CHUNK_ROWS):
        chunk = ripples[top : top + _CHUNK_ROWS]
        # 0 at the far shore, where the water is seen at a flat angle, to 1 at the near end of the picture.
        near = (np.arange(top, top + len(chunk), dtype=np.float32) / max(1, rows))[:, None]
        amplitude = (0.003 + 0.030 * near) * canvas.scale
        mirrored = first - 1 - (top + np.arange(len(chunk), dtype=np.float32))[:, None]
        source_y = np.clip(mirrored + amplitude * chunk, 0, first - 1)
        source_x = columns + 0.12 * amplitude * chunk
        mirror = cv2.remap(above, source_x, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        see_through = np.clip(0.10 + 0.45 * near + 0.05 * chunk, 0, 0.75)[..., None]
        water = mirror * np.float32(0.92)
        water += see_through * (deep - water)
        water += _glitter(chunk, columns / width_px, near, mood)[..., None] * np.array(mood.glow, np.float32)
        canvas.pixels[first + top : first + top + len(chunk)] = np.clip(water, 0, 254)


def _ripples(size: tuple[int, int], width: float, seed: int) -> Plane:
    """Waves in perspective, with mean 0: fine and flat far away, long and high near the front."""
    width_px, rows = size
    texture = fractal((width_px, rows), (max(2, round(7 * width)), 34), (seed, 60), persistence=0.6)
    share = (np.arange(rows, dtype=np.float32) + 0.5) / rows
    depth = 0.12 + share  # of the eye above the water: the farther, the more waves in one row
    source = (1 / 0.12 - 1 / depth) / (1 / 0.12 - 1 / 1.12) * (rows - 1)
    columns = (np.arange(width_px, dtype=np.float32) - width_px / 2) / width_px
    waves = np.empty((rows, width_px), np.float32)
    for top in range(0, rows, _CHUNK_ROWS):
        part = slice(top, min(rows, top + _CHUNK_ROWS))
        spread = (columns[None, :] * (0.55 / (0.25 + share[part, None])) + 0.5) * (width_px - 1)
        down = np.broadcast_to(source[part, None], spread.shape)
        waves[part] = cv2.remap(
            texture,
            spread.astype(np.float32),
            np.ascontiguousarray(down),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
    return waves


def _glitter(ripples: Plane, across: Plane, near: Plane, mood: Mood) -> Plane:
    """The sun's path on the water: wave flanks that happen to mirror it."""
    if mood.sun_at[1] > 0.5:
        return np.zeros_like(ripples)
    path = np.exp(-(((across[None, :] - mood.sun_at[0]) / (0.018 + 0.10 * near)) ** 2))
    return np.asarray(path * np.clip(ripples - 0.55, 0, 0.8) * 0.9, np.float32)


def sail_boat(canvas: Canvas, mood: Mood, seed: int, shore: float) -> None:
    """A small boat on the lake, left of the middle, with its own broken mirror image."""
    rng = generator(seed, 61)
    x, y = canvas.width * rng.uniform(0.24, 0.40), shore + rng.uniform(0.045, 0.065)
    size = 0.085
    white = tinted((250, 248, 242), mood.warmth, min(1.0, 0.25 + 0.75 * mood.light))
    hull = tinted((150, 52, 44), mood.warmth, mood.light)
    for number, offset in enumerate(np.linspace(0.01, 0.72, 15)):
        # The mirror image in strips that wander: water between them shows through.
        half = 0.20 * size * (1 - offset) * rng.uniform(0.7, 1.1) + 0.02 * size
        middle = x + size * rng.uniform(-0.05, 0.05) - 0.03 * size
        strip = y + size * (0.06 + offset)
        colour = tinted(hull if number < 2 else white, 0.86 - 0.3 * offset)
        canvas.polygon(
            [
                (middle - half, strip),
                (middle, strip - 0.012 * size),
                (middle + half, strip),
                (middle, strip + 0.014 * size),
            ],
            colour,
        )
    mast = x + 0.02 * size
    canvas.line((mast, y), (mast, y - 1.02 * size), 0.014 * size, tinted((90, 70, 54), mood.light))
    canvas.polygon(
        [(mast + 0.02 * size, y - 0.08 * size), (mast + 0.02 * size, y - size), (mast + 0.40 * size, y - 0.09 * size)],
        white,
    )
    canvas.polygon(
        [
            (mast - 0.02 * size, y - 0.10 * size),
            (mast - 0.01 * size, y - 0.86 * size),
            (mast - 0.30 * size, y - 0.09 * size),
        ],
        tinted(white, 0.88),
    )
    canvas.polygon(
        [
            (x - 0.36 * size, y - 0.055 * size),
            (x + 0.42 * size, y - 0.065 * size),
            (x + 0.28 * size, y + 0.05 * size),
            (x - 0.24 * size, y + 0.05 * size),
        ],
        hull,
    )
    canvas.line((x - 0.36 * size, y - 0.058 * size), (x + 0.42 * size, y - 0.068 * size), 0.014 * size, white)
