"""Makes one sample: a photo of the scene as a camera would have stored it, with the truth to compare against."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from processor.errors import UsageError
from processor.sample import dng, sensor
from processor.sample.dng import Compression
from processor.sample.mood import mood_of
from processor.sample.scene import render_scene
from processor.types import Rgb8

SAMPLE_SIZES: Final = {"small": (1536, 1024), "6mp": (3000, 2000), "24mp": (6000, 4000), "45mp": (8256, 5504)}
"""Width and height of the sizes that have a name."""

MIN_PX: Final = 32
MAX_PX: Final = 32_768
MIN_PREVIEW_PX: Final = 16

RGGB: Final = (0, 1, 1, 2)
BAYER_PATTERNS: Final = (RGGB, (2, 1, 1, 0), (1, 0, 2, 1), (1, 2, 0, 1))

_POSITION: Final = (47.5596, 13.6493, 511.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTruth:
    """What a sample shows and how it was stored. Holds no pixels: `render` makes them anew, always the same.

    Attributes:
        width_px, height_px: the sensor's size.
        seed, orientation, pattern, compression, gps: as they were asked for.
        preview_px: (width, height) of the embedded JPEG preview, or None.
        black, white: the levels between which the values lie.
    """

    width_px: int
    height_px: int
    seed: int
    orientation: int
    pattern: tuple[int, int, int, int]
    compression: Compression
    gps: bool
    preview_px: tuple[int, int] | None
    black: int = sensor.BLACK
    white: int = sensor.WHITE

    def render(self) -> Rgb8:
        """The scene, H×W×3 sRGB, in the sensor's orientation: what a perfect decoder gives for Frame.pixels."""
        return to_sensor(self.render_upright(), self.orientation)

    def render_upright(self) -> Rgb8:
        """The scene as it should be shown, with the orientation applied."""
        turned = self.orientation >= 5
        width, height = (self.height_px, self.width_px) if turned else (self.width_px, self.height_px)
        return render_scene(width, height, self.seed)

    def mosaic(self) -> NDArray[np.uint16]:
        """The exact H×W values in the file."""
        return np.concatenate(list(sensor.expose(self.render(), self.pattern, self.seed)))


def make_sample(
    path: Path,
    *,
    width_px: int,
    height_px: int,
    seed: int = 1,
    compression: Compression = "none",
    orientation: int = 1,
    preview_px: int | None = 1620,
    pattern: tuple[int, int, int, int] = RGGB,
    gps: bool = False,
) -> SampleTruth:
    """Write a CFA DNG of the scene: 14-bit values in 16, with ColorMatrix1, AsShotNeutral, EXIF and an 8-bit thumbnail.

    Args:
        path: replaced when it exists.
        width_px, height_px: size of the sensor, MIN_PX to MAX_PX each. With orientations 5 to 8 the photo is upright.
        seed: which photo: another time of day, weather and place for each.
        compression: "none" for 16-bit values, "lossless-jpeg" for tiles of 256×256.
        orientation: EXIF orientation, 1 to 8.
        preview_px: long edge of the embedded JPEG (never larger than the picture), or None for none.
        pattern: the filter of each place of the 2×2 cell, row by row: one of BAYER_PATTERNS.
        gps: whether to note a position.

    Returns:
        The truth about the file.

    Raises:
        UsageError: an argument is out of its range.
        OSError: the file cannot be written.
    """
    for name, value in (("width_px", width_px), ("height_px", height_px)):
        if not MIN_PX <= value <= MAX_PX:
            raise UsageError(f"{name} is {value}; a sample has {MIN_PX} to {MAX_PX} pixels each way")
    _check_options(seed, compression, orientation, pattern)
    if preview_px is not None and preview_px < MIN_PREVIEW_PX:
        raise UsageError(f"preview_px is {preview_px}; use {MIN_PREVIEW_PX} or more, or None for no preview")
    truth = SampleTruth(
        width_px=width_px,
        height_px=height_px,
        seed=seed,
        orientation=orientation,
        pattern=pattern,
        compression=compression,
        gps=gps,
        preview_px=None if preview_px is None else _fit(width_px, height_px, preview_px),
    )
    picture = truth.render()
    dng.write_dng(
        path,
        _shot(truth),
        sensor.expose(picture, pattern, seed),
        compression=compression,
        preview=None if truth.preview_px is None else _shrink(picture, truth.preview_px),
        thumbnail=_shrink(picture, _fit(width_px, height_px, dng.THUMBNAIL_PX)),
    )
    return truth


def to_sensor(upright: Rgb8, orientation: int) -> Rgb8:
    """Turn an upright picture to where a camera held as `orientation` says would have recorded it."""
    turned = upright.transpose(1, 0, 2) if orientation >= 5 else upright
    # Where the first stored row and column end up in the upright picture, EXIF 2.3, 4.6.4 A, Orientation.
    flip_rows = orientation in {3, 4, 7, 8}
    flip_columns = orientation in {2, 3, 6, 7}
    if orientation >= 5:
        flip_rows, flip_columns = flip_columns, flip_rows
    turned = turned[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
    return np.ascontiguousarray(turned)


def _check_options(seed: int, compression: str, orientation: int, pattern: tuple[int, ...]) -> None:
    if seed < 0:
        raise UsageError(f"seed is {seed}; use 0 or more")
    if compression not in get_args(Compression):
        raise UsageError(f"compression is {compression!r}; use one of {', '.join(get_args(Compression))}")
    if orientation not in range(1, 9):
        raise UsageError(f"orientation is {orientation}; EXIF knows 1 to 8")
    if pattern not in BAYER_PATTERNS:
        raise UsageError(f"pattern is {pattern}; use one of {', '.join(map(str, BAYER_PATTERNS))}")


def _shot(truth: SampleTruth) -> dng.Shot:
    return dng.Shot(
        width_px=truth.width_px,
        height_px=truth.height_px,
        orientation=truth.orientation,
        pattern=truth.pattern,
        taken=mood_of(truth.seed).taken,
        exposure_s=Fraction(1, 250),
        f_number=8.0,
        iso=200,
        focal_length_mm=35,
        position=_POSITION if truth.gps else None,
    )


def _fit(width: int, height: int, long_edge: int) -> tuple[int, int]:
    scale = min(1.0, long_edge / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _shrink(picture: Rgb8, size: tuple[int, int]) -> Rgb8:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
