"""The surface that a scene is drawn on, in units of the picture instead of pixels."""

from collections.abc import Iterable, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from processor.sample.mood import Colour
from processor.sample.noise import fractal
from processor.types import Rgb8

_SUBPIXEL_BITS: Final = 4
_TEXTURE_UNITS: Final = 0.25
_TEXTURE_STRENGTH: Final = 0.05


class Canvas:
    """An 8-bit sRGB picture with a scale. One unit is the short edge of a landscape picture.

    Attributes:
        pixels: H×W×3 uint8.
        scale: pixels in one unit.
        width, height: in units.
    """

    def __init__(self, width_px: int, height_px: int) -> None:
        self.pixels: Rgb8 = np.empty((height_px, width_px, 3), np.uint8)
        # In portrait format the scenery is drawn smaller, so that village and chart both find room.
        self.scale = min(height_px, width_px / 1.1)
        self.width = width_px / self.scale
        self.height = height_px / self.scale

    def columns(self) -> NDArray[np.float64]:
        """The horizontal position of every column's centre, in units."""
        return np.asarray((np.arange(self.pixels.shape[1]) + 0.5) / self.scale, np.float64)

    def row(self, y: float) -> int:
        """The row at a height in units, clipped to the picture."""
        return int(min(max(round(y * self.scale), 0), self.pixels.shape[0]))

    def polygon(self, points: ArrayLike, colour: Sequence[float]) -> None:
        """Fill a polygon, given by N×2 positions (x, y) in units, with smooth edges."""
        fill(self.pixels, np.asarray(points, np.float64) * self.scale, colour)

    def box(self, x: float, y: float, width: float, height: float, colour: Sequence[float]) -> None:
        """Fill an upright rectangle; (x, y) is its upper left corner."""
        self.polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], colour)

    def line(self, start: tuple[float, float], end: tuple[float, float], width: float, colour: Sequence[float]) -> None:
        """Draw a straight line of a width in units."""
        along = np.subtract(end, start)
        across = np.array([-along[1], along[0]]) / max(1e-9, float(np.hypot(*along))) * width / 2
        self.polygon([start + across, end + across, end - across, start - across], colour)

    def polygons(self, points: NDArray[np.float64], colours: NDArray[np.float64]) -> None:
        """Fill N convex polygons, one over the other: N×K×2 positions in units, N×3 colours."""
        fixed = to_fixed(points * self.scale)
        for corners, colour in zip(fixed, np.clip(colours, 0, 255).tolist(), strict=True):
            cv2.fillConvexPoly(self.pixels, corners, colour, cv2.LINE_AA, _SUBPIXEL_BITS)

    def roughen(self, top: float, bottom: float, seed: int) -> None:
        """Give all surfaces between two heights (in units) the fine irregular texture that real materials have."""
        edge = max(8, round(_TEXTURE_UNITS * self.scale))
        texture = fractal((edge, edge), (48, 48), (seed, 5), persistence=0.8)
        tile = np.clip(128 * (1 + _TEXTURE_STRENGTH * texture), 0, 255).astype(np.uint8)
        width = self.pixels.shape[1]
        tile = np.tile(tile, (1, -(-width // edge)))[:, :width]
        factors = cv2.merge([tile, tile, tile])
        for first in range(self.row(top), self.row(bottom), edge):
            band = self.pixels[first : min(first + edge, self.row(bottom))]
            cv2.multiply(band, factors[: len(band)], dst=band, scale=1 / 128)


def fill(pixels: Rgb8, points_px: NDArray[np.float64], colour: Sequence[float]) -> None:
    """Fill a polygon given in pixels, where (0, 0) is the corner of the first pixel."""
    cv2.fillPoly(pixels, [to_fixed(points_px)], tuple(colour), cv2.LINE_AA, _SUBPIXEL_BITS)


def to_fixed(points_px: NDArray[np.float64]) -> NDArray[np.int32]:
    """Positions as OpenCV takes them: fractions of a pixel as integers, (0, 0) the centre of the first pixel."""
    return np.asarray(np.round((points_px - 0.5) * (1 << _SUBPIXEL_BITS)), np.int32)


def strokes(start: NDArray[np.float64], end: NDArray[np.float64], width: NDArray[np.float64]) -> NDArray[np.float64]:
    """N×4×2 corners of N straight strokes: N×2 ends, N widths, all in units."""
    along = end - start
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / length[:, None] * (width[:, None] / 2)
    return np.stack([start + across, end + across, end - across, start - across], axis=1)


def tinted(colour: Iterable[float], *factors: float | Iterable[float]) -> Colour:
    """A colour times factors (each one number or one for each channel), clipped to 0 to 255."""
    value = np.array(list(colour), np.float64)
    for factor in factors:
        value = value * (np.array(list(factor)) if isinstance(factor, Iterable) else factor)
    red, green, blue = np.clip(value, 0, 255).tolist()
    return red, green, blue


def mixed(one: Sequence[float], other: Sequence[float], share: float) -> Colour:
    """`share` of the other colour in one."""
    red, green, blue = ((1 - share) * np.array(one) + share * np.array(other)).tolist()
    return red, green, blue
