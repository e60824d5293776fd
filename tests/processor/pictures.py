"""Pictures to try a stage on, and how alike two of them are."""

import math
from functools import cache

import cv2
import numpy as np

from processor.sample import render_scene
from processor.types import Rgb8


@cache
def photo(width_px: int, height_px: int) -> Rgb8:
    """A photo-like picture, read-only; made once, for the scene costs more than most tests."""
    picture = (
        _scene() if (width_px, height_px) == (1100, 733) else np.asarray(cv2.resize(_scene(), (width_px, height_px)))
    )
    picture.flags.writeable = False
    return picture


@cache
def _scene() -> Rgb8:
    return render_scene(1100, 733, seed=3)


def psnr_db(first: Rgb8, second: Rgb8) -> float:
    """Peak signal-to-noise ratio of two uint8 arrays, in decibels; infinite for equal ones."""
    error = float(np.mean((first.astype(np.float64) - second) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)
