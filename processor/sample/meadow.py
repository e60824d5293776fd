"""The near bank: earth, thousands of blades of grass, and flowers."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from processor.sample.canvas import Canvas, tinted
from processor.sample.mood import Colour, Mood
from processor.sample.noise import generator, outline

_FLOWERS: Final[tuple[Colour, ...]] = (
    (236, 78, 66), (250, 214, 70), (240, 236, 230), (150, 96, 190), (236, 140, 176),
)  # fmt: skip
_STRAW: Final = (206, 190, 96)
_SLICES: Final = 16
"""Blades and flowers alternate in this many slices of depth, so that some flowers stand behind grass."""


def grow_meadow(canvas: Canvas, mood: Mood, seed: int, edge: float) -> None:
    """Cover the picture from about `edge` (in units) down with grass."""
    rng = generator(seed, 70)
    x = np.linspace(-0.1, canvas.width + 0.1, 240)
    bank = edge + 0.016 * outline(x, 0.9, (seed, 71), persistence=0.35) + 0.035 * np.cos(x * 1.9 + seed)
    below = [(canvas.width + 0.2, canvas.height + 0.2), (-0.2, canvas.height + 0.2)]
    # Blades rise above the earth that they stand on; its own edge must not show.
    canvas.polygon([*zip(x, bank + 0.014, strict=True), *below], tinted(mood.meadow, mood.warmth, mood.light * 0.34))
    for near in np.linspace(0, 1, _SLICES):
        for count, grow in ((round(430 * canvas.width), _grass), (round(9 * canvas.width), _flowers)):
            at = rng.uniform(-0.05, canvas.width + 0.05, count)
            depth = near + rng.uniform(0, 1.2 / _SLICES, count)
            foot = np.stack([at, np.interp(at, x, bank) + depth * (canvas.height + 0.06 - edge)], axis=1)
            grow(canvas, mood, rng, foot, 0.026 + 0.050 * depth)


def _grass(
    canvas: Canvas, mood: Mood, rng: np.random.Generator, foot: NDArray[np.float64], length: NDArray[np.float64]
) -> None:
    count = len(length)
    height, lean = length * rng.uniform(0.5, 1.15, count), length * rng.normal(0.08, 0.26, count)
    width = length * rng.uniform(0.022, 0.045, count)
    x, y = foot.T
    bend, knee = x + 0.35 * lean, y - 0.6 * height
    corners = [
        (x - width, y),
        (bend - 0.7 * width, knee),
        (x + lean, y - height),
        (bend + 0.7 * width, knee),
        (x + width, y),
    ]
    straw = 0.5 * rng.random((count, 1)) ** 2
    colours = (1 - straw) * np.array(mood.meadow) + straw * np.array(_STRAW)
    colours = colours * np.array(mood.warmth) * (mood.light * rng.uniform(0.42, 1.2, (count, 1)))
    canvas.polygons(np.stack([np.stack(corner, axis=1) for corner in corners], axis=1), colours)


def _flowers(
    canvas: Canvas, mood: Mood, rng: np.random.Generator, feet: NDArray[np.float64], lengths: NDArray[np.float64]
) -> None:
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    outside = np.stack([np.cos(angles), 0.75 * np.sin(angles)], axis=1)
    for (x, y), length in zip(feet.tolist(), lengths.tolist(), strict=True):
        head = np.array([x + length * rng.normal(0, 0.15), y - length * rng.uniform(0.8, 1.2)])
        canvas.line((x, y), (head[0], head[1]), 0.035 * length, tinted(mood.meadow, mood.warmth, 0.7 * mood.light))
        colour = tinted(_FLOWERS[rng.integers(len(_FLOWERS))], mood.warmth, min(1.0, 0.15 + 0.85 * mood.light))
        radius = 0.10 * length * (1 + 0.28 * np.cos(5 * angles + rng.uniform(0, 6)))
        canvas.polygon(head + radius[:, None] * outside, colour)
        canvas.polygon(head + 0.03 * length * outside, tinted((236, 184, 60), min(1.0, 0.2 + mood.light)))
