"""How alike two pictures are: PSNR, and SSIM on luminance."""

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from processor.types import Rgb8


def read_picture(path: Path) -> Rgb8:
    """Decoded pixels of an image file, H×W×3 uint8."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def psnr_db(first: Rgb8, second: Rgb8) -> float:
    """Peak signal-to-noise ratio over all channels, in decibels; infinite for equal pictures.

    Raises:
        ValueError: the shapes differ.
    """
    if first.shape != second.shape:
        raise ValueError(f"pictures of {first.shape} and {second.shape} cannot be compared")
    error = float(np.mean(np.square(first.astype(np.float32) - second), dtype=np.float64))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def ssim(first: Rgb8, second: Rgb8) -> float:
    """Mean structural similarity of luminance.

    Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from error visibility to
    structural similarity", IEEE Transactions on Image Processing 13(4) (2004): Gaussian window of 11 px, deviation
    1.5, K1 = 0.01, K2 = 0.03.
    """
    x, y = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for picture in (first, second))
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y = _window(x), _window(y)
    variance_x = _window(x * x) - mean_x**2
    variance_y = _window(y * y) - mean_y**2
    covariance = _window(x * y) - mean_x * mean_y
    similar = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    )
    return float(np.mean(similar, dtype=np.float64))


def _window(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), np.float32)
