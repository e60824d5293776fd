"""A village on the far shore: gabled houses with windows, and a church."""

import numpy as np

from processor.sample.canvas import Canvas, mixed, tinted
from processor.sample.mood import Colour, Mood
from processor.sample.noise import generator

_WALLS: tuple[Colour, ...] = (
    (232, 224, 208), (222, 200, 164), (206, 168, 140), (190, 112, 86),
    (214, 214, 216), (176, 150, 118), (236, 216, 176),
)  # fmt: skip
_ROOFS: tuple[Colour, ...] = ((132, 68, 52), (112, 62, 54), (92, 84, 84), (148, 84, 58), (78, 74, 80))
_LAMP: Colour = (255, 214, 128)
_GLASS: Colour = (58, 70, 84)


def build_village(canvas: Canvas, mood: Mood, seed: int, shore: float) -> None:
    """Houses in two rows around a church, right of the middle of the picture."""
    rng = generator(seed, 50)
    centre = canvas.width * rng.uniform(0.54, 0.66)
    builder = _Builder(canvas, mood, rng)
    for x in np.linspace(-0.27, 0.27, 9):
        builder.house(
            centre + x + rng.uniform(-0.012, 0.012), shore - rng.uniform(0.018, 0.034), rng.uniform(0.7, 0.95)
        )
    builder.church(centre + rng.uniform(-0.05, 0.05), shore - 0.012)
    for x in np.linspace(-0.30, 0.30, 8):
        builder.house(centre + x + rng.uniform(-0.014, 0.014), shore - rng.uniform(0.0, 0.006), rng.uniform(0.9, 1.25))
    quay = tinted((150, 140, 126), mood.warmth, mood.light)
    canvas.box(centre - 0.36, shore - 0.004, 0.72, 0.005, quay)


class _Builder:
    """Draws buildings in the light of the scene."""

    def __init__(self, canvas: Canvas, mood: Mood, rng: np.random.Generator) -> None:
        self._canvas = canvas
        self._mood = mood
        self._rng = rng
        self._sun_right = mood.sun_at[0] > 0.5

    def house(self, x: float, ground: float, size: float) -> None:
        """A house with its gable to one side: (x, ground) is the middle of its foot, in units."""
        rng = self._rng
        wall, roof = _WALLS[rng.integers(len(_WALLS))], _ROOFS[rng.integers(len(_ROOFS))]
        length, depth = 0.044 * size * rng.uniform(0.85, 1.3), 0.026 * size
        height, rise = 0.030 * size * rng.uniform(0.9, 1.35), 0.020 * size
        left, eaves = x - (length + depth) / 2, ground - height
        corner = left + depth
        gable_lit, front_lit = (0.74, 1.0) if self._sun_right else (1.04, 0.84)
        gable = [(left, ground), (left, eaves), (left + depth / 2, eaves - rise), (corner, eaves), (corner, ground)]
        self._fill(gable, wall, gable_lit)
        self._fill(
            [(corner, ground), (corner, eaves), (corner + length, eaves), (corner + length, ground)], wall, front_lit
        )
        ridge = left + depth / 2
        over = 0.0022 * size
        slope = [
            (ridge, eaves - rise - over),
            (ridge + length + over, eaves - rise - over),
            (corner + length + over, eaves + over),
            (corner - over, eaves + over),
        ]
        self._fill(slope, roof, 1.05 if self._sun_right else 0.9)
        self._fill([(left - over, eaves + over), (ridge, eaves - rise - over), (ridge, eaves - rise + over)], roof, 0.7)
        self._chimney(ridge + length * rng.uniform(0.3, 0.8), eaves - rise, size)
        storeys = 2 if height > 0.034 * size else 1
        self._windows(corner, eaves, length, height, columns=int(rng.integers(3, 6)), storeys=storeys, light=front_lit)
        self._windows(left, eaves, depth, height, columns=2, storeys=storeys, light=gable_lit)

    def church(self, x: float, ground: float) -> None:
        """A nave with a tower and a spire."""
        wall, roof = (236, 228, 212), (96, 62, 56)
        self._fill(_box(x, ground - 0.052, 0.085, 0.052), wall, 0.9)
        self._fill(
            [
                (x - 0.004, ground - 0.05),
                (x + 0.012, ground - 0.086),
                (x + 0.086, ground - 0.086),
                (x + 0.09, ground - 0.05),
            ],
            roof,
            1,
        )
        for number in range(4):
            at = x + 0.016 + 0.017 * number
            self._fill(_box(at, ground - 0.040, 0.006, 0.026), self._glass(), 1)
            self._fill(
                [(at, ground - 0.0395), (at + 0.003, ground - 0.0445), (at + 0.006, ground - 0.0395)], self._glass(), 1
            )
        tower = x - 0.028
        lit, shade = (0.8, 1.02) if self._sun_right else (1.04, 0.8)
        self._fill(_box(tower, ground - 0.115, 0.016, 0.115), wall, lit)
        self._fill(_box(tower + 0.016, ground - 0.115, 0.016, 0.115), wall, shade)
        self._fill(
            [(tower - 0.002, ground - 0.114), (tower + 0.016, ground - 0.178), (tower + 0.018, ground - 0.114)],
            roof,
            lit,
        )
        self._fill(
            [(tower + 0.016, ground - 0.178), (tower + 0.034, ground - 0.114), (tower + 0.016, ground - 0.114)],
            roof,
            shade,
        )
        self._canvas.line((tower + 0.016, ground - 0.190), (tower + 0.016, ground - 0.176), 0.0012, (70, 60, 50))
        self._canvas.line((tower + 0.0125, ground - 0.186), (tower + 0.0195, ground - 0.186), 0.0012, (70, 60, 50))
        angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        for radius, colour in ((0.0075, (60, 54, 50)), (0.0064, (240, 236, 226))):
            face = np.stack([tower + 0.016 + radius * np.cos(angles), ground - 0.098 + radius * np.sin(angles)], axis=1)
            self._canvas.polygon(face, tinted(colour, self._mood.light))
        self._fill(_box(tower + 0.004, ground - 0.082, 0.007, 0.013), _GLASS, 0.8)
        self._fill(_box(tower + 0.021, ground - 0.082, 0.007, 0.013), _GLASS, 0.7)

    def _windows(
        self, left: float, top: float, width: float, height: float, *, columns: int, storeys: int, light: float
    ) -> None:
        cell_x, cell_y = width / columns, height / storeys
        for storey in range(storeys):
            for column in range(columns):
                x, y = left + (column + 0.27) * cell_x, top + (storey + 0.26) * cell_y
                pane_x, pane_y = 0.46 * cell_x, 0.5 * cell_y
                self._fill(
                    _box(x - 0.12 * pane_x, y - 0.1 * pane_y, 1.24 * pane_x, 1.2 * pane_y), (240, 238, 230), light
                )
                glass = self._glass()
                self._canvas.polygon(_box(x, y, 0.45 * pane_x, pane_y), glass)
                self._canvas.polygon(_box(x + 0.55 * pane_x, y, 0.45 * pane_x, pane_y), glass)

    def _glass(self) -> Colour:
        """What a pane shows: a lamp, which does not depend on the light outside, or a dark room."""
        if self._mood.lamps and self._rng.random() < 0.62:
            return tinted(_LAMP, self._rng.uniform(0.85, 1.0))
        dark = mixed(_GLASS, self._mood.zenith, 0.35 * self._rng.random())
        return tinted(dark, self._mood.warmth, self._mood.light)

    def _chimney(self, x: float, y: float, size: float) -> None:
        self._fill(_box(x, y - 0.008 * size, 0.004 * size, 0.010 * size), (126, 84, 70), 0.9)

    def _fill(self, points: list[tuple[float, float]], colour: Colour, light: float) -> None:
        self._canvas.polygon(points, tinted(colour, self._mood.warmth, self._mood.light * light))


def _box(x: float, y: float, width: float, height: float) -> list[tuple[float, float]]:
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
