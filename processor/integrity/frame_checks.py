"""Checks on the developed frame: rows and frames that no sensor records, and noise where a picture should be.

A look at a few hundred rows decides nearly always. Only when those are constant are the sensor's values asked, because
a dark or overexposed photo may develop to constant rows as well; its sensor values still show noise, or are saturated.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from processor.integrity.finding import Finding
from processor.types import Frame, Rgb8, Verdict

_SAMPLED_ROWS: Final = 256
FEW_ROWS_SHARE: Final = 0.01
"""Share of constant rows in a frame from which on the sensor's values are asked."""

_DEAD_SHARE: Final = 0.02
"""Share of dead rows that makes a frame damaged; a few may be a sensor's dark border."""

TAIL_ROWS: Final = 8
"""Constant rows at the bottom from which on they are no border of the sensor."""

_SATURATED: Final = 0.9
"""Share of the white level from which on equal values are an overexposed area."""

_MIN_BITS_PER_PIXEL: Final = 0.1
_LOW_BITS_PER_PIXEL: Final = 0.4
"""Lossless coding takes more than 1 bit, and the strongest lossy RAW modes take about 1."""

NOISE_LONG_EDGE_PX: Final = 192
_NOISE_SPREAD: Final = 6.0
"""Of 255, after averaging; the noise of a dark frame stays below."""

_NOISE_CORRELATION: Final = 0.1


def too_few_bits(size_bytes: int, pixels: int) -> list[Finding]:
    """Whether a file is too small to hold the sensor values that it claims."""
    bits = 8 * size_bytes / max(1, pixels)
    if bits >= _LOW_BITS_PER_PIXEL:
        return []
    verdict = Verdict.DAMAGED if bits < _MIN_BITS_PER_PIXEL else Verdict.SUSPECT
    return [
        Finding(
            verdict,
            f"{size_bytes:,} bytes cannot hold {pixels:,} sensor values: {bits:.3f} bits each, where RAW files have 1 "
            "or more.",
        )
    ]


class SensorValues:
    """The mosaic behind a frame, in slices. Only asked in case of doubt, since it may have to be unpacked first."""

    def __init__(self, mosaic: NDArray[np.uint16], white_level: int) -> None:
        self._mosaic = mosaic
        self._saturated_from = _SATURATED * white_level

    def dead_share(self, top: float, bottom: float) -> float:
        """Share of rows between two heights (0 top, 1 bottom) that hold one value per colour, not saturated."""
        height = self._mosaic.shape[0]
        first, last = int(top * height), max(int(top * height) + 1, int(bottom * height))
        rows = self._mosaic[first : last : max(1, (last - first) // _SAMPLED_ROWS)]
        even, odd = rows[:, ::2], rows[:, 1::2]
        constant = (even == even[:, :1]).all(axis=1) & (odd == odd[:, :1]).all(axis=1)
        saturated = np.maximum(even[:, 0], odd[:, 0]) >= self._saturated_from
        return float(np.mean(constant & ~saturated))

    def spread(self) -> tuple[int, int]:
        """Least and greatest of a sample of values."""
        sample = self._mosaic[:: max(1, self._mosaic.shape[0] // _SAMPLED_ROWS)]
        return int(sample.min()), int(sample.max())


def constant_rows(pixels: Rgb8) -> NDArray[np.bool_]:
    """For a few hundred rows from top to bottom: whether all pixels of the row are equal."""
    rows = pixels[:: max(1, pixels.shape[0] // _SAMPLED_ROWS)]
    # Most rows differ within their first pixels: look at all of a row only where those are equal.
    constant = (rows[:, ::97] == rows[:, :1]).all(axis=(1, 2))
    for index in np.flatnonzero(constant):
        constant[index] = (rows[index] == rows[index, 0]).all()
    return np.asarray(constant, np.bool_)


def constant_tail(pixels: Rgb8) -> int:
    """Number of rows at the bottom in which all pixels are equal."""
    height: int = pixels.shape[0]
    for count in range(height):
        row = pixels[height - 1 - count]
        if (row[::97] != row[0]).any() or (row != row[0]).any():
            return count
    return height


def is_constant(pixels: Rgb8) -> bool:
    """Whether a sample of rows across the frame holds one colour alone."""
    rows = pixels[:: max(1, pixels.shape[0] // _SAMPLED_ROWS)]
    return not (rows[:, ::97] != rows[0, 0]).any() and not (rows != rows[0, 0]).any()


def one_colour(frame: Frame, sensor: SensorValues) -> list[Finding]:
    """What to say of a frame that is constant."""
    red, green, blue = (int(value) for value in frame.pixels[0, 0])
    height, width = frame.pixels.shape[:2]
    what = f"All {width}×{height} pixels of the frame are ({red}, {green}, {blue})"
    least, greatest = sensor.spread()
    if sensor.dead_share(0, 1) > 1 - _DEAD_SHARE:
        return [Finding(Verdict.DAMAGED, f"{what}, and so are the sensor values: {least} to {greatest}.")]
    return [Finding(Verdict.SUSPECT, f"{what}, though the sensor values reach from {least} to {greatest}.")]


def dead_rows(frame: Frame, sensor: SensorValues, constant: NDArray[np.bool_], tail: int) -> list[Finding]:
    """Whether constant rows of a frame are constant on the sensor as well."""
    height = frame.pixels.shape[0]
    if tail >= TAIL_ROWS and sensor.dead_share(1 - (tail - 2) / height, 1) > 0.5:
        return [
            Finding(
                Verdict.DAMAGED,
                f"The last {tail:,} of {height:,} rows are constant, on the sensor too: the pixel data ends early.",
            )
        ]
    share = sensor.dead_share(0, 1)
    if share >= _DEAD_SHARE:
        return [
            Finding(
                Verdict.DAMAGED,
                f"{share:.0%} of the sensor's rows hold a single value (seen in {int(constant.sum())} of "
                f"{len(constant)} rows of the frame): pixel data is missing.",
            )
        ]
    return []


def small_luminance(pixels: NDArray[np.uint8] | NDArray[np.float32], long_edge_px: int) -> NDArray[np.float32]:
    """A small grey picture, 0 to 255, of a large one: every n-th pixel, then averaged."""
    height, width = pixels.shape[:2]
    step = max(1, max(height, width) // (4 * long_edge_px))
    sparse = cv2.resize(pixels, (max(1, width // step), max(1, height // step)), interpolation=cv2.INTER_NEAREST)
    grey = cv2.cvtColor(sparse, cv2.COLOR_RGB2GRAY) if sparse.ndim == 3 else sparse
    scale = min(1.0, long_edge_px / max(height, width))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    return np.asarray(cv2.resize(grey.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)


def pure_noise(small: NDArray[np.float32]) -> list[Finding]:
    """Whether neighbouring areas of a picture have nothing to do with each other, as in random bytes."""
    spread = float(small.std())
    if spread < _NOISE_SPREAD:
        return []
    across = float(np.corrcoef(small[:, :-1].ravel(), small[:, 1:].ravel())[0, 1])
    down = float(np.corrcoef(small[:-1].ravel(), small[1:].ravel())[0, 1])
    if max(across, down) >= _NOISE_CORRELATION:
        return []
    return [
        Finding(
            Verdict.SUSPECT,
            f"The frame looks like random values: neighbouring areas correlate by {across:.2f} across and {down:.2f} "
            f"down (photos: above 0.5) at a spread of {spread:.0f} of 255.",
        )
    ]
