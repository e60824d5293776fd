"""The land between sky and water: ridges of mountains behind each other, and the forest at their feet."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from processor.sample.canvas import Canvas, fill, mixed, strokes, tinted
from processor.sample.mood import Mood
from processor.sample.noise import Plane, fractal, generator, outline

_CHUNK_ROWS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ridge:
    """One ridge: its crest line above the water, its ups and downs, how far away it is (0 near, 1 far)."""

    crest: float
    relief: float
    cells: float
    roughness: float
    distance: float
    wooded: float


_RIDGES: Final = (
    _Ridge(crest=0.285, relief=0.095, cells=2.4, roughness=0.52, distance=0.62, wooded=0.0),
    _Ridge(crest=0.185, relief=0.055, cells=2.0, roughness=0.48, distance=0.42, wooded=0.85),
    _Ridge(crest=0.110, relief=0.038, cells=1.8, roughness=0.44, distance=0.22, wooded=0.95),
)


def paint_land(canvas: Canvas, mood: Mood, seed: int, shore: float) -> None:
    """Paint all ridges and the forest down to the shore, both heights in units."""
    x = canvas.columns()
    lines = [_crest_line(ridge, x, seed, number, shore) for number, ridge in enumerate(_RIDGES)]
    for number, ridge in enumerate(_RIDGES):
        # What the next ridge hides need not be painted.
        covered = shore if number + 1 == len(lines) else float(lines[number + 1].max())
        _paint_ridge(canvas, mood, ridge, lines[number], bottom=covered, key=(seed, 20 + number))
    _plant_forest(canvas, mood, seed, shore)


def _crest_line(ridge: _Ridge, x: NDArray[np.float64], seed: int, number: int, shore: float) -> Plane:
    shape = outline(x, ridge.cells, (seed, 30 + number), persistence=ridge.roughness)
    # Peaks are pointed and valleys wide.
    shape = np.where(shape > 0, shape**2 * 0.55 + shape * 0.35, shape * 0.45)
    return np.asarray(shore - np.clip(ridge.crest + ridge.relief * shape, 0.03, shore - 0.03), np.float32)


def _paint_ridge(
    canvas: Canvas, mood: Mood, ridge: _Ridge, line: Plane, *, bottom: float, key: tuple[int, int]
) -> None:
    first, last = canvas.row(float(line.min())) - 1, canvas.row(bottom) + 1
    first, last = max(0, first), min(last, canvas.pixels.shape[0])
    width = canvas.pixels.shape[1]
    span = (last - first) / canvas.scale
    cells = max(2, round(canvas.width * 7)), max(2, round(span * 5))
    # Folded noise: sharp crests with wide gullies between them, as erosion leaves them.
    heights = np.abs(fractal((width, last - first), cells, key, persistence=0.56))
    np.subtract(0.8, heights, out=heights)
    step = max(1, round(0.0035 * canvas.scale))
    colours = _RidgeColours(mood, ridge)
    for top in range(0, last - first, _CHUNK_ROWS):
        rows = slice(top, min(top + _CHUNK_ROWS, last - first))
        chunk = heights[rows]
        middles = np.arange(first + rows.start, first + rows.stop, dtype=np.float32)[:, None] + np.float32(0.5)
        depth: Plane = middles / np.float32(canvas.scale) - line
        lit = chunk - _shifted(heights, rows, step, from_right=mood.sun_at[0] > 0.5)
        painted = colours.shade(chunk, lit, depth)
        edge = np.clip(depth * canvas.scale + 0.5, 0, 1)[..., None]
        target = canvas.pixels[first + rows.start : first + rows.stop]
        target[:] = target + edge * (painted - target) + 0.5


def _shifted(heights: Plane, rows: slice, step: int, *, from_right: bool) -> Plane:
    """The heights a step toward the sun, which is up and to one side."""
    above: Plane = heights[np.clip(np.arange(rows.start, rows.stop) - step, 0, None)]
    shifted = np.empty_like(above)
    if from_right:
        shifted[:, :-step], shifted[:, -step:] = above[:, step:], above[:, -1:]
    else:
        shifted[:, step:], shifted[:, :step] = above[:, :-step], above[:, :1]
    return shifted


class _RidgeColours:
    """Rock, forest and snow of one ridge, faded by the air in front of it."""

    def __init__(self, mood: Mood, ridge: _Ridge) -> None:
        self._ridge = ridge
        self._snow = mood.snow
        self._haze = np.array(mood.haze, np.float32)
        self._air = mood.haze_strength * ridge.distance
        light = mood.light
        self._rock = np.array(tinted(mood.rock, mood.warmth, light * 0.92), np.float32)
        self._wood = np.array(tinted(mood.forest, mood.warmth, light * 0.95), np.float32)
        self._white = np.array(tinted((236, 240, 246), mood.warmth, min(1.0, light)), np.float32)

    def shade(self, heights: Plane, lit: Plane, depth: Plane) -> Plane:
        """Colours of a few rows: H×W noise, its slope toward the sun, and the depth below the crest in units."""
        ridge = self._ridge
        wooded = np.clip((depth - 0.12 * (1 - ridge.wooded)) * 9 + 0.35 * heights + ridge.wooded - 0.55, 0, 1)
        reach = ridge.relief * 2.2 * (1 - self._snow)
        snowy = np.clip((reach - depth + 0.028 * heights + 0.05 * lit) * 40, 0, 1) * (1 - ridge.wooded)
        light = np.clip(0.84 + 0.85 * lit, 0.30, 1.55)
        grain = 1 + 0.10 * heights
        air = np.clip(self._air * (0.72 + 2.2 * np.clip(depth - 0.02, 0, 0.3)), 0, 0.94)
        painted = np.empty((*heights.shape, 3), np.float32)
        for channel in range(3):
            ground = self._rock[channel] * grain
            ground += wooded * (self._wood[channel] - ground)
            ground *= light
            bright = self._white[channel] * np.clip(0.84 + 0.55 * lit, 0.42, 1.08)
            ground += snowy * (bright - ground)
            painted[..., channel] = np.clip(ground + air * (self._haze[channel] - ground), 0, 254)
        return painted


def _plant_forest(canvas: Canvas, mood: Mood, seed: int, shore: float) -> None:
    """Conifers from the near slope down to the shore, the far ones first."""
    rng = generator(seed, 40)
    count = round(700 * canvas.width)
    near = np.sort(rng.uniform(0, 1, count))
    x = rng.uniform(-0.05, canvas.width + 0.05, count)
    places = np.linspace(0, 7, 1400)
    hill = 0.085 + 0.030 * np.interp(x, places, outline(places, 1.1, (seed, 41), persistence=0.45))
    foot = shore - np.maximum(0, hill) * (1 - near)
    height = (0.022 + 0.030 * near) * rng.uniform(0.7, 1.25, count)
    colours = np.array([mood.forest, mixed(mood.forest, mood.meadow, 0.55)])[(rng.random(count) < 0.14).astype(int)]
    shade = mood.light * rng.uniform(0.6, 1.1, count) * (0.72 + 0.28 * near)
    colours = colours * np.array(mood.warmth) * shade[:, None]
    air = (0.34 * mood.haze_strength * (1 - near))[:, None]
    colours = colours + air * (np.array(mood.haze) - colours)
    _draw_conifers(canvas, np.stack([x, foot], axis=1), height, colours, rng, sun_right=mood.sun_at[0] > 0.5)


_TIERS: Final = 7
_TWIGS: Final = 26


def _draw_conifers(
    canvas: Canvas,
    foot: NDArray[np.float64],
    height: NDArray[np.float64],
    colours: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    sun_right: bool,
) -> None:
    count = len(height)
    level = np.repeat(np.linspace(0.06, 1.0, _TIERS), 2)[1:]
    reach = np.empty(level.size)
    reach[::2] = 0.05 + 0.20 * level[::2]
    reach[1::2] = 0.45 * reach[:-1:2]
    sides = reach * rng.uniform(0.75, 1.2, (2, count, level.size)) * np.array([-1, 1])[:, None, None]
    across = foot[:, 0, None] + sides * height[:, None]
    down = np.broadcast_to(foot[:, 1, None] - height[:, None] * (1 - level), across.shape)
    left, right = np.stack([across, down], axis=-1)
    top = (foot - np.stack([np.zeros(count), height], axis=1))[:, None]
    bodies = np.concatenate([top, right, left[:, ::-1]], axis=1) * canvas.scale
    sunny = np.concatenate([top, right if sun_right else left, foot[:, None]], axis=1) * canvas.scale
    twigs = _twigs(foot, height, rng)
    tints = rng.uniform(0.6, 1.5, (count, _TWIGS, 1)) * colours[:, None]
    for tree in range(count):
        fill(canvas.pixels, bodies[tree], colours[tree].tolist())
        fill(canvas.pixels, sunny[tree], tinted(colours[tree], 1.28))
        if height[tree] * canvas.scale > _SHOWS_TWIGS_PX:
            canvas.polygons(twigs[tree], tints[tree])


_SHOWS_TWIGS_PX: Final = 60
"""Height of a tree in pixels below which its twigs would blur into its silhouette."""


def _twigs(foot: NDArray[np.float64], height: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """N×_TWIGS×4×2 corners of the single twigs of N trees."""
    shape = (len(height), _TWIGS)
    level = rng.uniform(0.12, 0.98, shape)
    reach = (0.05 + 0.19 * level) * rng.uniform(0.5, 1.0, shape) * rng.choice((-1.0, 1.0), shape)
    start = np.stack([0.15 * reach, level - 1.02], axis=-1)
    end = np.stack([reach, level - 0.98], axis=-1)
    one = strokes(start.reshape(-1, 2), end.reshape(-1, 2), np.full(level.size, 0.016)).reshape(*shape, 4, 2)
    return np.asarray(foot[:, None, None] + one * height[:, None, None, None], np.float64)
