"""Second stage: every rendition's size from the largest down, each made from the one above it. Never upscales."""

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from PIL import Image

from processor.types import Rgb8

try:
    import cykooz_resizer as simd
except ImportError:  # it has no wheel for Linux on arm64
    simd = None

LANCZOS_LOBES = 3
BAND_ROWS = 256

SMALL_STEP = 1.2
"""Below this ratio nothing can alias visibly: one cubic interpolation does (25 ms for 4K instead of 100)."""


def fitted(width_px: int, height_px: int, long_edge_px: int) -> tuple[int, int]:
    """(width, height) with the given long edge and the same shape; the size itself where it is smaller already."""
    long_edge = max(width_px, height_px)
    if long_edge <= long_edge_px:
        return width_px, height_px
    return (
        max(1, round(width_px * long_edge_px / long_edge)),
        max(1, round(height_px * long_edge_px / long_edge)),
    )


def resize(pixels: Rgb8, size_px: tuple[int, int]) -> Rgb8:
    """A smaller copy of an H×W×3 uint8 picture.

    Lanczos with three lobes (57 to 61 dB against Pillow's LANCZOS at a tenth of its time), or one cubic interpolation
    for steps below `SMALL_STEP`. Works on gamma-encoded values, as cameras' own renditions do.

    Args:
        pixels: H×W×3 uint8.
        size_px: (width, height), neither larger than the picture's.
    """
    height, width = pixels.shape[:2]
    if size_px == (width, height):
        return pixels
    if max(width / size_px[0], height / size_px[1]) < SMALL_STEP:
        return np.asarray(cv2.resize(pixels, size_px, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    return _lanczos(pixels, size_px)


def _lanczos(pixels: Rgb8, size_px: tuple[int, int]) -> Rgb8:
    """The fast one, or where that is not installed Pillow's own, which it equals to the eye at ten times the cost."""
    if simd is None:
        return np.array(Image.fromarray(pixels).resize(size_px, Image.Resampling.LANCZOS), dtype=np.uint8)
    return _lanczos_in_bands(pixels, size_px)


def _lanczos_in_bands(pixels: Rgb8, size_px: tuple[int, int]) -> Rgb8:
    """Lanczos in bands of rows: the resizer copies its input, and copies of a whole frame cost more than the work."""
    height, width = pixels.shape[:2]
    new_width, new_height = size_px
    step = height / new_height
    reach = math.ceil(LANCZOS_LOBES * step) + 1
    resizer = simd.Resizer()
    result: Rgb8 = np.empty((new_height, new_width, 3), np.uint8)
    for top in range(0, new_height, BAND_ROWS):
        bottom = min(new_height, top + BAND_ROWS)
        first = max(0, math.floor(top * step) - reach)
        last = min(height, math.ceil(bottom * step) + reach)
        source = simd.ImageData(width, last - first, simd.PixelType.U8x3, pixels[first:last].tobytes())
        target = simd.ImageData(new_width, bottom - top, simd.PixelType.U8x3)
        options = simd.ResizeOptions(resize_alg=simd.ResizeAlg.convolution(simd.FilterType.lanczos3))
        crop_top = top * step - first
        options.crop_box = simd.CropBox(0.0, crop_top, width, min((bottom - top) * step, last - first - crop_top))
        resizer.resize(source, target, options)
        result[top:bottom] = np.frombuffer(target.get_buffer(), np.uint8).reshape(bottom - top, new_width, 3)
    return result


_TURNS: dict[int, Callable[[Rgb8], Any]] = {
    1: lambda pixels: pixels,
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def upright(pixels: Rgb8, orientation: int) -> Rgb8:
    """Applies an EXIF orientation (1 to 8, TIFF 6.0 tag 274), so that the picture needs none any more."""
    return np.asarray(_TURNS[orientation](pixels), dtype=np.uint8)
