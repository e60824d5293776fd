"""The photographer's test board on the near bank: colour chart, Siemens star, line pairs and text."""

from typing import Final

import cv2
import numpy as np

from processor.sample.canvas import Canvas, fill, tinted
from processor.sample.mood import Colour, Mood
from processor.types import Rgb8

# The 24 patches of the classic colour chart in sRGB, row by row (values as published for its D65 rendering).
CHART: Final[tuple[Colour, ...]] = (
    (115, 82, 68), (194, 150, 130), (98, 122, 157), (87, 108, 67), (133, 128, 177), (103, 189, 170),
    (214, 126, 44), (80, 91, 166), (193, 90, 99), (94, 60, 108), (157, 188, 64), (224, 163, 46),
    (56, 61, 150), (70, 148, 73), (175, 54, 60), (231, 199, 31), (187, 86, 149), (8, 133, 161),
    (243, 243, 242), (200, 200, 200), (160, 160, 160), (122, 122, 121), (85, 85, 85), (52, 52, 52),
)  # fmt: skip

_PAPER: Final = (238, 236, 230)
_INK: Final = (34, 34, 36)
_WIDTH, _HEIGHT = 0.40, 0.258
_SPOKES: Final = 36
_TEXT: Final = "Sphinx of black quartz, judge my vow 0123456789"


def place_board(canvas: Canvas, mood: Mood, ground: float) -> None:
    """Put the board up at the right, its legs ending at `ground` (in units)."""
    x, y = canvas.width - _WIDTH - 0.06, ground - _HEIGHT - 0.07
    wood = tinted((124, 92, 62), mood.warmth, mood.light)
    for leg in (0.07, _WIDTH - 0.085):
        canvas.box(x + leg, y + 0.02, 0.015, _HEIGHT + 0.09, wood)
        canvas.box(x + leg, y + 0.02, 0.005, _HEIGHT + 0.09, tinted(wood, 1.25))
    # Lamps light it at night: a chart in the dark is of no use.
    light = max(mood.light, 0.62)
    frame = 0.010
    canvas.box(x - frame, y - frame, _WIDTH + 2 * frame, _HEIGHT + 2 * frame, tinted((70, 54, 42), light))
    canvas.box(x - frame, y - frame, _WIDTH + 2 * frame, 0.003, tinted((140, 110, 84), light))
    face = _Face(max(8, round(_WIDTH * canvas.scale)), max(8, round(_HEIGHT * canvas.scale)), light)
    top, left = round(y * canvas.scale), round(x * canvas.scale)
    target = canvas.pixels[top : top + face.pixels.shape[0], left : left + face.pixels.shape[1]]
    target[:] = face.pixels[: target.shape[0], : target.shape[1]]


class _Face:
    """What is printed on the board, in units of its height."""

    def __init__(self, width_px: int, height_px: int, light: float) -> None:
        self._light = min(1.0, light)
        self._scale = height_px
        self.pixels: Rgb8 = np.empty((height_px, width_px, 3), np.uint8)
        self.pixels[:] = np.array(tinted(_PAPER, self._light), np.uint8)
        self._title()
        self._chart(0.04, 0.215, 0.130)
        self._star(1.20, 0.46, 0.245)
        self._lines(0.98, 0.80)
        self._text()

    def _box(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        points = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)]) * self._scale
        fill(self.pixels, points, tinted(colour, self._light))

    def _write(self, text: str, at: tuple[float, float], size: float, colour: Colour, *, weight: int = 400) -> None:
        size_px = round(size * self._scale)
        if size_px < 4:
            return
        place = round(at[0] * self._scale), round(at[1] * self._scale)
        cv2.putText(self.pixels, text, place, tinted(colour, self._light), cv2.FontFace("sans"), size_px, weight)

    def _title(self) -> None:
        self._write("RAWMILL", (0.04, 0.145), 0.125, _INK, weight=700)
        self._write("sample scene", (0.72, 0.145), 0.075, (176, 60, 44))

    def _chart(self, x: float, y: float, cell: float) -> None:
        self._box(x, y, 6 * cell + 0.02, 4 * cell + 0.02, (24, 24, 24))
        for number, colour in enumerate(CHART):
            row, column = divmod(number, 6)
            left, top = x + 0.02 + column * cell, y + 0.02 + row * cell
            self._box(left, top, cell - 0.02, cell - 0.02, colour)

    def _star(self, x: float, y: float, radius: float) -> None:
        edge = round(2 * radius * self._scale)
        left, top = round((x - radius) * self._scale), round((y - radius) * self._scale)
        grid = (np.arange(edge, dtype=np.float32) + 0.5) - edge / 2
        distance, angle = cv2.cartToPolar(*np.meshgrid(grid, grid))
        # Sharp spokes, but no finer than pixels can show: their contrast fades toward the middle.
        slope = np.clip(distance * (1 / _SPOKES), 0.05, None)
        wave = np.clip(np.sin(angle * _SPOKES) * slope, -1, 1) * np.clip((distance - 2) * (1.6 / _SPOKES), 0, 1)
        inside = np.clip(edge / 2 - distance, 0, 1)[..., None]
        star = (136 + 100 * wave)[..., None] * np.float32(self._light)
        target = self.pixels[top : top + edge, left : left + edge]
        target[:] = target + inside * (star - target) + 0.5

    def _lines(self, x: float, y: float) -> None:
        """Line pairs that get finer from left to right."""
        at, width = x, 0.020
        while at + width < x + 0.50 and width * self._scale >= 1.2:
            self._box(at, y, width, 0.055, _INK)
            at += 2 * width
            width *= 0.90

    def _text(self) -> None:
        y = 0.825
        for size, colour in ((0.036, _INK), (0.028, (150, 40, 40)), (0.021, (36, 60, 140)), (0.015, (30, 96, 50))):
            self._write(_TEXT, (0.04, y), size, colour)
            y += 1.2 * size + 0.008
        for tick in range(30):
            self._box(0.04 + 0.05 * tick, 0.955, 0.004, 0.030 if tick % 5 == 0 else 0.018, _INK)
