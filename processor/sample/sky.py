"""The sky: a gradient, the light around the sun, and clouds."""

from typing import Final

import cv2
import numpy as np

from processor.sample.canvas import Canvas
from processor.sample.mood import Mood
from processor.sample.noise import Plane, fractal
from processor.types import Rgb8

_DETAIL_PX: Final = 4
"""Nothing in the sky is sharp: it is made this much smaller, then enlarged."""


def paint_sky(canvas: Canvas, mood: Mood, seed: int, horizon: float) -> None:
    """Fill the canvas down to the horizon (in units)."""
    bottom, width_px = canvas.row(horizon), canvas.pixels.shape[1]
    size = max(8, width_px // _DETAIL_PX), max(8, bottom // _DETAIL_PX)
    small = _small_sky(size, canvas.width / max(horizon, 1e-3), mood, seed)
    band = cv2.resize(small, (width_px, bottom), interpolation=cv2.INTER_CUBIC)
    canvas.pixels[:bottom] = band


def _small_sky(size: tuple[int, int], aspect: float, mood: Mood, seed: int) -> Rgb8:
    width, height = size
    up = np.linspace(1, 0, height, dtype=np.float32)[:, None]  # 1 at the top, 0 at the horizon
    across = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    sky = np.empty((height, width, 3), np.float32)
    for channel in range(3):
        low, high = mood.horizon[channel], mood.zenith[channel]
        sky[..., channel] = low + (high - low) * up**0.72

    distance = np.hypot((across - mood.sun_at[0]) * aspect, up - mood.sun_at[1])
    glow = (0.75 * np.exp(-distance * 2.6) + 0.45 * np.exp(-((distance / 0.16) ** 2)))[..., None]
    sky += np.clip(glow, 0, 1) * (np.array(mood.glow, np.float32) - sky)

    density = _clouds(size, aspect, mood.cover, seed)
    # Lit from the sun's side: what lies between a point and the sun takes its light away.
    shifted = cv2.GaussianBlur(density, (0, 0), max(0.8, 0.012 * width))
    shade = np.clip(0.62 + 1.5 * (density - shifted) - 0.35 * density, 0, 1)[..., None]
    shade = np.clip(shade + 0.35 * np.exp(-distance * 1.8)[..., None], 0, 1)
    cloud = np.array(mood.cloud_shade, np.float32) * (1 - shade) + np.array(mood.cloud_lit, np.float32) * shade
    opacity = (0.94 * np.clip(density * 1.5, 0, 1) * np.clip(0.35 + 2.2 * up, 0, 1))[..., None]
    sky += opacity * (cloud - sky)

    disc = np.clip((0.030 - distance) * height / 3, 0, 1)[..., None]
    sky += disc * (np.array((255, 252, 238), np.float32) - sky)
    return np.asarray(np.clip(sky, 0, 255), np.uint8)


def _clouds(size: tuple[int, int], aspect: float, cover: float, seed: int) -> Plane:
    """Density from 0 to 1, in perspective: clouds near the horizon are farther away, smaller and flatter."""
    width, height = size
    texture = fractal((width, height), (max(2, round(1.6 * aspect)), 5), (seed, 11), persistence=0.55)
    up = np.linspace(1, 0, height, dtype=np.float32)
    rows = up**0.7 * (height - 1)
    depth = 1 / (0.6 + 0.4 * up)
    columns = (np.arange(width, dtype=np.float32)[None, :] - width / 2) * depth[:, None] + width / 2
    wide = np.broadcast_to(rows[:, None].astype(np.float32), columns.shape)
    flat = cv2.remap(
        texture, columns.astype(np.float32), np.ascontiguousarray(wide), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    threshold = 1.1 - 2.2 * cover
    return np.asarray(np.clip((flat - threshold) / 1.7, 0, 1), np.float32)
